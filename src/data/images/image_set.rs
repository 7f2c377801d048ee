//! What a labelled image set is, on the device and on its way there.

use std::path::Path;

use anyhow::Result;
use tch::{Device, Kind, Tensor};

/// One split of a labelled image set, on one device.
#[derive(Debug)]
pub struct LabelledImages {
    /// `[sample, pixel]` f32, normalised as `(x - mean) / std` with x in 0..1; a row is an image
    /// in row-major order.
    pub images: Tensor,
    /// `[sample]` i64, in `0..num_classes`.
    pub labels: Tensor,
}

impl LabelledImages {
    /// The number of samples.
    pub fn len(&self) -> i64 {
        self.labels.size().first().copied().unwrap_or(0)
    }

    /// Whether there is no sample at all; no loader gives such a split.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples at `indices` (`[batch]` i64 on the same device): images `[batch, pixel]` and
    /// labels `[batch]`. No data leaves the device.
    pub fn batch(&self, indices: &Tensor) -> (Tensor, Tensor) {
        (self.images.index_select(0, indices), self.labels.index_select(0, indices))
    }
}

/// A labelled image set with its training and test split.
#[derive(Debug)]
pub struct ImageData {
    /// The name it is known by, or the folder it came from.
    pub name: String,
    /// Rows of an image, in pixels; of a colour image those of its three planes, which are below one
    /// another.
    pub height: i64,
    /// Columns of an image, in pixels.
    pub width: i64,
    /// Labels are in `0..num_classes`.
    pub num_classes: i64,
    /// Mean of the pixels, in units of full scale (0..1), that the images were normalised with.
    pub mean: f64,
    /// Standard deviation of the pixels (population), in units of full scale.
    pub std: f64,
    /// The split to learn from.
    pub train: LabelledImages,
    /// The split to evaluate on.
    pub test: LabelledImages,
    /// Where the data came from: the files with their SHA-256, for the run's provenance.
    pub source: serde_json::Value,
}

/// A set of images that is known by name, as each of them describes itself in a file of its own.
#[derive(Debug)]
pub(super) struct NamedImages {
    /// What `--data` takes.
    pub name: &'static str,
    /// Pixels of an image.
    pub pixels: i64,
    /// Loads the set, from the folder of data sets where it needs files.
    pub load: fn(data_dir: &Path, device: Device) -> Result<ImageData>,
}

/// One split as bytes on the host, before normalisation.
#[derive(Debug, Default)]
pub(super) struct RawSplit {
    /// `[sample, pixel]`, row-major, in `0..=full_scale`.
    pub images: Vec<u8>,
    /// `[sample]`
    pub labels: Vec<u8>,
}

impl RawSplit {
    /// The scale that normalises the split by its own mean and population standard deviation.
    pub fn scale(&self, full: u8) -> Scale {
        let mut histogram = [0u64; 256];
        self.images.iter().for_each(|&x| histogram[usize::from(x)] += 1);
        let (mut sum, mut squares) = (0, 0);
        for (count, x) in histogram.into_iter().zip(0u64..) {
            sum += count * x;
            squares += count * x * x;
        }
        let (n, unit) = (self.images.len() as f64, f64::from(full));
        let mean = sum as f64 / n / unit;
        let variance = squares as f64 / n / unit / unit - mean * mean;
        Scale { full, mean, std: variance.max(0.0).sqrt() }
    }

    /// The split on `device`, normalised; the bytes travel, the floats are made there.
    ///
    /// # Errors
    /// If the device has no room for it.
    pub fn to_device(&self, scale: Scale, device: Device) -> Result<LabelledImages> {
        let samples = self.labels.len() as i64;
        let pixels = self.images.len() as i64 / samples;
        let images = Tensor::f_from_data_size(&self.images, &[samples, pixels], Kind::Uint8)?;
        let mut images = images.f_to(device)?.f_totype(Kind::Float)?;
        images = images.f_div_scalar_(f64::from(scale.full))?;
        images = images.f_sub_scalar_(scale.mean)?.f_div_scalar_(scale.std)?;
        let labels = Tensor::f_from_data_size(&self.labels, &[samples], Kind::Uint8)?;
        Ok(LabelledImages { images, labels: labels.f_to(device)?.f_totype(Kind::Int64)? })
    }
}

/// How bytes become normalised floats: `(x / full - mean) / std`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The brightest pixel.
    pub full: u8,
    /// Mean of the pixels, in units of full scale.
    pub mean: f64,
    /// Standard deviation of the pixels, in units of full scale.
    pub std: f64,
}
