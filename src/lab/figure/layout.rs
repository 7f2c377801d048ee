//! Where everything in a line figure goes: the plot, its ticks, the names of reference lines.

use super::canvas::Canvas;
use super::curve::{Axes, Column, bars, beyond, columns, markers, pieces};
use super::frame::Frame;
use super::heading::{LABEL_SIZE, MARGIN, TICK_SIZE};
use super::line::LineFigure;
use super::marker::{ARROW, RADIUS};
use super::occupancy::Occupancy;
use super::scale::Scale;
use super::series::{Limit, Spread};
use super::ticks::{MANY, Ticks};

/// Length of a tick, in layout units.
pub(super) const TICK: f32 = 4.0;
/// Least distance of the labels of two ticks, along x and along y, in layout units.
const BESIDE: f32 = 9.0;
const BELOW: f32 = 21.0;

/// Where the plot is in `frame`: beside the labels of its ticks and axes, and `room` on the right.
pub(super) fn lay_out(
    canvas: &Canvas,
    frame: Frame,
    figure: &LineFigure,
    (x, y): (Scale, Scale),
    room: f32,
) -> Axes {
    let width = |text: &String| canvas.fonts.width(text, TICK_SIZE, false);
    let rough = Frame { bottom: frame.bottom - 45.0, ..frame };
    let widest = y_ticks(&y, rough).major.iter().map(|(_, text)| width(text)).fold(0.0, f32::max);
    let y_name = if figure.y_label.is_empty() { 0.0 } else { LABEL_SIZE + 10.0 };
    let x_name = if figure.x_label.is_empty() { 0.0 } else { LABEL_SIZE + 8.0 };
    let factor = if y_ticks(&y, rough).factor.is_empty() { 0.0 } else { TICK_SIZE + 4.0 };
    let left = frame.left + MARGIN + y_name + widest + TICK + 4.0;
    let right = frame.right - MARGIN - room;
    let last = x_ticks(&x, Frame { left, right, ..frame }, canvas).major.pop();
    // The last label of the x axis stands half beyond its tick.
    let beyond = last.map_or(0.0, |(value, text)| {
        let after = (1.0 - x.position(value).unwrap_or(1.0)) as f32 * (right - left);
        (width(&text) / 2.0 - after).max(0.0)
    });
    let right = right - if room == 0.0 { beyond } else { 0.0 };
    let bottom = frame.bottom - MARGIN - x_name - TICK_SIZE - TICK - 4.0;
    let plot = Frame::new(left, frame.top + 6.0 + factor, right.max(left + 20.0), bottom);
    let plot = Frame { bottom: plot.bottom.max(plot.top + 20.0), ..plot };
    let plot = if figure.equal_units { with_equal_units(plot, &x, &y) } else { plot };
    Axes { frame: plot, x, y }
}

/// The largest part of `frame`, from its lower left corner, where both axes have the same unit.
fn with_equal_units(frame: Frame, x: &Scale, y: &Scale) -> Frame {
    let (wide, high) = (x.span() as f32, y.span() as f32);
    let unit = (frame.width() / wide).min(frame.height() / high);
    Frame { right: frame.left + unit * wide, top: frame.bottom - unit * high, ..frame }
}

/// The ticks of the x axis of a plot of this width: as many as have room for their labels.
pub(super) fn x_ticks(scale: &Scale, frame: Frame, canvas: &Canvas) -> Ticks {
    let fits = |ticks: &Ticks| {
        let ends = ticks.major.iter().map(|(value, text)| {
            let middle = scale.position(*value).unwrap_or(0.0) as f32 * frame.width();
            let half = canvas.fonts.width(text, TICK_SIZE, false) / 2.0;
            (middle - half, middle + half)
        });
        let ends: Vec<(f32, f32)> = ends.collect();
        ends.windows(2).all(|pair| pair[0].1 + BESIDE <= pair[1].0)
    };
    (3..=MANY).rev().map(|most| scale.ticks(most)).find(fits).unwrap_or_else(|| scale.ticks(2))
}

/// The ticks of the y axis of a plot of this height.
pub(super) fn y_ticks(scale: &Scale, frame: Frame) -> Ticks {
    scale.ticks((frame.height() / BELOW).clamp(2.0, MANY as f32) as usize)
}

