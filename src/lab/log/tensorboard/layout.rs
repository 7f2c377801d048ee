//! Layouts of the CUSTOM SCALARS dashboard: related curves of one experiment on one chart.
//!
//! TensorBoard gives a colour to each run, so that the curves of one run have the same. What tells them
//! apart is the mark on their points, and the title is the legend of these marks: `loss: ◼ train ◆
//! eval`. Runs that are looked at together keep a colour each, and every run stays one entry in the list
//! of runs.
//!
//! Only in charts with margins does TensorBoard hand out the marks in the order of the layout; in its
//! plain charts of lines the order is another each time that it starts. So every chart here is one with
//! margins, which lie on the curve itself where it has no band.

use std::io;

use protobuf::Message;
use tensorboard_proto::layout;
use tensorboard_proto::summary::Summary_Value;

use super::summary::{plugin_metadata, string_tensor, tagged};
use crate::lab::log::tags::edges;

/// TensorBoard's marks, in the order in which it hands them out. It has a star and a cross too, which are
/// small and hard to tell from the diamond.
const MARKS: [char; Chart::MOST] = ['◼', '◆', '▲'];

/// One chart of the CUSTOM SCALARS dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The collapsible section that the chart is in; sections come in the order of first use.
    pub category: String,
    /// What the curves have in common; the legend comes behind it.
    pub title: String,
    /// The scalar tags of the curves, in the order of the legend. Those whose first value comes later
    /// have to come later, since TensorBoard marks a curve when it first has it.
    pub tags: Vec<String>,
    /// Over how many replicates the curves are means, with a band of one standard deviation; 1 where
    /// there are no bands.
    pub replicates: i64,
}

impl Chart {
    /// Most curves of a chart: so many marks are told apart at a glance.
    pub const MOST: usize = 3;

    /// A chart with one curve for each of these scalar tags, of which there are up to
    /// [`Self::MOST`].
    pub fn lines<T: AsRef<str>>(category: &str, title: &str, tags: &[T]) -> Self {
        Self {
            category: category.to_owned(),
            title: title.to_owned(),
            tags: tags.iter().map(|tag| tag.as_ref().to_owned()).collect(),
            replicates: 1,
        }
    }

    /// As many charts as any number of tags needs, with about as many curves each.
    pub fn several<T: AsRef<str>>(category: &str, title: &str, tags: &[T]) -> Vec<Self> {
        let (mut charts, mut rest) = (Vec::new(), tags);
        while !rest.is_empty() {
            let needed = rest.len().div_ceil(Self::MOST);
            let (these, others) = rest.split_at(rest.len().div_ceil(needed));
            charts.push(Self::lines(category, title, these));
            rest = others;
        }
        charts
    }

    /// The same, of curves that are logged for each of so many replicates: their mean, in a band of one
    /// standard deviation.
    #[must_use]
    pub fn over(self, replicates: i64) -> Self {
        Self { replicates, ..self }
    }

    /// The title with the legend.
    fn heading(&self) -> String {
        let spread = match self.replicates {
            1 => String::new(),
            count => format!(", mean ± sd of {count}"),
        };
        let names = names(&self.tags);
        let legend = names.iter().zip(MARKS.iter().cycle());
        // A mark and its name stay on one line.
        let legend: String = legend.map(|(name, mark)| format!(" {mark}\u{a0}{name}")).collect();
        match names.len() {
            0 | 1 => format!("{}{spread}", self.title),
            _ => format!("{}{spread}:{legend}", self.title),
        }
    }
}

/// What words of tags are divided by.
const DIVIDERS: [char; 3] = ['/', '_', '.'];

/// The tags without the words that all of them begin or end with.
fn names(tags: &[String]) -> Vec<String> {
    let mut names: Vec<&str> = tags.iter().map(String::as_str).collect();
    // A name keeps one word at least.
    let first = |name: &str| name.find(DIVIDERS).map(|at| name.split_at(at + 1).0.to_owned());
    while let Some(word) = shared(&names, first) {
        names.iter_mut().for_each(|name| *name = &name[word.len()..]);
    }
    let last = |name: &str| name.rfind(DIVIDERS).map(|at| name.split_at(at).1.to_owned());
    while let Some(word) = shared(&names, last) {
        names.iter_mut().for_each(|name| *name = &name[..name.len() - word.len()]);
    }
    names.into_iter().map(str::to_owned).collect()
}

