//! Noise on the selectors' logits, for exploration.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;

/// The law of the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// N(0, scale²)
    Gaussian,
    /// scale times a standard Gumbel number: the largest logit is then a sample of the softmax
    Gumbel,
}

/// The noise of one layer at one step. It is drawn again for the backward pass, computation neuron
/// by computation neuron, so that none of it is kept.
#[derive(Debug, Clone)]
pub struct Noise {
    /// The law of the noise.
    pub kind: NoiseKind,
    /// What the standard law is multiplied by.
    pub scale: f64,
    /// The run's seed; replicate r has this + r.
    pub seed: u64,
    /// The stream of the layer.
    pub stream: String,
    /// The number of the step.
    pub step: u64,
}

impl Noise {
    /// Noise of some logits: `[.., batch, count, neuron]` like `z`, from the logit `start` on.
    ///
    /// - replicated: whether `z` has an axis of replicates
    /// - half_spaces: whether the logits are those of half-spaces; these are differences of two
    ///   logits, and so is their Gumbel noise
    pub(super) fn like(
        &self,
        z: &Tensor,
        start: i64,
        replicated: bool,
        half_spaces: bool,
    ) -> Tensor {
        let size = z.size();
        let count = size[size.len() - 2];
        let replicates = if replicated { size[0] as u64 } else { 1 };
        let draw = |replicate: u64, logit: i64| {
            let stream = format!("noise.{}.{logit}", self.stream);
            rng::seed_torch(self.seed.wrapping_add(replicate), &stream, self.step);
            self.draw(&[size[size.len() - 3], size[size.len() - 1]], half_spaces)
        };
        let of_replicate = |replicate: u64| {
            let each: Vec<Tensor> = (start..start + count).map(|k| draw(replicate, k)).collect();
            Tensor::stack(&each, 1)
        };
        let noise = match replicated {
            true => Tensor::stack(&(0..replicates).map(of_replicate).collect::<Vec<_>>(), 0),
            false => of_replicate(0),
        };
        // Scaled before it is moved: nothing to do for a device.
        upload(&(noise.to_kind(z.kind()) * self.scale), z.device())
    }

    fn draw(&self, size: &[i64], half_spaces: bool) -> Tensor {
        let options = (Kind::Float, Device::Cpu);
        let gumbel = || -Tensor::empty(size, options).exponential_(1.0).log();
        match (self.kind, half_spaces) {
            (NoiseKind::Gaussian, _) => Tensor::randn(size, options),
            (NoiseKind::Gumbel, false) => gumbel(),
            (NoiseKind::Gumbel, true) => gumbel() - gumbel(),
        }
    }
}
