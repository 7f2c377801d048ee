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

/// The width that a whole figure's title and subtitle need in a line each, with their margins.
pub(super) fn title_width(canvas: &Canvas, title: &str, subtitle: &str) -> f32 {
    let TextStyle { size, bold, .. } = Heading::Figure.title();
    let title = canvas.fonts.width(title, size, bold);
    title.max(canvas.fonts.width(subtitle, TICK_SIZE, false)) + 2.0 * MARGIN
}

/// The height of title and subtitle in this width, with the margin above.
pub(super) fn heading_height(
    canvas: &Canvas,
    width: f32,
    title: &str,
    subtitle: &str,
    heading: Heading,
) -> f32 {
    let lines = lay_out(canvas, width, title, subtitle, heading);
    MARGIN + lines.iter().map(|line| line.height).sum::<f32>()
}

/// Draws title and subtitle, each in as many lines as it needs; returns where they end.
pub(super) fn draw_heading(
    canvas: &mut Canvas,
    frame: Frame,
    title: &str,
    subtitle: &str,
    heading: Heading,
) -> f32 {
    let mut y = frame.top + MARGIN;
    for line in lay_out(canvas, frame.width(), title, subtitle, heading) {
        let middle = y + line.style.size * 0.5 + line.drop;
        canvas.text(&line.text, (frame.left + MARGIN, middle), line.style);
        y += line.height;
    }
    y
}

/// `style`, so much smaller that `text` is not longer than `room`; no smaller than legible.
pub(super) fn fitted(fonts: &Fonts, text: &str, style: TextStyle, room: f32) -> TextStyle {
    let width = fonts.width(text, style.size, style.bold);
    let size = style.size * (room / width.max(1.0)).clamp(SMALLEST, 1.0);
    TextStyle { size, ..style }
}

/// A line of a heading.
struct Line {
    text: String,
    style: TextStyle,
    /// Room above it.
    drop: f32,
    height: f32,
}

fn lay_out(
    canvas: &Canvas,
    width: f32,
    title: &str,
    subtitle: &str,
    heading: Heading,
) -> Vec<Line> {
    let large = heading.title();
    let small = TextStyle { size: TICK_SIZE, bold: false, colour: GREY, align: Align::Left };
    let room = width - 2.0 * MARGIN;
    let mut lines = Vec::new();
    for (text, style, drop, below) in [(title, large, 0.0, 4.0), (subtitle, small, 2.0, 6.0)] {
        if text.is_empty() {
            continue;
        }
        let height = style.size + below;
        let parts = canvas.fonts.wrapped(text, style.size, style.bold, room);
        lines.extend(parts.into_iter().map(|text| Line { text, style, drop, height }));
    }
    lines
}
