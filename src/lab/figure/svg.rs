//! A picture as SVG: text as outlines, so that it looks the same in every program, with the same
//! text unseen above it to select and to search.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tiny_skia::PathSegment;

use super::font::Fonts;
use super::frame::Frame;
use super::palette::{Rgb, WHITE};
use super::picture::{Cells, DASHES, HALO, LineStyle, Picture, Shape, Text};

/// Writes a picture.
///
/// # Errors
/// Where the embedded font is damaged.
pub(super) fn write(picture: &Picture) -> Result<String> {
    let mut page = Page { fonts: Fonts::load()?, glyphs: BTreeSet::new(), clips: String::new() };
    let mut body = String::new();
    for shape in &picture.shapes {
        match shape {
            Shape::Line { points, style, clip } => body += &page.line(points, *style, *clip),
            Shape::Polygon { points, colour, opacity, clip } => {
                body += &page.polygon(points, *colour, *opacity, *clip);
            }
            Shape::Text(text) => body += &page.text(text),
            Shape::Cells(cells) => body += &image(cells)?,
        }
    }
    let (width, height) = (picture.width, picture.height);
    let points = |length: f32| number(length * picture.unit.points);
    let (wide, high) = (points(width), points(height));
    let (width, height) = (number(width), number(height));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{wide}pt\" height=\"{high}pt\" viewBox=\"0 0 {width} {height}\">\n\
         <defs>\n{}{}</defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n",
        page.clips,
        page.definitions()
    ))
}

/// What the shapes of a page refer to.
struct Page {
    fonts: Fonts,
    /// Glyphs by their cut, whether bold, and number.
    glyphs: BTreeSet<(bool, u16)>,
    clips: String,
}

impl Page {
    fn line(&mut self, points: &[(f32, f32)], style: LineStyle, clip: Option<Frame>) -> String {
        let LineStyle { colour, width, dashed } = style;
        let clip = self.clip(clip);
        let dash = if dashed {
            format!(" stroke-dasharray=\"{} {}\"", DASHES[0], DASHES[1])
        } else {
            " stroke-linecap=\"round\"".to_owned()
        };
        format!(
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
             stroke-linejoin=\"round\"{dash}{clip}/>\n",
            outline(points),
            hex(colour),
            number(width)
        )
    }

    fn polygon(
        &mut self,
        points: &[(f32, f32)],
        colour: Rgb,
        opacity: f32,
        clip: Option<Frame>,
    ) -> String {
        let (clip, colour) = (self.clip(clip), hex(colour));
        let opacity = if opacity < 1.0 {
            format!(" fill-opacity=\"{}\"", number(opacity))
        } else {
            String::new()
        };
        format!("<path d=\"{}Z\" fill=\"{colour}\"{opacity}{clip}/>\n", outline(points))
    }

    /// The attribute that lets a shape show inside `frame` only. Frames are named by their place, so
    /// that a name means the same in every figure of an HTML page.
    fn clip(&mut self, frame: Option<Frame>) -> String {
        let Some(frame) = frame else { return String::new() };
        let [left, top, width, height] =
            [frame.left, frame.top, frame.width(), frame.height()].map(number);
        let name = format!("clip-{left}-{top}-{width}-{height}");
        if !self.clips.contains(&name) {
            let _ = writeln!(
                self.clips,
                "<clipPath id=\"{name}\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" \
                 height=\"{height}\"/></clipPath>"
            );
        }
        format!(" clip-path=\"url(#{name})\"")
    }

