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

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::lab::tensor::nn::draw_params;
    use crate::selector::layer::{LayerShape, SelectorKind, SteSign};

    #[test]
    fn choices_count_alike_whether_they_wait_or_not() {
        let (inputs, neurons, choices) = (2, 64, 3);
        let (selector, sign) = (SelectorKind::Softmax, SteSign::Consistent);
        let shape = LayerShape { inputs, neurons, choices, selector, sign, rank: 0 };
        let params = draw_params(0, 1, &shape.parameters("layer1"), Device::Cpu).unwrap();
        let layer = SelectorLayer::new(shape, "layer1", &params, Device::Cpu).unwrap();
        let (mut waiting, mut counted) = (Tally::new(&layer), Tally::new(&layer));
        let (batches, batch) = (5, 1000);
        assert!(batches * batch * neurons > WAITING as i64, "some have waited long enough");
        for i in 0..batches {
            let choice = (Tensor::arange(batch * neurons, (Kind::Int64, Device::Cpu)) + i)
                .remainder(choices)
                .view([batch, neurons])
                .to_kind(Kind::Uint8);
            waiting.add(&layer, &choice);
            counted.add_counts(&layer.selection_counts(&choice));
            assert_eq!(waiting.counts(&layer), counted.counts(&layer));
        }
        assert!(waiting.waiting.len() < batches as usize);
        let all = waiting.counts(&layer).sum(Kind::Double).double_value(&[]);
        assert_eq!(all, (batches * batch * neurons) as f64);
        waiting.clear();
        assert_eq!(waiting.counts(&layer), layer.zero_counts());
    }
}
