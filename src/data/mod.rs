//! Data sets: loaders and their checks.
//!
//! [`load`] takes a name or a folder and gives a labelled image set as normalised tensors on the
//! device; [`text::load`] gives a text as numbers of words. Whatever is wrong with a file is one
//! line that names it, what was found and what was expected; nothing is allocated on the word of a
//! header alone.

mod digits;
mod folder;
mod idx;
pub mod text;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tch::{Device, Kind, Tensor};

use crate::lab::error::refuse;
use verify::{FASHION_MNIST, MNIST};

/// The data sets that are known by name.
pub const NAMES: [&str; 3] = ["mnist", "fashion-mnist", "digits"];

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

    /// Whether there is no sample at all; [`load`] never gives such a split.
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
    /// Rows of an image, in pixels.
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

/// What `--data` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The handwritten digits of LeCun, Cortes and Burges, 28x28.
    Mnist,
    /// Zalando's articles of clothing, 28x28.
    FashionMnist,
    /// The 8x8 digits that are compiled into the program.
    Digits,
    /// A folder of the user's with the four idx or idx.gz files.
    Folder(PathBuf),
}

impl Selection {
    /// Reads a name of [`NAMES`] or the path of an existing folder.
    ///
    /// # Errors
    /// If it is neither: for a path, that there is no such folder; for a name, the closest one.
    pub fn parse(selection: &str) -> Result<Self> {
        match selection {
            "mnist" => Ok(Self::Mnist),
            "fashion-mnist" => Ok(Self::FashionMnist),
            "digits" => Ok(Self::Digits),
            path if Path::new(path).is_dir() => Ok(Self::Folder(path.into())),
            path if path.contains('/') => {
                bail!(
                    "no folder {path}: give a folder with the four idx files, or one of {}",
                    NAMES.join(", ")
                )
            }
            name => Err(refuse(format!("unknown data set '{name}': {}", suggestion(name)))),
        }
    }
}

fn suggestion(name: &str) -> String {
    let closest = NAMES
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2);
    match closest {
        Some((_, known)) => format!("did you mean '{known}'?"),
        None => format!("there are {}, or give the path of a folder", NAMES.join(", ")),
    }
}

/// Loads the data set `selection` (a name of [`NAMES`], or a folder with the four idx or idx.gz
/// files) onto `device`. A named set is looked for in the folder of its name under `data_dir`;
/// `digits` needs no file.
///
/// MNIST and Fashion-MNIST are normalised with the mean and standard deviation that are usual for
/// them, any other set with those of its training split.
///
/// # Errors
/// An unknown name, a missing folder or file, or a file that is not what it has to be.
pub fn load(selection: &str, data_dir: &Path, device: Device) -> Result<ImageData> {
    match Selection::parse(selection)? {
        Selection::Mnist => folder::load_known(&MNIST, data_dir, device),
        Selection::FashionMnist => folder::load_known(&FASHION_MNIST, data_dir, device),
        Selection::Digits => digits::load(device),
        Selection::Folder(path) => folder::load_own(&path, device),
    }
}

/// One split as bytes on the host, before normalisation.
struct RawSplit {
    /// `[sample, pixel]`, row-major, in `0..=full_scale`.
    images: Vec<u8>,
    /// `[sample]`
    labels: Vec<u8>,
}

impl RawSplit {
    /// Mean and population standard deviation of all pixels, in units of full scale.
    fn moments(&self, full_scale: u8) -> (f64, f64) {
        let mut histogram = [0u64; 256];
        self.images.iter().for_each(|&x| histogram[usize::from(x)] += 1);
        let (mut sum, mut squares) = (0, 0);
        for (count, x) in histogram.into_iter().zip(0u64..) {
            sum += count * x;
            squares += count * x * x;
        }
        let (n, full) = (self.images.len() as f64, f64::from(full_scale));
        let mean = sum as f64 / n / full;
        (mean, (squares as f64 / n / full / full - mean * mean).max(0.0).sqrt())
    }

    /// The split on `device`, normalised; the bytes travel, the floats are made there.
    fn to_device(&self, scale: Scale, device: Device) -> Result<LabelledImages> {
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
#[derive(Clone, Copy)]
struct Scale {
    full: u8,
    mean: f64,
    std: f64,
}
