//! A labelled image set from folders of PNG pictures, one for each class.

use std::ffi::OsStr;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use serde_json::json;
use tch::Device;

use super::image_set::{ImageData, RawSplit};
use super::splits::{COLOURS, MOST_UNPACKED, Size, Splits, assemble};
use crate::lab::counts::counted;
use crate::lab::store::durable::sha256_of;
use crate::lab::store::regular;

/// The folder of the training pictures, if they are apart from those of the test.
const TRAIN: &str = "train";
/// The folder of the test pictures.
const TEST: &str = "test";
/// Of one folder, every so many-th picture of a class is of the test.
const TEST_EVERY: usize = 5;
/// The most classes: a label is a byte.
const MOST_CLASSES: usize = 256;

/// Whether a folder has pictures by class, or is meant to.
pub(super) fn is_meant(folder: &Path) -> bool {
    let has_picture = |class: &PathBuf| entries(class).iter().any(|path| is_picture(path));
    let meant = |path: &PathBuf| has_picture(path) || folders(path).iter().any(has_picture);
    folder.join(TRAIN).is_dir() || meant(&folder.to_path_buf())
}

/// Loads the set of a folder: `train/<class>/*.png` and `test/<class>/*.png`, or `<class>/*.png`, of
/// which every fifth picture of a class, by name, is of the test. Classes are numbered in the order of
/// their names, or of the numbers that they all are.
///
/// # Errors
/// If a class has no picture, or a picture can't be read or is of another size than the first.
pub(super) fn load(folder: &Path, device: Device) -> Result<ImageData> {
    let mut reader = Reader::default();
    let (train, test, classes, files);
    if folder.join(TRAIN).is_dir() {
        let (train_folder, test_folder) = (folder.join(TRAIN), folder.join(TEST));
        ensure!(test_folder.is_dir(), "no folder {}", test_folder.display());
        classes = class_names(&train_folder)?;
        if let Some(other) = class_names(&test_folder)?.iter().find(|name| !classes.contains(name))
        {
            bail!(
                "{} is no class of {}",
                test_folder.join(other).display(),
                train_folder.display()
            );
        }
        train = reader.read(&train_folder, &classes)?;
        let train_hash = reader.take_hash();
        test = reader.read(&test_folder, &classes)?;
        files = json!([
            {"file": train_folder.display().to_string(), "sha256": train_hash},
            {"file": test_folder.display().to_string(), "sha256": reader.take_hash()},
        ]);
    } else {
        classes = class_names(folder)?;
        (train, test) = hold_out(folder, &classes, reader.read(folder, &classes)?)?;
        files = json!([{"file": folder.display().to_string(), "sha256": reader.take_hash()}]);
    }
    let (size, _) = reader.first.context("no picture")?;
    let source = json!({"files": files, "classes": classes});
    assemble(&folder.display().to_string(), Splits { train, test, size, source }, None, device)
}

/// Takes every fifth picture of each class for the test.
fn hold_out(folder: &Path, classes: &[String], all: RawSplit) -> Result<(RawSplit, RawSplit)> {
    let bytes = all.images.len() / all.labels.len();
    let (mut train, mut test) = (RawSplit::default(), RawSplit::default());
    let mut counts = vec![0usize; classes.len()];
    for (image, &label) in all.images.chunks_exact(bytes).zip(&all.labels) {
        counts[usize::from(label)] += 1;
        let held_out = counts[usize::from(label)].is_multiple_of(TEST_EVERY);
        let split = if held_out { &mut test } else { &mut train };
        split.images.extend(image);
        split.labels.push(label);
    }
    match counts.iter().zip(classes).find(|(count, _)| **count < TEST_EVERY) {
        Some((count, class)) => bail!(
            "{} has {}, expected {TEST_EVERY} or more, of which every {TEST_EVERY}th is for the test \
             (or folders {TRAIN} and {TEST})",
            folder.join(class).display(),
            counted(*count, "picture")
        ),
        None => Ok((train, test)),
    }
}

/// What is in a folder, sorted; hidden files are none of the user's.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> = shown.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn is_png(path: &Path) -> bool {
    ends_in(path, &["png"])
}

/// Whether a file is a picture by its name, be it one that can't be read: the error says so then.
fn is_picture(path: &Path) -> bool {
    ends_in(path, &["png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp"])
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    let is_one = |extension: &OsStr| endings.iter().any(|end| extension.eq_ignore_ascii_case(end));
    path.extension().is_some_and(is_one)
}

