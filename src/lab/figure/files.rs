//! The files of a figure: its pictures, the numbers behind it, and what it can be drawn from again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::drawing::{Drawing, Figure};
use super::format::Format;
use super::sheet::Sheet;
use crate::lab::store::{durable, regular};

/// The ending of the file that a figure can be drawn from again.
pub const DESCRIPTION: &str = "json";

/// `<folder>/<name>.<extension>`; a point may be in the name.
pub fn path(folder: &Path, name: &str, extension: &str) -> PathBuf {
    folder.join(format!("{name}.{extension}"))
}

/// Writes the numbers behind a figure and its description, durably. Where one of them can't be
/// written, the other still is.
///
/// # Errors
/// Where a file can't be written.
pub fn write_data(folder: &Path, name: &str, figure: &dyn Drawing, numbers: &str) -> Result<()> {
    let table = durable::write(&path(folder, name, "csv"), numbers.as_bytes());
    let mut description = serde_json::to_vec(&figure.figure())?;
    description.push(b'\n');
    table.and(durable::write(&path(folder, name, DESCRIPTION), &description))
}

/// Writes the file of a picture, durably.
///
/// # Errors
/// Where it can't be written.
pub fn write_picture(folder: &Path, name: &str, format: Format, bytes: &[u8]) -> Result<()> {
    durable::write(&path(folder, name, format.extension()), bytes)
}

/// Writes all files of a figure, durably: as [`write_data`], and its picture in each of some formats.
///
/// # Errors
/// Where it can't be drawn, or a file can't be written.
pub fn write(
    folder: &Path,
    name: &str,
    figure: &dyn Drawing,
    numbers: &str,
    formats: &[Format],
) -> Result<()> {
    let picture = figure.picture(&Sheet::SCREEN)?;
    write_data(folder, name, figure, numbers)?;
    formats
        .iter()
        .try_for_each(|format| write_picture(folder, name, *format, &picture.encode(*format)?))
}

/// Reads a figure's description.
///
/// # Errors
/// With the path, and what is wrong with it.
pub fn read(path: &Path) -> Result<Figure> {
    let bytes = regular::read_any_length(path);
    let bytes = bytes.with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no description of a figure", path.display()))
}
