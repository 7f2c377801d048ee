//! Titles of figures and panels, and the sizes that all figures have in common.

use super::canvas::{Align, Canvas, TextStyle};
use super::frame::Frame;
use super::palette::{GREY, INK};

/// Size of the labels of ticks, in layout units.
pub(super) const TICK_SIZE: f32 = 11.0;
/// Size of the names of axes, in layout units.
pub(super) const LABEL_SIZE: f32 = 12.0;
/// Room that is left free around a figure, in layout units.
pub(super) const MARGIN: f32 = 12.0;

/// How large the title is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heading {
    /// That of a figure.
    Figure,
    /// That of one panel among several.
    Panel,
}

impl Heading {
    /// How the title looks.
    fn title(self) -> TextStyle {
        let size = match self {
            Self::Figure => 15.0,
            Self::Panel => 12.5,
        };
        TextStyle { size, bold: true, colour: INK, align: Align::Left }
    }
}

/// Draws the title and subtitle of a whole figure of this width; returns where they end.
pub(super) fn draw_title(canvas: &mut Canvas, width: f32, title: &str, subtitle: &str) -> f32 {
    let frame = Frame::new(0.0, 0.0, width, 0.0);
    draw_heading(canvas, frame, title, subtitle, Heading::Figure)
}

/// The width that a whole figure's title and subtitle need, with their margins.
pub(super) fn title_width(canvas: &Canvas, title: &str, subtitle: &str) -> f32 {
    let TextStyle { size, bold, .. } = Heading::Figure.title();
    let title = canvas.fonts.width(title, size, bold);
    title.max(canvas.fonts.width(subtitle, TICK_SIZE, false)) + 2.0 * MARGIN
}

/// Draws title and subtitle; returns where they end.
pub(super) fn draw_heading(
    canvas: &mut Canvas,
    frame: Frame,
    title: &str,
    subtitle: &str,
    heading: Heading,
) -> f32 {
    let style = heading.title();
    let mut y = frame.top + MARGIN;
    let left = frame.left + MARGIN;
    if !title.is_empty() {
        canvas.text(title, (left, y + style.size * 0.5), style);
        y += style.size + 4.0;
    }
    if !subtitle.is_empty() {
        let small = TextStyle { size: TICK_SIZE, bold: false, colour: GREY, align: Align::Left };
        canvas.text(subtitle, (left, y + TICK_SIZE * 0.5 + 2.0), small);
        y += TICK_SIZE + 6.0;
    }
    y
}