/// The cells of the plot that curves, their spreads and their markers cover.
pub(super) fn occupied(figure: &LineFigure, axes: &Axes) -> Occupancy {
    let mut taken = Occupancy::new(axes.frame);
    for series in &figure.series {
        pieces(series, axes).iter().for_each(|piece| taken.add_line(piece));
        for ((x, y), limit) in markers(series, axes) {
            let (up, down) = match limit {
                Limit::Exact => (RADIUS, RADIUS),
                Limit::Upper => (RADIUS, ARROW),
                Limit::Lower => (ARROW, RADIUS),
            };
            taken.add_frame(Frame::new(x - RADIUS, y - up, x + RADIUS, y + down));
        }
        for mark in beyond(series, axes) {
            let y = if mark.above { axes.frame.top + 4.0 } else { axes.frame.bottom - 4.0 };
            taken.add_frame(Frame::new(mark.x - 4.0, y - 4.0, mark.x + 4.0, y + 4.0));
        }
        for bar in bars(series, axes) {
            taken.add_line(&[(bar.x, bar.upper), (bar.x, bar.lower)]);
        }
        if series.spread == Spread::Band {
            columns(series, axes).iter().for_each(|band| add_band(&mut taken, band));
        }
    }
    taken
}

/// Marks all that is between the edges of a band.
fn add_band(taken: &mut Occupancy, band: &[Column]) {
    let column = |column: &Column| [(column.x, column.upper), (column.x, column.lower)];
    if let [only] = band {
        taken.add_line(&column(only));
    }
    for pair in band.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let steps = ((to.x - from.x).abs().min(1e4) / 4.0).ceil().max(1.0);
        for step in 0..=steps as usize {
            let share = step as f32 / steps;
            let mix = |from: f32, to: f32| from + share * (to - from);
            let between = Column {
                x: mix(from.x, to.x),
                lower: mix(from.lower, to.lower),
                upper: mix(from.upper, to.upper),
            };
            taken.add_line(&column(&between));
        }
    }
}

/// The name of a reference line that is in view.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub label: String,
    /// Where the name begins, beside its line; None where nothing is free there.
    pub at: Option<(f32, f32)>,
}

/// Finds a place for the name of every reference line, on the free side of its line.
pub(super) fn place_references(
    canvas: &Canvas,
    figure: &LineFigure,
    axes: &Axes,
    taken: &mut Occupancy,
) -> Vec<Placed> {
    let in_view = |y: &f32| (axes.frame.top - 0.5..=axes.frame.bottom + 0.5).contains(y);
    let place_y = |value: f64| axes.place_y(value).filter(in_view);
    let lines: Vec<f32> = figure.references.iter().filter_map(|r| place_y(r.value)).collect();
    let mut places = Vec::new();
    for reference in &figure.references {
        let Some(y) = place_y(reference.value).filter(|_| !reference.label.is_empty()) else {
            continue;
        };
        let width = canvas.fonts.width(&reference.label, TICK_SIZE, false);
        let half = TICK_SIZE * 0.62;
        let (right, left) = (axes.frame.right - width - 6.0, axes.frame.left + 6.0);
        let (above, below) = (y - half - 2.0, y + half + 2.0);
        let around = |(x, y): (f32, f32)| Frame::new(x, y - half, x + width, y + half);
        let is_free = |at: &(f32, f32)| {
            let Frame { top, bottom, .. } = around(*at);
            let inside = top >= axes.frame.top && bottom <= axes.frame.bottom && left <= right;
            let crossed = lines.iter().any(|other| (top..=bottom).contains(other));
            inside && !crossed && taken.is_free(around(*at))
        };
        let between = |i: u8| left + (right - left) * f32::from(i) / 24.0;
        let mut spots = (0..=24).rev().flat_map(|i| [(between(i), above), (between(i), below)]);
        let at = spots.find(is_free);
        if let Some(at) = at {
            taken.add_frame(around(at));
        }
        places.push(Placed { label: reference.label.clone(), at });
    }
    for y in lines {
        taken.add_line(&[(axes.frame.left, y), (axes.frame.right, y)]);
    }
    places
}
