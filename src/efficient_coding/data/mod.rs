//! Where patches come from: synthetic ensembles and images.

mod colour;
mod contrast;
pub mod figures;
mod files;
mod gaussian;
mod images;
mod kyoto;
mod leaves;
mod patch;
mod picture;
mod window;

pub use contrast::Contrast;
pub use gaussian::Gaussian;
pub use images::Images;
pub use patch::PatchShape;
pub use window::{Moments, Planes, moments};

use std::path::Path;

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::lab::error::{closest, refuse};

/// An ensemble of patches, of mean 0.
///
/// Axes: an input is a pixel of one colour; inputs are colour-major, each colour row-major. The
/// circular mask, where there is one, is already in the patches and in their covariance.
pub trait PatchSource {
    /// The covariance of the patches, exact where that can be: [input, input] f64, on the CPU.
    ///
    /// # Errors
    /// Where it can't be computed.
    fn covariance(&self) -> Result<Tensor>;

    /// Patches drawn from (seed, stream, t): [patch, input] f32, on the CPU.
    ///
    /// # Errors
    /// Where an image can't be read.
    fn patches(&self, count: i64, seed: u64, stream: &str, t: u64) -> Result<Tensor>;

    /// What the patches are and what their covariance was computed from, for the provenance.
    fn source(&self) -> Value;
}

/// Settings of the ensembles.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Data")]
pub struct DataConfig {
    /// Side of synthetic images, in pixels; by default 64 for gaussian and contrast, which are
    /// periodic, and 256 for dead-leaves
    #[arg(long, value_parser = clap::value_parser!(i64).range(2..=4096))]
    pub image_size: Option<i64>,
    /// Exponent a of the power spectrum 1/f^a of gaussian and contrast images
    #[arg(long, default_value_t = 2.0)]
    pub slope: f64,
    /// Standard deviation of the logarithm of contrast, from patch to patch, of contrast
    #[arg(long, default_value_t = 0.5)]
    pub contrast_spread: f64,
    /// Images of dead-leaves
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub leaf_images: i64,
    /// Pixels of a picture that become one, along each side; by default 3 for photos, else 1
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub downsample: Option<u32>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            image_size: None,
            slope: 2.0,
            contrast_spread: 0.5,
            leaf_images: 16,
            downsample: None,
        }
    }
}

/// The ensembles that are known by name.
pub const NAMES: [&str; 4] = ["gaussian", "dead-leaves", "contrast", "photos"];
/// Side of a dead-leaves image, in pixels, where none is asked for.
const LEAVES_SIZE: i64 = 256;

/// Opens an ensemble by its name, or a picture, a .mat file or a folder of them by its path.
///
/// `seed` draws what is random in the ensemble itself.
///
/// # Errors
/// Exit code 2 where there is no such ensemble or its settings don't fit; 1 where a file is missing
/// or damaged.
pub fn open(
    name: &str,
    data_dir: &Path,
    shape: PatchShape,
    config: &DataConfig,
    seed: u64,
) -> Result<Box<dyn PatchSource>> {
    Ok(match name {
        "gaussian" => Box::new(Gaussian::new(shape, config)?),
        "contrast" => {
            Box::new(Contrast::new(Gaussian::new(shape, config)?, config.contrast_spread)?)
        }
        "dead-leaves" => {
            let size = config.image_size.unwrap_or(LEAVES_SIZE);
            Box::new(leaves::open(shape, config.leaf_images, size, seed)?)
        }
        "photos" => Box::new(files::photos(data_dir, shape, config.downsample)?),
        path if Path::new(path).exists() => {
            Box::new(files::own(Path::new(path), shape, config.downsample)?)
        }
        unknown => {
            let hint = closest(unknown, NAMES);
            let all = NAMES.join(", ");
            let said =
                format!("--data {unknown}: no such ensemble or file{hint} (there are {all})");
            return Err(refuse(said));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_the_closest() {
        let shape = PatchShape { kernel: 3, colours: 1, masked: true };
        let folder = Path::new("data");
        let open = |name: &str| open(name, folder, shape, &DataConfig::default(), 0);
        let line = open("dead-leafs").err().unwrap().to_string();
        assert!(line.contains("did you mean \"dead-leaves\"?"), "{line}");
        assert_eq!(open("contrast").unwrap().source()["name"], "contrast");
    }

    #[test]
    fn the_defaults_are_those_of_the_flags() {
        #[derive(Debug, clap::Parser)]
        struct Flags {
            #[command(flatten)]
            data: DataConfig,
        }
        let parsed: Flags = clap::Parser::parse_from(["flags"]);
        let json = |config: &DataConfig| serde_json::to_string(config).unwrap();
        assert_eq!(json(&parsed.data), json(&DataConfig::default()));
    }
}
