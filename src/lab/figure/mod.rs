//! Figures as PNG images, with the data behind them.

mod image;

pub use image::RgbImage;
