//! Matrices as pictures.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::bar::ColourScale;
use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::csv::number;
use super::frame::Frame;
use super::heading::{LABEL_SIZE, MARGIN, TICK_SIZE, draw_title, title_width};
use super::image::RgbImage;
use super::palette::{GREY, INK};

/// Largest width of the figure, in layout units of two pixels each, and bounds of a cell's sides.
const WIDTH: f32 = 800.0;
const CELL: (f32, f32) = (2.0, 44.0);

/// A matrix with a declared colour scale.
#[derive(Debug, Clone)]
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
    pub values: Vec<Vec<f64>>,
    /// Range and colours.
    pub scale: ColourScale,
}

impl MatrixFigure {
    /// Draws the matrix, at most 1600 pixels wide.
    ///
    /// # Errors
    /// Where there is no value, or rows differ in length.
    pub fn render(&self) -> Result<RgbImage> {
        let (rows, columns) = self.shape()?;
        let labels = (0..rows).map(|row| self.row_label(row));
        let probe = Canvas::new(1.0, 1.0)?;
        let text = |label: &String| probe.fonts.width(label, TICK_SIZE, false);
        let widest = labels.map(|label| text(&label)).fold(0.0, f32::max);
        let left = MARGIN + LABEL_SIZE + 10.0 + widest + 6.0;
        let room = WIDTH - left - ColourScale::WIDTH - 2.0 * MARGIN;
        let cell = (room / columns as f32).clamp(CELL.0, CELL.1);
        let width = (cell * columns as f32).min(room);
        let height =
            (room / columns as f32 * rows as f32).clamp(90.0, 560.0).min(CELL.1 * rows as f32);
        let head = 60.0;
        let frame = Frame::new(left, head, left + width, head + height.max(90.0));
        let bar = frame.right + 16.0;
        let heading = title_width(&probe, &self.title, &self.subtitle);
        let whole = heading.max(frame.right + ColourScale::WIDTH + 2.0 * MARGIN).min(WIDTH);
        let mut canvas = Canvas::new(whole, frame.bottom + 54.0)?;
        draw_title(&mut canvas, whole, &self.title, &self.subtitle);
        self.scale
            .shade(&mut canvas, frame, (rows, columns), |row, column| self.values[row][column]);
        canvas.line(&frame.outline(), LineStyle { colour: GREY, width: 0.8, dashed: false });
        self.draw_labels(&mut canvas, frame, rows, columns);
        self.scale.draw(&mut canvas, Frame::new(bar, frame.top, whole, frame.bottom));
        Ok(canvas.into_image())
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
        canvas.text(&self.column_axis, (frame.centre().0, below + TICK_SIZE + 8.0), name);
        canvas.text_with(
            &self.row_axis,
            (MARGIN + LABEL_SIZE / 2.0, frame.centre().1),
            name,
            true,
            0.0,
        );
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