/// What all of several names have; none where one has not, or has another.
fn shared(names: &[&str], part: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (first, rest) = names.split_first()?;
    let found = part(first)?;
    (!rest.is_empty() && rest.iter().all(|name| part(name).as_ref() == Some(&found)))
        .then_some(found)
}

/// The summary that gives the dashboard all of its charts.
pub(super) fn summary(charts: &[Chart]) -> io::Result<Summary_Value> {
    let mut layout = layout::Layout::new();
    // TensorBoard shows the charts with margins of a section from the last to the first.
    for chart in charts.iter().rev() {
        let categories = layout.mut_category();
        let known = categories.iter().position(|category| category.title == chart.category);
        let index = known.unwrap_or_else(|| {
            let mut category = layout::Category::new();
            category.set_title(chart.category.clone());
            categories.push(category);
            categories.len() - 1
        });
        categories[index].mut_chart().push(chart_proto(chart));
    }
    let order = |title: &str| charts.iter().position(|chart| chart.category == title);
    layout.mut_category().sort_by_key(|category| order(&category.title));
    let mut value = tagged("custom_scalars__config__");
    value.set_metadata(plugin_metadata("custom_scalars", Vec::new()));
    value.set_tensor(string_tensor(&layout.write_to_bytes()?, &[]));
    Ok(value)
}

fn chart_proto(chart: &Chart) -> layout::Chart {
    let mut proto = layout::Chart::new();
    proto.set_title(chart.heading());
    let series = chart.tags.iter().map(|tag| series_proto(tag, chart.replicates > 1));
    proto.mut_margin().set_series(series.collect());
    proto
}

fn series_proto(tag: &str, banded: bool) -> layout::MarginChartContent_Series {
    let [lower, upper] = if banded { edges(tag) } else { [tag.to_owned(), tag.to_owned()] };
    let mut series = layout::MarginChartContent_Series::new();
    series.set_value(tag.to_owned());
    series.set_lower(lower);
    series.set_upper(upper);
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_the_legend() {
        let losses = ["train/loss", "eval/loss"];
        assert_eq!(Chart::lines("", "loss", &losses).heading(), "loss: ◼\u{a0}train ◆\u{a0}eval");
        let one = Chart::lines("", "accuracy", &["eval/accuracy"]);
        assert_eq!(one.heading(), "accuracy");
        assert_eq!(one.over(8).heading(), "accuracy, mean ± sd of 8");
        let letters = ["test/layer1/A", "test/layer1/B", "test/layer1/C"];
        let chart = Chart::lines("", "ratios", &letters).over(2);
        assert_eq!(chart.heading(), "ratios, mean ± sd of 2: ◼\u{a0}A ◆\u{a0}B ▲\u{a0}C");
        let names =
            |tags: &[&str]| names(&tags.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names(&["KL_before_rate_step", "KL_after_rate_step"]), ["before", "after"]);
        let linears =
            ["entropy/layers.0.self_attn.q_linear", "entropy/layers.0.self_attn.k_linear"];
        assert_eq!(names(&linears), ["q", "k"]);
        // A name never becomes empty.
        assert_eq!(names(&["a/b", "a/b/c"]), ["b", "b/c"]);
        assert_eq!(names(&["a/b", "a/b"]), ["b", "b"]);
        assert_eq!(names(&["x", "y"]), ["x", "y"]);
    }

    #[test]
    fn many_curves_are_several_charts() {
        let sizes = |count: usize| -> Vec<usize> {
            let tags: Vec<String> = (0..count).map(|q| format!("loss/q{q}")).collect();
            let charts = Chart::several("loss", "training", &tags);
            assert_eq!(
                charts.iter().flat_map(|chart| chart.tags.clone()).collect::<Vec<_>>(),
                tags
            );
            charts.iter().map(|chart| chart.tags.len()).collect()
        };
        assert_eq!([0, 1, 3].map(sizes), [vec![], vec![1], vec![3]]);
        assert_eq!([4, 5, 7].map(sizes), [vec![2, 2], vec![3, 2], vec![3, 2, 2]]);
    }
}
