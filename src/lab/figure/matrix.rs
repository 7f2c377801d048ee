//! Matrices as pictures.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::bar::ColourScale;
use super::canvas::{Align, Canvas, LineStyle, TextStyle};
use super::cells::{Cells, Mark, Side};
use super::csv::number;
use super::frame::Frame;
use super::heading::{
    Heading, LABEL_SIZE, MARGIN, TICK_SIZE, draw_title, fitted, heading_height, title_width,
};
use super::number::short;
use super::palette::{GREY, INK, Rgb, WHITE};
use super::picture::Picture;
use super::sheet::Sheet;

/// Largest width of the figure, in layout units of two pixels each, and bounds of a cell's sides.
const WIDTH: f32 = 800.0;
const CELL: (f32, f32) = (2.0, 66.0);
const TALLEST_CELL: f32 = 44.0;
/// Height of all cells.
const HEIGHT: (f32, f32) = (90.0, 560.0);
/// Room below the matrix for the labels and the name of its columns, in layout units.
const FOOT: f32 = 54.0;
/// Size of the numbers in cells, and the room that is left around them.
const NUMBER: f32 = 9.5;
const AROUND: f32 = 3.0;
const TICK: f32 = 4.0;
const THIN: LineStyle = LineStyle { colour: GREY, width: 0.8, dashed: false };

/// A matrix with a declared colour scale. Where the cells have room for them, its numbers are in it.
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
    /// Names or values of the rows, from the top; values on an axis grow upwards.
    #[serde(default)]
    pub rows: Cells,
    /// Names or values of the columns, from the left.
    #[serde(default)]
    pub columns: Cells,
    /// Values: `[row][column]`; those that aren't finite are grey.
    #[serde(with = "super::numbers")]
    pub values: Vec<Vec<f64>>,
    /// Range and colours.
    pub scale: ColourScale,
}

/// A matrix that is laid out.
struct Layout {
    frame: Frame,
    rows: Side,
    columns: Side,
}

impl Layout {
    /// Where a cell is on the sheet.
    fn cell(&self, row: usize, column: usize) -> Frame {
        let frame = self.frame;
        let (left, right) = self.columns.place(column);
        let (begin, end) = self.rows.place(row);
        let x = |share: f32| frame.left + share * frame.width();
        Frame::new(x(left), self.y(begin), x(right), self.y(end)).upright()
    }

    /// The height of a place on the side of the rows: an axis grows upwards, categories follow each
    /// other downwards.
    fn y(&self, share: f32) -> f32 {
        let down = if self.rows.has_axis() { 1.0 - share } else { share };
        self.frame.top + down * self.frame.height()
    }
}

