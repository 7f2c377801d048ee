//! Matrices as pictures.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::bar::ColourScale;
use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::csv::number;
use super::frame::Frame;
use super::heading::{
    LABEL_SIZE, MARGIN, TICK_SIZE, draw_title, fitted, title_height, title_width,
};
use super::palette::{GREY, INK};
use super::picture::Picture;
use super::sheet::Sheet;

/// Largest width of the figure, in layout units of two pixels each, and bounds of a cell's sides.
const WIDTH: f32 = 800.0;
const CELL: (f32, f32) = (2.0, 44.0);
/// Room below the matrix for the labels and the name of its columns, in layout units.
const FOOT: f32 = 54.0;

/// A matrix with a declared colour scale.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MatrixFigure {
    /// Heading, in bold.
    pub title: String,
    /// A smaller line below it.
    pub subtitle: String,
    /// What the rows are.
    pub row_axis: String,
    /// What the columns are.
    pub column_axis: String,
    /// Names of the rows, or none to number them.
    pub row_labels: Vec<String>,
    /// Names of the columns, or none to number them.
    pub column_labels: Vec<String>,
    /// Values: `[row][column]`; those that aren't finite are grey.
    #[serde(with = "super::numbers")]
    pub values: Vec<Vec<f64>>,
    /// Range and colours.
    pub scale: ColourScale,
}

impl MatrixFigure {
    /// The matrix on a sheet.
    ///
    /// # Errors
    /// Where there is no value, rows differ in length, or the sheet is too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
        let (rows, columns) = self.shape()?;
        let labels = (0..rows).map(|row| self.row_label(row));
        let probe = Canvas::new(1.0, 1.0)?;
        let text = |label: &String| probe.fonts.width(label, TICK_SIZE, false);
        let widest = labels.map(|label| text(&label)).fold(0.0, f32::max);
        let left = MARGIN + LABEL_SIZE + 10.0 + widest + 6.0;
        let widest = sheet.width.unwrap_or(WIDTH);
        let room = widest - left - ColourScale::WIDTH - 2.0 * MARGIN;
        // A sheet of a given width is filled.
        let largest = if sheet.width.is_some() { f32::INFINITY } else { CELL.1 };
        let cell = (room / columns as f32).clamp(CELL.0, largest);
        let width = (cell * columns as f32).min(room);
        let heading = title_width(&probe, &self.title, &self.subtitle);
        let whole = heading.max(left + width + ColourScale::WIDTH + 2.0 * MARGIN).min(widest);
        let whole = sheet.width.unwrap_or(whole);
        let head = title_height(&probe.fonts, whole, &self.title, &self.subtitle).max(46.0) + 14.0;
        let height = match sheet.height {
            Some(height) => height - head - FOOT,
            None => (room / columns as f32 * rows as f32)
                .clamp(90.0, 560.0)
                .min(largest * rows as f32)
                .max(90.0),
        };
        sheet.check_room(height, 1)?;
        let frame = Frame::new(left, head, left + width, head + height);
        let bar = frame.right + 16.0;
        let mut canvas = Canvas::new(whole, frame.bottom + FOOT)?;
        draw_title(&mut canvas, whole, &self.title, &self.subtitle);
        self.scale
            .shade(&mut canvas, frame, (rows, columns), |row, column| self.values[row][column]);
        canvas.line(&frame.outline(), LineStyle { colour: GREY, width: 0.8, dashed: false });
        self.draw_labels(&mut canvas, frame, rows, columns);
        self.scale.draw(&mut canvas, Frame::new(bar, frame.top, whole, frame.bottom));
        Ok(canvas.into_picture(sheet))
    }

    fn shape(&self) -> Result<(usize, usize)> {
        let (rows, columns) = (self.values.len(), self.values.first().map_or(0, Vec::len));
        ensure!(rows > 0 && columns > 0, "a matrix figure needs at least one value");
        ensure!(self.values.iter().all(|row| row.len() == columns), "rows differ in length");
        Ok((rows, columns))
    }

    fn row_label(&self, row: usize) -> String {
        self.row_labels.get(row).cloned().unwrap_or_else(|| (row + 1).to_string())
    }

    fn column_label(&self, column: usize) -> String {
        self.column_labels.get(column).cloned().unwrap_or_else(|| (column + 1).to_string())
    }

    fn draw_labels(&self, canvas: &mut Canvas, frame: Frame, rows: usize, columns: usize) {
        let style = TextStyle { size: TICK_SIZE, bold: false, colour: INK, align: Align::Right };
        let (high, wide) = (frame.height() / rows as f32, frame.width() / columns as f32);
        // Every k-th row and column, so that labels keep their distance.
        let every = |cell: f32, least: f32| ((least / cell).ceil() as usize).max(1);
        for row in (0..rows).step_by(every(high, 15.0)) {
            let y = frame.top + high * (row as f32 + 0.5);
            canvas.text(&self.row_label(row), (frame.left - 5.0, y), style);
        }
        let below = frame.bottom + 6.0 + TICK_SIZE / 2.0;
        for column in (0..columns).step_by(every(wide, 34.0)) {
            let x = frame.left + wide * (column as f32 + 0.5);
            let centred = TextStyle { align: Align::Centre, ..style };
            canvas.text(&self.column_label(column), (x, below), centred);
        }
        let name = TextStyle { size: LABEL_SIZE, align: Align::Centre, ..style };
        let style = fitted(&canvas.fonts, &self.column_axis, name, frame.right);
        canvas.text(&self.column_axis, (frame.centre().0, below + TICK_SIZE + 8.0), style);
        let style = fitted(&canvas.fonts, &self.row_axis, name, frame.height() + FOOT);
        let at = (MARGIN + LABEL_SIZE / 2.0, frame.centre().1);
        canvas.text_with(&self.row_axis, at, style, true, 0.0);
    }

    /// The values, `row,column,value`, both numbered from 1.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("row,column,value\n");
        for (row, values) in self.values.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let _ = writeln!(csv, "{},{},{}", row + 1, column + 1, number(Some(*value)));
            }
        }
        csv
    }
}
