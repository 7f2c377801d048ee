//! A cut of the font in a PDF: what is used of it, as an embedded subset.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use sha2::{Digest, Sha256};
use subsetter::GlyphRemapper;

use super::deflate::compressed;
use super::font::{CAP_HEIGHT, Fonts, Glyph, file};

/// Glyphs are known by their numbers in the subset.
const IDENTITY: SystemInfo =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// A cut, with the glyphs of it that are used.
pub(super) struct Cut {
    bold: bool,
    subset: GlyphRemapper,
    /// What the glyphs of the subset stand for.
    characters: BTreeMap<u16, char>,
}

impl Cut {
    pub fn new(bold: bool) -> Self {
        Self { bold, subset: GlyphRemapper::new(), characters: BTreeMap::new() }
    }

    /// What the page calls it.
    pub fn resource(&self) -> &'static [u8] {
        if self.bold { b"Bold" } else { b"Regular" }
    }

    pub fn is_used(&self) -> bool {
        !self.characters.is_empty()
    }

    /// The number of a glyph in the subset, which it belongs to from now on.
    pub fn encode(&mut self, glyph: &Glyph) -> u16 {
        let code = self.subset.remap(glyph.id);
        self.characters.entry(code).or_insert(glyph.character);
        code
    }

    /// Writes the font; gives the reference to it.
    ///
    /// # Errors
    /// Where the font's file is damaged.
    pub fn write(
        &self,
        pdf: &mut Pdf,
        new: &mut impl FnMut() -> Ref,
        fonts: &Fonts,
    ) -> Result<Ref> {
        let [font, cid, descriptor, characters, stream] = [(); 5].map(|()| new());
        let bytes = subsetter::subset(file(self.bold), 0, &self.subset)
            .ok()
            .context("the embedded font is damaged: build again")?;
        let name =
            format!("{}+{}", tag(&bytes), if self.bold { "DejaVuSans-Bold" } else { "DejaVuSans" });
        let name = Name(name.as_bytes());
        let thousandth = 1000.0 / fonts.em(self.bold);

        pdf.type0_font(font)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(characters);

        let mut object = pdf.cid_font(cid);
        object.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY);
        object.font_descriptor(descriptor).cid_to_gid_map_predefined(Name(b"Identity"));
        let widths =
            self.subset.remapped_gids().map(|id| fonts.advance(id, self.bold) * thousandth);
        object.widths().consecutive(0, widths);
        object.finish();

        let (above, below) = fonts.reach(self.bold);
        let [above, below] = [above, below].map(|reach| reach * thousandth);
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(-1100.0, -600.0, 2000.0, 1300.0))
            .italic_angle(0.0)
            .ascent(above)
            .descent(below)
            .cap_height(1000.0 * CAP_HEIGHT)
            .stem_v(if self.bold { 180.0 } else { 90.0 })
            .font_file2(stream);

        let mut map = UnicodeCmap::<u16>::new(Name(b"Characters"), IDENTITY);
        self.characters.iter().for_each(|(code, character)| map.pair(*code, *character));
        pdf.cmap(characters, &map.finish());

        let deflated = compressed(&bytes)?;
        let mut object = pdf.stream(stream, &deflated);
        object.filter(Filter::FlateDecode);
        object.pair(Name(b"Length1"), i32::try_from(bytes.len())?);
        Ok(font)
    }
}

/// Six letters for a subset, so that programs that join files take no two subsets for one.
fn tag(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect()
}
