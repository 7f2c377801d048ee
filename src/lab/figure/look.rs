//! How a series looks, in the plot and in the legend.

use super::canvas::{Canvas, LineStyle};
use super::curve::Column;
use super::palette::{self, Rgb};
use super::series::Series;

/// The colour of series number `index`.
pub(super) fn colour(index: usize, series: &Series) -> Rgb {
    let full = match series.shade {
        Some(position) => palette::shade(position),
        None => palette::series(number(index, series)),
    };
    if series.faint { full.paler(0.62) } else { full }
}

/// The number that the colour and the marker of series number `index` have in the palette.
pub(super) fn number(index: usize, series: &Series) -> usize {
    series.colour.unwrap_or(index)
}

/// The line of series number `index`.
pub(super) fn line_style(index: usize, series: &Series) -> LineStyle {
    let width = if series.faint { 0.9 } else { 1.9 };
    LineStyle { colour: colour(index, series), width, dashed: series.dashed }
}

/// Whether two series, with their numbers, can't be told apart by their looks.
pub(super) fn are_alike((i, a): (usize, &Series), (j, b): (usize, &Series)) -> bool {
    let kind = |series: &Series| (series.dashed, series.is_marked(), series.stroke, series.faint);
    colour(i, a) == colour(j, b) && kind(a) == kind(b)
}

/// Draws an error bar with its two ends.
pub(super) fn draw_bar(canvas: &mut Canvas, bar: Column, colour: Rgb) {
    let style = LineStyle { colour, width: 1.2, dashed: false };
    let Column { x, lower, upper } = bar;
    canvas.line(&[(x, lower), (x, upper)], style);
    for y in [lower, upper] {
        canvas.line(&[(x - 2.6, y), (x + 2.6, y)], style);
    }
}
