//! Activation functions of the neurons.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The activation φ of a neuron, r = a φ(h).
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Relu, Self::Linear, Self::Tanh];

    /// Its name in tags and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Linear => "linear",
            Self::Tanh => "tanh",
        }
    }

    /// φ(h), of any shape.
    pub fn of(self, h: &Tensor) -> Tensor {
        match self {
            Self::Relu => h.relu(),
            Self::Linear => h.shallow_clone(),
            Self::Tanh => h.tanh(),
        }
    }

    /// φ(h), written over h.
    pub fn over(self, mut h: Tensor) -> Tensor {
        match self {
            Self::Relu => h.relu_(),
            Self::Linear => h,
            Self::Tanh => h.tanh_(),
        }
    }

    /// `gradient` times φ'(h), from f = φ(h).
    pub fn backward(self, gradient: Tensor, f: &Tensor) -> Tensor {
        match self {
            Self::Relu => f.threshold_backward(&gradient, 0.0),
            Self::Linear => gradient,
            Self::Tanh => gradient * (f.square().neg_() + 1.0),
        }
    }
}
