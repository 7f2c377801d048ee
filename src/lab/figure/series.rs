//! Curves: what a line figure holds.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

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
    /// Lower edge of the band around the curve: `[point]`.
    #[serde(with = "super::numbers")]
    pub low: Option<Vec<f64>>,
    /// Upper edge of the band around the curve: `[point]`.
    #[serde(with = "super::numbers")]
    pub high: Option<Vec<f64>>,
    /// Draws dashes instead of a continuous line.
    pub dashed: bool,
    /// Draws a marker at every point.
    pub marker: bool,
    /// Number of the colour in the palette, for curves that belong together; by default the
    /// number of the series.
    pub colour: Option<usize>,
}

impl Series {
    /// A continuous curve without a band.
    pub fn new(label: &str, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self { label: label.to_owned(), x, y, ..Self::default() }
    }

    /// The curve with a band from `low` to `high`: `[point]` each.
    #[must_use]
    pub fn with_band(self, low: Vec<f64>, high: Vec<f64>) -> Self {
        Self { low: Some(low), high: Some(high), ..self }
    }

    /// Checks that all columns are as long as x.
    ///
    /// # Errors
    /// If one is not, or a band has one edge only.
    pub(super) fn check(&self) -> Result<()> {
        let points = self.x.len();
        let columns = [Some(&self.y), self.low.as_ref(), self.high.as_ref()];
        for column in columns.into_iter().flatten() {
            ensure!(
                column.len() == points,
                "series {:?}: {points} positions but {} values",
                self.label,
                column.len()
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
