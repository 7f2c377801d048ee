//! Curves: what a line figure holds.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::canvas::Canvas;
use super::plot::{self, Heading};
use super::{Frame, RgbImage};

/// Size of a single figure, in layout units of two pixels each.
const SIZE: (f32, f32) = (800.0, 500.0);

/// One curve. Values that aren't finite are gaps.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Name in the legend; a figure whose only label is empty has no legend.
    pub label: String,
    /// Positions along x: `[point]`.
    pub x: Vec<f64>,
    /// Values: `[point]`.
    pub y: Vec<f64>,
    /// Lower edge of the band around the curve: `[point]`.
    pub low: Option<Vec<f64>>,
    /// Upper edge of the band around the curve: `[point]`.
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

    /// The same with a band from `low` to `high`: `[point]` each.
    #[must_use]
    pub fn with_band(self, low: Vec<f64>, high: Vec<f64>) -> Self {
        Self { low: Some(low), high: Some(high), ..self }
    }

    fn check(&self) -> Result<()> {
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

/// A horizontal line with its name beside it, such as a published number.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What the value is.
    pub label: String,
    /// Where the line is on the y axis.
    pub value: f64,
}

/// Curves over common axes.
#[derive(Debug, Clone, Default)]
pub struct LineFigure {
    /// Heading, in bold.
    pub title: String,
    /// A smaller line below it: what was averaged, over how many samples.
    pub subtitle: String,
    /// Name of the x axis, with its unit.
    pub x_label: String,
    /// Name of the y axis, with its unit.
    pub y_label: String,
    /// Logarithmic x axis; positions that aren't positive are gaps.
    pub x_log: bool,
    /// Logarithmic y axis; values that aren't positive are gaps.
    pub y_log: bool,
    /// Ends of the y axis; by default all data and reference lines are in view.
    pub y_range: Option<(f64, f64)>,
    /// A unit is as long on both axes, so that circles are round.
    pub equal_units: bool,
    /// The curves.
    pub series: Vec<Series>,
    /// Horizontal reference lines.
    pub references: Vec<Reference>,
}

impl LineFigure {
    /// Curves over linear axes of these names.
    pub fn new(title: &str, x_label: &str, y_label: &str, series: Vec<Series>) -> Self {
        let (title, x_label, y_label) = (title.into(), x_label.into(), y_label.into());
        Self { title, x_label, y_label, series, ..Self::default() }
    }

    /// Draws the figure, 1600 x 1000 pixels. One without anything to show says so in words.
    ///
    /// # Errors
    /// When the columns of a series differ in length.
    pub fn render(&self) -> Result<RgbImage> {
        self.check()?;
        let mut canvas = Canvas::new(SIZE.0, SIZE.1)?;
        plot::draw(&mut canvas, Frame::new(0.0, 0.0, SIZE.0, SIZE.1), self, Heading::Figure, true);
        Ok(canvas.into_image())
    }

    /// The data behind the figure: a row for every point, `series,x,y,low,high`, and a row for
    /// every reference line. Numbers read back to the same bits; gaps are empty.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("series,x,y,low,high\n");
        for series in &self.series {
            let edge = |edge: &Option<Vec<f64>>, i: usize| edge.as_ref()?.get(i).copied();
            for (index, (x, y)) in series.x.iter().zip(&series.y).enumerate() {
                let columns =
                    [Some(*x), Some(*y), edge(&series.low, index), edge(&series.high, index)];
                let columns = columns.map(number);
                let _ = writeln!(csv, "{},{}", quoted(&series.label), columns.join(","));
            }
        }
        for reference in &self.references {
            let value = number(Some(reference.value));
            let _ = writeln!(csv, "{},,{value},,", quoted(&reference.label));
        }
        csv
    }

    pub(super) fn check(&self) -> Result<()> {
        self.series.iter().try_for_each(Series::check)
    }
}

/// A number for a CSV cell, in the fewest digits that read back to the same bits.
pub(super) fn number(value: Option<f64>) -> String {
    value.filter(|v| !v.is_nan()).map_or_else(String::new, |v| format!("{v:?}"))
}

/// Text for a CSV cell (RFC 4180).
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
