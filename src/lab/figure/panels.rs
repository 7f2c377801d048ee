//! Several line figures in one picture.

use anyhow::{Result, ensure};

use super::canvas::Canvas;
use super::csv::quoted;
use super::frame::Frame;
use super::heading::{Heading, MARGIN, draw_title};
use super::image::RgbImage;
use super::legend::Legend;
use super::line::LineFigure;
use super::plot;

/// Size of a panel, in layout units of two pixels each.
const PANEL: (f32, f32) = (410.0, 290.0);

/// Line figures side by side, row by row. Where one of them has every series of the others, in the
/// same colours, its legend serves them all.
#[derive(Debug, Clone, Default)]
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
    /// Draws the panels, 820 x 580 pixels each.
    ///
    /// # Errors
    /// Where there is no panel, or the columns of a series differ in length.
    pub fn render(&self) -> Result<RgbImage> {
        ensure!(self.columns > 0 && !self.panels.is_empty(), "a figure needs at least one panel");
        self.panels.iter().try_for_each(LineFigure::check)?;
        let columns = self.columns.min(self.panels.len());
        let rows = self.panels.len().div_ceil(columns);
        let width = PANEL.0 * columns as f32;
        // The heading and the legend are laid out once to find their height.
        let head = self.draw_head(&mut Canvas::new(width, 200.0)?, width);
        let mut canvas = Canvas::new(width, head + PANEL.1 * rows as f32)?;
        self.draw_head(&mut canvas, width);
        for (i, panel) in self.panels.iter().enumerate() {
            let left = PANEL.0 * (i % columns) as f32;
            let top = head + PANEL.1 * (i / columns) as f32;
            let frame = Frame::new(left, top, left + PANEL.0, top + PANEL.1);
            plot::draw(&mut canvas, frame, panel, Heading::Panel, self.common_legend().is_none());
        }
        Ok(canvas.into_image())
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
