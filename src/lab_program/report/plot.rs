//! What is drawn of a chart, as SVG.

use std::fmt::Write as _;

use super::escape::escape;
use crate::lab::figure::{Scale, Ticks};

/// Units of the plot along each axis.
const UNITS: f64 = 1000.0;

/// One curve.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// What it is of.
    pub name: String,
    /// Number of its colour; grey without one.
    pub colour: Option<usize>,
    /// Steps: `[point]`.
    pub x: Vec<f64>,
    /// Values: `[point]`; those that aren't finite are gaps.
    pub y: Vec<f64>,
    /// Standard deviations over its networks: `[point]`; nothing where there is one network.
    pub spread: Vec<f64>,
    /// The networks, each by its name with its values: `[point]`.
    pub members: Vec<(String, Vec<f64>)>,
}

/// Where a point is in the plot. None for a gap.
fn place(x: f64, y: f64, axes: (&Scale, &Scale)) -> Option<(f64, f64)> {
    let [x, y] = [axes.0.position(x)?, 1.0 - axes.1.position(y)?].map(|part| UNITS * part);
    Some((x, y))
}

/// A coordinate in two decimals at most.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// The pieces of a line between its gaps as the data of a path.
fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut data, mut length) = (String::new(), 0);
    for point in points.chain([None]) {
        let Some((x, y)) = point else {
            // A point alone is a dot: a line without a length, whose ends are round.
            data += if length == 1 { "h0" } else { "" };
            length = 0;
            continue;
        };
        let word = if length == 0 { 'M' } else { 'L' };
        let _ = write!(data, "{word}{} {}", coordinate(x), coordinate(y));
        length += 1;
    }
    data
}

/// The class of a curve's colour.
fn class(curve: &Curve) -> String {
    curve.colour.map_or("grey".into(), |colour| format!("c{colour}"))
}

/// The line of a curve.
pub fn line(curve: &Curve, x: &Scale, y: &Scale) -> String {
    let points = curve.x.iter().zip(&curve.y).map(|(at, value)| place(*at, *value, (x, y)));
    let few = if curve.y.iter().filter(|y| y.is_finite()).count() < 2 { " dot" } else { "" };
    format!("<path class=\"line {}{few}\" d=\"{}\"/>", class(curve), path(points))
}

/// One standard deviation on both sides of a curve.
pub fn band(curve: &Curve, x: &Scale, y: &Scale) -> String {
    // A logarithmic axis has no place for 0 and below: there a band goes down to its end.
    let floor = if y.is_log() { y.ends().0 } else { f64::MIN };
    let edge = |sign: f64| -> Vec<(f64, f64)> {
        let values = curve.y.iter().zip(&curve.spread).map(|(y, spread)| y + sign * spread);
        let edge = curve.x.iter().zip(values).filter(|(_, value)| value.is_finite());
        let edge = edge.map(|(at, value)| (at, value.max(floor)));
        edge.filter_map(|(at, value)| place(*at, value, (x, y))).collect()
    };
    let (upper, lower) = (edge(1.0), edge(-1.0));
    if upper.is_empty() || curve.colour.is_none() {
        return String::new();
    }
    let around = upper.into_iter().chain(lower.into_iter().rev()).map(Some);
    format!("<path class=\"band {}\" d=\"{}Z\"/>", class(curve), path(around))
}

/// The grid lines of an axis with their labels.
pub fn ticks(ticks: &Ticks, scale: &Scale, along_x: bool) -> String {
    let mut text = String::new();
    for (value, label) in &ticks.major {
        let Some(part) = scale.position(*value).filter(|part| (0.0..=1.0).contains(part)) else {
            continue;
        };
        let at = coordinate(100.0 * if along_x { part } else { 1.0 - part });
        let label = escape(label);
        let _ = if along_x {
            write!(
                text,
                "<line x1=\"{at}%\" x2=\"{at}%\" y2=\"100%\"/>\
                 <text x=\"{at}%\" y=\"100%\" dy=\"18\" text-anchor=\"middle\">{label}</text>"
            )
        } else {
            write!(
                text,
                "<line y1=\"{at}%\" y2=\"{at}%\" x2=\"100%\"/>\
                 <text x=\"-8\" y=\"{at}%\" dy=\"4\" text-anchor=\"end\">{label}</text>"
            )
        };
    }
    text
}
