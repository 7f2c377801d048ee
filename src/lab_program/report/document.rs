//! What a report says, whatever it is written as.

use super::chart::Chart;
use crate::lab_program::text::table::Table;

/// A report.
#[derive(Debug, Default)]
pub struct Document {
    /// Its heading.
    pub title: String,
    /// What it is of, in a sentence.
    pub about: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What links lead to.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// Whether it is closed until somebody opens it.
    pub folded: bool,
    /// What it says.
    pub blocks: Vec<Block>,
    /// The parts of this part.
    pub sections: Vec<Section>,
}

/// A piece of a report.
#[derive(Debug, Clone)]
pub enum Block {
    /// Text.
    Paragraph(String),
    /// A command.
    Code(String),
    /// A table.
    Grid(Grid),
    /// Colours and whose they are; grey is everything else.
    Legend(Vec<(Option<usize>, String)>),
    /// Curves, in a page alone.
    Charts(Vec<Chart>),
    /// The same curves as a picture, in Markdown alone.
    Still(Picture),
    /// Pictures.
    Pictures(Vec<Picture>),
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// What it is, for who can't see it.
    pub name: String,
    /// Its cells.
    pub table: Table,
    /// What the first cell of each row has besides its text; nothing where there are too few.
    pub marks: Vec<Mark>,
}

/// What the first cell of a row has besides its text.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Nothing.
    Plain,
    /// The colour of the row's curve; grey without one.
    Colour(Option<usize>),
    /// A link to the section of this name.
    Link(String),
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// What it shows.
    pub name: String,
    /// Where it is, as a link.
    pub link: String,
    /// The bytes of the PNG.
    pub png: Vec<u8>,
    /// The same as SVG, which a page shows instead.
    pub svg: Option<Vec<u8>>,
}
