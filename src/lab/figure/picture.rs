//! What a figure is once it is laid out: shapes on a sheet, which every format paints in its own way.

use super::frame::Frame;
use super::image::RgbImage;
use super::palette::Rgb;
use super::sheet::Unit;

/// How text looks; its point is the middle of the capitals' height.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle {
    pub size: f32,
    pub bold: bool,
    pub colour: Rgb,
    pub align: Align,
}

/// Where text stands with respect to its point along the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineStyle {
    pub colour: Rgb,
    pub width: f32,
    pub dashed: bool,
}

/// Lengths of a dash and of the gap behind it.
pub(super) const DASHES: [f32; 2] = [5.0, 3.5];

/// Opacity of the white edge around text.
pub(super) const HALO: f32 = 0.9;

/// Something drawn, in layout units from the top left.
#[derive(Debug)]
pub(super) enum Shape {
    /// An open line of at least two points, of which only what is inside `clip` shows.
    Line { points: Vec<(f32, f32)>, style: LineStyle, clip: Option<Frame> },
    /// A filled polygon with an opacity from 0 to 1, of which only what is inside `clip` shows.
    Polygon { points: Vec<(f32, f32)>, colour: Rgb, opacity: f32, clip: Option<Frame> },
    /// A line of text.
    Text(Text),
    /// A grid of equal cells that fills a frame.
    Cells(Cells),
}

/// A line of text.
#[derive(Debug)]
pub(super) struct Text {
    /// What it says.
    pub text: String,
    /// Where its base line begins.
    pub origin: (f32, f32),
    /// Whether it reads upwards.
    pub vertical: bool,
    /// Height of the em square.
    pub size: f32,
    /// Length of the line.
    pub width: f32,
    pub bold: bool,
    pub colour: Rgb,
    /// Width of the white edge around it, which keeps it readable over lines.
    pub halo: f32,
}

/// A grid of equal cells.
#[derive(Debug)]
pub(super) struct Cells {
    pub frame: Frame,
    pub rows: usize,
    pub columns: usize,
    /// The colour of each: `[row * columns + column]`.
    pub colours: Vec<Rgb>,
}

/// Pixels on the longer side of a grid's image, as far as its cells allow, and of a cell at most.
const ENLARGED: (usize, usize) = (1024, 16);

impl Cells {
    /// The cell at a position in the frame, from 0 to 1 across and down.
    pub fn at(&self, x: f32, y: f32) -> Rgb {
        let index = |share: f32, count: usize| ((share * count as f32) as usize).min(count - 1);
        self.colours[index(y, self.rows) * self.columns + index(x, self.columns)]
    }

    /// The grid as an image whose cells have several pixels each, so that programs that smooth
    /// what they enlarge leave the cells sharp.
    pub fn enlarged(&self) -> RgbImage {
        let (most, largest) = ENLARGED;
        let times = (most / self.rows.max(self.columns)).clamp(1, largest);
        let mut pixels = Vec::with_capacity(self.colours.len() * times * times * 3);
        for row in self.colours.chunks_exact(self.columns) {
            let wide = row.iter().flat_map(|Rgb(r, g, b)| [*r, *g, *b].repeat(times));
            let wide: Vec<u8> = wide.collect();
            pixels.extend(wide.repeat(times));
        }
        let (width, height) = ((self.columns * times) as u32, (self.rows * times) as u32);
        RgbImage { width, height, pixels }
    }
}

/// A figure that is laid out.
#[derive(Debug)]
pub struct Picture {
    /// Width of the sheet, in layout units.
    pub(super) width: f32,
    /// Height of the sheet, in layout units.
    pub(super) height: f32,
    /// How long a layout unit is.
    pub(super) unit: Unit,
    /// What is on it, in the order in which it is drawn.
    pub(super) shapes: Vec<Shape>,
}
