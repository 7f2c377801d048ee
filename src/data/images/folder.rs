//! A labelled image set from a folder with four idx files, as MNIST introduced them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tch::Device;

use super::find::find;
use super::idx::{self, Idx};
use super::image_set::{ImageData, RawSplit};
use super::splits::{Size, Splits, assemble};
use crate::data::manifest::Manifest;
use crate::lab::store::durable::sha256_of;

/// The name of the file of training images.
pub(super) const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
/// The name of the file of training labels.
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
/// The name of the file of test images.
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
/// The name of the file of test labels.
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";
/// The axes that images may have: `[image, row, column]`, or the colour as a fourth.
const IMAGES: &[usize] = &[3, 4];
/// The axes of labels.
const LABELS: &[usize] = &[1];

/// Loads a set of the user's, of any size.
///
/// # Errors
/// If a file is missing, or the four don't fit together.
pub(super) fn load_own(folder: &Path, device: Device) -> Result<ImageData> {
    let raw = read_splits(folder, None)?;
    assemble(&folder.display().to_string(), raw, None, device)
}

/// The file of images of a folder, which may have the axis of colours in its name.
///
/// # Errors
/// If there is none.
pub(super) fn find_images(folder: &Path, name: &str) -> Result<PathBuf> {
    find(folder, name)
        .or_else(|error| find(folder, &name.replace("idx3", "idx4")).map_err(|_| error))
}

/// Reads the four files of a folder, and checks them against the manifest, if there is one.
///
/// # Errors
/// If a file is missing or is not what the manifest says, or the four don't fit together.
pub(super) fn read_splits(folder: &Path, manifest: Option<&Manifest>) -> Result<Splits> {
    let mut files = Vec::new();
    let mut read = |name: &str, axes: &[usize]| -> Result<(PathBuf, Idx)> {
        let path = if axes == LABELS { find(folder, name) } else { find_images(folder, name) }?;
        let idx = idx::read(&path, axes, manifest.and_then(|manifest| manifest.shape(name)))?;
        let hash = sha256_of(&[&idx.header, &idx.values]);
        if let Some(manifest) = manifest {
            manifest.check(name, &hash).with_context(|| path.display().to_string())?;
        }
        files.push(json!({"file": path.display().to_string(), "sha256": hash}));
        Ok((path, idx))
    };
    let train_images = read(TRAIN_IMAGES, IMAGES)?;
    let train_labels = read(TRAIN_LABELS, LABELS)?;
    let test_images = read(TEST_IMAGES, IMAGES)?;
    let test_labels = read(TEST_LABELS, LABELS)?;

    let pixel = Size::of_axes(&train_images.1.shape[1..]);
    let pixel = pixel.with_context(|| train_images.0.display().to_string())?;
    let size = train_images.1.shape[1..].to_vec();
    ensure!(
        test_images.1.shape[1..] == size,
        "{}: images of {:?} pixels, expected {size:?} as in {}",
        test_images.0.display(),
        &test_images.1.shape[1..],
        train_images.0.display()
    );
    Ok(Splits {
        train: pair(train_images, train_labels)?,
        test: pair(test_images, test_labels)?,
        size: pixel,
        source: json!({"files": files}),
    })
}

