//! A labelled image set from an archive of NumPy arrays, as Keras has MNIST.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tch::Device;
use zip::{CompressionMethod, ZipArchive};

use super::image_set::{ImageData, RawSplit};
use super::npy::{Header, labels, size_of_whole};
use super::splits::{MOST_UNPACKED, Size, Splits, assemble};
use crate::lab::store::{durable, regular};

/// The type of images.
const BYTES: &str = "|u1";

/// Loads the arrays `x_train`, `y_train`, `x_test` and `y_test` of an archive: images of unsigned
/// bytes, `[image, row, column]` or with the colour as a fourth axis, and their labels, whole numbers.
///
/// # Errors
/// If an array is missing or damaged, is of another type or order, or they don't fit together.
pub(super) fn load(path: &Path, device: Device) -> Result<ImageData> {
    let name = path.display().to_string();
    let (sha256, _) = durable::sha256(path).with_context(|| name.clone())?;
    let mut splits = read(path).with_context(|| name.clone())?;
    splits.source = json!({"files": [{"file": name, "sha256": sha256}]});
    assemble(&name, splits, None, device)
}

fn read(path: &Path) -> Result<Splits> {
    let file = BufReader::new(regular::open(path)?);
    let mut archive = ZipArchive::new(file).context("not an archive of NumPy arrays")?;
    let (train, size) = split(&mut archive, "train")?;
    let (test, test_size) = split(&mut archive, "test")?;
    ensure!(
        test_size == size,
        "x_test has {}, expected {} as x_train",
        test_size.words(),
        size.words()
    );
    Ok(Splits { train, test, size, source: json!({}) })
}

/// A split with the size of its images.
fn split(archive: &mut ZipArchive<BufReader<File>>, which: &str) -> Result<(RawSplit, Size)> {
    let (x, y) = (format!("x_{which}"), format!("y_{which}"));
    let (header, images) = array(archive, &x).with_context(|| x.clone())?;
    let kind = &header.kind;
    ensure!(
        kind == BYTES,
        "{x}: the type {kind}, expected unsigned bytes from 0 to 255: save x.astype(\"uint8\")"
    );
    let (count, axes) = header.shape.split_first().with_context(|| format!("{x}: no axis"))?;
    let size = Size::of_axes(axes).with_context(|| x.clone())?;
    let (header, values) = array(archive, &y).with_context(|| y.clone())?;
    // Some of Keras's sets have each label in a row of its own.
    ensure!(
        header.shape == [*count] || header.shape == [*count, 1],
        "{y} has the shape {:?}, expected [{count}], a label for each image of {x}",
        header.shape
    );
    let labels = labels(&header.kind, &values).with_context(|| y)?;
    Ok((RawSplit { images, labels }, size))
}

