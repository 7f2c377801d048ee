//! Markers whose shape, as well as their colour, tells series apart.

use super::canvas::{Canvas, circle};
use super::palette::{Rgb, WHITE};

/// Distance of a marker's edge from its middle, in layout units.
const RADIUS: f32 = 3.4;

/// Draws the marker of series number `index`, with a thin white edge.
pub(super) fn draw(canvas: &mut Canvas, index: usize, at: (f32, f32), colour: Rgb) {
    canvas.polygon(&shape(index, at, RADIUS + 0.9), WHITE, 1.0);
    canvas.polygon(&shape(index, at, RADIUS), colour, 1.0);
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