/// Images and their labels, of which there must be as many.
fn pair(images: (PathBuf, Idx), labels: (PathBuf, Idx)) -> Result<RawSplit> {
    let (found, expected) = (labels.1.shape[0], images.1.shape[0]);
    ensure!(
        found == expected,
        "{}: {found} labels, expected {expected}, one for each image in {}",
        labels.0.display(),
        images.0.display()
    );
    Ok(RawSplit { images: images.1.values, labels: labels.1.values })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tch::Kind;

    use super::super::idx::tests::{encode, gzip};
    use super::*;

    /// A folder with 6 training and 3 test images of 2x3 pixels, labels 0..=2.
    fn small_set() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let pixels: Vec<u8> = (0..36).map(|x| x * 7).collect();
        let write =
            |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
        write(TRAIN_IMAGES, encode(&[6, 2, 3], &pixels));
        write(TRAIN_LABELS, encode(&[6], &[0, 1, 2, 0, 1, 2]));
        write(&format!("{TEST_IMAGES}.gz"), gzip(&encode(&[3, 2, 3], &pixels[18..])));
        write(&format!("{TEST_LABELS}.gz"), gzip(&encode(&[3], &[2, 0, 1])));
        folder
    }

    fn load_folder(folder: &Path) -> Result<ImageData> {
        load_own(folder, Device::Cpu)
    }

    /// The error of a small set whose file `name` holds `bytes` instead.
    fn refusal(name: &str, bytes: Vec<u8>) -> String {
        let folder = small_set();
        fs::write(folder.path().join(name), bytes).unwrap();
        let line = format!("{:#}", load_folder(folder.path()).unwrap_err());
        assert!(line.contains(folder.path().to_str().unwrap()), "{line}");
        line
    }

    #[test]
    fn a_users_folder_is_loaded_and_normalised() {
        let folder = small_set();
        let data = load_folder(folder.path()).unwrap();
        assert_eq!((data.height, data.width, data.num_classes), (2, 3, 3));
        assert_eq!((data.train.images.size(), data.test.images.size()), (vec![6, 6], vec![3, 6]));
        let pixels = (&data.train.images * data.std + data.mean) * 255.0;
        let expected = tch::Tensor::arange(36, (Kind::Float, Device::Cpu)).reshape([6, 6]) * 7;
        assert!(pixels.allclose(&expected, 0.0, 1e-3, false));
        assert!(data.train.images.mean(Kind::Float).double_value(&[]).abs() < 1e-6);
        assert!((data.train.images.std(false).double_value(&[]) - 1.0).abs() < 1e-6);
        assert_eq!(Vec::<i64>::try_from(&data.test.labels).unwrap(), [2, 0, 1]);
        assert_eq!(data.source["files"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn colour_images_have_a_fourth_axis() {
        let folder = small_set();
        let write = |name: &str, shape: &[u32], pixels: &[u8]| {
            fs::write(folder.path().join(name), encode(shape, pixels)).unwrap();
        };
        fs::remove_file(folder.path().join(TRAIN_IMAGES)).unwrap();
        let pixels: Vec<u8> = (0..36).collect();
        write("train-images-idx4-ubyte", &[6, 1, 2, 3], &pixels);
        write(TEST_IMAGES, &[3, 1, 2, 3], &pixels[..18]);
        let data = load_folder(folder.path()).unwrap();
        assert_eq!((data.height, data.width, data.num_classes), (3, 2, 3));
        let first = (data.train.images.get(0) * data.std + data.mean) * 255.0;
        let first = Vec::<f32>::try_from(first.round()).unwrap();
        assert_eq!(first, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        write(TEST_IMAGES, &[3, 2, 3], &pixels[..18]);
        let line = format!("{:#}", load_folder(folder.path()).unwrap_err());
        assert!(line.contains("images of [2, 3] pixels, expected [1, 2, 3]"), "{line}");
        write(TEST_IMAGES, &[3, 3, 2], &pixels[..18]);
        write("train-images-idx4-ubyte", &[6, 3, 1, 2], &pixels);
        let line = format!("{:#}", load_folder(folder.path()).unwrap_err());
        assert!(line.contains("the last axis is 2 long"), "{line}");
    }

    #[test]
    fn a_batch_holds_the_samples_asked_for() {
        let data = load_folder(small_set().path()).unwrap();
        let (images, labels) = data.train.batch(&tch::Tensor::from_slice(&[4i64, 2]));
        assert_eq!(images, data.train.images.index_select(0, &tch::Tensor::from_slice(&[4i64, 2])));
        assert_eq!(Vec::<i64>::try_from(labels).unwrap(), [1, 2]);
    }

    #[test]
    fn inconsistent_folders_are_refused() {
        let line = refusal(TRAIN_LABELS, encode(&[5], &[0; 5]));
        assert!(line.contains("5 labels, expected 6"), "{line}");
        let line = refusal(TEST_IMAGES, encode(&[3, 3, 2], &[0; 18]));
        assert!(line.contains("images of [3, 2] pixels, expected [2, 3]"), "{line}");
        let line = refusal(TEST_LABELS, encode(&[3], &[0, 1, 3]));
        assert!(line.contains("go up to 3, expected none above 2"), "{line}");
        let line = refusal(TRAIN_IMAGES, encode(&[6, 2, 3], &[9; 36]));
        assert!(line.contains("same value"), "{line}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = small_set();
        fs::remove_file(folder.path().join(TRAIN_LABELS)).unwrap();
        let line = format!("{:#}", load_folder(folder.path()).unwrap_err());
        assert!(line.contains(TRAIN_LABELS) && line.contains(".gz"), "{line}");
    }
}
