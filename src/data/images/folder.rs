//! A labelled image set from a folder with four idx files, as MNIST introduced them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tch::Device;

use super::find::find;
use super::idx::{self, Idx};
use super::image_set::{ImageData, RawSplit, Scale};
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

/// Loads a set of the user's, of any size.
///
/// # Errors
/// If a file is missing, or the four don't fit together.
pub(super) fn load_own(folder: &Path, device: Device) -> Result<ImageData> {
    let raw = read_splits(folder, None)?;
    assemble(&folder.display().to_string(), raw, None, device)
}

/// Both splits of a folder, with the size of an image.
pub(super) struct Splits {
    train: RawSplit,
    test: RawSplit,
    height: usize,
    width: usize,
    /// The files with their SHA-256.
    files: Vec<Value>,
}

/// Reads the four files of a folder, and checks them against the manifest, if there is one.
///
/// # Errors
/// If a file is missing or is not what the manifest says, or the four don't fit together.
pub(super) fn read_splits(folder: &Path, manifest: Option<&Manifest>) -> Result<Splits> {
    let mut files = Vec::new();
    let mut read = |name: &str, axes: usize| -> Result<(PathBuf, Idx)> {
        let path = find(folder, name)?;
        let idx = idx::read(&path, axes, manifest.and_then(|manifest| manifest.shape(name)))?;
        let hash = sha256_of(&[&idx.header, &idx.values]);
        if let Some(manifest) = manifest {
            manifest.check(name, &hash).with_context(|| path.display().to_string())?;
        }
        files.push(json!({"file": path.display().to_string(), "sha256": hash}));
        Ok((path, idx))
    };
    let train_images = read(TRAIN_IMAGES, 3)?;
    let train_labels = read(TRAIN_LABELS, 1)?;
    let test_images = read(TEST_IMAGES, 3)?;
    let test_labels = read(TEST_LABELS, 1)?;

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
        height: size[0],
        width: size[1],
        files,
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

/// Puts a set together; normalised with `scale`, or else by its training images.
///
/// # Errors
/// If a label is in the test split alone, all training pixels are equal, or the device has no room.
pub(super) fn assemble(
    name: &str,
    raw: Splits,
    scale: Option<Scale>,
    device: Device,
) -> Result<ImageData> {
    let highest = |labels: &[u8]| labels.iter().copied().max().unwrap_or(0);
    let (train_label, test_label) = (highest(&raw.train.labels), highest(&raw.test.labels));
    ensure!(
        test_label <= train_label,
        "{name}: the test labels go up to {test_label}, expected none above {train_label}, the highest in training"
    );
    let scale = scale.unwrap_or_else(|| raw.train.scale(255));
    ensure!(scale.std > 0.0, "{name}: every training pixel has the same value, expected images");
    Ok(ImageData {
        name: name.to_owned(),
        height: raw.height as i64,
        width: raw.width as i64,
        num_classes: i64::from(train_label) + 1,
        mean: scale.mean,
        std: scale.std,
        train: raw.train.to_device(scale, device)?,
        test: raw.test.to_device(scale, device)?,
        source: json!({"name": name, "files": raw.files}),
    })
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
