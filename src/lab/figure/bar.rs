//! Colour scales: from values to colours, and the bar that explains them.

use serde::{Deserialize, Serialize};

use super::canvas::{Align, Canvas, DENSITY, LineStyle, TextStyle};
use super::curve::Beyond;
use super::frame::Frame;
use super::heading::MARGIN;
use super::marker::draw_beyond;
use super::number::short;
use super::palette::{ColourMap, GREY, INK, MISSING, Rgb};
use super::scale::{Scale, Spacing, typical_range};

const TEXT: f32 = 10.5;
/// Width of the bar itself.
const BAR: f32 = 14.0;
/// Least distance of two ticks.
const BELOW: f32 = 18.0;
/// Height that a mark of what is beyond an end takes.
const MARK: f32 = 15.0;

/// A declared range of values and the colours that stand for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColourScale {
    /// The colours.
    pub map: ColourMap,
    /// Values of the two ends; what is beyond has the end's colour, and the bar says so.
    #[serde(with = "super::numbers")]
    pub range: (f64, f64),
    /// How values are spread over the colours.
    #[serde(default)]
    pub spacing: Spacing,
    /// What the values are, with their unit: the bar's label.
    pub label: String,
}

impl ColourScale {
    /// Colours over a range, evenly.
    pub fn new(map: ColourMap, range: (f64, f64), label: &str) -> Self {
        Self { map, range, spacing: Spacing::Linear, label: label.into() }
    }

    /// From 0 to the largest value, for magnitudes.
    pub fn up_to_largest<'a>(values: impl IntoIterator<Item = &'a f64>, label: &str) -> Self {
        Self::new(ColourMap::Sequential, (0.0, largest(values)), label)
    }

    /// Over the factors between the smallest and the largest value above 0, `decades` at most.
    pub fn logarithmic<'a>(
        values: impl IntoIterator<Item = &'a f64>,
        decades: f64,
        label: &str,
    ) -> Self {
        let positive = values.into_iter().filter(|value| value.is_finite() && **value > 0.0);
        let (least, most) =
            positive.fold((f64::INFINITY, 0.0), |(low, high), v| (v.min(low), v.max(high)));
        let most = if most > 0.0 { most } else { 1.0 };
        let range = (least.min(most).max(most / 10f64.powf(decades)), most);
        Self::new(ColourMap::Sequential, range, label).with_spacing(Spacing::Log)
    }

    /// Symmetric about 0, to the largest magnitude, for signed values.
    pub fn symmetric<'a>(values: impl IntoIterator<Item = &'a f64>, label: &str) -> Self {
        let end = largest(values);
        Self::new(ColourMap::Diverging, (-end, end), label)
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

    /// Symmetric about 0, to the largest magnitude of the [`typical_range`]: without what lies far
    /// beyond the rest.
    pub fn symmetric_typical(values: &[f64], label: &str) -> Self {
        let (_, end) = typical_range(values.iter().map(|value| value.abs())).unwrap_or_default();
        Self::symmetric(&[end], label)
    }

    /// The same colours over another spacing of the values.
    #[must_use]
    pub fn with_spacing(self, spacing: Spacing) -> Self {
        Self { spacing, ..self }
    }

    fn scale(&self) -> Scale {
        Scale::new(self.range.0, self.range.1, self.spacing)
    }

    /// The colours of values; grey where they are not finite.
    pub(super) fn colours(&self, values: &[f64]) -> Vec<Rgb> {
        let scale = self.scale();
        let colour = |value: &f64| match value.is_finite() {
            // What a logarithmic scale can't show is below its low end.
            true => self.map.at(scale.position(*value).unwrap_or(0.0)),
            false => MISSING,
        };
        values.iter().map(colour).collect()
    }

    /// The width that the bar with its labels needs.
    pub(super) const WIDTH: f32 = 96.0;

    /// Draws the bar along the left of `frame`, with marks where some of `values` are beyond an end.
    pub(super) fn draw<'a>(
        &self,
        canvas: &mut Canvas,
        frame: Frame,
        values: impl IntoIterator<Item = &'a f64>,
    ) {
        let beyond = self.beyond(values);
        let mut bar = Frame { right: frame.left + BAR, ..frame };
        bar.top += if beyond.1.is_some() { MARK } else { 0.0 };
        bar.bottom -= if beyond.0.is_some() { MARK } else { 0.0 };
        let levels = (bar.height() * DENSITY).round().max(1.0) as usize;
        let share = |level: usize| 1.0 - (level as f64 + 0.5) / levels as f64;
        canvas.cells(bar, (levels, 1), |level, _| self.map.at(share(level)));
        canvas.line(&bar.outline(), LineStyle { colour: GREY, width: 0.8, dashed: false });
        let style = TextStyle { size: TEXT, bold: false, colour: INK, align: Align::Left };
        let scale = self.scale();
        let ticks = scale.ticks((bar.height() / BELOW).max(2.0) as usize);
        for (value, label) in &ticks.major {
            let Some(share) = scale.position(*value) else { continue };
            let y = bar.bottom - bar.height() * share as f32;
            let edge = LineStyle { colour: GREY, width: 0.8, dashed: false };
            canvas.line(&[(bar.right, y), (bar.right + 3.0, y)], edge);
            canvas.text(label, (bar.right + 6.0, y), style);
        }
        self.draw_beyond(canvas, frame, beyond);
        let name = TextStyle { align: Align::Centre, ..style };
        let at = (frame.left + Self::WIDTH - MARGIN - TEXT, frame.centre().1);
        let label = format!("{} {}", self.label, ticks.factor);
        canvas.text_with(label.trim(), at, name, true, 0.0);
    }

    /// The farthest values below and above the range.
    fn beyond<'a>(&self, values: impl IntoIterator<Item = &'a f64>) -> (Option<f64>, Option<f64>) {
        let (low, high) = self.scale().ends();
        let room = 0.005 * (high - low);
        let finite = values.into_iter().copied().filter(|value| value.is_finite());
        let (least, most) =
            finite.fold((high, low), |(least, most), v| (least.min(v), most.max(v)));
        // On a logarithmic scale a value a little smaller may be decades below.
        let below = match self.spacing {
            Spacing::Log => least < low * 0.99,
            Spacing::Linear | Spacing::SymmetricLog(_) => least < low - room,
        };
        (below.then_some(least), (most > high + room).then_some(most))
    }

    /// A triangle beyond an end, and how far values go there.
    fn draw_beyond(
        &self,
        canvas: &mut Canvas,
        frame: Frame,
        (low, high): (Option<f64>, Option<f64>),
    ) {
        let style = TextStyle { size: TEXT, bold: false, colour: INK, align: Align::Left };
        let (middle, text) = (frame.left + BAR / 2.0, frame.left + BAR + 6.0);
        if let Some(high) = high {
            let mark = Beyond { x: middle, above: true };
            draw_beyond(canvas, Frame { top: frame.top + 3.0, ..frame }, mark, self.map.at(1.0));
            canvas.text(&format!("to {}", short(high)), (text, frame.top + 3.0), style);
        }
        if let Some(low) = low {
            let mark = Beyond { x: middle, above: false };
            let under = Frame { bottom: frame.bottom - 3.0, ..frame };
            draw_beyond(canvas, under, mark, self.map.at(0.0));
            canvas.text(&format!("to {}", short(low)), (text, frame.bottom - 3.0), style);
        }
    }
}

