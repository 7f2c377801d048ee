//! Draws a line figure into a part of the sheet.

use anyhow::Result;

use super::arrange::{Arrangement, LegendPlace, arrange};
use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::curve::{Axes, bands, bars, beyond, markers, pieces};
use super::extent::scales;
use super::frame::Frame;
use super::heading::{Heading, LABEL_SIZE, MARGIN, TICK_SIZE, draw_heading, fitted, title_width};
use super::layout::{TICK, x_ticks, y_ticks};
use super::legend::Legend;
use super::line::LineFigure;
use super::look::{colour, draw_bar, line_style, number};
use super::marker;
use super::palette::{GREY, GRID, INK};
use super::picture::Picture;
use super::sheet::Sheet;

/// Size of a single figure, in layout units of two pixels each.
pub(super) const SIZE: (f32, f32) = (800.0, 500.0);
/// Height below which a narrow figure does not become lower, in layout units.
const LOWEST: f32 = 290.0;
/// About what is around a plot with equal units, beside and below it.
const AROUND: (f32, f32) = (90.0, 120.0);

impl LineFigure {
    /// The figure on a sheet; on a screen narrower than others where equal units leave no more to
    /// show. One without anything to show says so in words.
    ///
    /// # Errors
    /// If the columns of a series differ in length, or the sheet is too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
        self.check()?;
        let own = self.size(&Canvas::new(1.0, 1.0)?);
        let (width, height) = match (sheet.width, sheet.height) {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, (width * own.1 / own.0).max(LOWEST)),
            (None, _) => own,
        };
        let mut canvas = Canvas::new(width, height)?;
        let setting = Setting { heading: Heading::Figure, head: 0.0, with_legend: true };
        let top = draw(&mut canvas, Frame::new(0.0, 0.0, width, height), self, setting);
        sheet.check_room(height - top, 1)?;
        Ok(canvas.into_picture(sheet))
    }

    /// The size of the sheet, in layout units.
    fn size(&self, canvas: &Canvas) -> (f32, f32) {
        let Some((x, y)) = scales(self).filter(|_| self.equal_units) else { return SIZE };
        let legend = Legend::of([self], canvas).map_or(0.0, |legend| legend.size().0);
        let around = AROUND.0 + legend;
        let unit = ((SIZE.1 - AROUND.1) / y.span() as f32).min((SIZE.0 - around) / x.span() as f32);
        let (wide, high) = (unit * x.span() as f32 + around, unit * y.span() as f32 + AROUND.1);
        // A long subtitle takes two lines, not an empty half of the sheet.
        let title = title_width(canvas, &self.title, "").max(380.0);
        (wide.max(title).min(SIZE.0), high.max(300.0))
    }
}

/// How a figure is drawn as a part of a sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub heading: Heading,
    /// Height that the heading has at least, so that panels of a row are in line.
    pub head: f32,
    pub with_legend: bool,
}

/// Draws `figure` into `frame`; returns where its heading and a legend above the curves end. The
/// columns must have been checked.
pub(super) fn draw(
    canvas: &mut Canvas,
    frame: Frame,
    figure: &LineFigure,
    setting: Setting,
) -> f32 {
    let Setting { heading, head, with_legend } = setting;
    let legend = with_legend.then(|| Legend::of([figure], canvas)).flatten();
    let below = draw_heading(canvas, frame, &figure.title, &figure.subtitle, heading);
    let inner = Frame { top: below.max(frame.top + head) + 4.0, ..frame };
    let Some(scales) = scales(figure) else {
        draw_empty(canvas, inner);
        return inner.top;
    };
    let arrangement = arrange(canvas, inner, figure, scales, legend.as_ref());
    draw_plot(canvas, inner, figure, &arrangement);
    let mut end = inner.top;
    if let Some(legend) = legend {
        match arrangement.legend {
            LegendPlace::Nowhere => {}
            LegendPlace::Box(x, y) => legend.draw(canvas, (x, y)),
            LegendPlace::Lines(y) => {
                let at = (inner.left + MARGIN, y);
                end += legend.draw_flowing(canvas, at, inner.width() - 2.0 * MARGIN);
            }
        }
    }
    end
}

/// Says in the middle of `frame` that there is nothing to draw.
fn draw_empty(canvas: &mut Canvas, frame: Frame) {
    let style = TextStyle { size: LABEL_SIZE, bold: false, colour: GREY, align: Align::Centre };
    canvas.text("no data that these axes can show", frame.centre(), style);
}

/// Draws axes, spreads, reference lines, curves, markers, and marks of what is beyond the axis.
fn draw_plot(canvas: &mut Canvas, frame: Frame, figure: &LineFigure, arrangement: &Arrangement) {
    let axes = &arrangement.axes;
    draw_axes(canvas, frame, figure, axes);
    let faint = figure.series.iter().enumerate().filter(|(_, series)| series.faint);
    let full = figure.series.iter().enumerate().filter(|(_, series)| !series.faint);
    canvas.clip(Some(axes.frame));
    for (index, series) in figure.series.iter().enumerate() {
        for band in bands(series, axes) {
            canvas.polygon(&band, colour(index, series), 0.18);
        }
    }
    for reference in &figure.references {
        if let Some(y) = axes.place_y(reference.value) {
            canvas.line(&[(axes.frame.left, y), (axes.frame.right, y)], REFERENCE);
        }
    }
    for (index, series) in faint.chain(full) {
        for piece in pieces(series, axes) {
            canvas.line(&piece, line_style(index, series));
        }
        for bar in bars(series, axes) {
            draw_bar(canvas, bar, colour(index, series));
        }
    }
    canvas.clip(None);
    for (index, series) in figure.series.iter().enumerate() {
        for (at, limit) in markers(series, axes) {
            if at.1 >= axes.frame.top - 1.0 && at.1 <= axes.frame.bottom + 1.0 {
                let colour = colour(index, series);
                marker::draw(canvas, number(index, series), at, colour, limit);
            }
        }
        for mark in beyond(series, axes) {
            marker::draw_beyond(canvas, axes.frame, mark, colour(index, series));
        }
    }
    draw_references(canvas, arrangement);
}

/// A reference line.
const REFERENCE: LineStyle = LineStyle { colour: GREY, width: 1.1, dashed: true };

/// Draws the names of reference lines, beside their line or, with a piece of it, above the plot.
fn draw_references(canvas: &mut Canvas, arrangement: &Arrangement) {
    let style = TextStyle { size: TICK_SIZE, bold: false, colour: GREY, align: Align::Left };
    let mut right = arrangement.axes.frame.right;
    for placed in &arrangement.references {
        if let Some(at) = placed.at {
            canvas.text_with(&placed.label, at, style, false, 2.0);
            continue;
        }
        let left = right - canvas.fonts.width(&placed.label, TICK_SIZE, false);
        canvas.text(&placed.label, (left, arrangement.above), style);
        canvas
            .line(&[(left - 28.0, arrangement.above), (left - 6.0, arrangement.above)], REFERENCE);
        right = left - 44.0;
    }
}

/// Grid, ticks, labels and the two lines of the axes.
fn draw_axes(canvas: &mut Canvas, frame: Frame, figure: &LineFigure, axes: &Axes) {
    let Frame { left, top, right, bottom } = axes.frame;
    let (x, y) = (x_ticks(&axes.x, axes.frame, canvas), y_ticks(&axes.y, axes.frame));
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
