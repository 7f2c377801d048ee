//! Small pictures side by side: weights as images.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::bar::ColourScale;
use super::canvas::{Align, Canvas, TextStyle};
use super::csv::{number, quoted};
use super::frame::Frame;
use super::heading::{MARGIN, TICK_SIZE, draw_title, title_width};
use super::image::RgbImage;
use super::palette::INK;

/// Largest width of the figure, in layout units of two pixels each.
const WIDTH: f32 = 800.0;
const GAP: f32 = 6.0;

/// One small picture.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What stands above it; may be empty.
    pub label: String,
    /// Values in row-major order: `[height * width]`.
    pub values: Vec<f64>,
}

/// Pictures of one size under one colour scale.
#[derive(Debug, Clone)]
pub struct TilesFigure {
    /// Heading, in bold.
    pub title: String,
    /// A smaller line below it.
    pub subtitle: String,
    /// Rows and columns of a picture.
    pub size: (usize, usize),
    /// Pictures in a row.
    pub columns: usize,
    /// The pictures.
    pub tiles: Vec<Tile>,
    /// Range and colours, common to all.
    pub scale: ColourScale,
}

impl TilesFigure {
    /// Draws the pictures, at most 1600 pixels wide in all.
    ///
    /// # Errors
    /// Where there is no picture, or one has another number of values than the size says.
    pub fn render(&self) -> Result<RgbImage> {
        let (height, width) = self.size;
        ensure!(self.columns > 0 && !self.tiles.is_empty(), "a figure needs at least one tile");
        for tile in &self.tiles {
            let (found, label) = (tile.values.len(), &tile.label);
            ensure!(
                found == height * width,
                "tile {label:?}: {found} values for {height} x {width}"
            );
        }
        let named = self.tiles.iter().any(|tile| !tile.label.is_empty());
        let label = if named { TICK_SIZE + 5.0 } else { 0.0 };
        let rows = self.tiles.len().div_ceil(self.columns);
        let room = WIDTH - 2.0 * MARGIN - ColourScale::WIDTH - 10.0;
        let side = ((room + GAP) / self.columns as f32 - GAP).min(150.0);
        let tall = side * height as f32 / width as f32;
        let (step_x, step_y) = (side + GAP, tall + label + GAP);
        let head = 56.0;
        let bar = MARGIN + step_x * self.columns.min(self.tiles.len()) as f32 + 10.0;
        let heading = title_width(&Canvas::new(1.0, 1.0)?, &self.title, &self.subtitle);
        let whole = heading.max(bar + ColourScale::WIDTH + MARGIN - GAP).min(WIDTH);
        let mut canvas = Canvas::new(whole, head + step_y * rows as f32 + MARGIN)?;
        draw_title(&mut canvas, whole, &self.title, &self.subtitle);
        for (i, tile) in self.tiles.iter().enumerate() {
            let x = MARGIN + step_x * (i % self.columns) as f32;
            let y = head + step_y * (i / self.columns) as f32;
            let style =
                TextStyle { size: TICK_SIZE, bold: false, colour: INK, align: Align::Centre };
            canvas.text(&tile.label, (x + side / 2.0, y + TICK_SIZE / 2.0), style);
            let frame = Frame::new(x, y + label, x + side, y + label + tall);
            self.scale.shade(&mut canvas, frame, self.size, |row, column| {
                tile.values[row * width + column]
            });
        }
        let bottom = head + (step_y * rows as f32 - GAP).min(260.0);
        self.scale.draw(&mut canvas, Frame::new(bar, head + label, whole, bottom));
        Ok(canvas.into_image())
    }

    /// The values, `tile,row,column,value`, rows and columns numbered from 1.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("tile,row,column,value\n");
        for tile in &self.tiles {
            for (i, value) in tile.values.iter().enumerate() {
                let (row, column) = (i / self.size.1 + 1, i % self.size.1 + 1);
                let value = number(Some(*value));
                let _ = writeln!(csv, "{},{row},{column},{value}", quoted(&tile.label));
            }
        }
        csv
    }
}
