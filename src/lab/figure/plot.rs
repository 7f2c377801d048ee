//! Draws a line figure into a part of the sheet.

use anyhow::Result;

use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::curve::{Axes, bands, pieces};
use super::frame::Frame;
use super::heading::{Heading, LABEL_SIZE, MARGIN, TICK_SIZE, draw_heading};
use super::image::RgbImage;
use super::layout::{TICK, lay_out, occupied, place_references, scales, x_ticks, y_ticks};
use super::legend::{Legend, colour, line_style};
use super::line::LineFigure;
use super::marker;
use super::palette::{GREY, GRID, INK};

/// Size of a single figure, in layout units of two pixels each.
const SIZE: (f32, f32) = (800.0, 500.0);

impl LineFigure {
    /// Draws the figure, 1600 x 1000 pixels. One without anything to show says so in words.
    ///
    /// # Errors
    /// If the columns of a series differ in length.
    pub fn render(&self) -> Result<RgbImage> {
        self.check()?;
        let mut canvas = Canvas::new(SIZE.0, SIZE.1)?;
        draw(&mut canvas, Frame::new(0.0, 0.0, SIZE.0, SIZE.1), self, Heading::Figure, true);
        Ok(canvas.into_image())
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
    let below = draw_heading(canvas, frame, &figure.title, &figure.subtitle, heading);
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

/// Says in the middle of `frame` that there is nothing to draw.
fn draw_empty(canvas: &mut Canvas, frame: Frame) {
    let style = TextStyle { size: LABEL_SIZE, bold: false, colour: GREY, align: Align::Centre };
    canvas.text("no data that these axes can show", frame.centre(), style);
}

/// Draws axes, bands, reference lines, curves and markers.
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
