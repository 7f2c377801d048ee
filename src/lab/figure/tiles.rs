//! Small pictures side by side: weights as images.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::bar::ColourScale;
use super::canvas::{Align, Canvas, TextStyle};
use super::csv::{number, quoted};
use super::font::Fonts;
use super::frame::Frame;
use super::heading::{Heading, MARGIN, TICK_SIZE, draw_title, heading_height, title_width};
use super::palette::INK;
use super::picture::Picture;
use super::sheet::Sheet;

/// Largest width of the figure, in layout units of two pixels each.
const WIDTH: f32 = 800.0;
const GAP: f32 = 6.0;

/// One small picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tile {
    /// What stands above it; may be empty.
    pub label: String,
    /// Values in row-major order: `[height * width]`.
    #[serde(with = "super::numbers")]
    pub values: Vec<f64>,
}

/// Pictures of one size under one colour scale.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// The pictures on a sheet.
    ///
    /// # Errors
    /// Where there is no picture, one has another number of values than the size says, or the sheet is
    /// too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
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
        let widest = sheet.width.unwrap_or(WIDTH);
        let probe = Canvas::new(1.0, 1.0)?;
        let fonts = probe.fonts;
        let head = |whole| {
            let (title, subtitle) = (&self.title, &self.subtitle);
            heading_height(&probe, whole, title, subtitle, Heading::Figure) + 6.0
        };
        let room = widest - 2.0 * MARGIN - ColourScale::WIDTH - 10.0;
        // A sheet of a given size is filled as far as the pictures keep their shape.
        let largest = if sheet.width.is_some() { f32::INFINITY } else { 150.0 };
        let columns = if sheet.width.is_some() { self.fitting(&fonts, room) } else { self.columns };
        let rows = self.tiles.len().div_ceil(columns);
        let mut side = ((room + GAP) / columns as f32 - GAP).min(largest);
        if let Some(all) = sheet.height {
            let step = (all - head(widest) - MARGIN) / rows as f32;
            sheet.check_room(step * rows as f32, 1)?;
            side = side.min((step - label - GAP) * width as f32 / height as f32);
        }
        ensure!(side > 0.0, "the sheet is too small for {} pictures", self.tiles.len());
        let tall = side * height as f32 / width as f32;
        let (step_x, step_y) = (side + GAP, tall + label + GAP);
        let bar = MARGIN + step_x * columns.min(self.tiles.len()) as f32 + 10.0;
        let heading = title_width(&probe, &self.title, &self.subtitle);
        let whole = heading.max(bar + ColourScale::WIDTH + MARGIN - GAP).min(widest);
        let whole = sheet.width.unwrap_or(whole);
        let head = head(whole);
        let bottom = sheet.height.unwrap_or(head + step_y * rows as f32 + MARGIN);
        let mut canvas = Canvas::new(whole, bottom)?;
        draw_title(&mut canvas, whole, &self.title, &self.subtitle);
        for (i, tile) in self.tiles.iter().enumerate() {
            let x = MARGIN + step_x * (i % columns) as f32;
            let y = head + step_y * (i / columns) as f32;
            let style =
                TextStyle { size: TICK_SIZE, bold: false, colour: INK, align: Align::Centre };
            canvas.text(&tile.label, (x + side / 2.0, y + TICK_SIZE / 2.0), style);
            let frame = Frame::new(x, y + label, x + side, y + label + tall);
            let colours = self.scale.colours(&tile.values);
            canvas.cells(frame, self.size, |row, column| colours[row * width + column]);
        }
        let bottom = head + (step_y * rows as f32 - GAP).min(260.0);
        let all = self.tiles.iter().flat_map(|tile| &tile.values);
        self.scale.draw(&mut canvas, Frame::new(bar, head + label, whole, bottom), all);
        Ok(canvas.into_picture(sheet))
    }

    /// Pictures in a row of this width, so few that their labels keep apart. Rows that are too long become
    /// several of equal length, so that what stands below one another still does.
    fn fitting(&self, fonts: &Fonts, room: f32) -> usize {
        let width = |tile: &Tile| fonts.width(&tile.label, TICK_SIZE, false);
        let widest = self.tiles.iter().map(width).fold(1.0, f32::max);
        let fitting = ((room + GAP) / (widest + GAP)).max(1.0) as usize;
        self.columns.div_ceil(self.columns.div_ceil(fitting))
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
