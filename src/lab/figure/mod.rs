//! Figures as PNG images, with the data behind them.
//!
//! Everything is drawn by this module itself, at two pixels a layout unit, with an embedded font
//! and a palette for every colour vision. A figure gets host slices and never reads a device.

mod bar;
mod canvas;
mod csv;
mod curve;
mod drawing;
mod font;
mod frame;
mod heading;
mod image;
mod layout;
mod legend;
mod line;
mod marker;
mod matrix;
mod number;
mod occupancy;
mod palette;
mod panels;
mod plot;
mod scale;
mod series;
mod tiles;

pub use bar::ColourScale;
pub use csv::quoted as csv_text;
pub use drawing::Drawing;
pub use image::RgbImage;
pub use line::{LineFigure, Reference};
pub use matrix::MatrixFigure;
pub use palette::ColourMap;
pub use panels::Panels;
pub use scale::{Scale, Ticks};
pub use series::Series;
pub use tiles::{Tile, TilesFigure};