/// The bytes of an array.
fn array(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<(Header, Vec<u8>)> {
    let file = format!("{name}.npy");
    let missing = || {
        let mut names: Vec<&str> =
            archive.file_names().map(|name| name.trim_end_matches(".npy")).collect();
        names.sort();
        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
        format!("no array of this name, the archive has {names}")
    };
    ensure!(archive.file_names().any(|other| other == file), missing());
    let mut entry = archive.by_name(&file)?;
    let (packed, compressed) =
        (entry.compressed_size(), entry.compression() != CompressionMethod::Stored);
    let header = Header::read(&mut entry)?;
    let size = if header.kind == BYTES { Some(1) } else { size_of_whole(&header.kind) };
    // Of another type no value is looked at.
    let size = size.unwrap_or(0) as u64;
    let shape = &header.shape;
    ensure!(!shape.contains(&0), "the shape {shape:?}, expected no empty axis");
    let product = shape.iter().try_fold(size, |product, axis| product.checked_mul(*axis as u64));
    let promised =
        product.with_context(|| format!("the shape {shape:?}, which no file can hold"))?;
    ensure!(
        compressed || promised <= packed,
        "the shape {shape:?} promises {promised} bytes, and there are {packed}"
    );
    ensure!(
        !compressed || promised <= MOST_UNPACKED,
        "the shape {shape:?} promises {promised} bytes, and a compressed array may have \
         {MOST_UNPACKED}: save with numpy.savez, not savez_compressed"
    );
    let mut values = Vec::new();
    if size > 0 {
        // One byte more than promised, so that a longer one is seen and its checksum is read.
        entry.take(promised + 1).read_to_end(&mut values).context("damaged")?;
        let found = values.len() as u64;
        ensure!(found >= promised, "ends after {found} bytes, expected {promised} ({shape:?})");
        ensure!(found == promised, "goes on after {promised} bytes ({shape:?}), expected its end");
    }
    Ok((header, values))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::FileOptions;

    use super::*;

    /// An array as NumPy writes it.
    fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (text.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), values].concat()
    }

    fn small_set() -> Vec<(&'static str, Vec<u8>)> {
        let pixels: Vec<u8> = (0..36).collect();
        vec![
            ("x_train", npy("|u1", "(6, 2, 3)", &pixels)),
            ("y_train", npy("|u1", "(6,)", &[0, 1, 2, 0, 1, 2])),
            ("x_test", npy("|u1", "(3, 2, 3)", &pixels[18..])),
            ("y_test", npy("<i2", "(3, 1)", &[2, 0, 0, 0, 1, 0])),
        ]
    }

    /// Loads an archive of these arrays; the error is the one line that a user sees.
    fn load_arrays(
        arrays: &[(&str, Vec<u8>)],
        method: CompressionMethod,
    ) -> Result<ImageData, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        let mut archive = ZipWriter::new(File::create(&path).unwrap());
        for (name, array) in arrays {
            let options = FileOptions::default().compression_method(method);
            archive.start_file(format!("{name}.npy"), options).unwrap();
            archive.write_all(array).unwrap();
        }
        archive.finish().unwrap();
        load_file(&path)
    }

    fn load_file(path: &Path) -> Result<ImageData, String> {
        load(path, Device::Cpu).map_err(|error| {
            let line = format!("{error:#}");
            assert!(line.starts_with(path.to_str().unwrap()) && !line.contains('\n'), "{line}");
            line
        })
    }

    #[test]
    fn an_archive_is_loaded_plain_and_compressed() {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let data = load_arrays(&small_set(), method).unwrap();
            assert_eq!((data.height, data.width, data.num_classes), (2, 3, 3));
            assert_eq!((data.train.len(), data.test.len()), (6, 3));
            let last = (data.test.images.get(2) * data.std + data.mean) * 255.0;
            assert_eq!(
                Vec::<f32>::try_from(last.round()).unwrap(),
                [30.0, 31.0, 32.0, 33.0, 34.0, 35.0]
            );
            assert_eq!(Vec::<i64>::try_from(&data.test.labels).unwrap(), [2, 0, 1]);
            assert_eq!(data.source["files"][0]["sha256"].as_str().unwrap().len(), 64);
        }
    }

    #[test]
    fn what_can_t_be_a_set_is_refused_with_the_array() {
        for (at, array, words) in [
            (
                0,
                npy("<f8", "(6, 2, 3)", &[0; 288]),
                "x_train: the type <f8, expected unsigned bytes",
            ),
            (0, npy("|u1", "(6, 6)", &[0; 36]), "x_train: 2 axes, expected 3"),
            (0, npy("|u1", "(6, 3, 1, 2)", &[0; 36]), "x_train: the last axis is 2 long"),
            (0, npy("|u1", "(6, 2, 3)", &[0; 35]), "x_train: ends after 35 bytes, expected 36"),
            (0, npy("|u1", "(6, 2, 3)", &[0; 37]), "x_train: goes on after 36 bytes"),
            (
                0,
                npy("|u1", "(6, 0, 3)", &[]),
                "x_train: the shape [6, 0, 3], expected no empty axis",
            ),
            (0, npy("|u1", "(99999, 9999, 999)", &[]), "and a compressed array may have 268435456"),
            (1, npy("|u1", "(5,)", &[0; 5]), "y_train has the shape [5], expected [6]"),
            (1, npy("<f4", "(6,)", &[0; 24]), "y_train: the type <f4, expected whole numbers"),
            (
                1,
                npy("|i1", "(6,)", &[0, 0, 0, 0, 0, 255]),
                "y_train: the label -1, expected 0 to 255",
            ),
            (
                2,
                npy("|u1", "(3, 3, 2)", &[0; 18]),
                "x_test has 3 x 2 pixels in grey, expected 2 x 3",
            ),
            (
                3,
                npy("|u1", "(3,)", &[0, 1, 3]),
                "the test labels go up to 3, expected none above 2",
            ),
            (3, b"no array".to_vec(), "y_test: no NumPy array"),
        ] {
            let mut arrays = small_set();
            arrays[at].1 = array;
            let line = load_arrays(&arrays, CompressionMethod::Deflated).unwrap_err();
            assert!(line.contains(words), "{line}");
        }
        let line = load_arrays(&small_set()[..3], CompressionMethod::Stored).unwrap_err();
        assert!(
            line.contains(
                "y_test: no array of this name, the archive has x_test, x_train, y_train"
            ),
            "{line}"
        );
    }

    #[test]
    fn a_damaged_archive_is_refused() {
        let file = tempfile::NamedTempFile::with_suffix(".npz").unwrap();
        let mut archive = ZipWriter::new(file.reopen().unwrap());
        for (name, array) in small_set() {
            let stored = FileOptions::default().compression_method(CompressionMethod::Stored);
            archive.start_file(format!("{name}.npy"), stored).unwrap();
            archive.write_all(&array).unwrap();
        }
        archive.finish().unwrap();
        let whole = std::fs::read(file.path()).unwrap();
        assert!(load_file(file.path()).is_ok());
        for length in [0, 10, whole.len() / 2, whole.len() - 1] {
            std::fs::write(file.path(), &whole[..length]).unwrap();
            assert!(load_file(file.path()).unwrap_err().contains("not an archive"), "{length}");
        }
        // The bytes of x_train are 0, 1, 2, ...: one of another value has another checksum.
        let pixel = whole.windows(4).position(|bytes| bytes == [9, 10, 11, 12]).unwrap();
        let mut damaged = whole.clone();
        damaged[pixel] ^= 1;
        std::fs::write(file.path(), damaged).unwrap();
        assert!(load_file(file.path()).unwrap_err().contains("x_train: damaged"));
    }
}
