//! One neuron or the small network: their parameters, and one interface to their gradients.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::rule::{GradientRule, Sign};
use super::{network, neuron};
use crate::one_neuron::data::batches::Batch;
use crate::one_neuron::data::task::INPUTS;

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// One sigmoid neuron on four inputs
    One,
    /// Two sigmoid neurons on four inputs, and one on them
    Multi,
}

/// A named part of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Name in checkpoints.
    pub name: &'static str,
    /// Index of its first number among all parameters.
    pub start: i64,
    /// Shape in the layout of PyTorch's linear layers.
    pub shape: &'static [i64],
}

impl Parameter {
    const fn new(name: &'static str, start: i64, shape: &'static [i64]) -> Self {
        Self { name, start, shape }
    }

    /// How many numbers it has.
    pub fn length(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// The parameters of one neuron.
const NEURON: [Parameter; 2] =
    [Parameter::new("weight", 0, &[1, 4]), Parameter::new("bias", 4, &[1])];

/// The parameters of the network.
const NETWORK: [Parameter; 4] = [
    Parameter::new("hidden.weight", 0, &[2, 4]),
    Parameter::new("output.weight", 8, &[1, 2]),
    Parameter::new("hidden.bias", 10, &[2]),
    Parameter::new("output.bias", 12, &[1]),
];

impl Model {
    /// How many numbers the parameters are.
    pub fn width(self) -> usize {
        match self {
            Self::One => INPUTS + 1,
            Self::Multi => network::PARAMETERS,
        }
    }

    /// The parameters by name.
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::One => &NEURON,
            Self::Multi => &NETWORK,
        }
    }

    /// The direction of the step that a rule has by default.
    pub fn default_sign(self, rule: GradientRule) -> Sign {
        use GradientRule::{Averaged, AveragedX2, Correct, Package115, PerSample113};
        match (self, rule) {
            (Self::One, PerSample113 | Package115) => Sign::WeightsOnly,
            (Self::One, Correct | Averaged | AveragedX2) => Sign::Descend,
            (Self::Multi, Correct | Averaged | AveragedX2 | PerSample113 | Package115) => {
                Sign::Descend
            }
        }
    }

    /// Whether the package had the rule for this model.
    pub fn has_rule(self, rule: GradientRule) -> bool {
        use GradientRule::{Averaged, AveragedX2, Correct, Package115, PerSample113};
        match (self, rule) {
            (Self::Multi, PerSample113) => false,
            (Self::Multi, Correct | Averaged | AveragedX2 | Package115) => true,
            (Self::One, Correct | Averaged | AveragedX2 | PerSample113 | Package115) => true,
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
    pub fn initial(self, rule: GradientRule, mut unit: impl FnMut() -> f64) -> Vec<f64> {
        let shared = match self {
            Self::One => false,
            Self::Multi => rule.has_one_bias_a_layer(),
        };
        let mut params: Vec<f64> = (0..self.biases()).map(|_| unit()).collect();
        while params.len() < self.width() {
            let bias = unit();
            let copies = if shared && params.len() == self.biases() { network::HIDDEN } else { 1 };
            params.extend(std::iter::repeat_n(bias, copies));
        }
        params
    }

    /// What half the gradient is multiplied by: `[parameter]`.
    pub fn scale(self, factor: f64, sign: Sign) -> Vec<f64> {
        let (weights, biases) = (sign.of_weights(), sign.of_biases());
        let of = |i: usize| factor * if i < self.biases() { weights } else { biases };
        (0..self.width()).map(of).collect()
    }

    /// Writes half the gradient of a batch by a rule, and gives back the mean loss.
    ///
    /// # Shapes
    /// - params, gradient: `[parameter]`
    /// - scratch: `[sample]`
    pub fn gradient(
        self,
        rule: GradientRule,
        params: &[f64],
        batch: Batch,
        scratch: &mut [f64],
        gradient: &mut [f64],
    ) -> f64 {
        match self {
            Self::One => neuron::gradient_of_batch(rule, params, batch, scratch, gradient),
            Self::Multi => network::gradient_of_batch(rule, params, batch, scratch.len(), gradient),
        }
    }

    /// Writes the answers to a batch.
    ///
    /// # Shapes
    /// - params: `[parameter]`
    /// - outputs: `[sample]`
    pub fn answers(self, params: &[f64], batch: Batch, outputs: &mut [f64]) {
        match self {
            Self::One => neuron::answers(params, batch, outputs),
            Self::Multi => network::answers(params, batch, outputs),
        }
    }

    /// The mean loss of a batch; `outputs` is left with the answers.
    pub fn loss(self, params: &[f64], batch: Batch, outputs: &mut [f64]) -> f64 {
        self.answers(params, batch, outputs);
        let squares = outputs.iter().zip(batch.labels).map(|(y, label)| (label - y).powi(2));
        squares.sum::<f64>() / outputs.len() as f64
    }
}
