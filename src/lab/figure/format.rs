//! The formats of figures.

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::picture::Picture;
use super::{image::RgbImage, pdf, raster, svg};

/// What a figure is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Pixels.
    Png,
    /// Vectors, for browsers and drawing programs.
    Svg,
    /// Vectors, for LaTeX.
    Pdf,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Png, Self::Svg, Self::Pdf];

    /// The ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
        }
    }
}

impl Picture {
    /// The picture as an image.
    ///
    /// # Errors
    /// Where it has no pixel, or too many.
    pub fn image(&self) -> Result<RgbImage> {
        raster::paint(self)
    }

    /// Columns and rows of its image.
    pub fn pixels(&self) -> (u32, u32) {
        raster::pixels(self)
    }

    /// The bytes of a file of this format; always the same for the same picture.
    ///
    /// # Errors
    /// As [`Picture::image`], or where the embedded font is damaged.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>> {
        match format {
            Format::Png => self.image()?.to_png_at(self.unit.pixels_per_metre),
            Format::Svg => Ok(svg::write(self)?.into_bytes()),
            Format::Pdf => pdf::write(self),
        }
    }
}
