//! Layouts of the CUSTOM SCALARS dashboard: related curves of one experiment on one chart.

use std::io;

use protobuf::{Message, RepeatedField};
use tensorboard_proto::layout;
use tensorboard_proto::summary::Summary_Value;

use super::summary::{plugin_metadata, string_tensor, tagged};

/// One chart of the CUSTOM SCALARS dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The collapsible section that the chart is in; sections come in the order of first use.
    pub category: String,
    /// The heading of the chart.
    pub title: String,
    /// What the chart draws.
    pub content: Content,
}

/// What a chart draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A line for every tag that one of these regular expressions matches from its beginning.
    Lines(Vec<String>),
    /// A line with a shaded band around it for each entry.
    Bands(Vec<Band>),
}

/// The scalar tags of a line and of the two edges of the band around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Tag of the line, such as a mean.
    pub value: String,
    /// Tag of the lower edge, such as the mean minus the standard deviation.
    pub lower: String,
    /// Tag of the upper edge.
    pub upper: String,
}

impl Chart {
    /// A chart with one line for each of these scalar tags.
    pub fn lines(category: &str, title: &str, tags: &[&str]) -> Self {
        let exact = tags.iter().map(|tag| format!("{}$", escape(tag))).collect();
        Self {
            category: category.to_owned(),
            title: title.to_owned(),
            content: Content::Lines(exact),
        }
    }

    /// A chart with one line for each scalar tag that `pattern` matches from its beginning.
    pub fn pattern(category: &str, title: &str, pattern: &str) -> Self {
        Self {
            category: category.to_owned(),
            title: title.to_owned(),
            content: Content::Lines(vec![pattern.to_owned()]),
        }
    }

    /// A chart of lines with bands around them.
    pub fn bands(category: &str, title: &str, bands: Vec<Band>) -> Self {
        Self {
            category: category.to_owned(),
            title: title.to_owned(),
            content: Content::Bands(bands),
        }
    }
}

/// The summary that gives the dashboard all of its charts.
pub(super) fn summary(charts: &[Chart]) -> io::Result<Summary_Value> {
    let mut layout = layout::Layout::new();
    for chart in charts {
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
    let mut value = tagged("custom_scalars__config__");
    value.set_metadata(plugin_metadata("custom_scalars", Vec::new()));
    value.set_tensor(string_tensor(&layout.write_to_bytes()?, &[]));
    Ok(value)
}

fn chart_proto(chart: &Chart) -> layout::Chart {
    let mut proto = layout::Chart::new();
    proto.set_title(chart.title.clone());
    match &chart.content {
        Content::Lines(patterns) => {
            proto.mut_multiline().set_tag(RepeatedField::from_vec(patterns.clone()));
        }
        Content::Bands(bands) => {
            proto.mut_margin().set_series(bands.iter().map(series_proto).collect());
        }
    }
    proto
}

fn series_proto(band: &Band) -> layout::MarginChartContent_Series {
    let mut series = layout::MarginChartContent_Series::new();
    series.set_value(band.value.clone());
    series.set_lower(band.lower.clone());
    series.set_upper(band.upper.clone());
    series
}

/// `tag` as a regular expression that matches only itself, in Python and in JavaScript.
fn escape(tag: &str) -> String {
    let mut pattern = String::with_capacity(tag.len());
    for character in tag.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
