//! Several line figures in one picture.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::canvas::Canvas;
use super::csv::quoted;
use super::frame::Frame;
use super::heading::{Heading, MARGIN, draw_title, heading_height};
use super::legend::{Legend, agree};
use super::line::LineFigure;
use super::picture::Picture;
use super::plot::{self, SIZE, Setting};
use super::sheet::Sheet;

/// Size of a panel, in layout units of two pixels each.
const PANEL: (f32, f32) = (410.0, 290.0);
/// Height of a single panel, which is as wide as a figure of its own, in layout units.
const ALONE: f32 = 420.0;
/// Width and height below which a panel does not become smaller on a narrow sheet, in layout units.
const NARROWEST: f32 = 260.0;
const LOWEST: f32 = 220.0;

/// Line figures side by side, row by row. Where no label and no look means two things in them, one
/// legend serves them all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Panels {
    /// Heading of the whole, in bold.
    pub title: String,
    /// A smaller line below it.
    pub subtitle: String,
    /// Panels in a row.
    pub columns: usize,
    /// The panels.
    pub panels: Vec<LineFigure>,
}

impl Panels {
    /// The panels on a sheet, fewer in a row where it is narrow; a single one has the size of a
    /// figure of its own, and those of a last row that isn't full share its width.
    ///
    /// # Errors
    /// Where there is no panel, the columns of a series differ in length, or the sheet is too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
        ensure!(self.columns > 0 && !self.panels.is_empty(), "a figure needs at least one panel");
        self.panels.iter().try_for_each(LineFigure::check)?;
        let columns = self.columns.min(self.panels.len());
        let fitting = |width: f32| ((width / NARROWEST) as usize).clamp(1, columns);
        let columns = sheet.width.map_or(columns, fitting);
        let own = if self.panels.len() == 1 { (SIZE.0, ALONE) } else { PANEL };
        let width = sheet.width.unwrap_or(own.0 * columns as f32);
        let probe = Canvas::new(1.0, 1.0)?;
        let legend = self.common_legend(&probe);
        let rows: Vec<Row> =
            self.panels.chunks(columns).map(|row| Row::new(row, width, &probe)).collect();
        let taller: f32 = rows.iter().map(|row| row.taller).sum();
        let head = self.head(&probe, width, legend.as_ref());
        let high = match (sheet.width, sheet.height) {
            (_, Some(height)) => (height - head - taller) / rows.len() as f32,
            (Some(_), None) => (width / columns as f32 * own.1 / own.0).max(LOWEST),
            (None, None) => own.1,
        };
        for row in &rows {
            sheet.check_room(row.taller + high - row.head, rows.len())?;
        }
        let mut canvas = Canvas::new(width, head + taller + high * rows.len() as f32)?;
        let below = draw_title(&mut canvas, width, &self.title, &self.subtitle);
        if let Some(legend) = &legend {
            legend.draw_flowing(&mut canvas, (MARGIN, below + 12.0), width - 2.0 * MARGIN);
        }
        let mut top = head;
        for row in rows {
            let bottom = top + row.taller + high;
            for (i, panel) in row.panels.iter().enumerate() {
                let left = row.width * i as f32;
                let frame = Frame::new(left, top, left + row.width, bottom);
                let (head, with_legend) = (row.head, legend.is_none());
                let setting = Setting { heading: Heading::Panel, head, with_legend };
                plot::draw(&mut canvas, frame, panel, setting);
            }
            top = bottom;
        }
        Ok(canvas.into_picture(sheet))
    }

    /// The legend that serves all panels, where there is more than one.
    fn common_legend(&self, canvas: &Canvas) -> Option<Legend> {
        let legend = Legend::of(&self.panels, canvas)?;
        (legend.len() > 1 && self.panels.len() > 1 && agree(&self.panels)).then_some(legend)
    }

    /// The height of the heading and the common legend.
    fn head(&self, canvas: &Canvas, width: f32, legend: Option<&Legend>) -> f32 {
        let (title, subtitle) = (&self.title, &self.subtitle);
        let heading = heading_height(canvas, width, title, subtitle, Heading::Figure);
        heading + legend.map_or(0.0, |legend| 4.0 + legend.flow(width - 2.0 * MARGIN).1)
    }

    /// The data behind all panels, `panel,series,x,y,low,high`, and `limit` where one has limits.
    pub fn to_csv(&self) -> String {
        let limits = self.panels.iter().any(LineFigure::has_limits);
        let limit = if limits { ",limit" } else { "" };
        let mut csv = format!("panel,series,x,y,low,high{limit}\n");
        for panel in &self.panels {
            for row in panel.rows(limits).lines() {
                csv.push_str(&format!("{},{row}\n", quoted(&panel.title)));
            }
        }
        csv
    }
}

/// Panels side by side.
struct Row<'a> {
    panels: &'a [LineFigure],
    /// Width of each.
    width: f32,
    /// Height of the tallest heading.
    head: f32,
    /// By how much it is taller than a title in one line.
    taller: f32,
}

impl<'a> Row<'a> {
    fn new(panels: &'a [LineFigure], whole: f32, canvas: &Canvas) -> Self {
        // A panel much wider than its neighbours above would not be compared with them.
        let width = (whole / panels.len() as f32).min((2.0 * PANEL.0).max(whole / 2.0));
        let height = |title: &str, subtitle: &str| {
            heading_height(canvas, width, title, subtitle, Heading::Panel)
        };
        let heads = panels.iter().map(|panel| height(&panel.title, &panel.subtitle));
        let head = heads.fold(0.0, f32::max);
        Self { panels, width, head, taller: (head - height("one line", "")).max(0.0) }
    }
}
