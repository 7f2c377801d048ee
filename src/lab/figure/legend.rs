//! Legends: a swatch and a name for every series, and for the marks that a figure has.

use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::curve::{Beyond, Column};
use super::frame::Frame;
use super::line::LineFigure;
use super::look::{are_alike, colour, draw_bar, line_style, number};
use super::marker;
use super::occupancy::Occupancy;
use super::palette::{GREY, INK, WHITE};
use super::series::{Limit, Series, Spread, Stroke};

const SIZE: f32 = 11.5;
const SWATCH: f32 = 26.0;
/// Height of a row.
pub(super) const ROW: f32 = 18.0;
const PADDING: f32 = 7.0;
/// Distance of a legend inside a plot from the plot's edges.
const INSET: f32 = 8.0;
/// Distance between entries in a row.
const BETWEEN: f32 = 22.0;

/// What an entry explains.
enum Entry {
    /// A series, with its number.
    Curve(usize, Box<Series>),
    /// A mark of limits.
    Limit(Limit),
    /// The mark of values outside of the axis.
    Beyond,
}

impl Entry {
    fn label(&self) -> &str {
        match self {
            Self::Curve(_, series) => &series.label,
            Self::Limit(Limit::Exact) => "",
            Self::Limit(Limit::Upper) => "or less: the smallest that was tried",
            Self::Limit(Limit::Lower) => "or more: the largest that was tried",
            Self::Beyond => "beyond the axis",
        }
    }
}

/// The names and looks of what is in one figure, or in several.
pub(super) struct Legend {
    entries: Vec<Entry>,
    widths: Vec<f32>,
}

impl Legend {
    /// None where there is nothing to explain.
    pub fn of<'a>(
        figures: impl IntoIterator<Item = &'a LineFigure>,
        canvas: &Canvas,
    ) -> Option<Self> {
        let (mut entries, mut marks) = (Vec::<Entry>::new(), Vec::new());
        for figure in figures {
            for (i, series) in figure.series.iter().enumerate().filter(|(_, s)| s.is_listed()) {
                if !entries.iter().any(|entry| entry.label() == series.label) {
                    entries.push(Entry::Curve(i, Box::new(look_of(series))));
                }
            }
            marks.extend(figure.series.iter().flat_map(|series| series.limits.iter().copied()));
            if figure.leaves_out() && !entries.iter().any(|e| matches!(e, Entry::Beyond)) {
                entries.push(Entry::Beyond);
            }
        }
        let known = [Limit::Upper, Limit::Lower].into_iter().filter(|l| marks.contains(l));
        entries.extend(known.map(Entry::Limit));
        let width = |entry: &Entry| canvas.fonts.width(entry.label(), SIZE, false);
        let widths = entries.iter().map(width).collect();
        (!entries.is_empty()).then_some(Self { entries, widths })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Width and height as a box of rows.
    pub fn size(&self) -> (f32, f32) {
        let widest = self.widths.iter().copied().fold(0.0, f32::max);
        (2.0 * PADDING + SWATCH + 6.0 + widest, 2.0 * PADDING + ROW * self.len() as f32)
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
        for (row, entry) in self.entries.iter().enumerate() {
            let y = at.1 + PADDING + ROW * (row as f32 + 0.5);
            draw_entry(canvas, entry, (at.0 + PADDING, y));
        }
    }

    /// Where the entries begin when they flow in lines of at most `width`, from 0, and the height
    /// of the lines.
    pub fn flow(&self, width: f32) -> (Vec<(f32, f32)>, f32) {
        let (mut x, mut y) = (0.0, 0.0);
        let mut places = Vec::new();
        for text in &self.widths {
            let needed = SWATCH + 6.0 + text;
            if x + needed > width && x > 0.0 {
                (x, y) = (0.0, y + ROW);
            }
            places.push((x, y));
            x += needed + BETWEEN;
        }
        (places, y + ROW)
    }

    /// Draws the legend as lines of at most `width`, from the left at `at`, the middle of the
    /// first line; returns the height that they take.
    pub fn draw_flowing(&self, canvas: &mut Canvas, at: (f32, f32), width: f32) -> f32 {
        let (places, height) = self.flow(width);
        for (entry, (x, y)) in self.entries.iter().zip(places) {
            draw_entry(canvas, entry, (at.0 + x, at.1 + y));
        }
        height
    }
}

/// Whether one legend can stand for all figures: no label has two looks, and no look two labels.
pub(super) fn agree(figures: &[LineFigure]) -> bool {
    let listed = figures.iter().flat_map(|figure| {
        figure.series.iter().enumerate().filter(|(_, series)| series.is_listed())
    });
    let all: Vec<(usize, &Series)> = listed.collect();
    all.iter().enumerate().all(|(k, one)| {
        all[..k].iter().all(|other| (one.1.label == other.1.label) == are_alike(*one, *other))
    })
}

/// The series without its data, and with an empty spread where it has one.
fn look_of(series: &Series) -> Series {
    let spread = series.low.is_some().then(Vec::new);
    let (x, y, limits) = (Vec::new(), Vec::new(), Vec::new());
    Series { x, y, low: spread, high: None, limits, ..series.clone() }
}

fn draw_entry(canvas: &mut Canvas, entry: &Entry, (x, y): (f32, f32)) {
    let middle = (x + SWATCH / 2.0, y);
    match entry {
        Entry::Curve(index, series) => draw_swatch(canvas, *index, series, (x, y)),
        Entry::Limit(limit) => {
            let way = if *limit == Limit::Upper { -4.0 } else { 4.0 };
            marker::draw(canvas, 0, (middle.0, y + way), GREY, *limit);
        }
        Entry::Beyond => {
            let around = Frame::new(x, y - 4.0, x + SWATCH, y + 4.0);
            marker::draw_beyond(canvas, around, Beyond { x: middle.0, above: true }, GREY);
        }
    }
    let style = TextStyle { size: SIZE, bold: false, colour: INK, align: Align::Left };
    canvas.text(entry.label(), (x + SWATCH + 6.0, y), style);
}

fn draw_swatch(canvas: &mut Canvas, index: usize, series: &Series, (x, y): (f32, f32)) {
    let (colour, style) = (colour(index, series), line_style(index, series));
    let middle = x + SWATCH / 2.0;
    match (series.low.is_some(), series.spread) {
        (true, Spread::Band) => {
            let band = Frame::new(x, y - 5.0, x + SWATCH, y + 5.0);
            canvas.polygon(&band.corners(), colour, 0.18);
        }
        (true, Spread::Bars) => {
            draw_bar(canvas, Column { x: middle, lower: y + 7.0, upper: y - 7.0 }, colour);
        }
        (false, _) => {}
    }
    match series.stroke {
        Stroke::Line => canvas.line(&[(x, y), (x + SWATCH, y)], style),
        Stroke::Steps => {
            let (low, high) = (y + 4.0, y - 4.0);
            let corners = [(x, low), (middle, low), (middle, high), (x + SWATCH, high)];
            canvas.line(&corners, LineStyle { width: 1.5, ..style });
        }
        Stroke::Points => {}
    }
    if series.is_marked() {
        marker::draw(canvas, number(index, series), (middle, y), colour, Limit::Exact);
    }
}
