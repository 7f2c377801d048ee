//! Settings of `apical_toy`.

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::apical::one_layer::census::Sizes;
use crate::lab::error::refuse;

/// Settings of `apical_toy`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct ToyConfig {
    /// Learning rate η of the rule
    #[arg(long, default_value_t = 0.01)]
    pub eta: f64,
    /// Neurons of the layer
    #[arg(long, default_value_t = 2)]
    pub neurons: i64,
    /// Inputs of the layer
    #[arg(long, default_value_t = 2)]
    pub inputs: i64,
    /// Random layers for each law of the multipliers
    #[arg(long, default_value_t = 20_000)]
    pub trials: i64,
    /// A trial has converged where every |ΔW| is below this
    #[arg(long, default_value_t = 1e-6)]
    pub threshold: f64,
}

impl ToyConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value, if a number is not positive.
    pub fn validate(&self) -> Result<()> {
        for (flag, value) in
            [("neurons", self.neurons), ("inputs", self.inputs), ("trials", self.trials)]
        {
            if value < 1 {
                return Err(refuse(format!("--{flag} {value}: expected 1 or more")));
            }
        }
        for (flag, value) in [("eta", self.eta), ("threshold", self.threshold)] {
            if value.is_nan() || value <= 0.0 {
                return Err(refuse(format!("--{flag} {value}: expected a positive number")));
            }
        }
        Ok(())
    }

    /// Sizes of the batch of layers.
    pub fn sizes(&self) -> Sizes {
        Sizes { trials: self.trials, neurons: self.neurons, inputs: self.inputs }
    }
}
