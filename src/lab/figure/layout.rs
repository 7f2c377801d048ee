//! Where everything in a line figure goes: the plot, its ticks, the names of reference lines.

use super::canvas::Canvas;
use super::curve::{Axes, bands, pieces};
use super::frame::Frame;
use super::heading::{LABEL_SIZE, MARGIN, TICK_SIZE};
use super::line::LineFigure;
use super::occupancy::Occupancy;
use super::scale::{Scale, Ticks};

/// Length of a tick, in layout units.
pub(super) const TICK: f32 = 4.0;

/// Scales that hold all that there is to see.
pub(super) fn scales(figure: &LineFigure) -> Option<(Scale, Scale)> {
    let x = figure.series.iter().flat_map(|series| series.x.iter().copied());
    let x = Scale::fit(x, figure.x_log, 0.015)?;
    let lines = figure.series.iter().flat_map(|series| {
        let edges = [series.low.as_deref(), series.high.as_deref()].into_iter().flatten().flatten();
        series.y.iter().chain(edges).copied()
    });
    let data = Scale::fit(lines.clone(), figure.y_log, 0.0)?;
    let y = match figure.y_range {
        Some((low, high)) if !(figure.y_log && low <= 0.0) => Scale::new(low, high, figure.y_log),
        _ => {
            let references = figure.references.iter().map(|reference| reference.value);
            Scale::fit(lines.chain(references), figure.y_log, 0.045).unwrap_or(data)
        }
    };
    Some((x, y))
}

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
    let last = x_ticks(&x, Frame { left, right, ..frame }).major.pop();
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

/// The ticks of the x axis of a plot of this width.
pub(super) fn x_ticks(scale: &Scale, frame: Frame) -> Ticks {
    scale.ticks((frame.width() / 60.0).clamp(3.0, 10.0) as usize)
}

/// The ticks of the y axis of a plot of this height.
pub(super) fn y_ticks(scale: &Scale, frame: Frame) -> Ticks {
    scale.ticks((frame.height() / 45.0).clamp(3.0, 8.0) as usize)
}

/// The cells of the plot that curves and bands cover.
pub(super) fn occupied(figure: &LineFigure, axes: &Axes) -> Occupancy {
    let mut taken = Occupancy::new(axes.frame);
    for series in &figure.series {
        pieces(series, axes).iter().for_each(|piece| taken.add_line(piece));
        for band in bands(series, axes) {
            let half = band.len() / 2;
            // The two edges of a band have their points in opposite order.
            for (upper, lower) in band[..half].iter().zip(band[half..].iter().rev()) {
                taken.add_line(&[*upper, *lower]);
            }
        }
    }
    taken
}

/// Where the name of every reference line that is in view begins, on the free side of its line.
pub(super) fn place_references(
    canvas: &Canvas,
    figure: &LineFigure,
    axes: &Axes,
    taken: &mut Occupancy,
) -> Vec<(String, (f32, f32))> {
    let mut places = Vec::new();
    let in_view = |y: &f32| (axes.frame.top - 0.5..=axes.frame.bottom + 0.5).contains(y);
    for reference in &figure.references {
        let Some(y) = axes.place_y(reference.value).filter(in_view) else { continue };
        let width = canvas.fonts.width(&reference.label, TICK_SIZE, false);
        let half = TICK_SIZE * 0.62;
        let (right, left) = (axes.frame.right - width - 6.0, axes.frame.left + 6.0);
        let (above, below) = (y - half - 2.0, y + half + 2.0);
        let around = |(x, y): (f32, f32)| Frame::new(x, y - half, x + width, y + half);
        let inside = |at: &(f32, f32)| {
            around(*at).top >= axes.frame.top && around(*at).bottom <= axes.frame.bottom
        };
        let between = |i: u8| left + (right - left) * f32::from(i) / 12.0;
        let spots = (0..=12).rev().flat_map(|i| [(between(i), above), (between(i), below)]);
        let fitting: Vec<_> = spots.filter(inside).collect();
        let free = fitting.iter().find(|at| taken.is_free(around(**at)));
        let place = free.or(fitting.first()).copied().unwrap_or((right, above));
        taken.add_frame(around(place));
        places.push((reference.label.clone(), place));
    }
    for reference in &figure.references {
        let line = |y: f32| [(axes.frame.left, y), (axes.frame.right, y)];
        axes.place_y(reference.value)
            .filter(in_view)
            .iter()
            .for_each(|y| taken.add_line(&line(*y)));
    }
    places
}
