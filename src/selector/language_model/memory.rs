//! How much memory a transformer's training takes, known before anything is made.

use super::layout::{linears, parameter_count};
use super::shape::TransformerShape;
use crate::lab::tensor::memory::gigabytes;
use crate::lab::tensor::optim::OptimizerKind;
use crate::selector::layer::Compute;

/// The bytes that libtorch itself takes, about, with its code and its buffers.
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
    /// An estimate from the sizes alone, for batches of this many sequences.
    pub fn of(shape: &TransformerShape, batch_size: i64, optimizer: OptimizerKind) -> Self {
        let parameters = parameter_count(shape);
        // Parameters and gradient besides what the optimizer keeps.
        let buffers = 2 + optimizer.state_buffers();
        let rows = batch_size * shape.sequence;
        let saved = match shape.options.compute {
            // Probabilities and outputs for every computation neuron, and one more in the making.
            Compute::Dense => 3 * shape.selection.choices,
            Compute::Auto | Compute::Streaming | Compute::Gather => 0,
        };
        // Input with its gradient; output with its gradient, choice, and what the selectors save.
        let each = |inputs: i64, neurons: i64| 2 * inputs + (5 + saved) * neurons;
        let layers = linears(shape);
        let linear: i64 =
            layers.iter().map(|layer| each(layer.shape.inputs, layer.shape.neurons)).sum();
        let logits: i64 =
            layers.iter().map(|layer| shape.options.saved_logits(&layer.shape, rows)).sum();
        let glue = 8 * shape.width * shape.layers + 4 * shape.vocabulary;
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