/// The classes of a folder, in the order of their labels.
fn class_names(folder: &Path) -> Result<Vec<String>> {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<String> = folders(folder).iter().map(name).collect();
    ensure!(
        !names.is_empty(),
        "{}: expected a folder of PNG pictures for each class",
        folder.display()
    );
    let most = MOST_CLASSES;
    ensure!(
        names.len() <= most,
        "{}: {} classes, expected {most} at most",
        folder.display(),
        names.len()
    );
    let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or_default());
    }
    Ok(names)
}

/// Reads pictures, which must all be of one size.
#[derive(Debug, Default)]
struct Reader {
    /// The size of the first picture, and where it is.
    first: Option<(Size, PathBuf)>,
    /// Bytes of all pictures so far.
    bytes: u64,
    /// The line of each file as `sha256sum` prints it, with its name from the folder on.
    sums: Vec<(String, String)>,
}

impl Reader {
    /// The pictures of a folder, class by class.
    fn read(&mut self, folder: &Path, classes: &[String]) -> Result<RawSplit> {
        let mut split = RawSplit::default();
        for (label, class) in (0u8..).zip(classes) {
            let home = folder.join(class);
            let pictures = entries(&home);
            ensure!(!pictures.is_empty(), "{}: expected PNG pictures, found none", home.display());
            for path in pictures {
                let name =
                    format!("{class}/{}", path.file_name().unwrap_or_default().to_string_lossy());
                let pixels =
                    self.read_one(&path, name).with_context(|| path.display().to_string())?;
                split.images.extend(pixels);
                split.labels.push(label);
            }
        }
        Ok(split)
    }

    fn read_one(&mut self, path: &Path, name: String) -> Result<Vec<u8>> {
        ensure!(
            !path.is_dir(),
            "a folder in the folder of a class: expected CLASS/*.png, or train/CLASS/*.png and \
             test/CLASS/*.png"
        );
        ensure!(is_png(path), "only PNG pictures are read");
        let file = regular::read(path)?;
        self.sums.push((name, sha256_of(&[&file])));
        let (size, pixels) = decode(&file)?;
        let (expected, first) = self.first.get_or_insert_with(|| (size, path.into()));
        ensure!(
            size == *expected,
            "{}, expected {} as of {}",
            size.words(),
            expected.words(),
            first.display()
        );
        self.bytes += pixels.len() as u64;
        ensure!(
            self.bytes <= MOST_UNPACKED,
            "the pictures up to this one have more than {MOST_UNPACKED} bytes: make them smaller"
        );
        Ok(pixels)
    }

    /// The SHA-256 of what `sha256sum */*` would print in the folder that was read, in the order of
    /// the bytes of the names.
    fn take_hash(&mut self) -> String {
        let mut sums = std::mem::take(&mut self.sums);
        sums.sort();
        let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        sha256_of(&[lines.as_bytes()])
    }
}

/// The pixels of a PNG file, row by row, with the colours of each together.
fn decode(file: &[u8]) -> Result<(Size, Vec<u8>)> {
    let mut reader = ImageReader::with_format(Cursor::new(file), ImageFormat::Png);
    // A header may promise more than the file has.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_UNPACKED);
    reader.limits(limits);
    let picture = reader.decode().context("not a whole PNG picture")?;
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    let (channels, pixels) = match picture {
        DynamicImage::ImageLuma8(grey) => (1, grey.into_raw()),
        DynamicImage::ImageRgb8(colour) => (COLOURS, colour.into_raw()),
        DynamicImage::ImageLumaA8(grey) => (1, opaque(&grey.into_raw(), 1)?),
        DynamicImage::ImageRgba8(colour) => (COLOURS, opaque(&colour.into_raw(), COLOURS)?),
        _ => bail!("16 bits a colour, expected 8"),
    };
    Ok((Size { height, width, channels }, pixels))
}

/// Pixels without their last number, the opacity, which must be full.
fn opaque(pixels: &[u8], channels: usize) -> Result<Vec<u8>> {
    let mut colours = Vec::with_capacity(pixels.len());
    for pixel in pixels.chunks_exact(channels + 1) {
        ensure!(pixel[channels] == u8::MAX, "transparent pixels: put the picture on a background");
        colours.extend(&pixel[..channels]);
    }
    Ok(colours)
}

#[cfg(test)]
mod tests;
