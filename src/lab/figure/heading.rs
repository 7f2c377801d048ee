//! Titles of figures and panels, and the sizes that all figures have in common.

use super::canvas::{Align, Canvas, TextStyle};
use super::font::Fonts;
use super::frame::Frame;
use super::palette::{GREY, INK};

/// Size of the labels of ticks, in layout units.
pub(super) const TICK_SIZE: f32 = 11.0;
/// Size of the names of axes, in layout units.
pub(super) const LABEL_SIZE: f32 = 12.0;
/// Room that is left free around a figure, in layout units.
pub(super) const MARGIN: f32 = 12.0;

/// How small a name of an axis may become, as a share of its size.
const SMALLEST: f32 = 0.7;

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

/// The lines of title and subtitle in a frame of this width, each with its middle below the frame's
/// top and its style, and where they end.
fn lines(
    fonts: &Fonts,
    width: f32,
    (title, subtitle): (&str, &str),
    heading: Heading,
) -> (Vec<(String, f32, TextStyle)>, f32) {
    let style = heading.title();
    let room = width - 2.0 * MARGIN;
    let mut lines = Vec::new();
    let mut y = MARGIN;
    if !title.is_empty() {
        for line in fonts.wrapped(title, style.size, style.bold, room) {
            lines.push((line, y + style.size * 0.5, style));
            y += style.size + 4.0;
        }
    }
    if !subtitle.is_empty() {
        let small = TextStyle { size: TICK_SIZE, bold: false, colour: GREY, align: Align::Left };
        for line in fonts.wrapped(subtitle, TICK_SIZE, false, room) {
            lines.push((line, y + TICK_SIZE * 0.5 + 2.0, small));
            y += TICK_SIZE + 4.0;
        }
        y += 2.0;
    }
    (lines, y)
}

/// How far below the top of a whole figure of this width title and subtitle end.
pub(super) fn title_height(fonts: &Fonts, width: f32, title: &str, subtitle: &str) -> f32 {
    lines(fonts, width, (title, subtitle), Heading::Figure).1
}

/// Draws title and subtitle, in several lines where the frame is narrow; returns where they end.
pub(super) fn draw_heading(
    canvas: &mut Canvas,
    frame: Frame,
    title: &str,
    subtitle: &str,
    heading: Heading,
) -> f32 {
    let (lines, end) = lines(&canvas.fonts, frame.width(), (title, subtitle), heading);
    for (text, y, style) in lines {
        canvas.text(&text, (frame.left + MARGIN, frame.top + y), style);
    }
    frame.top + end
}

/// `style`, so much smaller that `text` is not longer than `room`; no smaller than legible.
pub(super) fn fitted(fonts: &Fonts, text: &str, style: TextStyle, room: f32) -> TextStyle {
    let width = fonts.width(text, style.size, style.bold);
    let size = style.size * (room / width.max(1.0)).clamp(SMALLEST, 1.0);
    TextStyle { size, ..style }
}
