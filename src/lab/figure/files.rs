//! The files of a figure: its pictures, the numbers behind it, and what it can be drawn from again.

use std::fs;
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

/// Writes a figure in each of some formats, durably.
///
/// # Errors
/// Where it can't be drawn, or a file can't be written.
pub fn write_pictures(
    folder: &Path,
    name: &str,
    figure: &dyn Drawing,
    formats: &[Format],
) -> Result<()> {
    let picture = figure.picture(&Sheet::SCREEN)?;
    formats
        .iter()
        .try_for_each(|format| write_picture(folder, name, *format, &picture.encode(*format)?))
}

/// Writes all files of a figure: as [`write_data`], and as [`write_pictures`].
///
/// # Errors
/// Those of the two.
pub fn write(
    folder: &Path,
    name: &str,
    figure: &dyn Drawing,
    numbers: &str,
    formats: &[Format],
) -> Result<()> {
    write_data(folder, name, figure, numbers)?;
    write_pictures(folder, name, figure, formats)
}

/// The names of the figures in a folder that have a description, sorted.
pub fn described(folder: &Path) -> Vec<String> {
    let mut names = named(folder, DESCRIPTION);
    names.sort();
    names
}

/// Whether a folder has figures and no description, as versions of before left it.
pub fn lacks_descriptions(folder: &Path) -> bool {
    described(folder).is_empty() && !named(folder, Format::Png.extension()).is_empty()
}

/// What the files of this ending are called without it. Hidden ones are no figures: half-written, or a
/// desktop's own.
fn named(folder: &Path, extension: &str) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let ending = format!(".{extension}");
    let names = names.filter(|name| !name.starts_with('.'));
    names.filter_map(|name| Some(name.strip_suffix(&ending)?.to_owned())).collect()
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
