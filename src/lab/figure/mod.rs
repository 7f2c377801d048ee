//! Figures as PNG, SVG and PDF, with the data behind them.
//!
//! A figure is laid out on a [`Sheet`] by the same calls for every format, with an embedded font and a
//! palette for every colour vision; each [`Format`] paints the [`Picture`] that comes of that. A figure
//! gets host slices and never reads a device.

mod arrange;
mod bar;
mod canvas;
mod cells;
mod csv;
mod curve;
mod deflate;
mod drawing;
mod extent;
pub mod files;
mod font;
mod format;
mod frame;
mod heading;
mod image;
mod layout;
mod legend;
mod line;
mod look;
mod marker;
mod matrix;
mod number;
mod numbers;
mod occupancy;
mod palette;
mod panels;
mod pdf;
mod pdf_font;
mod picture;
mod plot;
mod raster;
mod scale;
mod series;
mod sheet;
mod svg;
mod ticks;
mod tiles;

pub use bar::ColourScale;
pub use cells::Cells;
pub use csv::quoted as csv_text;
pub use drawing::{Drawing, Figure};
pub use extent::{share_x, share_y};
pub use format::Format;
pub use image::RgbImage;
pub use line::{LineFigure, Reference};
pub use matrix::MatrixFigure;
pub use palette::ColourMap;
pub use panels::Panels;
pub use picture::Picture;
pub use scale::{Scale, Spacing, typical_range};
pub use series::{Limit, Series, Spread, Stroke};
pub use sheet::{Length, Sheet, Size};
pub use ticks::Ticks;
pub use tiles::{Tile, TilesFigure};
