//! How much memory a transformer's training takes, known before anything is made.

use super::layout::{LinearShape, linears, parameter_count};
use super::shape::TransformerShape;
use crate::lab::tensor::memory::gigabytes;
use crate::lab::tensor::optim::OptimizerKind;
use crate::selector::layer::LayerShape;

/// The bytes that libtorch itself takes, about, with its code and its buffers.
const LIBTORCH: i64 = 250_000_000;

/// Bytes of an f32.
const FLOAT: i64 = 4;

/// Bytes that a training step needs, each at most the largest number there is.
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
        let rows = batch_size.saturating_mul(shape.sequence);
        // Input with its gradient; output with its gradient, choice, and what the selectors save.
        let each = |layer: &LinearShape| {
            let LayerShape { inputs, neurons, .. } = layer.shape;
            inputs.saturating_mul(2).saturating_add(neurons.saturating_mul(5))
        };
        let layers = linears(shape);
        let linear = layers.iter().map(each).fold(0, i64::saturating_add);
        let held = |layer: &LinearShape| shape.options.held_numbers(&layer.shape, rows, layer.held);
        // The backward pass is in one layer at a time.
        let making = layers.iter().map(held).max().unwrap_or_default();
        let held = layers.iter().map(held).fold(making, i64::saturating_add);
        // What lies between the linear layers, and after the last one.
        let between = shape.width.saturating_mul(8).saturating_mul(shape.layers);
        let after = shape.vocabulary.saturating_mul(4);
        let of_row = linear.saturating_add(between).saturating_add(after);
        let numbers = of_row.saturating_mul(rows).saturating_add(held);
        Self {
            parameters,
            state: parameters.saturating_mul(buffers * FLOAT),
            activations: numbers.saturating_mul(FLOAT),
        }
    }

    /// All of it, with libtorch's own.
    pub fn bytes(&self) -> u64 {
        self.state.saturating_add(self.activations).saturating_add(LIBTORCH).unsigned_abs()
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