    fn text(&mut self, text: &Text) -> String {
        let (x, y) = (number(text.origin.0), number(text.origin.1));
        let scale = text.size / self.fonts.em(text.bold);
        let turn = if text.vertical { " rotate(-90)" } else { "" };
        let place = format!("translate({x} {y}){turn}");
        let mut glyphs = String::new();
        for glyph in self.fonts.glyphs(&text.text, text.bold) {
            if self.fonts.glyph_outline(glyph.id, text.bold).is_some() {
                self.glyphs.insert((text.bold, glyph.id));
                let (name, left) = (name(text.bold, glyph.id), number(glyph.left));
                let _ = write!(glyphs, "<use xlink:href=\"#{name}\" x=\"{left}\"/>");
            }
        }
        if glyphs.is_empty() {
            return String::new();
        }
        let place_glyphs = format!("{place} scale({scale:.5} -{scale:.5})");
        let mut drawn = String::new();
        if text.halo > 0.0 {
            let (white, width) = (hex(WHITE), number(2.0 * text.halo / scale));
            let _ = writeln!(
                drawn,
                "<g transform=\"{place_glyphs}\" fill=\"none\" stroke=\"{white}\" \
                 stroke-width=\"{width}\" stroke-linejoin=\"round\" stroke-opacity=\"{HALO}\">\
                 {glyphs}</g>"
            );
        }
        let _ = writeln!(
            drawn,
            "<g transform=\"{place_glyphs}\" fill=\"{}\">{glyphs}</g>",
            hex(text.colour)
        );
        let weight = if text.bold { " font-weight=\"bold\"" } else { "" };
        let _ = writeln!(
            drawn,
            "<text transform=\"{place}\" font-family=\"DejaVu Sans, sans-serif\" \
             font-size=\"{}\"{weight} textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" \
             fill-opacity=\"0\">{}</text>",
            number(text.size),
            number(text.width),
            escaped(&text.text)
        );
        drawn
    }

    /// The outlines of all glyphs that are used.
    fn definitions(&self) -> String {
        let mut all = String::new();
        for (bold, id) in &self.glyphs {
            let Some(path) = self.fonts.glyph_outline(*id, *bold) else { continue };
            let mut data = String::new();
            for segment in path.segments() {
                let _ = match segment {
                    PathSegment::MoveTo(a) => write!(data, "M{} {}", a.x, a.y),
                    PathSegment::LineTo(a) => write!(data, "L{} {}", a.x, a.y),
                    PathSegment::QuadTo(a, b) => {
                        write!(data, "Q{} {} {} {}", a.x, a.y, b.x, b.y)
                    }
                    PathSegment::CubicTo(a, b, c) => {
                        write!(data, "C{} {} {} {} {} {}", a.x, a.y, b.x, b.y, c.x, c.y)
                    }
                    PathSegment::Close => write!(data, "Z"),
                };
            }
            let _ = writeln!(all, "<path id=\"{}\" d=\"{data}\"/>", name(*bold, *id));
        }
        all
    }
}

/// What a glyph is called: the same in every figure.
fn name(bold: bool, id: u16) -> String {
    format!("{}-{id}", if bold { "bold" } else { "regular" })
}

fn image(cells: &Cells) -> Result<String> {
    let png = STANDARD.encode(cells.enlarged().to_png()?);
    let Frame { left, top, .. } = cells.frame;
    let [left, top, width, height] =
        [left, top, cells.frame.width(), cells.frame.height()].map(number);
    Ok(format!(
        "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
         preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" \
         style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,{png}\"/>\n"
    ))
}

/// The commands of a line through points.
fn outline(points: &[(f32, f32)]) -> String {
    let mut data = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let command = if index == 0 { "M" } else { "L" };
        let _ = write!(data, "{command}{} {}", number(*x), number(*y));
    }
    data
}

/// A number to a hundredth of a unit, in the fewest digits.
fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn hex(Rgb(red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Text as the content of an element. Control characters, which XML can't have, are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_text_is_no_markup() {
        let short = [1.0, -0.001, 12.345, -3.1, 100.0].map(number);
        assert_eq!(short, ["1", "0", "12.35", "-3.1", "100"]);
        assert_eq!(escaped("a<b> & \u{0}c"), "a&lt;b&gt; &amp; c");
    }
}
