//! Colour scales: from values to colours, and the bar that explains them.

use serde::{Deserialize, Serialize};

use super::canvas::{Align, Canvas, DENSITY, LineStyle, TextStyle};
use super::frame::Frame;
use super::heading::MARGIN;
use super::number::short;
use super::palette::{ColourMap, GREY, INK, MISSING, Rgb};

const TEXT: f32 = 10.5;

/// A declared range of values and the colours that stand for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColourScale {
    /// The colours.
    pub map: ColourMap,
    /// Values of the two ends; what is beyond has the end's colour.
    #[serde(with = "super::numbers")]
    pub range: (f64, f64),
    /// What the values are, with their unit: the bar's label.
    pub label: String,
}

impl ColourScale {
    /// From 0 to the largest value, for magnitudes.
    pub fn up_to_largest<'a>(values: impl IntoIterator<Item = &'a f64>, label: &str) -> Self {
        Self { map: ColourMap::Sequential, range: (0.0, largest(values)), label: label.into() }
    }

    /// Symmetric about 0, to the largest magnitude, for signed values.
    pub fn symmetric<'a>(values: impl IntoIterator<Item = &'a f64>, label: &str) -> Self {
        let end = largest(values);
        Self { map: ColourMap::Diverging, range: (-end, end), label: label.into() }
    }

    /// Symmetric about 0, to the magnitude that a share of the values stays below, so that a few
    /// extreme ones don't leave the others pale.
    pub fn symmetric_for(share: f64, values: &[f64], label: &str) -> Self {
        let mut sorted: Vec<f64> =
            values.iter().filter(|v| v.is_finite()).map(|v| v.abs()).collect();
        sorted.sort_by(f64::total_cmp);
        let end = (sorted.len() as f64 * share).ceil() as usize;
        Self::symmetric(&sorted[..end.min(sorted.len())], label)
    }

    /// The colour of a value; grey where it is not finite.
    fn colour(&self, value: f64) -> Rgb {
        let (low, high) = self.range;
        if !value.is_finite() {
            return MISSING;
        }
        self.map.at((value - low) / (high - low).max(f64::MIN_POSITIVE))
    }

    /// Fills `frame` with a grid of cells, `value(row, column)` each.
    pub(super) fn shade(
        &self,
        canvas: &mut Canvas,
        frame: Frame,
        cells: (usize, usize),
        value: impl Fn(usize, usize) -> f64,
    ) {
        canvas.cells(frame, cells, |row, column| self.colour(value(row, column)));
    }

    /// The width that the bar with its labels needs.
    pub(super) const WIDTH: f32 = 88.0;

    /// Draws the bar along the left of `frame`.
    pub(super) fn draw(&self, canvas: &mut Canvas, frame: Frame) {
        let bar = Frame { right: frame.left + 14.0, ..frame };
        let (low, high) = self.range;
        let levels = (bar.height() * DENSITY).round().max(1.0) as usize;
        let share = |level: usize| 1.0 - (level as f64 + 0.5) / levels as f64;
        canvas.cells(bar, (levels, 1), |level, _| self.map.at(share(level)));
        canvas.line(&bar.outline(), LineStyle { colour: GREY, width: 0.8, dashed: false });
        let style = TextStyle { size: TEXT, bold: false, colour: INK, align: Align::Left };
        for share in [0.0, 0.5, 1.0] {
            let y = bar.bottom - (bar.bottom - bar.top) * share;
            let text = short(low + (high - low) * f64::from(share));
            canvas.text(&text, (bar.right + 5.0, y), style);
        }
        let name = TextStyle { align: Align::Centre, ..style };
        let at = (frame.left + Self::WIDTH - MARGIN - TEXT, frame.centre().1);
        canvas.text_with(&self.label, at, name, true, 0.0);
    }
}

fn largest<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let magnitudes = values.into_iter().filter(|v| v.is_finite()).map(|v| v.abs());
    let largest = magnitudes.fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}
