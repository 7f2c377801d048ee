//! The covariances of a frozen model's responses, averaged over batches.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::gradient::BatchPass;
use super::model::{ModelConstants, Neurons};

/// A mean over batches.
pub struct BatchMean {
    /// The mean: `[neuron, neuron]`.
    pub mean: Tensor,
    /// Its standard error over batches, where there are two at least: `[neuron, neuron]`.
    pub standard_error: Option<Tensor>,
    /// What the first batch alone has: `[neuron, neuron]`.
    pub first_batch: Tensor,
}

impl BatchMean {
    /// The rms of the entries off the diagonal, 0 for a single neuron: `[]` f64.
    pub fn off_diagonal(&self) -> Tensor {
        let neurons = self.mean.size()[0];
        let off = &self.mean - self.mean.diagonal(0, 0, 1).diag(0);
        let pairs = (neurons * (neurons - 1)).max(1) as f64;
        (off.square().sum(Kind::Double) / pairs).sqrt()
    }
}

/// The covariances of a frozen model's responses, averaged over samples.
pub struct Covariances {
    /// Batches in the averages.
    pub batches: i64,
    /// C_z.
    pub numerator: BatchMean,
    /// C_zx.
    pub denominator: BatchMean,
    /// W^T (C_x + sigma_in^2) W, which no sample enters: `[neuron, neuron]`.
    pub filtered: Tensor,
}

impl Covariances {
    /// Averages over batches of patches with their noise, at the model's own gains.
    ///
    /// - batches: `[patch, input]` each
    ///
    /// # Errors
    /// Where there is no batch, or one can't be had.
    pub fn new(
        constants: &ModelConstants,
        neurons: &Neurons,
        batches: impl Iterator<Item = Result<Tensor>>,
    ) -> Result<Self> {
        let mut shared = None;
        let mut sums: Option<(Tensor, Tensor)> = None;
        let mut first = None;
        let mut number = 0;
        for noisy in batches {
            let noisy = noisy?;
            let pass = BatchPass::new(constants, neurons, &noisy, false);
            let moments = pass.slopes.tr().matmul(&pass.slopes) / noisy.size()[0] as f64;
            let moments = moments.to_kind(Kind::Double);
            let squares = moments.square();
            first.get_or_insert_with(|| moments.shallow_clone());
            sums = Some(match sums {
                None => (moments, squares),
                Some((a, b)) => (a + moments, b + squares),
            });
            shared = Some(pass.shared);
            number += 1;
        }
        let (Some(shared), Some((sum, squares)), Some(first)) = (shared, sums, first) else {
            anyhow::bail!("no batch to average over")
        };
        let count = number as f64;
        let mean = sum / count;
        let variance = (squares / count - mean.square()).clamp_min(0.0) / (count - 1.0);
        let error = (number > 1).then(|| variance.sqrt());
        let output = Tensor::eye(mean.size()[0], (Kind::Double, mean.device()));
        let output = output * shared.output_noise.powi(2);
        let term = |matrix: &Tensor| {
            let matrix = matrix.to_kind(Kind::Double);
            let standard_error = error.as_ref().map(|error| error * matrix.abs());
            BatchMean {
                first_batch: &first * &matrix + &output,
                mean: &mean * matrix + &output,
                standard_error,
            }
        };
        Ok(Self {
            batches: number,
            numerator: term(&shared.signal),
            denominator: term(&shared.noise),
            filtered: shared.signal.to_kind(Kind::Double),
        })
    }
}
