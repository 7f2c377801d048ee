//! A sheet to draw on, in layout units, with the origin at the top left. What is drawn becomes a
//! [`Picture`], which each format paints in its own way.

use anyhow::Result;

use super::font::{CAP_HEIGHT, Fonts};
use super::frame::Frame;
use super::palette::Rgb;
use super::picture::{Cells, Picture, Shape, Text};
use super::sheet::Sheet;

pub(super) use super::picture::{Align, LineStyle, TextStyle};

/// Pixels in a layout unit on a screen.
pub(super) const DENSITY: f32 = 2.0;

/// A picture in the making.
pub(super) struct Canvas {
    width: f32,
    height: f32,
    clip: Option<Frame>,
    shapes: Vec<Shape>,
    pub fonts: Fonts,
}

impl Canvas {
    /// A white sheet of `width` x `height` layout units.
    pub fn new(width: f32, height: f32) -> Result<Self> {
        Ok(Self { width, height, clip: None, shapes: Vec::new(), fonts: Fonts::load()? })
    }

    /// Lets what follows show inside `frame` only, or everywhere: lines and polygons.
    pub fn clip(&mut self, frame: Option<Frame>) {
        self.clip = frame;
    }

    /// An open line through `points`; a single point becomes a dot.
    pub fn line(&mut self, points: &[(f32, f32)], style: LineStyle) {
        match points {
            [] => {}
            [(x, y)] => self.polygon(&circle(*x, *y, style.width), style.colour, 1.0),
            points => {
                let (points, clip) = (points.to_vec(), self.clip);
                self.shapes.push(Shape::Line { points, style, clip });
            }
        }
    }

    /// A filled polygon with the given `opacity` from 0 to 1.
    pub fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb, opacity: f32) {
        let (points, clip) = (points.to_vec(), self.clip);
        self.shapes.push(Shape::Polygon { points, colour, opacity, clip });
    }

    /// Text in one line; `vertical` text reads upwards. A halo in white of `halo` units keeps
    /// it readable over lines.
    pub fn text_with(
        &mut self,
        text: &str,
        at: (f32, f32),
        style: TextStyle,
        vertical: bool,
        halo: f32,
    ) {
        let TextStyle { size, bold, colour, align } = style;
        let width = self.fonts.width(text, size, bold);
        let back = match align {
            Align::Left => 0.0,
            Align::Centre => width / 2.0,
            Align::Right => width,
        };
        let drop = size * CAP_HEIGHT / 2.0;
        let origin = if vertical { (at.0 + drop, at.1 + back) } else { (at.0 - back, at.1 + drop) };
        let text = text.to_owned();
        self.shapes.push(Shape::Text(Text {
            text,
            origin,
            vertical,
            size,
            width,
            bold,
            colour,
            halo,
        }));
    }

    /// Horizontal text without a halo.
    pub fn text(&mut self, text: &str, at: (f32, f32), style: TextStyle) {
        self.text_with(text, at, style, false, 0.0);
    }

    /// Fills `frame` with a grid of cells, each in `colour(row, column)`.
    pub fn cells(
        &mut self,
        frame: Frame,
        (rows, columns): (usize, usize),
        colour: impl Fn(usize, usize) -> Rgb,
    ) {
        let colour = &colour;
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| colour(row, column)));
        let colours: Vec<Rgb> = cells.collect();
        if !colours.is_empty() {
            self.shapes.push(Shape::Cells(Cells { frame, rows, columns, colours }));
        }
    }

    /// The finished picture.
    pub fn into_picture(self, sheet: &Sheet) -> Picture {
        let Self { width, height, shapes, .. } = self;
        Picture { width, height, unit: sheet.unit, shapes }
    }
}

/// The outline of a circle, fine enough for a marker.
pub(super) fn circle(x: f32, y: f32, radius: f32) -> Vec<(f32, f32)> {
    let angles = (0..24).map(|i| i as f32 * std::f32::consts::TAU / 24.0);
    angles.map(|angle| (x + radius * angle.cos(), y + radius * angle.sin())).collect()
}
