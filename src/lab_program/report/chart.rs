//! A chart of a page: curves as SVG, which stand still without a script, and their numbers, for the
//! script that names them and zooms.
//!
//! The plot is as wide as the page lets it be, and its text is of one size all the same: what is in
//! the data's place is a nested `svg` of 1000 x 1000 units that is stretched, with strokes that are
//! not.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::escape::escape;
pub use super::plot::Curve;
use super::plot::{band, line, ticks};
use crate::lab::figure::{Scale, Spacing, Ticks};

/// Spans between the quartiles beyond which a value is not in view: a curve that explodes would
/// flatten all others.
const FENCE: f64 = 50.0;

/// The ratio of the largest to the smallest value from which an axis of positive ones is logarithmic: two
/// decades.
const DECADES: f64 = 100.0;

/// Curves over the steps.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// What the values are: a tag.
    pub title: String,
    /// The curves; those without a colour are drawn below the others.
    pub curves: Vec<Curve>,
}

impl Chart {
    /// The figure as HTML; a line of text where nothing can be drawn.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let Some((x, y)) = self.scales() else {
            return format!(
                "<figure class=\"chart\"><figcaption>{title}</figcaption>\
                 <p class=\"note\">no value is finite</p></figure>\n"
            );
        };
        let (x_ticks, y_ticks) = (x.ticks(4), y.ticks(5));
        let factor = |ticks: &Ticks| match ticks.factor.as_str() {
            "" => String::new(),
            factor => format!("<span class=\"factor\"> ({factor})</span>"),
        };
        let mut order: Vec<&Curve> = self.curves.iter().collect();
        order.sort_by_key(|curve| curve.colour.is_some());
        let bands: String = order.iter().map(|curve| band(curve, &x, &y)).collect();
        let lines: String = order.iter().map(|curve| line(curve, &x, &y)).collect();
        let numbers = json_for_page(&self.numbers(&order, &x, &y));
        let beyond = self.beyond(&y);
        let log = if y.is_log() { ", logarithmic axis" } else { "" };
        format!(
            "<figure class=\"chart\"><figcaption>{title}{}{log}</figcaption>\n\
             <div class=\"plot\"><svg class=\"axes\" role=\"img\" aria-label=\"{}\">\
             <g class=\"ticks\">{}{}</g>\
             <svg class=\"curves\" width=\"100%\" height=\"100%\" viewBox=\"0 0 1000 1000\" \
             preserveAspectRatio=\"none\">{bands}{lines}</svg></svg></div>\n\
             <p class=\"axis\">step{}</p>{beyond}\
             <script type=\"application/json\">{numbers}</script></figure>\n",
            factor(&y_ticks),
            escape(&self.description()),
            ticks(&x_ticks, &x, true),
            ticks(&y_ticks, &y, false),
            factor(&x_ticks),
        )
    }

    /// Axes that hold every point, but for values that are too far out to draw the others with.
    fn scales(&self) -> Option<(Scale, Scale)> {
        let drawn = self.curves.iter().flat_map(|curve| curve.x.iter().zip(&curve.y));
        let drawn = drawn.filter(|(_, y)| y.is_finite());
        let x = Scale::fit(drawn.clone().map(|(x, _)| *x), Spacing::Linear, 0.01)?;
        let edges = self.curves.iter().flat_map(|curve| {
            let edges = curve.y.iter().zip(&curve.spread);
            edges.flat_map(|(y, spread)| [y - spread, y + spread])
        });
        let mut values: Vec<f64> =
            drawn.clone().map(|(_, y)| *y).chain(edges).filter(|y| y.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let quartile = |part: usize| values[(values.len() - 1) * part / 4];
        let room = FENCE * (quartile(3) - quartile(1));
        let near = |y: &f64| room <= 0.0 || (quartile(1) - room..=quartile(3) + room).contains(y);
        let near_values = || drawn.clone().map(|(_, y)| *y).filter(&near);
        let least = near_values().fold(f64::INFINITY, f64::min);
        let most = near_values().fold(f64::NEG_INFINITY, f64::max);
        let log = drawn.clone().all(|(_, y)| *y > 0.0) && most > DECADES * least;
        let spacing = if log { Spacing::Log } else { Spacing::Linear };
        // The lower edge of a band may come as near to 0 as it likes.
        let shown = values.iter().copied().filter(|y| near(y) && (!log || *y >= least));
        Some((x, Scale::fit(shown, spacing, 0.04)?))
    }

    /// Says which curves leave the axis.
    fn beyond(&self, y: &Scale) -> String {
        let (low, high) = y.ends();
        let is_out = |y: &f64| y.is_finite() && !(low..=high).contains(y);
        let out = self.curves.iter().filter(|curve| curve.y.iter().any(is_out)).count();
        let gaps = self.curves.iter().filter(|c| c.y.iter().any(|y| !y.is_finite())).count();
        let said = [(out, "beyond the axis"), (gaps, "not finite, and left out")];
        let said = said.iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> =
            said.map(|(count, what)| format!("{count} with values {what}")).collect();
        match said.is_empty() {
            true => String::new(),
            false => format!("<p class=\"note\">{}</p>", said.join("; ")),
        }
    }

    /// The chart in a sentence, for who can't see it.
    fn description(&self) -> String {
        let last = |curve: &Curve| curve.y.iter().rev().find(|y| y.is_finite()).copied();
        let mut text = format!("{} over the steps, {} curves", self.title, self.curves.len());
        let coloured = self.curves.iter().filter(|curve| curve.colour.is_some());
        for (curve, value) in coloured.filter_map(|curve| Some((curve, last(curve)?))) {
            let _ = write!(text, "; {} ends at {}", curve.name, rounded(value));
        }
        text
    }

    /// What the script reads: the ends of the axes and every curve, in the order of the paths.
    fn numbers(&self, order: &[&Curve], x: &Scale, y: &Scale) -> Value {
        let column = |values: &[f64]| -> Value { values.iter().copied().map(rounded).collect() };
        let mut positions: Vec<&[f64]> = Vec::new();
        let mut curves = Vec::new();
        for curve in order {
            let known = positions.iter().position(|known| *known == curve.x.as_slice());
            let place = known.unwrap_or_else(|| {
                positions.push(&curve.x);
                positions.len() - 1
            });
            let members = curve.members.iter();
            let members: Value = members.map(|(name, y)| json!([name, column(y)])).collect();
            let (y, spread) = (column(&curve.y), column(&curve.spread));
            curves.push(json!({"name": curve.name, "colour": curve.colour, "at": place, "y": y,
                "spread": spread, "members": members}));
        }
        let whole = |x: &[f64]| -> Value { x.iter().map(|x| *x as u64).collect() };
        let positions: Value = positions.into_iter().map(whole).collect();
        let log = y.is_log();
        json!({"x": x.ends(), "y": y.ends(), "log": log, "steps": positions, "curves": curves})
    }
}

