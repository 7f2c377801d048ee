//! How much memory a transformer's training takes, known before anything is made.

use super::config::TransformerConfig;
use super::layout::{linears, parameter_count};
use crate::lab::tensor::memory::gigabytes;
use crate::lab::tensor::optim::OptimizerKind;
use crate::selector::rules::{Compute, Inner};

/// What libtorch itself takes, with its code and its buffers, about.
const LIBTORCH: i64 = 250_000_000;

/// Bytes of an f32.
const FLOAT: i64 = 4;

/// Bytes that a training step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Numbers in the model.
    pub parameters: i64,
    /// Parameters, gradient and the optimizer's buffers.
    pub state: i64,
    /// What the forward pass keeps for the backward pass, and the logits' gradients.
    pub activations: i64,
}

impl Memory {
    /// An estimate from the sizes alone.
    pub fn of(config: &TransformerConfig, vocabulary: i64) -> Self {
        let parameters = parameter_count(config, vocabulary);
        let buffers = match config.learner.optimizer.kind {
            OptimizerKind::Sgd => 2,
            OptimizerKind::Momentum | OptimizerKind::Nesterov => 3,
            OptimizerKind::Adam | OptimizerKind::Adamw => 4,
        };
        let rows = config.batch_size * config.sequence;
        let kept = match config.selection.compute {
            // Probabilities and outputs for every computation neuron, and one more in the making.
            Compute::Dense => 3 * config.selection.num_computation,
            _ => 0,
        };
        // Input with its gradient; output with its gradient, choice, and what the selectors keep.
        let each = |inputs: i64, neurons: i64| 2 * inputs + (5 + kept) * neurons;
        let layers = linears(config, vocabulary);
        let linear: i64 = layers.iter().map(|row| each(row.shape.inputs, row.shape.neurons)).sum();
        let options = config.selection.options(Inner::Identity);
        let logits: i64 = layers.iter().map(|row| options.kept_logits(&row.shape, rows)).sum();
        let glue = 8 * config.d_model * config.layers + 4 * vocabulary;
        Self {
            parameters,
            state: buffers * FLOAT * parameters,
            activations: FLOAT * (rows * (linear + glue) + logits),
        }
    }

    /// All of it, with libtorch's own.
    pub fn bytes(&self) -> u64 {
        (self.state + self.activations + LIBTORCH).unsigned_abs()
    }

    /// In words.
    pub fn line(&self) -> String {
        let part = |bytes: i64| gigabytes(bytes.unsigned_abs());
        format!(
            "{:.1} million parameters; about {} of memory: {} for parameters, gradient and \
             optimizer, {} for activations",
            self.parameters as f64 / 1e6,
            gigabytes(self.bytes()),
            part(self.state),
            part(self.activations),
        )
    }
}
