//! The 8x8 digits that are compiled into the program, for tests and machines without a network.
//!
//! They are the test set of UCI's "Optical Recognition of Handwritten Digits" (E. Alpaydin and
//! C. Kaynak, 1998; CC BY 4.0) in the form that scikit-learn ships: 1797 lines of 64 pixels in
//! 0..=16 and a label. The first 1437 lines are the training split, the last 360 the test split.

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::json;
use tch::Device;

use super::image_set::{ImageData, NamedImages, RawSplit};
use crate::lab::store::durable::sha256_of;

const CSV_GZ: &[u8] = include_bytes!("../../../assets/digits.csv.gz");
const TRAIN_SAMPLES: usize = 1437;
const SIDE: usize = 8;
const CLASSES: u8 = 10;
/// The brightest pixel.
const FULL_SCALE: u8 = 16;

pub(super) const DIGITS: NamedImages =
    NamedImages { name: "digits", pixels: 64, load: |_data_dir, device| load(device) };

/// Loads the embedded digits, normalised by the training split.
fn load(device: Device) -> Result<ImageData> {
    let csv = std::io::read_to_string(GzDecoder::new(CSV_GZ)).context("the embedded digits")?;
    let mut train = RawSplit::default();
    let mut test = RawSplit::default();
    for (row, line) in csv.lines().enumerate() {
        let split = if row < TRAIN_SAMPLES { &mut train } else { &mut test };
        push_line(split, line).with_context(|| format!("the embedded digits, line {}", row + 1))?;
    }
    let scale = train.scale(FULL_SCALE);
    Ok(ImageData {
        name: "digits".to_owned(),
        height: SIDE as i64,
        width: SIDE as i64,
        num_classes: i64::from(CLASSES),
        mean: scale.mean,
        std: scale.std,
        train: train.to_device(scale, device)?,
        test: test.to_device(scale, device)?,
        source: json!({"name": "digits", "files": [{"file": "embedded digits.csv.gz", "sha256": sha256_of(&[CSV_GZ])}]}),
    })
}

/// Appends a line of 64 pixels and a label.
fn push_line(split: &mut RawSplit, line: &str) -> Result<()> {
    let values: Vec<u8> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
    ensure!(
        values.len() == SIDE * SIDE + 1,
        "{} values, expected {}",
        values.len(),
        SIDE * SIDE + 1
    );
    let (pixels, label) = values.split_at(SIDE * SIDE);
    ensure!(pixels.iter().all(|&x| x <= FULL_SCALE), "a pixel above {FULL_SCALE}");
    ensure!(label[0] < CLASSES, "label {}, expected one below {CLASSES}", label[0]);
    split.images.extend(pixels);
    split.labels.extend(label);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_is_the_published_one() {
        let expected = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22";
        assert_eq!(sha256_of(&[CSV_GZ]), expected);
    }

    #[test]
    fn splits_normalises_and_counts_as_documented() {
        let data = load(Device::Cpu).unwrap();
        assert_eq!(data.train.images.size(), [1437, 64]);
        assert_eq!(data.test.images.size(), [360, 64]);
        assert_eq!((data.train.len(), data.test.len()), (1437, 360));
        // Counts and moments by Python's gzip and csv over the same file.
        let counts =
            Vec::<i64>::try_from(data.train.labels.bincount(None::<&tch::Tensor>, 10)).unwrap();
        assert_eq!(counts, [143, 146, 142, 146, 144, 145, 144, 143, 141, 143]);
        assert!((data.mean - 0.305_386_112_560_890_77).abs() < 1e-12, "{}", data.mean);
        assert!((data.std - 0.375_507_108_830_509_1).abs() < 1e-12, "{}", data.std);
        let mean = data.train.images.mean(tch::Kind::Double).double_value(&[]);
        let std = data.train.images.totype(tch::Kind::Double).std(false).double_value(&[]);
        assert!(mean.abs() < 1e-6 && (std - 1.0).abs() < 1e-6, "{mean} {std}");
    }

    #[test]
    fn the_first_image_is_where_it_belongs() {
        let data = load(Device::Cpu).unwrap();
        // First line: 0,0,5,13,9,1,0,0,... and the label 0; the 1438th is a 2 (sum of pixels 347).
        let pixel = data.train.images.double_value(&[0, 3]);
        assert!((pixel - (13.0 / 16.0 - data.mean) / data.std).abs() < 1e-6);
        assert_eq!(data.train.labels.int64_value(&[0]), 0);
        let image = (data.test.images.get(0) * data.std + data.mean) * 16.0;
        assert!((image.sum(tch::Kind::Double).double_value(&[]) - 347.0).abs() < 1e-2);
    }

    #[test]
    fn bad_lines_are_refused() {
        let mut split = RawSplit::default();
        let line = |pixel: &str, label: &str| format!("{}{label}", format!("{pixel},").repeat(64));
        assert!(push_line(&mut split, &line("16", "9")).is_ok());
        for bad in
            [line("17", "0"), line("0", "10"), line("x", "0"), line("0", "0,0"), String::new()]
        {
            assert!(push_line(&mut split, &bad).is_err(), "{bad}");
        }
        assert_eq!((split.images.len(), split.labels.len()), (64, 1));
    }
}