impl MatrixFigure {
    /// The matrix on a sheet.
    ///
    /// # Errors
    /// Where there is no value, rows differ in length, or the sheet is too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
        let (rows, columns) = self.shape()?;
        let probe = Canvas::new(1.0, 1.0)?;
        let (rows_side, columns_side) = (self.rows.lay_out(rows), self.columns.lay_out(columns));
        let text = |label: &str| probe.fonts.width(label, TICK_SIZE, false);
        let widest = rows_side.names().map(text).fold(0.0, f32::max).min(220.0);
        let left = MARGIN + LABEL_SIZE + 10.0 + widest + TICK + 6.0;
        let beside = 16.0 + ColourScale::WIDTH + MARGIN;
        let most = sheet.width.unwrap_or(WIDTH);
        let room = most - left - beside;
        ensure!(room > 0.0, "the sheet is too narrow for a matrix with the names of its rows");
        let heading = title_width(&probe, &self.title, &self.subtitle).min(most);
        // A sheet of a given width is filled; else cells are widened until the sheet is as wide as
        // its heading.
        let width = match sheet.width {
            Some(_) => room,
            None => {
                let cell = (room / columns as f32).clamp(CELL.0, CELL.1);
                (cell * columns as f32).max(heading - left - beside).min(room)
            }
        };
        let whole = left + width + beside;
        let head = heading_height(&probe, whole, &self.title, &self.subtitle, Heading::Figure);
        let head = head + 10.0;
        let height = sheet.height.map_or_else(
            || {
                let tallest = if sheet.width.is_some() { f32::INFINITY } else { TALLEST_CELL };
                let cell = (width / columns as f32).min(tallest);
                (cell * rows as f32).clamp(HEIGHT.0, HEIGHT.1)
            },
            |height| height - head - FOOT,
        );
        sheet.check_room(height, 1)?;
        let frame = Frame::new(left, head, left + width, head + height);
        let mut canvas = Canvas::new(whole, frame.bottom + FOOT)?;
        draw_title(&mut canvas, whole, &self.title, &self.subtitle);
        let layout = Layout { frame, rows: rows_side, columns: columns_side };
        let values = self.values.concat();
        let colours = self.scale.colours(&values);
        let upwards = layout.rows.has_axis();
        let grid = (layout.rows.grid(frame.height()), layout.columns.grid(frame.width()));
        let share = |place: usize, count: usize| (place as f32 + 0.5) / count as f32;
        canvas.cells(frame, grid, |y, x| {
            let (x, y) = (share(x, grid.1), share(y, grid.0));
            let row = layout.rows.cell(if upwards { 1.0 - y } else { y });
            colours[row * columns + layout.columns.cell(x)]
        });
        self.draw_numbers(&mut canvas, &layout, &colours);
        canvas.line(&frame.outline(), THIN);
        self.draw_labels(&mut canvas, &layout);
        let bar = Frame::new(frame.right + 16.0, frame.top, whole, frame.bottom);
        self.scale.draw(&mut canvas, bar, &values);
        Ok(canvas.into_picture(sheet))
    }

    fn shape(&self) -> Result<(usize, usize)> {
        let (rows, columns) = (self.values.len(), self.values.first().map_or(0, Vec::len));
        ensure!(rows > 0 && columns > 0, "a matrix figure needs at least one value");
        ensure!(self.values.iter().all(|row| row.len() == columns), "rows differ in length");
        Ok((rows, columns))
    }

    /// Writes the values into their cells, all or none of them.
    fn draw_numbers(&self, canvas: &mut Canvas, layout: &Layout, colours: &[Rgb]) {
        let (frame, columns) = (layout.frame, self.values[0].len());
        let wide = layout.columns.smallest() * frame.width() - 2.0 * AROUND;
        let high = layout.rows.smallest() * frame.height() - 2.0 * AROUND;
        let finite = |value: &f64| value.is_finite().then(|| short(*value));
        // A cell that is too small for one character is too small for all numbers.
        if wide < NUMBER * 0.6 || high < NUMBER {
            return;
        }
        let texts: Vec<Option<String>> = self.values.iter().flatten().map(finite).collect();
        let fits = |text: &String| canvas.fonts.width(text, NUMBER, false) <= wide;
        if !texts.iter().flatten().all(fits) {
            return;
        }
        for (index, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            let colour = if colours[index].is_dark() { WHITE } else { INK };
            let style = TextStyle { size: NUMBER, bold: false, colour, align: Align::Centre };
            let cell = layout.cell(index / columns, index % columns);
            canvas.text(text, cell.centre(), style);
        }
    }

    /// Draws the names or ticks of both sides, and what they are.
    fn draw_labels(&self, canvas: &mut Canvas, layout: &Layout) {
        let frame = layout.frame;
        let style = TextStyle { size: TICK_SIZE, bold: false, colour: INK, align: Align::Right };
        let apart = |marks: &[Mark]| {
            marks.windows(2).all(|two| (two[0].at - two[1].at).abs() * frame.height() >= 14.0)
        };
        let (marks, small, row_factor) = layout.rows.marks(apart);
        let ticks = layout.rows.has_axis();
        for (share, length) in ticked(&marks, &small, ticks) {
            let y = layout.y(share);
            canvas.line(&[(frame.left, y), (frame.left - length, y)], THIN);
        }
        for mark in &marks {
            canvas.text(&mark.label, (frame.left - TICK - 3.0, layout.y(mark.at)), style);
        }
        let fonts = canvas.fonts;
        let beside = |marks: &[Mark]| {
            let half = |mark: &Mark| fonts.width(&mark.label, TICK_SIZE, false) / 2.0;
            let gap = |two: &[Mark]| (two[1].at - two[0].at) * frame.width();
            marks.windows(2).all(|two| gap(two) >= half(&two[0]) + half(&two[1]) + 6.0)
        };
        let (marks, small, column_factor) = layout.columns.marks(beside);
        let ticks = layout.columns.has_axis();
        let below = frame.bottom + TICK + 3.0 + TICK_SIZE / 2.0;
        let x = |share: f32| frame.left + share * frame.width();
        for (share, length) in ticked(&marks, &small, ticks) {
            canvas.line(&[(x(share), frame.bottom), (x(share), frame.bottom + length)], THIN);
        }
        for mark in &marks {
            let centred = TextStyle { align: Align::Centre, ..style };
            canvas.text(&mark.label, (x(mark.at), below), centred);
        }
        let name = TextStyle { size: LABEL_SIZE, align: Align::Centre, ..style };
        let named = |axis: &str, factor: &str| format!("{axis} {factor}").trim().to_owned();
        let columns = named(&self.column_axis, &column_factor);
        let style = fitted(&fonts, &columns, name, frame.right);
        canvas.text(&columns, (frame.centre().0, below + TICK_SIZE + 8.0), style);
        let rows = named(&self.row_axis, &row_factor);
        let style = fitted(&fonts, &rows, name, frame.height() + FOOT);
        let at = (MARGIN + LABEL_SIZE / 2.0, frame.centre().1);
        canvas.text_with(&rows, at, style, true, 0.0);
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

/// The ticks of an axis, long and short: where, and of which length. Categories have none.
fn ticked(marks: &[Mark], small: &[f32], ticks: bool) -> Vec<(f32, f32)> {
    let inside = |share: &f32| (-0.001..=1.001).contains(share);
    let long = marks.iter().map(|mark| (mark.at, TICK));
    let short = small.iter().filter(|share| inside(share)).map(|share| (*share, TICK * 0.55));
    if ticks { long.chain(short).collect() } else { Vec::new() }
}
