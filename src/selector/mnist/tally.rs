//! How often the computation neurons of a layer were selected in an epoch.

use tch::{Tensor, no_grad_guard};

use crate::selector::layer::SelectorLayer;

/// Numbers in the choices that wait to be counted at once: counting takes as many calls for many
/// batches as for one.
const WAITING: usize = 1 << 18;

/// A layer's selection counts in the epoch under way.
#[derive(Debug)]
pub struct Tally {
    /// Of the batches that are counted: `[.., computation, neuron]` f64.
    counted: Tensor,
    /// The choices of those that are not: `[.., batch, neuron]` each.
    waiting: Vec<Tensor>,
    /// Numbers in these.
    numbers: usize,
}

impl Tally {
    /// No selection.
    pub fn new(layer: &SelectorLayer) -> Self {
        Self { counted: layer.zero_counts(), waiting: Vec::new(), numbers: 0 }
    }

    /// Adds a batch by its choices, as in [`LayerPass`](crate::selector::layer::LayerPass).
    pub fn add(&mut self, layer: &SelectorLayer, choice: &Tensor) {
        self.waiting.push(choice.shallow_clone());
        self.numbers += choice.numel();
        if self.numbers > WAITING {
            self.counted = self.counts(layer);
            self.forget_waiting();
        }
    }

    /// Adds a batch by its counts, as [`SelectorLayer::selection_counts`] gives them.
    pub fn add_counts(&mut self, counts: &Tensor) {
        let _guard = no_grad_guard();
        let _ = self.counted.g_add_(counts);
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.forget_waiting();
        let _ = self.counted.zero_();
    }

    /// What was counted before, from elsewhere, in place of all.
    pub fn counted_mut(&mut self) -> &mut Tensor {
        self.forget_waiting();
        &mut self.counted
    }

    fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.numbers = 0;
    }

    /// The counts: `[.., computation, neuron]` f64.
    pub fn counts(&self, layer: &SelectorLayer) -> Tensor {
        let _guard = no_grad_guard();
        match self.waiting.as_slice() {
            [] => self.counted.shallow_clone(),
            waiting => &self.counted + layer.selection_counts(&Tensor::cat(waiting, -2)),
        }
    }
}
