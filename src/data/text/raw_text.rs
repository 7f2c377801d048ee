//! A text as it stands in a file.

use std::path::Path;

use anyhow::{Context, Result};

use super::tokens::plain;
use crate::lab::store::regular;

/// The bytes of a text, and what to call them.
#[derive(Debug)]
pub(super) struct RawText {
    /// As they stand in the file.
    pub bytes: Vec<u8>,
    /// The file, for messages and for the run's provenance.
    pub file: String,
    /// Brings the text into the form that tokens are taken from.
    pub plain: fn(&str) -> String,
}

/// A text that is known by name, as each of them describes itself in a file of its own.
#[derive(Debug)]
pub(super) struct NamedText {
    /// What `--data` takes.
    pub name: &'static str,
    /// Reads the text, from the folder of data sets where it needs a file.
    pub read: fn(data_dir: &Path) -> Result<RawText>,
}

impl RawText {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no regular file or can't be read.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let bytes = regular::read_any_length(path).with_context(|| format!("reading {file}"))?;
        Ok(Self { bytes, file, plain })
    }
}
