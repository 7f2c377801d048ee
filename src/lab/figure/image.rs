//! Images in memory and as PNG.

use anyhow::{Context, Result, ensure};

/// An image of 8-bit red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbImage {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Row-major from the top left, three bytes a pixel: `[row, column, channel]`.
    pub pixels: Vec<u8>,
}

impl RgbImage {
    /// Encodes the image as PNG.
    ///
    /// # Errors
    /// When the number of bytes isn't that of `width` x `height` pixels, or there is none.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        self.to_png_at(None)
    }

    /// Encodes the image as PNG, which says how many pixels it has a metre on paper.
    ///
    /// # Errors
    /// As [`RgbImage::to_png`].
    pub(super) fn to_png_at(&self, pixels_per_metre: Option<u32>) -> Result<Vec<u8>> {
        let expected = self.width as usize * self.height as usize * 3;
        ensure!(
            self.pixels.len() == expected && expected > 0,
            "an image of {} x {} pixels needs {expected} bytes, got {}",
            self.width,
            self.height,
            self.pixels.len()
        );
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        // Flat areas and repeated glyphs compress best, and fastest, as they are.
        encoder.set_filter(png::Filter::NoFilter);
        encoder.set_pixel_dims(pixels_per_metre.map(|count| png::PixelDimensions {
            xppu: count,
            yppu: count,
            unit: png::Unit::Meter,
        }));
        let mut writer = encoder.write_header().context("PNG header")?;
        writer.write_image_data(&self.pixels).context("PNG data")?;
        writer.finish().context("PNG end")?;
        Ok(bytes)
    }
}
