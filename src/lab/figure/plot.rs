//! Draws a line figure into a part of the sheet.

use anyhow::Result;

use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::curve::{Axes, bands, pieces};
use super::frame::Frame;
use super::heading::{Heading, LABEL_SIZE, MARGIN, TICK_SIZE, draw_heading, fitted};
use super::layout::{TICK, lay_out, occupied, place_references, scales, x_ticks, y_ticks};
use super::legend::{Legend, colour, line_style};
use super::line::LineFigure;
use super::marker;
use super::palette::{GREY, GRID, INK};
use super::picture::Picture;
use super::sheet::Sheet;

/// Size of a single figure, in layout units of two pixels each.
const SIZE: (f32, f32) = (800.0, 500.0);
/// Height below which a narrow figure does not become lower, in layout units.
const LOWEST: f32 = 290.0;
/// The share of a figure's width that a legend beside the curves may take.
const WIDEST: f32 = 0.4;

impl LineFigure {
    /// The figure on a sheet. One without anything to show says so in words.
    ///
    /// # Errors
    /// If the columns of a series differ in length, or the sheet is too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
        self.check()?;
        let width = sheet.width.unwrap_or(SIZE.0);
        let height = sheet.height.unwrap_or((width * SIZE.1 / SIZE.0).max(LOWEST));
        let frame = Frame::new(0.0, 0.0, width, height);
        let mut canvas = Canvas::new(width, height)?;
        let top = draw(&mut canvas, frame, self, Heading::Figure, true);
        sheet.check_room(height - top, 1)?;
        Ok(canvas.into_picture(sheet))
    }
}

/// Draws `figure` into `frame`, with a legend if wanted; returns where its heading and a legend that
/// does not fit beside the curves end. The columns must have been checked.
pub(super) fn draw(
    canvas: &mut Canvas,
    frame: Frame,
    figure: &LineFigure,
    heading: Heading,
    with_legend: bool,
) -> f32 {
    let legend = with_legend.then(|| Legend::of(&figure.series, canvas)).flatten();
    let below = draw_heading(canvas, frame, &figure.title, &figure.subtitle, heading);
    let inner = Frame { top: below + 4.0, ..frame };
    let Some((x, y)) = scales(figure) else {
        draw_empty(canvas, inner);
        return below;
    };
    let axes = lay_out(canvas, inner, figure, (x, y), 0.0);
    let mut taken = occupied(figure, &axes);
    let labels = place_references(canvas, figure, &axes, &mut taken);
    let place = legend.as_ref().and_then(|legend| legend.free_place(axes.frame, &taken));
    match (legend, place) {
        // Beside the curves it would leave them no room.
        (Some(legend), None) if legend.size().0 > WIDEST * frame.width() => {
            let at = (frame.left + MARGIN, inner.top + 8.0);
            let used = legend.draw_flowing(canvas, at, frame.width() - 2.0 * MARGIN);
            let inner = Frame { top: inner.top + used, ..inner };
            let axes = lay_out(canvas, inner, figure, (x, y), 0.0);
            let mut taken = occupied(figure, &axes);
            let labels = place_references(canvas, figure, &axes, &mut taken);
            draw_plot(canvas, inner, figure, &axes, &labels);
            return inner.top;
        }
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
    below
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
    let x_style = fitted(&canvas.fonts, x_name.trim(), name, frame.width() - 2.0 * MARGIN);
    // A long name may not leave the sheet where the plot's middle is not the sheet's.
    let half = canvas.fonts.width(x_name.trim(), x_style.size, false) / 2.0;
    let x_middle = middle.0.min(frame.right - MARGIN - half).max(frame.left + MARGIN + half);
    canvas.text(x_name.trim(), (x_middle, frame.bottom - MARGIN - LABEL_SIZE / 2.0), x_style);
    let at = (frame.left + MARGIN + LABEL_SIZE / 2.0, middle.1);
    let y_style = fitted(&canvas.fonts, &figure.y_label, name, frame.height() - MARGIN);
    canvas.text_with(&figure.y_label, at, y_style, true, 0.0);
}
