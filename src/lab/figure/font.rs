//! Text as outlines: a subset of DejaVu Sans, compiled into the program, so that figures look the
//! same on every machine and need no system fonts.

use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, GlyphId, InvalidFont, OutlineCurve};
use anyhow::{Result, anyhow};
use tiny_skia::{Path, PathBuilder};

const REGULAR: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-Bold.ttf");

static FONTS: LazyLock<Result<[FontRef<'static>; 2], InvalidFont>> =
    LazyLock::new(|| Ok([FontRef::try_from_slice(REGULAR)?, FontRef::try_from_slice(BOLD)?]));

/// Height of a capital letter, in units of the font size.
pub(super) const CAP_HEIGHT: f32 = 0.729;

/// The two cuts of the embedded font.
#[derive(Clone, Copy)]
pub(super) struct Fonts {
    cuts: &'static [FontRef<'static>; 2],
}

/// A character of a line of text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph {
    pub id: u16,
    pub character: char,
    /// Where it begins on the line, kerned, in units of the font.
    pub left: f32,
    /// How far the next begins behind it without kerning, in units of the font.
    pub advance: f32,
}

impl Fonts {
    /// # Errors
    /// When the font files compiled into the program can't be read.
    pub fn load() -> Result<Self> {
        let cuts = FONTS.as_ref();
        Ok(Self { cuts: cuts.map_err(|_| anyhow!("the embedded font is damaged: build again"))? })
    }

    /// Width of `text` set in one line at `size` (the em square's height).
    pub fn width(&self, text: &str, size: f32, bold: bool) -> f32 {
        let end = self.glyphs(text, bold).last().map_or(0.0, |glyph| glyph.left + glyph.advance);
        end * size / self.em(bold)
    }

    /// `text` in lines of at most `width`, parted at spaces; a word that is longer has its own.
    pub fn wrapped(&self, text: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            let longer = lines.last().map(|line| format!("{line} {word}"));
            match (lines.last_mut(), longer) {
                (Some(line), Some(longer)) if self.width(&longer, size, bold) <= width => {
                    *line = longer;
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// The outlines of `text` in one line that begins at the origin: x along the line, y up.
    /// None where there is nothing to draw.
    pub fn outline(&self, text: &str, size: f32, bold: bool) -> Option<Path> {
        let scale = size / self.em(bold);
        let mut path = PathBuilder::new();
        for glyph in self.glyphs(text, bold) {
            add_glyph(&mut path, self.cut(bold), GlyphId(glyph.id), glyph.left, scale);
        }
        path.finish()
    }

    /// The outline of one glyph in units of the font, y up. None where it is blank.
    pub fn glyph_outline(&self, id: u16, bold: bool) -> Option<Path> {
        let mut path = PathBuilder::new();
        add_glyph(&mut path, self.cut(bold), GlyphId(id), 0.0, 1.0);
        path.finish()
    }

    /// The characters of a line of text.
    pub fn glyphs(&self, text: &str, bold: bool) -> Vec<Glyph> {
        let font = self.cut(bold);
        let (mut left, mut before) = (0.0, None);
        let place = |character| {
            let id = font.glyph_id(character);
            left += before.map_or(0.0, |before| font.kern_unscaled(before, id));
            let advance = font.h_advance_unscaled(id);
            let glyph = Glyph { id: id.0, character, left, advance };
            left += advance;
            before = Some(id);
            glyph
        };
        text.chars().map(place).collect()
    }

    /// How far the next glyph begins behind one, in units of the font.
    pub fn advance(&self, id: u16, bold: bool) -> f32 {
        self.cut(bold).h_advance_unscaled(GlyphId(id))
    }

    /// Units of a cut's coordinates in an em square.
    pub fn em(&self, bold: bool) -> f32 {
        self.cut(bold).units_per_em().unwrap_or(2048.0)
    }

    /// How far a cut reaches above its base line and, below zero, under it, in units of the font.
    pub fn reach(&self, bold: bool) -> (f32, f32) {
        (self.cut(bold).ascent_unscaled(), self.cut(bold).descent_unscaled())
    }

    fn cut(&self, bold: bool) -> &'static FontRef<'static> {
        &self.cuts[usize::from(bold)]
    }
}

/// The file of a cut.
pub(super) fn file(bold: bool) -> &'static [u8] {
    if bold { BOLD } else { REGULAR }
}

fn add_glyph(path: &mut PathBuilder, font: &FontRef, id: GlyphId, left: f32, scale: f32) {
    let Some(outline) = font.outline(id) else { return };
    let at = |point: &ab_glyph::Point| ((left + point.x) * scale, point.y * scale);
    let mut pen = None;
    for curve in &outline.curves {
        let (first, last) = match curve {
            OutlineCurve::Line(a, b) => (a, b),
            OutlineCurve::Quad(a, _, b) => (a, b),
            OutlineCurve::Cubic(a, _, _, b) => (a, b),
        };
        if pen != Some(at(first)) {
            let (x, y) = at(first);
            path.move_to(x, y);
        }
        let (x, y) = at(last);
        match curve {
            OutlineCurve::Line(..) => path.line_to(x, y),
            OutlineCurve::Quad(_, c, _) => path.quad_to(at(c).0, at(c).1, x, y),
            OutlineCurve::Cubic(_, c, d, _) => {
                path.cubic_to(at(c).0, at(c).1, at(d).0, at(d).1, x, y);
            }
        }
        pen = Some((x, y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_labels_use_has_a_glyph() {
        let needed = "AZaz09 σµλΣ²³⁻⁰⁹₀₉ᵢ×·±≈≤≥∇∂∑√∞→←–—−…°⟨⟩é\u{2009}";
        let fonts = Fonts::load().unwrap();
        for bold in [false, true] {
            for character in needed.chars() {
                assert_ne!(fonts.cut(bold).glyph_id(character).0, 0, "{character} bold {bold}");
            }
        }
    }

    #[test]
    fn width_grows_with_size_and_kerning_tightens() {
        let fonts = Fonts::load().unwrap();
        let width = |text| fonts.width(text, 10.0, false);
        assert!((fonts.width("loss", 20.0, false) - 2.0 * width("loss")).abs() < 1e-3);
        assert!(width("AV") < width("A") + width("V"));
        let lines = fonts.wrapped("a loss that is long", 10.0, false, width("a loss that"));
        assert_eq!(lines, ["a loss that", "is long"]);
        assert_eq!(fonts.wrapped("unbreakable", 10.0, false, 1.0), ["unbreakable"]);
        assert_eq!(width(""), 0.0);
    }
}
