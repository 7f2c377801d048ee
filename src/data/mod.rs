//! Data sets: loaders and their checks.
//!
//! [`load`] takes a name or a folder and gives a labelled image set as normalised tensors on the
//! device; [`text::load`] gives a text as numbers of words. Whatever is wrong with a file is one
//! line that names it, what was found and what was expected; nothing is allocated on the word of a
//! header alone.
//!
//! A data set that is known by name is a file in `images` or [`text`] and a line in the list of
//! its kind there. What the set's files must look like, and where `scripts/data` gets them, is in a
//! manifest beside the loader, which both read.

mod images;
mod manifest;
pub mod text;

pub use images::{ImageData, LabelledImages, load, pixels};
pub use manifest::advice;