fn largest<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let magnitudes = values.into_iter().filter(|v| v.is_finite()).map(|v| v.abs());
    let largest = magnitudes.fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_range_is_found() {
        let scale = ColourScale::new(ColourMap::Sequential, (0.0, 1.0), "");
        assert_eq!(scale.beyond(&[0.0, 1.0, 1.001, f64::NAN]), (None, None));
        assert_eq!(scale.beyond(&[-0.2, 0.5, 8.0, 3.0]), (Some(-0.2), Some(8.0)));
        let log = ColourScale::logarithmic(&[0.0, 1e-9, 1.0, f64::NAN], 4.0, "");
        assert_eq!((log.range, log.beyond(&[0.0, 1e-9, 1.0])), ((1e-4, 1.0), (Some(0.0), None)));
    }

    #[test]
    fn a_few_extreme_values_do_not_set_the_range() {
        let mut values: Vec<f64> = (0..400).map(|i| f64::from(i % 21 - 10)).collect();
        assert_eq!(ColourScale::symmetric_typical(&values, "").range, (-10.0, 10.0));
        values[7] = -90.0;
        assert_eq!(ColourScale::symmetric_typical(&values, "").range, (-10.0, 10.0));
        assert_eq!(ColourScale::symmetric_typical(&[], "").range, (-1.0, 1.0));
    }

    #[test]
    fn logarithmic_colours_have_equal_factors() {
        let scale = ColourScale::logarithmic(&[1.0, 10.0, 100.0], 6.0, "");
        let found = scale.colours(&[1.0, 10.0, 100.0, f64::NAN, -1.0]);
        let expected = [0.0, 0.5, 1.0].map(|share| ColourMap::Sequential.at(share));
        assert_eq!(found[..3], expected);
        assert_eq!(found[3..], [MISSING, expected[0]]);
    }
}
