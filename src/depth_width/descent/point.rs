//! What tells the networks of a run apart.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::lab::tensor::optim::OptimizerKind;

/// How a network's weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// PyTorch's default: weights and biases U(±1/sqrt(inputs)), of gain 1/sqrt(3)
    Default,
    /// He's: weights N(0, 2/inputs) in every layer, biases 0, which keeps the size of a signal
    /// through ReLU
    He,
}

impl Init {
    /// The word that the flag takes, for tags and names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::He => "he",
        }
    }
}

/// A network, all but its seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Update rule.
    pub optimizer: OptimizerKind,
    /// Learning rate.
    pub lr: f64,
    /// How the weights are drawn.
    pub init: Init,
    /// Hidden layers.
    pub depth: i64,
    /// Neurons of each.
    pub width: i64,
}

impl Point {
    /// The point in a tag: `adam/lr0.001/default/d2/w1024`.
    pub fn tag(&self) -> String {
        let (lr, depth, width) = (self.lr, self.depth, self.width);
        format!("{}/lr{lr}/{}/d{depth}/w{width}", self.optimizer.name(), self.init.name())
    }
}
