//! Several line figures in one picture.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::canvas::Canvas;
use super::csv::quoted;
use super::frame::Frame;
use super::heading::{Heading, MARGIN, draw_title};
use super::legend::Legend;
use super::line::LineFigure;
use super::picture::Picture;
use super::plot;
use super::sheet::Sheet;

/// Size of a panel, in layout units of two pixels each.
const PANEL: (f32, f32) = (410.0, 290.0);
/// Width and height below which a panel does not become smaller on a narrow sheet, in layout units.
const NARROWEST: f32 = 260.0;
const LOWEST: f32 = 220.0;

/// Line figures side by side, row by row. Where one of them has every series of the others, in the
/// same colours, its legend serves them all.
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
    /// The panels on a sheet, fewer in a row where it is narrow.
    ///
    /// # Errors
    /// Where there is no panel, the columns of a series differ in length, or the sheet is too low.
    pub(super) fn laid_out(&self, sheet: &Sheet) -> Result<Picture> {
        ensure!(self.columns > 0 && !self.panels.is_empty(), "a figure needs at least one panel");
        self.panels.iter().try_for_each(LineFigure::check)?;
        let columns = self.columns.min(self.panels.len());
        let fitting = |width: f32| ((width / NARROWEST) as usize).clamp(1, columns);
        let columns = sheet.width.map_or(columns, fitting);
        let rows = self.panels.len().div_ceil(columns);
        let width = sheet.width.unwrap_or(PANEL.0 * columns as f32);
        // The heading and the legend are laid out once to find their height.
        let head = self.draw_head(&mut Canvas::new(width, 200.0)?, width);
        let wide = width / columns as f32;
        let high = match sheet.height {
            Some(height) => (height - head) / rows as f32,
            None => (wide * PANEL.1 / PANEL.0).max(LOWEST),
        };
        let mut canvas = Canvas::new(width, head + high * rows as f32)?;
        self.draw_head(&mut canvas, width);
        for (i, panel) in self.panels.iter().enumerate() {
            let left = wide * (i % columns) as f32;
            let top = head + high * (i / columns) as f32;
            let frame = Frame::new(left, top, left + wide, top + high);
            let with_legend = self.common_legend().is_none();
            let top = plot::draw(&mut canvas, frame, panel, Heading::Panel, with_legend);
            sheet.check_room(frame.bottom - top, rows)?;
        }
        Ok(canvas.into_picture(sheet))
    }

    /// The panel whose legend serves all: it has at least two series, and every label of the
    /// others, in the same colour.
    fn common_legend(&self) -> Option<&LineFigure> {
        let looks = |panel: &LineFigure| -> Vec<(String, usize)> {
            let series = panel.series.iter().enumerate();
            series.map(|(i, s)| (s.label.clone(), s.colour.unwrap_or(i))).collect()
        };
        let largest = self.panels.iter().max_by_key(|panel| panel.series.len())?;
        let known = looks(largest);
        let covers = |panel: &LineFigure| looks(panel).iter().all(|look| known.contains(look));
        (known.len() > 1 && self.panels.len() > 1 && self.panels.iter().all(covers))
            .then_some(largest)
    }

    /// Draws the heading and the common legend; returns where they end.
    fn draw_head(&self, canvas: &mut Canvas, width: f32) -> f32 {
        let below = draw_title(canvas, width, &self.title, &self.subtitle);
        let legend = self.common_legend().and_then(|panel| Legend::of(&panel.series, canvas));
        match legend {
            Some(legend) => {
                let at = (MARGIN, below + 12.0);
                below + 4.0 + legend.draw_flowing(canvas, at, width - 2.0 * MARGIN)
            }
            None => below,
        }
    }

    /// The data behind all panels, `panel,series,x,y,low,high`.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("panel,series,x,y,low,high\n");
        for panel in &self.panels {
            for row in panel.to_csv().lines().skip(1) {
                csv.push_str(&format!("{},{row}\n", quoted(&panel.title)));
            }
        }
        csv
    }
}
