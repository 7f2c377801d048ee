//! Text as outlines: a subset of DejaVu Sans, compiled into the program, so that figures look the
//! same on every machine and need no system fonts.

use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, InvalidFont, OutlineCurve};
use anyhow::{Result, anyhow};
use tiny_skia::{Path, PathBuilder};

static REGULAR: LazyLock<Result<FontRef<'static>, InvalidFont>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../../assets/fonts/DejaVuSans.ttf"))
});
static BOLD: LazyLock<Result<FontRef<'static>, InvalidFont>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../../assets/fonts/DejaVuSans-Bold.ttf"))
});

/// Height of a capital letter, in units of the font size.
pub(super) const CAP_HEIGHT: f32 = 0.729;

/// The two cuts of the embedded font.
#[derive(Clone, Copy)]
pub(super) struct Fonts {
    regular: &'static FontRef<'static>,
    bold: &'static FontRef<'static>,
}

impl Fonts {
    /// # Errors
    /// When the font files compiled into the program can't be read.
    pub fn load() -> Result<Self> {
        let usable = |font: &'static LazyLock<Result<FontRef<'static>, InvalidFont>>| {
            font.as_ref().map_err(|_| anyhow!("the embedded font is damaged: build again"))
        };
        Ok(Self { regular: usable(&REGULAR)?, bold: usable(&BOLD)? })
    }

    /// Width of `text` set in one line at `size` (the em square's height).
    pub fn width(&self, text: &str, size: f32, bold: bool) -> f32 {
        let font = self.cut(bold);
        glyphs(font, text).last().map_or(0.0, |(_, end)| end) * size / em(font)
    }

    /// The outlines of `text` in one line that begins at the origin: x along the line, y up.
    /// None where there is nothing to draw.
    pub fn outline(&self, text: &str, size: f32, bold: bool) -> Option<Path> {
        let font = self.cut(bold);
        let scale = size / em(font);
        let mut path = PathBuilder::new();
        let mut begin = 0.0;
        for (id, end) in glyphs(font, text) {
            let left = (end - font.h_advance_unscaled(id)).max(begin);
            begin = left;
            add_glyph(&mut path, font, id, left, scale);
        }
        path.finish()
    }

    fn cut(&self, bold: bool) -> &'static FontRef<'static> {
        if bold { self.bold } else { self.regular }
    }
}

/// Units of the font's coordinates in an em square.
fn em(font: &FontRef) -> f32 {
    font.units_per_em().unwrap_or(2048.0)
}

/// Every glyph of `text`, kerned, with where it ends on the line, in units of the font.
fn glyphs(font: &FontRef<'static>, text: &str) -> impl Iterator<Item = (ab_glyph::GlyphId, f32)> {
    let ids: Vec<_> = text.chars().map(|character| font.glyph_id(character)).collect();
    let mut end = 0.0;
    let mut before = None;
    ids.into_iter().map(move |id| {
        end += before.map_or(0.0, |before| font.kern_unscaled(before, id));
        end += font.h_advance_unscaled(id);
        before = Some(id);
        (id, end)
    })
}

fn add_glyph(path: &mut PathBuilder, font: &FontRef, id: ab_glyph::GlyphId, left: f32, scale: f32) {
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
        assert_eq!(width(""), 0.0);
    }
}
