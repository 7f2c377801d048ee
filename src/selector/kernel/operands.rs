//! What the kernels read.

/// The sizes of a layer and its batch.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Samples (M).
    pub samples: usize,
    /// Neurons (N).
    pub neurons: usize,
    /// Computation neurons of each (K).
    pub choices: usize,
    /// Inputs (D).
    pub inputs: usize,
}

/// What the kernels of both directions read.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a, T> {
    /// The sizes of all of them.
    pub sizes: Sizes,
    /// `[sample, input]`
    pub x: &'a [T],
    /// `[computation, neuron, input]`
    pub weight: &'a [T],
    /// The selected computation neuron: `[neuron, sample]`.
    pub choice: &'a [i16],
}

impl<'a, T> Operands<'a, T> {
    /// The input of a sample: `[input]`.
    pub(super) fn row_of_x(&self, sample: usize) -> &'a [T] {
        &self.x[sample * self.sizes.inputs..][..self.sizes.inputs]
    }

    /// The weights of a computation neuron of a neuron: `[input]`.
    pub(super) fn row_of_weight(&self, choice: usize, neuron: usize) -> &'a [T] {
        let row = choice * self.sizes.neurons + neuron;
        &self.weight[row * self.sizes.inputs..][..self.sizes.inputs]
    }
}
