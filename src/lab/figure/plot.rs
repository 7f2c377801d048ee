//! Draws a line figure into a part of the sheet.

use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::curve::{Axes, bands, pieces};
use super::legend::{Legend, colour, line_style};
use super::line::LineFigure;
use super::occupancy::Occupancy;
use super::palette::{GREY, GRID, INK};
use super::scale::{Scale, Ticks};
use super::{Frame, marker};

pub(super) const TICK_SIZE: f32 = 11.0;
pub(super) const LABEL_SIZE: f32 = 12.0;
const TICK: f32 = 4.0;
pub(super) const MARGIN: f32 = 12.0;

/// How large the title is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heading {
    /// That of a figure.
    Figure,
    /// That of one panel among several.
    Panel,
}

impl Heading {
    fn title(self) -> TextStyle {
        let size = if self == Self::Figure { 15.0 } else { 12.5 };
        TextStyle { size, bold: true, colour: INK, align: Align::Left }
    }
}

/// Draws `figure` into `frame`, with a legend if wanted. The columns must have been checked.
pub(super) fn draw(
    canvas: &mut Canvas,
    frame: Frame,
    figure: &LineFigure,
    heading: Heading,
    with_legend: bool,
) {
    let legend = with_legend.then(|| Legend::of(&figure.series, canvas)).flatten();
    let below = draw_heading(canvas, frame, &figure.title, &figure.subtitle, heading.title());
    let inner = Frame { top: below + 4.0, ..frame };
    let Some((x, y)) = scales(figure) else { return draw_empty(canvas, inner) };
    let axes = lay_out(canvas, inner, figure, (x, y), 0.0);
    let mut taken = occupied(figure, &axes);
    let labels = place_references(canvas, figure, &axes, &mut taken);
    let place = legend.as_ref().and_then(|legend| legend.free_place(axes.frame, &taken));
    match (legend, place) {
        (Some(legend), None) => {
            let axes = lay_out(canvas, inner, figure, (x, y), legend.size().0 + 4.0);
            let mut taken = occupied(figure, &axes);
            let labels = place_references(canvas, figure, &axes, &mut taken);
            draw_plot(canvas, inner, figure, &axes, &labels);
            legend.draw(canvas, (axes.frame.right + 4.0, axes.frame.top - 4.0));
        }
        (legend, place) => {
            draw_plot(canvas, inner, figure, &axes, &labels);
            if let (Some(legend), Some(place)) = (legend, place) {
                legend.draw(canvas, (place.left, place.top));
            }
        }
    }
}

/// Draws the title and subtitle of a whole figure of this width; returns where they end.
pub(super) fn draw_title(canvas: &mut Canvas, width: f32, title: &str, subtitle: &str) -> f32 {
    let frame = Frame::new(0.0, 0.0, width, 0.0);
    draw_heading(canvas, frame, title, subtitle, Heading::Figure.title())
}

/// The width that a whole figure's title and subtitle need, with their margins.
pub(super) fn title_width(canvas: &Canvas, title: &str, subtitle: &str) -> f32 {
    let TextStyle { size, bold, .. } = Heading::Figure.title();
    let title = canvas.fonts.width(title, size, bold);
    title.max(canvas.fonts.width(subtitle, TICK_SIZE, false)) + 2.0 * MARGIN
}

/// Draws title and subtitle; returns where they end.
fn draw_heading(
    canvas: &mut Canvas,
    frame: Frame,
    title: &str,
    subtitle: &str,
    style: TextStyle,
) -> f32 {
    let mut y = frame.top + MARGIN;
    let left = frame.left + MARGIN;
    if !title.is_empty() {
        canvas.text(title, (left, y + style.size * 0.5), style);
        y += style.size + 4.0;
    }
    if !subtitle.is_empty() {
        let small = TextStyle { size: TICK_SIZE, bold: false, colour: GREY, align: Align::Left };
        canvas.text(subtitle, (left, y + TICK_SIZE * 0.5 + 2.0), small);
        y += TICK_SIZE + 6.0;
    }
    y
}

