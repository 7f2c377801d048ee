//! Curves: what a line figure holds.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How the points of a series are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stroke {
    /// By straight lines.
    #[default]
    Line,
    /// As a histogram is: the value holds from halfway to the point before to halfway to the next.
    Steps,
    /// Not at all: every point has a marker.
    Points,
}

/// How the spread around a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// As a band.
    #[default]
    Band,
    /// As a bar at every point.
    Bars,
}

/// What is known of a value that may lie beyond what was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The value itself.
    #[default]
    Exact,
    /// The true value is at most this one: the smallest that was tried.
    Upper,
    /// The true value is more than this one: the largest that was tried.
    Lower,
}

impl Limit {
    /// Its name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::Upper => "at most",
            Self::Lower => "at least",
        }
    }
}

/// One curve. Values that aren't finite are gaps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Name in the legend; a figure whose only label is empty has no legend.
    pub label: String,
    /// Positions along x: `[point]`.
    #[serde(with = "super::numbers")]
    pub x: Vec<f64>,
    /// Values: `[point]`.
    #[serde(with = "super::numbers")]
    pub y: Vec<f64>,
    /// Lower edge of the spread around the curve: `[point]`.
    #[serde(with = "super::numbers")]
    pub low: Option<Vec<f64>>,
    /// Upper edge of the spread around the curve: `[point]`.
    #[serde(with = "super::numbers")]
    pub high: Option<Vec<f64>>,
    /// Draws dashes instead of a continuous line.
    pub dashed: bool,
    /// Draws a marker at every point.
    pub marker: bool,
    /// Number of the colour in the palette, for curves that belong together; by default the
    /// number of the series.
    pub colour: Option<usize>,
    /// Instead of a colour of its own, a shade from 0, dark, to 1, light: for members of an ordered
    /// set, such as layers, beside curves that have the palette's colours.
    pub shade: Option<f64>,
    /// How its points are joined.
    pub stroke: Stroke,
    /// How its spread is drawn.
    pub spread: Spread,
    /// Draws it thin and pale, behind the others: one of many whose mean is drawn, too.
    pub faint: bool,
    /// Leaves it out of the legend; its label is in the table alone.
    pub unlisted: bool,
    /// What is known of each value: `[point]`; empty where all are exact. Others have an open marker
    /// with an arrow, and no line.
    pub limits: Vec<Limit>,
}

impl Series {
    /// A continuous curve without a band.
    pub fn new(label: &str, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self { label: label.to_owned(), x, y, ..Self::default() }
    }

    /// The curve with a band from `low` to `high`: `[point]` each.
    #[must_use]
    pub fn with_band(self, low: Vec<f64>, high: Vec<f64>) -> Self {
        Self { low: Some(low), high: Some(high), spread: Spread::Band, ..self }
    }

    /// The curve with a bar from `low` to `high` at every point: `[point]` each.
    #[must_use]
    pub fn with_bars(self, low: Vec<f64>, high: Vec<f64>) -> Self {
        Self { low: Some(low), high: Some(high), spread: Spread::Bars, ..self }
    }

    /// What is known of the value at `point`.
    pub(super) fn limit(&self, point: usize) -> Limit {
        self.limits.get(point).copied().unwrap_or_default()
    }

    /// Whether it has an entry in the legend.
    pub(super) fn is_listed(&self) -> bool {
        !self.label.is_empty() && !self.unlisted
    }

    /// Whether its points have markers.
    pub(super) fn is_marked(&self) -> bool {
        self.marker || self.stroke == Stroke::Points
    }

    /// Every value that is to be in view, with the edges of the spread.
    pub(super) fn extent(&self) -> impl Iterator<Item = f64> + Clone {
        let edges = [self.low.as_deref(), self.high.as_deref()].into_iter().flatten().flatten();
        self.y.iter().chain(edges).copied()
    }

    /// Checks that all columns are as long as x.
    ///
    /// # Errors
    /// If one is not, or a band has one edge only.
    pub(super) fn check(&self) -> Result<()> {
        let points = self.x.len();
        let columns = [Some(&self.y), self.low.as_ref(), self.high.as_ref()];
        let limits = Some(self.limits.len()).filter(|count| *count > 0);
        for count in columns.into_iter().flatten().map(Vec::len).chain(limits) {
            ensure!(
                count == points,
                "series {:?}: {points} positions but {count} values",
                self.label
            );
        }
        ensure!(
            self.low.is_some() == self.high.is_some(),
            "series {:?}: a band needs a lower and an upper edge",
            self.label
        );
        Ok(())
    }
}
