//! One neuron or the small network: their parameters, and one door to their gradients.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::batches::Batch;
use super::network;
use super::rule::{self, Gradient, Sign};
use super::task::INPUTS;

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// One sigmoid neuron on four inputs
    One,
    /// Two sigmoid neurons on four inputs, and one on them
    Multi,
}

/// A named part of the parameters: its name in checkpoints, where it begins, and its shape in the
/// layout of PyTorch's linear layers.
pub type Part = (&'static str, i64, &'static [i64]);

impl Model {
    /// The number of parameters.
    pub fn parameters(self) -> usize {
        match self {
            Self::One => INPUTS + 1,
            Self::Multi => network::PARAMETERS,
        }
    }

    /// The parameters by name.
    pub fn parts(self) -> &'static [Part] {
        match self {
            Self::One => &[("weight", 0, &[1, 4]), ("bias", 4, &[1])],
            Self::Multi => &[
                ("hidden.weight", 0, &[2, 4]),
                ("output.weight", 8, &[1, 2]),
                ("hidden.bias", 10, &[2]),
                ("output.bias", 12, &[1]),
            ],
        }
    }

    /// Where the biases begin; before them are the weights.
    pub fn biases(self) -> usize {
        match self {
            Self::One => INPUTS,
            Self::Multi => network::BIASES,
        }
    }

    /// Initial values from uniform numbers in [0, 1) in the package's order: the weights by name,
    /// then the biases. Version 1.1.2 has one bias a layer, so by its rule both hidden neurons begin
    /// with the same.
    pub fn initial(self, rule: Gradient, mut unit: impl FnMut() -> f64) -> Vec<f64> {
        let shared = self == Self::Multi && rule.rule() == Gradient::Averaged;
        let mut params: Vec<f64> = (0..self.biases()).map(|_| unit()).collect();
        while params.len() < self.parameters() {
            let bias = unit();
            let copies = if shared && params.len() == self.biases() { network::HIDDEN } else { 1 };
            params.extend(std::iter::repeat_n(bias, copies));
        }
        params
    }

    /// What multiplies half the gradient, for each parameter.
    pub fn scale(self, factor: f64, sign: Sign) -> Vec<f64> {
        let (weights, biases) = sign.factors();
        let of = |i: usize| factor * if i < self.biases() { weights } else { biases };
        (0..self.parameters()).map(of).collect()
    }

    /// Half the gradient of a batch by a rule; gives back the mean loss.
    ///
    /// - params, gradient: [parameter]
    /// - scratch: [sample]
    pub fn gradient(
        self,
        rule: Gradient,
        params: &[f64],
        batch: Batch,
        scratch: &mut [f64],
        gradient: &mut [f64],
    ) -> f64 {
        match self {
            Self::One => rule::neuron(rule, params, batch, scratch, gradient),
            Self::Multi => network::network(rule, params, batch, scratch.len(), gradient),
        }
    }

    /// The answers to a batch: [sample].
    pub fn answers(self, params: &[f64], batch: Batch, outputs: &mut [f64]) {
        match self {
            Self::One => rule::answers(params, batch, outputs),
            Self::Multi => network::answers(params, batch, outputs),
        }
    }

    /// The mean loss of a batch.
    pub fn loss(self, params: &[f64], batch: Batch, outputs: &mut [f64]) -> f64 {
        self.answers(params, batch, outputs);
        let squares = outputs.iter().zip(batch.labels).map(|(y, label)| (label - y).powi(2));
        squares.sum::<f64>() / outputs.len() as f64
    }
}
