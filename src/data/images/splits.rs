//! Two splits of bytes that fit together, and the set that they become.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tch::Device;

use super::image_set::{ImageData, RawSplit, Scale};

/// The most bytes that compressed images of a set may unpack to, 5 times those of MNIST: a file of
/// less than a megabyte can hold as many, and on the device each of them takes four.
pub(super) const MOST_UNPACKED: u64 = 1 << 28;

/// Numbers of a pixel of a colour image: red, green, blue.
pub(super) const COLOURS: usize = 3;

/// The size of the images of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub height: usize,
    pub width: usize,
    /// Numbers of a pixel: 1 for grey, or [`COLOURS`].
    pub channels: usize,
}

impl Size {
    /// The size by the axes of an array after its first: `[row, column]` of grey images,
    /// `[row, column, colour]` of others.
    ///
    /// # Errors
    /// If the last of three axes is neither 1 nor 3 long, or there are other axes.
    pub fn of_axes(axes: &[usize]) -> Result<Self> {
        let (height, width, channels) = match *axes {
            [height, width] => (height, width, 1),
            [height, width, channels] => (height, width, channels),
            _ => anyhow::bail!("{} axes, expected 3, or 4 of colour images", axes.len() + 1),
        };
        ensure!(
            channels == 1 || channels == COLOURS,
            "the last axis is {channels} long, expected that of colours, red, green and blue: 3 (or 1 of grey)"
        );
        Ok(Self { height, width, channels })
    }

    /// Bytes of an image.
    pub fn bytes(self) -> usize {
        self.height * self.width * self.channels
    }

    /// The size in words: `28 x 28 pixels in grey`.
    pub fn words(self) -> String {
        let colour = if self.channels == 1 { "grey" } else { "colour" };
        format!("{} x {} pixels in {colour}", self.height, self.width)
    }
}

/// Both splits of a set on the host, with the size of an image.
pub(super) struct Splits {
    /// Pixel by pixel, the colours of each together.
    pub train: RawSplit,
    /// As `train`.
    pub test: RawSplit,
    pub size: Size,
    /// What was read: files with their SHA-256, and what else the provenance is to have.
    pub source: Value,
}

/// Puts a set together; normalised with `scale`, or else by its training images. Of colour images the
/// three planes come below one another, as one image of three times the height.
///
/// # Errors
/// If a label is in the test split alone, all training pixels are equal, or the device has no room.
pub(super) fn assemble(
    name: &str,
    mut raw: Splits,
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
    if raw.size.channels > 1 {
        for split in [&mut raw.train, &mut raw.test] {
            split.images = in_planes(&split.images, raw.size);
        }
    }
    let mut source = json!({"name": name});
    if let (Value::Object(all), Value::Object(read)) = (&mut source, raw.source) {
        all.extend(read);
    }
    Ok(ImageData {
        name: name.to_owned(),
        height: (raw.size.height * raw.size.channels) as i64,
        width: raw.size.width as i64,
        num_classes: i64::from(train_label) + 1,
        mean: scale.mean,
        std: scale.std,
        train: raw.train.to_device(scale, device)?,
        test: raw.test.to_device(scale, device)?,
        source,
    })
}

/// Images of pixels with their colours together, `[image, row, column, colour]`, as planes,
/// `[image, colour, row, column]`.
fn in_planes(images: &[u8], size: Size) -> Vec<u8> {
    let plane = |image: &[u8], colour| -> Vec<u8> {
        image.iter().skip(colour).step_by(size.channels).copied().collect()
    };
    let planes = |image| (0..size.channels).flat_map(move |colour| plane(image, colour));
    images.chunks_exact(size.bytes()).flat_map(planes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_below_one_another() {
        let size = Size::of_axes(&[1, 2, 3]).unwrap();
        assert_eq!(
            in_planes(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], size),
            [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]
        );
        assert_eq!(Size::of_axes(&[2, 5]).unwrap().words(), "2 x 5 pixels in grey");
        assert!(Size::of_axes(&[3, 32, 32]).unwrap_err().to_string().contains("is 32 long"));
        assert!(Size::of_axes(&[784]).unwrap_err().to_string().starts_with("2 axes"));
    }
}
