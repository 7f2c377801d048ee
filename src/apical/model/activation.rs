//! Activation functions of the neurons.
//!
//! Everything that depends on the activation is in this file: another one is a variant and an arm
//! in each `match` below.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The activation φ of a neuron, r = a φ(h). The flag `--activation` takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(h, 0)
    Relu,
    /// h
    Linear,
    /// tanh h
    Tanh,
}

impl Activation {
    /// Every activation, in the order of their curves in figures.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// The name in flags, tags and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Linear => "linear",
            Self::Tanh => "tanh",
        }
    }

    /// φ(h), element by element.
    ///
    /// # Shapes
    /// - h: any; the result has the same
    pub fn apply(self, h: &Tensor) -> Tensor {
        match self {
            Self::Relu => h.relu(),
            Self::Linear => h.shallow_clone(),
            Self::Tanh => h.tanh(),
        }
    }

    /// φ(h), written over h.
    ///
    /// # Shapes
    /// - h: any; the result is the same tensor
    pub fn apply_in_place(self, mut h: Tensor) -> Tensor {
        match self {
            Self::Relu => h.relu_(),
            Self::Linear => h,
            Self::Tanh => h.tanh_(),
        }
    }

    /// The derivative of a loss in h, from its derivative in φ(h): `gradient` times φ'(h). The
    /// derivative φ' is computed from the value f = φ(h), since h has been written over.
    ///
    /// # Shapes
    /// - gradient, f: any, both alike; the result has the same
    pub fn backward(self, gradient: Tensor, f: &Tensor) -> Tensor {
        match self {
            Self::Relu => f.threshold_backward(&gradient, 0.0),
            Self::Linear => gradient,
            Self::Tanh => gradient * (f.square().neg_() + 1.0),
        }
    }

    /// φ(h(t)) in closed form, where h(t + 1) = h(t) + (q − 1) φ(h(t)), or None where no such form
    /// is known. Rectified neurons with h(0) ≤ 0 never change, and those with q ≤ 0 are switched
    /// off by their first change.
    ///
    /// # Shapes
    /// - h: h(0), any
    /// - factor: q, of the same shape, or one that broadcasts with it
    pub fn geometric(self, h: &Tensor, factor: &Tensor, t: i64) -> Option<Tensor> {
        let power = factor.pow_tensor_scalar(t);
        match self {
            Self::Relu => {
                let ended = factor.le(0.0).logical_and(&Tensor::from(t > 0));
                Some((h.relu() * power).masked_fill(&ended, 0.0))
            }
            Self::Linear => Some(h * power),
            Self::Tanh => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activation_is_listed_under_the_name_of_its_flag() {
        for activation in Activation::all() {
            let flag = activation.to_possible_value().unwrap();
            assert_eq!(flag.get_name(), activation.name());
            assert_eq!(serde_json::to_value(activation).unwrap(), activation.name());
        }
    }
}
