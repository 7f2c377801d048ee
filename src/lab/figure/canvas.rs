//! A sheet to draw on, in layout units of two pixels each, with the origin at the top left.

use anyhow::{Context, Result};
use tiny_skia::{
    FillRule, LineCap, LineJoin, Mask, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Stroke,
    StrokeDash, Transform,
};

use super::font::{CAP_HEIGHT, Fonts};
use super::frame::Frame;
use super::image::RgbImage;
use super::palette::{Rgb, WHITE};

/// Pixels in a layout unit.
pub(super) const DENSITY: f32 = 2.0;

/// Where text stands with respect to its point along the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How text looks; its point is the middle of the capitals' height.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle {
    pub size: f32,
    pub bold: bool,
    pub colour: Rgb,
    pub align: Align,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineStyle {
    pub colour: Rgb,
    pub width: f32,
    pub dashed: bool,
}

/// A picture in the making.
pub(super) struct Canvas {
    pixmap: Pixmap,
    clip: Option<Mask>,
    pub fonts: Fonts,
}

impl Canvas {
    /// A white sheet of `width` x `height` layout units.
    pub fn new(width: f32, height: f32) -> Result<Self> {
        let pixels = |length: f32| (length * DENSITY).round() as u32;
        let mut pixmap = Pixmap::new(pixels(width), pixels(height)).with_context(|| {
            format!("a figure of {width} x {height} units is empty or too large to draw")
        })?;
        pixmap.fill(tiny_skia::Color::WHITE);
        Ok(Self { pixmap, clip: None, fonts: Fonts::load()? })
    }

    /// Lets what follows show inside `frame` only, or everywhere.
    pub fn clip(&mut self, frame: Option<Frame>) {
        self.clip = frame.and_then(|frame| {
            let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())?;
            let mut path = PathBuilder::new();
            add_polygon(&mut path, &frame.corners());
            mask.fill_path(&path.finish()?, FillRule::Winding, true, density());
            Some(mask)
        });
    }

    /// An open line through `points`; a single point becomes a dot.
    pub fn line(&mut self, points: &[(f32, f32)], style: LineStyle) {
        let Some(((x, y), rest)) = points.split_first() else { return };
        if rest.is_empty() {
            return self.polygon(&circle(*x, *y, style.width), style.colour, 1.0);
        }
        let mut path = PathBuilder::with_capacity(points.len(), points.len());
        path.move_to(*x, *y);
        rest.iter().for_each(|(x, y)| path.line_to(*x, *y));
        let dash = style.dashed.then(|| StrokeDash::new(vec![5.0, 3.5], 0.0)).flatten();
        let line_cap = if style.dashed { LineCap::Butt } else { LineCap::Round };
        let stroke = Stroke {
            width: style.width,
            line_cap,
            line_join: LineJoin::Round,
            dash,
            ..Stroke::default()
        };
        if let Some(path) = path.finish() {
            let paint = paint(style.colour, 1.0);
            self.pixmap.stroke_path(&path, &paint, &stroke, density(), self.clip.as_ref());
        }
    }

    /// A filled polygon with the given `opacity` from 0 to 1.
    pub fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb, opacity: f32) {
        let mut path = PathBuilder::with_capacity(points.len() + 1, points.len());
        add_polygon(&mut path, points);
        if let Some(path) = path.finish() {
            let paint = paint(colour, opacity);
            let rule = FillRule::Winding;
            self.pixmap.fill_path(&path, &paint, rule, density(), self.clip.as_ref());
        }
    }

    /// Text in one line; `vertical` text reads upwards. A halo in `WHITE` of `halo` units keeps
    /// it readable over lines.
    pub fn text_with(
        &mut self,
        text: &str,
        at: (f32, f32),
        style: TextStyle,
        vertical: bool,
        halo: f32,
    ) {
        let width = self.fonts.width(text, style.size, style.bold);
        let back = match style.align {
            Align::Left => 0.0,
            Align::Centre => width / 2.0,
            Align::Right => width,
        };
        let drop = style.size * CAP_HEIGHT / 2.0;
        let place = if vertical {
            Transform::from_row(0.0, -1.0, -1.0, 0.0, at.0 + drop, at.1 + back)
        } else {
            Transform::from_row(1.0, 0.0, 0.0, -1.0, at.0 - back, at.1 + drop)
        };
        let Some(outline) = self.fonts.outline(text, style.size, style.bold) else { return };
        let place = place.post_concat(density());
        if halo > 0.0 {
            let stroke =
                Stroke { width: 2.0 * halo, line_join: LineJoin::Round, ..Stroke::default() };
            self.pixmap.stroke_path(&outline, &paint(WHITE, 0.9), &stroke, place, None);
        }
        let paint = paint(style.colour, 1.0);
        self.pixmap.fill_path(&outline, &paint, FillRule::Winding, place, None);
    }

    /// Horizontal text without a halo.
    pub fn text(&mut self, text: &str, at: (f32, f32), style: TextStyle) {
        self.text_with(text, at, style, false, 0.0);
    }

    /// Sets every pixel whose centre is in `frame` to `colour(column, row)`, which gets the
    /// position in the frame from 0 to 1.
    pub fn shade(&mut self, frame: Frame, mut colour: impl FnMut(f32, f32) -> Rgb) {
        let pixel = |value: f32, most: u32| ((value * DENSITY).round().max(0.0) as u32).min(most);
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let columns = pixel(frame.left, width)..pixel(frame.right, width);
        let rows = pixel(frame.top, height)..pixel(frame.bottom, height);
        for row in rows.clone() {
            let y = ((row - rows.start) as f32 + 0.5) / rows.len() as f32;
            for column in columns.clone() {
                let x = ((column - columns.start) as f32 + 0.5) / columns.len() as f32;
                let Rgb(red, green, blue) = colour(x, y);
                let opaque = PremultipliedColorU8::from_rgba(red, green, blue, 255);
                let index = (row * width + column) as usize;
                if let (Some(colour), Some(pixel)) =
                    (opaque, self.pixmap.pixels_mut().get_mut(index))
                {
                    *pixel = colour;
                }
            }
        }
    }

    /// The finished picture.
    pub fn into_image(self) -> RgbImage {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for rgba in self.pixmap.data().chunks_exact(4) {
            pixels.extend_from_slice(&rgba[..3]);
        }
        RgbImage { width, height, pixels }
    }
}

/// The outline of a circle, fine enough for a marker.
pub(super) fn circle(x: f32, y: f32, radius: f32) -> Vec<(f32, f32)> {
    let angles = (0..24).map(|i| i as f32 * std::f32::consts::TAU / 24.0);
    angles.map(|angle| (x + radius * angle.cos(), y + radius * angle.sin())).collect()
}

fn add_polygon(path: &mut PathBuilder, points: &[(f32, f32)]) {
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    path.close();
}

fn density() -> Transform {
    Transform::from_scale(DENSITY, DENSITY)
}

fn paint(Rgb(red, green, blue): Rgb, opacity: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, (255.0 * opacity).round() as u8);
    paint.anti_alias = true;
    paint
}
