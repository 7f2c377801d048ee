//! The samples of a batch, and the results over them.

/// What every sample shares, and the slopes of all.
pub(super) struct Batch<'a> {
    pub(super) neurons: usize,
    /// M: `[neuron, neuron]`.
    pub(super) matrix: &'a [f32],
    /// g: `[sample, neuron]`.
    pub(super) slopes: &'a [f32],
    /// 1 / sigma_out.
    pub(super) scale: f32,
}

/// Results over samples.
#[derive(Default)]
pub(super) struct Totals {
    /// log2 det A: `[sample]`.
    pub(super) logdet: Vec<f32>,
    /// The diagonal of A^-1: `[sample, neuron]`.
    pub(super) diagonal: Vec<f32>,
    /// Sum over samples of G C^-1 G: `[neuron, neuron]`.
    pub(super) spread: Vec<f32>,
}

impl Totals {
    /// Takes in the samples that follow.
    pub(super) fn append(&mut self, next: Self) {
        self.logdet.extend(next.logdet);
        self.diagonal.extend(next.diagonal);
        if self.spread.is_empty() {
            self.spread = next.spread;
        } else {
            self.spread.iter_mut().zip(next.spread).for_each(|(sum, more)| *sum += more);
        }
    }
}
