//! What every ensemble of patches has.

use anyhow::Result;
use serde_json::Value;
use tch::Tensor;

/// What patches are for. An ensemble of a fixed number of images has some for each, so that no
/// image that is learnt from is in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The filters learn from them, and the covariance is theirs.
    Training,
    /// The model is evaluated on them.
    HeldOut,
}

/// An ensemble of patches, of mean 0.
///
/// Axes: an input is a pixel of one colour; inputs are colour-major, each colour row-major. The
/// circular mask, where there is one, is already in the patches and in their covariance.
pub trait PatchSource {
    /// The covariance of the patches to learn from, exact where that can be: `[input, input]` f64, on the CPU.
    ///
    /// # Errors
    /// Where the covariance can't be computed.
    fn covariance(&self) -> Result<Tensor>;

    /// Patches drawn from (seed, stream, t): `[patch, input]` f32, on the CPU. Where every patch is
    /// drawn anew, held-out ones are those of a stream that no step draws from.
    ///
    /// # Errors
    /// Where an image can't be read.
    fn patches(
        &self,
        purpose: Purpose,
        count: i64,
        seed: u64,
        stream: &str,
        t: u64,
    ) -> Result<Tensor>;

    /// What the patches are and what their covariance was computed from, for the provenance.
    fn provenance(&self) -> Value;
}
