//! Legends: a swatch and a name for every series.

use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::frame::Frame;
use super::marker;
use super::occupancy::Occupancy;
use super::palette::{self, INK, Rgb, WHITE};
use super::series::Series;

const SIZE: f32 = 11.5;
const SWATCH: f32 = 26.0;
const ROW: f32 = 18.0;
const PADDING: f32 = 7.0;
/// Distance of a legend inside a plot from the plot's edges.
const INSET: f32 = 8.0;

/// The names and looks of the series that have a label.
pub(super) struct Legend {
    entries: Vec<(usize, Series)>,
    widths: Vec<f32>,
}

impl Legend {
    /// None where no series has a label.
    pub fn of(series: &[Series], canvas: &Canvas) -> Option<Self> {
        let labelled = series.iter().enumerate().filter(|(_, series)| !series.label.is_empty());
        let entries: Vec<_> = labelled.map(|(i, series)| (i, look_of(series))).collect();
        let width = |(_, series): &(usize, Series)| canvas.fonts.width(&series.label, SIZE, false);
        let widths = entries.iter().map(width).collect();
        (!entries.is_empty()).then_some(Self { entries, widths })
    }

    /// Width and height as a box of rows.
    pub fn size(&self) -> (f32, f32) {
        let widest = self.widths.iter().copied().fold(0.0, f32::max);
        (2.0 * PADDING + SWATCH + 6.0 + widest, 2.0 * PADDING + ROW * self.entries.len() as f32)
    }

    /// Where in `frame` the box covers nothing: in a corner if possible, else at an edge.
    pub fn free_place(&self, frame: Frame, taken: &Occupancy) -> Option<Frame> {
        let (width, height) = self.size();
        let (left, right) = (frame.left + INSET, frame.right - INSET - width);
        let (top, bottom) = (frame.top + INSET, frame.bottom - INSET - height);
        if left > right || top > bottom {
            return None;
        }
        let corners = [(right, top), (left, top), (right, bottom), (left, bottom)];
        let between = |i: u16| left + (right - left) * f32::from(i) / 16.0;
        let edges = (1..16).rev().flat_map(|i| [(between(i), top), (between(i), bottom)]);
        let place = |(x, y): (f32, f32)| Frame::new(x, y, x + width, y + height);
        corners.into_iter().chain(edges).map(place).find(|place| taken.is_free(*place))
    }

    /// Draws the legend as a box of rows with its top left at `at`.
    pub fn draw(&self, canvas: &mut Canvas, at: (f32, f32)) {
        let (width, height) = self.size();
        let back = Frame::new(at.0, at.1, at.0 + width, at.1 + height);
        canvas.polygon(&back.corners(), WHITE, 0.85);
        for (row, (index, series)) in self.entries.iter().enumerate() {
            let y = at.1 + PADDING + ROW * (row as f32 + 0.5);
            draw_entry(canvas, *index, series, (at.0 + PADDING, y));
        }
    }

    /// Draws the legend as lines of at most `width`, from the left at `at`, the middle of the
    /// first line; returns the height that they take.
    pub fn draw_flowing(&self, canvas: &mut Canvas, at: (f32, f32), width: f32) -> f32 {
        let (mut x, mut y) = at;
        for ((index, series), text) in self.entries.iter().zip(&self.widths) {
            let needed = SWATCH + 6.0 + text;
            if x + needed > at.0 + width && x > at.0 {
                (x, y) = (at.0, y + ROW);
            }
            draw_entry(canvas, *index, series, (x, y));
            x += needed + 22.0;
        }
        y - at.1 + ROW
    }
}

/// The colour of series number `index`.
pub(super) fn colour(index: usize, series: &Series) -> Rgb {
    palette::series(series.colour.unwrap_or(index))
}

/// The line of series number `index`.
pub(super) fn line_style(index: usize, series: &Series) -> LineStyle {
    LineStyle { colour: colour(index, series), width: 1.9, dashed: series.dashed }
}

fn look_of(series: &Series) -> Series {
    let has_band = series.low.is_some().then(Vec::new);
    Series {
        label: series.label.clone(),
        low: has_band,
        dashed: series.dashed,
        marker: series.marker,
        colour: series.colour,
        ..Series::default()
    }
}

fn draw_entry(canvas: &mut Canvas, index: usize, series: &Series, (x, y): (f32, f32)) {
    let colour = colour(index, series);
    if series.low.is_some() {
        let band = Frame::new(x, y - 5.0, x + SWATCH, y + 5.0);
        canvas.polygon(&band.corners(), colour, 0.18);
    }
    canvas.line(&[(x, y), (x + SWATCH, y)], line_style(index, series));
    if series.marker {
        marker::draw(canvas, series.colour.unwrap_or(index), (x + SWATCH / 2.0, y), colour);
    }
    let style = TextStyle { size: SIZE, bold: false, colour: INK, align: Align::Left };
    canvas.text(&series.label, (x + SWATCH + 6.0, y), style);
}