/// JSON that can stand in a `script` element: nothing in it ends the element or begins a comment.
fn json_for_page(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// A number in five digits, which is as many as a page shows; none where it isn't finite.
fn rounded(value: f64) -> Value {
    format!("{value:.4e}").parse::<f64>().ok().filter(|value| value.is_finite()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart_of(y: Vec<f64>) -> Chart {
        let x = (0..y.len()).map(|x| x as f64).collect();
        let curve = Curve { name: "a".into(), colour: Some(0), x, y, ..Curve::default() };
        Chart { title: "eval/loss".into(), curves: vec![curve] }
    }

    #[test]
    fn gaps_part_a_line_and_a_point_alone_is_a_dot() {
        let page = chart_of(vec![0.0, 1.0, f64::NAN, 0.5, f64::INFINITY, 1.0]).html();
        let line = page.split("class=\"line c0\" d=\"").nth(1).unwrap();
        let line = line.split('"').next().unwrap();
        assert_eq!((line.matches('M').count(), line.matches("h0").count()), (3, 2), "{line}");
        assert!(page.contains("1 with values not finite"), "{page}");
        assert!(chart_of(vec![2.0]).html().contains("line c0 dot"));
        for none in [vec![], vec![f64::NAN; 3]] {
            assert!(chart_of(none).html().contains("no value is finite"));
        }
    }

    #[test]
    fn what_explodes_does_not_flatten_the_others() {
        let mut y = vec![0.5, 0.6, 0.7, 0.8];
        y.extend([0.55; 20]);
        y.push(1e30);
        y[5] = 0.65;
        y[6..16].fill(0.62);
        let chart = chart_of(y);
        let (_, scale) = chart.scales().unwrap();
        assert!(scale.ends().1 < 1.0, "{scale:?}");
        assert!(chart.html().contains("1 with values beyond the axis"));
    }

    #[test]
    fn positive_values_over_decades_have_a_logarithmic_axis() {
        let losses = vec![2.0, 0.3, 0.02, 1e-3, 3e-4];
        let mut chart = chart_of(losses);
        // A band that goes below 0 does not make the axis longer.
        chart.curves[0].spread = vec![0.1, 0.1, 0.1, 0.1, 0.1];
        let (_, scale) = chart.scales().unwrap();
        assert!(scale.is_log() && scale.ends().0 > 1e-4, "{scale:?}");
        let page = chart.html();
        assert!(page.contains("eval/loss, logarithmic axis</figcaption>"), "{page}");
        assert!(page.contains("\"log\":true") && page.contains("class=\"band"), "{page}");
        for linear in [vec![2.0, 0.3, 0.03], vec![2.0, 0.3, 0.0], vec![-2.0, 0.3, 1e-3]] {
            assert!(!chart_of(linear).scales().unwrap().1.is_log());
        }
    }

    #[test]
    fn names_are_text() {
        let odd = "</script><script>alert(1)</script><!--\"'&";
        let mut chart = chart_of(vec![1.0, 2.0]);
        (chart.title, chart.curves[0].name) = (odd.into(), odd.into());
        chart.curves[0].members = vec![(odd.into(), vec![1.0, 2.0])];
        let page = chart.html();
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert_eq!(page.matches("</script").count(), 1, "{page}");
        assert!(!page.contains("<!--"), "{page}");
    }
}
