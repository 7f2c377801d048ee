//! The size of a layer and the laws of its parameters.

use crate::lab::tensor::nn::{Sampler, linear_samplers};
use crate::selector::config::{SelectorKind, SteSign};

/// The size of a layer, and how its neurons select.
#[derive(Debug, Clone, Copy)]
pub struct LayerShape {
    /// Inputs (D).
    pub inputs: i64,
    /// Neurons (N).
    pub neurons: i64,
    /// Computation neurons of each neuron (K).
    pub choices: i64,
    /// How a neuron selects.
    pub selector: SelectorKind,
    /// Which way the threshold selector's gradient goes.
    pub sign: SteSign,
    /// Numbers that the low-rank selector reduces the input to (r); of no meaning to the others.
    pub rank: i64,
}

impl LayerShape {
    /// Logits of each neuron's selector: K for softmax and low-rank, 1 for the threshold,
    /// ceil(log2 K) for the tree.
    pub fn logits(&self) -> i64 {
        match self.selector {
            SelectorKind::None => 0,
            SelectorKind::Threshold => 1,
            SelectorKind::Softmax | SelectorKind::LowRank => self.choices,
            SelectorKind::Tree => {
                i64::from((self.choices.max(1) as u64).next_power_of_two().trailing_zeros())
            }
        }
    }

    /// Whether there is something to choose.
    pub fn has_selection(&self) -> bool {
        self.selector != SelectorKind::None
    }

    /// The parameters of the layer of this name with the laws of their initial values:
    ///
    /// - `<name>.projection.weight`: [rank, input], of the low-rank selector only
    /// - `<name>.selection.weight`: [neuron, input] for the threshold, [logit, neuron, input] for
    ///   the others, with the rank in the place of the inputs for low-rank;
    ///   `<name>.selection.bias` without the last axis
    /// - `<name>.computation.weight`: [computation, neuron, input]; `<name>.computation.bias`:
    ///   [computation, neuron]
    pub fn parameters(&self, name: &str) -> Vec<(String, Sampler)> {
        let mut parameters = Vec::new();
        let mut features = self.inputs;
        if self.selector == SelectorKind::LowRank {
            let (weight, _) = linear_samplers(&[self.rank, self.inputs]);
            parameters.push((format!("{name}.projection.weight"), weight));
            features = self.rank;
        }
        let selection = [self.logits(), self.neurons, features];
        let skipped = usize::from(self.selector == SelectorKind::Threshold);
        let computation = [self.choices, self.neurons, self.inputs];
        for (part, shape) in
            [("selection", &selection[skipped..]), ("computation", computation.as_slice())]
        {
            if part == "selection" && !self.has_selection() {
                continue;
            }
            let (weight, bias) = linear_samplers(shape);
            parameters.push((format!("{name}.{part}.weight"), weight));
            parameters.push((format!("{name}.{part}.bias"), bias));
        }
        parameters
    }
}