/// Says in the middle of `frame` that there is nothing to draw.
pub(super) fn draw_empty(canvas: &mut Canvas, frame: Frame) {
    let style = TextStyle { size: LABEL_SIZE, bold: false, colour: GREY, align: Align::Centre };
    canvas.text("no data that these axes can show", frame.centre(), style);
}

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
fn lay_out(
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

fn x_ticks(scale: &Scale, frame: Frame) -> Ticks {
    scale.ticks((frame.width() / 60.0).clamp(3.0, 10.0) as usize)
}

fn y_ticks(scale: &Scale, frame: Frame) -> Ticks {
    scale.ticks((frame.height() / 45.0).clamp(3.0, 8.0) as usize)
}

/// The cells of the plot that curves and bands cover.
fn occupied(figure: &LineFigure, axes: &Axes) -> Occupancy {
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
fn place_references(
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

fn draw_plot(
    canvas: &mut Canvas,
    frame: Frame,
    figure: &LineFigure,
    axes: &Axes,
    references: &[(String, (f32, f32))],
) {
    draw_axes(canvas, frame, figure, axes);
    canvas.clip(Some(axes.frame));
    for (index, series) in figure.series.iter().enumerate() {
        for band in bands(series, axes) {
            canvas.polygon(&band, colour(index, series), 0.18);
        }
    }
    for reference in &figure.references {
        if let Some(y) = axes.place_y(reference.value) {
            let style = LineStyle { colour: GREY, width: 1.1, dashed: true };
            canvas.line(&[(axes.frame.left, y), (axes.frame.right, y)], style);
        }
    }
    for (index, series) in figure.series.iter().enumerate() {
        for piece in pieces(series, axes) {
            canvas.line(&piece, line_style(index, series));
        }
    }
    canvas.clip(None);
    for (index, series) in figure.series.iter().enumerate().filter(|(_, series)| series.marker) {
        for at in pieces(series, axes).into_iter().flatten() {
            if at.1 >= axes.frame.top - 1.0 && at.1 <= axes.frame.bottom + 1.0 {
                marker::draw(canvas, series.colour.unwrap_or(index), at, colour(index, series));
            }
        }
    }
    for (label, at) in references {
        let style = TextStyle { size: TICK_SIZE, bold: false, colour: GREY, align: Align::Left };
        canvas.text_with(label, *at, style, false, 2.0);
    }
}

/// Grid, ticks, labels and the two lines of the axes.
fn draw_axes(canvas: &mut Canvas, frame: Frame, figure: &LineFigure, axes: &Axes) {
    let Frame { left, top, right, bottom } = axes.frame;
    let (x, y) = (x_ticks(&axes.x, axes.frame), y_ticks(&axes.y, axes.frame));
    let grid = LineStyle { colour: GRID, width: 0.8, dashed: false };
    let edge = LineStyle { colour: GREY, width: 1.0, dashed: false };
    let inside_x = |x: f32| (left - 0.5..=right + 0.5).contains(&x);
    let inside_y = |y: f32| (top - 0.5..=bottom + 0.5).contains(&y);
    let style = TextStyle { size: TICK_SIZE, bold: false, colour: INK, align: Align::Centre };
    for value in &x.minor {
        if let Some(x) = axes.place_x(*value).filter(|x| inside_x(*x)) {
            canvas.line(&[(x, bottom), (x, bottom + TICK * 0.55)], edge);
        }
    }
    for value in &y.minor {
        if let Some(y) = axes.place_y(*value).filter(|y| inside_y(*y)) {
            canvas.line(&[(left, y), (left - TICK * 0.55, y)], edge);
        }
    }
    for (value, label) in &x.major {
        let Some(x) = axes.place_x(*value).filter(|x| inside_x(*x)) else { continue };
        canvas.line(&[(x, top), (x, bottom)], grid);
        canvas.line(&[(x, bottom), (x, bottom + TICK)], edge);
        canvas.text(label, (x, bottom + TICK + 4.0 + TICK_SIZE / 2.0), style);
    }
    for (value, label) in &y.major {
        let Some(y) = axes.place_y(*value).filter(|y| inside_y(*y)) else { continue };
        canvas.line(&[(left, y), (right, y)], grid);
        canvas.line(&[(left, y), (left - TICK, y)], edge);
        canvas.text(label, (left - TICK - 4.0, y), TextStyle { align: Align::Right, ..style });
    }
    canvas.line(&[(left, top), (left, bottom), (right, bottom)], edge);
    if !y.factor.is_empty() {
        let above = (left - TICK, top - TICK_SIZE);
        canvas.text(&y.factor, above, TextStyle { align: Align::Left, ..style });
    }
    let name = TextStyle { size: LABEL_SIZE, ..style };
    let x_name = [figure.x_label.as_str(), x.factor.as_str()].join(" ");
    let middle = axes.frame.centre();
    canvas.text(x_name.trim(), (middle.0, frame.bottom - MARGIN - LABEL_SIZE / 2.0), name);
    let at = (frame.left + MARGIN + LABEL_SIZE / 2.0, middle.1);
    canvas.text_with(&figure.y_label, at, name, true, 0.0);
}
