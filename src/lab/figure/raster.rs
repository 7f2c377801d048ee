//! A picture as an image of pixels.

use anyhow::{Context, Result};
use tiny_skia::{
    FillRule, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8,
    Stroke, StrokeDash, Transform,
};

use super::font::Fonts;
use super::frame::Frame;
use super::image::RgbImage;
use super::palette::{Rgb, WHITE};
use super::picture::{Cells, DASHES, HALO, LineStyle, Picture, Shape, Text};

/// Columns and rows of a picture's image.
pub(super) fn pixels(picture: &Picture) -> (u32, u32) {
    let pixels = |length: f32| (length * picture.unit.pixels).round() as u32;
    (pixels(picture.width), pixels(picture.height))
}

/// Paints a picture.
///
/// # Errors
/// Where it has no pixel, or too many.
pub(super) fn paint(picture: &Picture) -> Result<RgbImage> {
    let (columns, rows) = pixels(picture);
    let mut pixmap = Pixmap::new(columns, rows).with_context(|| {
        format!("a figure of {columns} x {rows} pixels is empty or too large to draw")
    })?;
    let density = picture.unit.pixels;
    pixmap.fill(tiny_skia::Color::WHITE);
    let scale = Transform::from_scale(density, density);
    let mut raster = Raster { pixmap, scale, density, mask: None, fonts: Fonts::load()? };
    for shape in &picture.shapes {
        match shape {
            Shape::Line { points, style, clip } => raster.line(points, *style, *clip),
            Shape::Polygon { points, colour, opacity, clip } => {
                raster.polygon(points, *colour, *opacity, *clip);
            }
            Shape::Text(text) => raster.text(text),
            Shape::Cells(cells) => raster.cells(cells),
        }
    }
    Ok(raster.into_image())
}

struct Raster {
    pixmap: Pixmap,
    /// From layout units to pixels.
    scale: Transform,
    density: f32,
    /// The last mask, with what it leaves free.
    mask: Option<(Frame, Mask)>,
    fonts: Fonts,
}

impl Raster {
    /// Makes the mask of `clip` ready.
    fn prepare(&mut self, clip: Option<Frame>) {
        let Some(frame) = clip else { return };
        if self.mask.as_ref().is_some_and(|(known, _)| *known == frame) {
            return;
        }
        self.mask = self.mask_of(frame).map(|mask| (frame, mask));
    }

    fn mask_of(&self, frame: Frame) -> Option<Mask> {
        let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())?;
        mask.fill_path(&path(&frame.corners(), true)?, FillRule::Winding, true, self.scale);
        Some(mask)
    }

    fn line(&mut self, points: &[(f32, f32)], style: LineStyle, clip: Option<Frame>) {
        self.prepare(clip);
        let dash = style.dashed.then(|| StrokeDash::new(DASHES.to_vec(), 0.0)).flatten();
        let line_cap = if style.dashed { LineCap::Butt } else { LineCap::Round };
        let (width, line_join) = (style.width, LineJoin::Round);
        let stroke = Stroke { width, line_cap, line_join, dash, ..Stroke::default() };
        let Some(path) = path(points, false) else { return };
        let (paint, mask) = (paint_of(style.colour, 1.0), mask(&self.mask, clip));
        self.pixmap.stroke_path(&path, &paint, &stroke, self.scale, mask);
    }

    fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb, opacity: f32, clip: Option<Frame>) {
        self.prepare(clip);
        let Some(path) = path(points, true) else { return };
        let (paint, mask) = (paint_of(colour, opacity), mask(&self.mask, clip));
        self.pixmap.fill_path(&path, &paint, FillRule::Winding, self.scale, mask);
    }

    fn text(&mut self, text: &Text) {
        let Some(outline) = self.fonts.outline(&text.text, text.size, text.bold) else { return };
        let (x, y) = text.origin;
        let place = if text.vertical {
            Transform::from_row(0.0, -1.0, -1.0, 0.0, x, y)
        } else {
            Transform::from_row(1.0, 0.0, 0.0, -1.0, x, y)
        };
        let place = place.post_concat(self.scale);
        if text.halo > 0.0 {
            let (width, line_join) = (2.0 * text.halo, LineJoin::Round);
            let stroke = Stroke { width, line_join, ..Stroke::default() };
            self.pixmap.stroke_path(&outline, &paint_of(WHITE, HALO), &stroke, place, None);
        }
        let paint = paint_of(text.colour, 1.0);
        self.pixmap.fill_path(&outline, &paint, FillRule::Winding, place, None);
    }

    /// Sets every pixel whose centre is in the frame to the colour of its cell.
    fn cells(&mut self, cells: &Cells) {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let pixel =
            |value: f32, most: u32| ((value * self.density).round().max(0.0) as u32).min(most);
        let columns = pixel(cells.frame.left, width)..pixel(cells.frame.right, width);
        let rows = pixel(cells.frame.top, height)..pixel(cells.frame.bottom, height);
        for row in rows.clone() {
            let y = ((row - rows.start) as f32 + 0.5) / rows.len() as f32;
            for column in columns.clone() {
                let x = ((column - columns.start) as f32 + 0.5) / columns.len() as f32;
                let Rgb(red, green, blue) = cells.at(x, y);
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

    fn into_image(self) -> RgbImage {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        for rgba in self.pixmap.data().chunks_exact(4) {
            pixels.extend_from_slice(&rgba[..3]);
        }
        RgbImage { width, height, pixels }
    }
}

fn mask(made: &Option<(Frame, Mask)>, clip: Option<Frame>) -> Option<&Mask> {
    clip.and(made.as_ref()).map(|(_, mask)| mask)
}

fn path(points: &[(f32, f32)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::with_capacity(points.len() + 1, points.len());
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn paint_of(Rgb(red, green, blue): Rgb, opacity: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, (255.0 * opacity).round() as u8);
    paint.anti_alias = true;
    paint
}
