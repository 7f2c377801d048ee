//! Markers whose shape, as well as their colour, tells series apart.

use super::canvas::{Canvas, LineStyle, circle};
use super::curve::Beyond;
use super::frame::Frame;
use super::palette::{Rgb, WHITE};
use super::series::Limit;

/// Distance of a marker's edge from its middle, in layout units.
pub(super) const RADIUS: f32 = 3.4;
/// Length of the arrow of a limit, from the marker's middle.
pub(super) const ARROW: f32 = 15.0;

/// Draws the marker of series number `index`, with a thin white edge. That of a limit is open, with
/// an arrow to where the true value is.
pub(super) fn draw(
    canvas: &mut Canvas,
    index: usize,
    (x, y): (f32, f32),
    colour: Rgb,
    limit: Limit,
) {
    let way = match limit {
        Limit::Exact => 0.0,
        Limit::Upper => 1.0,
        Limit::Lower => -1.0,
    };
    if way != 0.0 {
        let (style, tip) = (LineStyle { colour, width: 1.4, dashed: false }, y + way * ARROW);
        canvas.line(&[(x, y), (x, tip)], style);
        let side = |across: f32| (x + across, tip - way * 4.0);
        canvas.line(&[side(-3.0), (x, tip), side(3.0)], style);
    }
    canvas.polygon(&shape(index, (x, y), RADIUS + 0.9), WHITE, 1.0);
    canvas.polygon(&shape(index, (x, y), RADIUS), colour, 1.0);
    if way != 0.0 {
        canvas.polygon(&shape(index, (x, y), RADIUS - 1.5), WHITE, 1.0);
    }
}

/// Draws the mark of what is beyond the upper or lower edge of `frame`: a triangle inside that
/// points at it.
pub(super) fn draw_beyond(canvas: &mut Canvas, frame: Frame, mark: Beyond, colour: Rgb) {
    canvas.polygon(&arrowhead(frame, mark, 1.0), WHITE, 1.0);
    canvas.polygon(&arrowhead(frame, mark, 0.0), colour, 1.0);
}

fn arrowhead(frame: Frame, mark: Beyond, wider: f32) -> [(f32, f32); 3] {
    let (tip, way) = if mark.above { (frame.top, 1.0) } else { (frame.bottom, -1.0) };
    let (half, base) = (4.2 + wider, tip + way * (8.0 + wider));
    [(mark.x, tip - way * wider), (mark.x + half, base), (mark.x - half, base)]
}

fn shape(index: usize, (x, y): (f32, f32), radius: f32) -> Vec<(f32, f32)> {
    let square = radius * 0.89;
    let tall = radius * 1.25;
    match index % 4 {
        0 => circle(x, y, radius),
        1 => vec![
            (x - square, y - square),
            (x + square, y - square),
            (x + square, y + square),
            (x - square, y + square),
        ],
        2 => vec![
            (x, y - tall),
            (x + 1.1 * radius, y + 0.8 * radius),
            (x - 1.1 * radius, y + 0.8 * radius),
        ],
        _ => vec![(x, y - tall), (x + tall, y), (x, y + tall), (x - tall, y)],
    }
}
