//! A picture as a PDF of one page: text as text, in a subset of the font that is embedded.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};
use tiny_skia::PathSegment;

use super::deflate::compressed;
use super::font::Fonts;
use super::frame::Frame;
use super::palette::{Rgb, WHITE};
use super::pdf_font::Cut;
use super::picture::{Cells, DASHES, HALO, LineStyle, Picture, Shape, Text};

/// Writes a picture. No date is in it, so that the same picture has the same bytes.
///
/// # Errors
/// Where the embedded font is damaged.
pub(super) fn write(picture: &Picture) -> Result<Vec<u8>> {
    let mut page = Page {
        content: Content::new(),
        fonts: Fonts::load()?,
        cuts: [Cut::new(false), Cut::new(true)],
        opacities: BTreeSet::new(),
        images: Vec::new(),
    };
    let points = picture.unit.points;
    let (width, height) = (picture.width * points, picture.height * points);
    page.content.transform([points, 0.0, 0.0, -points, 0.0, height]);
    for shape in &picture.shapes {
        match shape {
            Shape::Line { points, style, clip } => page.line(points, *style, *clip),
            Shape::Polygon { points, colour, opacity, clip } => {
                page.polygon(points, *colour, *opacity, *clip);
            }
            Shape::Text(text) => page.text(text),
            Shape::Cells(cells) => page.image(cells),
        }
    }
    page.finish(Rect::new(0.0, 0.0, width, height))
}

/// A page in the making.
struct Page<'a> {
    content: Content,
    fonts: Fonts,
    /// The regular cut and the bold one, with what is used of them.
    cuts: [Cut; 2],
    /// Opacities below 1, in hundredths.
    opacities: BTreeSet<u8>,
    images: Vec<&'a Cells>,
}

impl<'a> Page<'a> {
    fn line(&mut self, points: &[(f32, f32)], style: LineStyle, clip: Option<Frame>) {
        self.begin(clip, 1.0);
        let LineStyle { colour, width, dashed } = style;
        let [red, green, blue] = shares(colour);
        self.content.set_stroke_rgb(red, green, blue).set_line_width(width);
        self.content.set_line_join(LineJoinStyle::RoundJoin);
        if dashed {
            self.content.set_dash_pattern(DASHES, 0.0);
        } else {
            self.content.set_line_cap(LineCapStyle::RoundCap);
        }
        self.path(points);
        self.content.stroke().restore_state();
    }

    fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb, opacity: f32, clip: Option<Frame>) {
        self.begin(clip, opacity);
        let [red, green, blue] = shares(colour);
        self.content.set_fill_rgb(red, green, blue);
        self.path(points);
        self.content.close_path().fill_nonzero().restore_state();
    }

    fn text(&mut self, text: &Text) {
        if text.text.is_empty() {
            return;
        }
        if text.halo > 0.0 {
            self.halo(text);
        }
        let [red, green, blue] = shares(text.colour);
        let glyphs = self.fonts.glyphs(&text.text, text.bold);
        let em = self.fonts.em(text.bold);
        let cut = &mut self.cuts[usize::from(text.bold)];
        self.content.begin_text().set_fill_rgb(red, green, blue);
        self.content.set_font(Name(cut.resource()), text.size);
        self.content.set_text_matrix(placed(text));
        let mut line = self.content.show_positioned();
        let mut items = line.items();
        let mut end = 0.0;
        for glyph in glyphs {
            // Thousandths of the em square, to the left.
            let kerning = (end - glyph.left) * 1000.0 / em;
            if kerning != 0.0 {
                items.adjust(kerning);
            }
            items.show(Str(&cut.encode(&glyph).to_be_bytes()));
            end = glyph.left + glyph.advance;
        }
        items.finish();
        line.finish();
        self.content.end_text();
    }

    /// The white edge around text: its outlines, so that the text is there once.
    fn halo(&mut self, text: &Text) {
        let Some(outline) = self.fonts.outline(&text.text, text.size, text.bold) else { return };
        self.begin(None, HALO);
        let [red, green, blue] = shares(WHITE);
        self.content.transform(placed(text)).set_stroke_rgb(red, green, blue);
        self.content.set_line_width(2.0 * text.halo).set_line_join(LineJoinStyle::RoundJoin);
        let mut pen = tiny_skia::Point::zero();
        for segment in outline.segments() {
            pen = match segment {
                PathSegment::MoveTo(a) => {
                    self.content.move_to(a.x, a.y);
                    a
                }
                PathSegment::LineTo(a) => {
                    self.content.line_to(a.x, a.y);
                    a
                }
                PathSegment::QuadTo(a, b) => {
                    // The cubic curve of the same shape.
                    let toward = |from: f32, to: f32| from + (to - from) * 2.0 / 3.0;
                    let (x1, y1) = (toward(pen.x, a.x), toward(pen.y, a.y));
                    let (x2, y2) = (toward(b.x, a.x), toward(b.y, a.y));
                    self.content.cubic_to(x1, y1, x2, y2, b.x, b.y);
                    b
                }
                PathSegment::CubicTo(a, b, c) => {
                    self.content.cubic_to(a.x, a.y, b.x, b.y, c.x, c.y);
                    c
                }
                PathSegment::Close => {
                    self.content.close_path();
                    pen
                }
            };
        }
        self.content.stroke().restore_state();
    }

    fn image(&mut self, cells: &'a Cells) {
        let Frame { left, bottom, .. } = cells.frame;
        let (width, height) = (cells.frame.width(), cells.frame.height());
        let name = image_name(self.images.len());
        self.images.push(cells);
        self.content.save_state().transform([width, 0.0, 0.0, -height, left, bottom]);
        self.content.x_object(Name(&name)).restore_state();
    }

    /// Begins a shape that shows inside `clip` only.
    fn begin(&mut self, clip: Option<Frame>, opacity: f32) {
        self.content.save_state();
        if let Some(clip) = clip {
            self.content.rect(clip.left, clip.top, clip.width(), clip.height());
            self.content.clip_nonzero().end_path();
        }
        let hundredths = (100.0 * opacity).round() as u8;
        if hundredths < 100 {
            self.opacities.insert(hundredths);
            self.content.set_parameters(Name(&opacity_name(hundredths)));
        }
    }

    fn path(&mut self, points: &[(f32, f32)]) {
        let round = |value: f32| (100.0 * value).round() / 100.0;
        for (index, (x, y)) in points.iter().enumerate() {
            let (x, y) = (round(*x), round(*y));
            if index == 0 {
                self.content.move_to(x, y);
            } else {
                self.content.line_to(x, y);
            }
        }
    }

    /// The file with this page alone.
    fn finish(self, page_box: Rect) -> Result<Vec<u8>> {
        let mut pdf = Pdf::new();
        // The newest version that LaTeX takes in without a warning.
        pdf.set_version(1, 4);
        let mut last = 0;
        let mut new = || {
            last += 1;
            Ref::new(last)
        };
        let (catalog, pages, page, content) = (new(), new(), new(), new());
        pdf.catalog(catalog).pages(pages);
        pdf.pages(pages).kids([page]).count(1);
        let mut fonts = BTreeMap::new();
        for cut in self.cuts.iter().filter(|cut| cut.is_used()) {
            fonts.insert(cut.resource(), cut.write(&mut pdf, &mut new, &self.fonts)?);
        }
        let mut images = Vec::new();
        for (index, cells) in self.images.iter().enumerate() {
            let (id, image) = (new(), cells.enlarged());
            let bytes = compressed(&image.pixels)?;
            let mut object = pdf.image_xobject(id, &bytes);
            object.filter(Filter::FlateDecode);
            object
                .width(image.width.cast_signed())
                .height(image.height.cast_signed())
                .bits_per_component(8);
            object.color_space().device_rgb();
            images.push((image_name(index), id));
        }
        let bytes = compressed(&self.content.finish())?;
        pdf.stream(content, &bytes).filter(Filter::FlateDecode);
        let mut object = pdf.page(page);
        object.media_box(page_box).parent(pages).contents(content);
        let mut resources = object.resources();
        resources.fonts().pairs(fonts.iter().map(|(name, id)| (Name(name), *id)));
        resources.x_objects().pairs(images.iter().map(|(name, id)| (Name(name), *id)));
        let mut states = resources.ext_g_states();
        for hundredths in &self.opacities {
            let share = f32::from(*hundredths) / 100.0;
            let name = opacity_name(*hundredths);
            let mut state =
                states.insert(Name(&name)).start::<pdf_writer::writers::ExtGraphicsState>();
            state.stroking_alpha(share).non_stroking_alpha(share);
        }
        states.finish();
        resources.finish();
        object.finish();
        Ok(pdf.finish())
    }
}

/// From text that begins at the origin, x along the line and y up, to its place on the sheet.
fn placed(text: &Text) -> [f32; 6] {
    let (x, y) = text.origin;
    if text.vertical { [0.0, -1.0, -1.0, 0.0, x, y] } else { [1.0, 0.0, 0.0, -1.0, x, y] }
}

fn shares(Rgb(red, green, blue): Rgb) -> [f32; 3] {
    [red, green, blue].map(|value| (f32::from(value) / 255.0 * 1e4).round() / 1e4)
}

fn image_name(index: usize) -> Vec<u8> {
    format!("I{index}").into_bytes()
}

fn opacity_name(hundredths: u8) -> Vec<u8> {
    format!("O{hundredths}").into_bytes()
}
