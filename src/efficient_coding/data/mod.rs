//! Where patches come from: synthetic ensembles and images.

mod gaussian;
mod patch;

pub use gaussian::Gaussian;
pub use patch::PatchShape;

use std::path::Path;

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::lab::error::refuse;

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
    /// Side of the periodic image that gaussian patches are cut from, in pixels
    #[arg(long, default_value_t = 64)]
    pub image_size: i64,
    /// Exponent a of the power spectrum 1/f^a of gaussian images
    #[arg(long, default_value_t = 2.0)]
    pub slope: f64,
}

/// Opens an ensemble by its name, or a folder of images by its path.
///
/// # Errors
/// Exit code 2 where there is no such ensemble; 1 where a file is missing or damaged.
pub fn open(
    name: &str,
    _data_dir: &Path,
    shape: PatchShape,
    config: &DataConfig,
    _seed: u64,
) -> Result<Box<dyn PatchSource>> {
    match name {
        "gaussian" => Ok(Box::new(Gaussian::new(shape, config)?)),
        _ => Err(refuse(format!("--data {name}: expected gaussian"))),
    }
}
