//! Settings of `apical_toy`.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::apical::one_layer::census::Sizes;
use crate::lab::{Config, Refusals, RunConfig};

/// The most neurons, inputs and trials.
const MAX_SIZE: i64 = 1 << 24;

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

impl Config for ToyConfig {
    fn resolve(&mut self, run: &RunConfig, refusals: &mut Refusals) {
        refusals.unless(run.steps.is_some(), || {
            "the length of this experiment is --steps, 1 or more".into()
        });
        let sizes = [("neurons", self.neurons), ("inputs", self.inputs), ("trials", self.trials)];
        for (flag, value) in sizes {
            refusals.unless((1..=MAX_SIZE).contains(&value), || {
                format!("--{flag} {value}: expected 1 to {MAX_SIZE}")
            });
        }
        for (flag, value) in [("eta", self.eta), ("threshold", self.threshold)] {
            refusals
                .unless(value > 0.0, || format!("--{flag} {value}: expected a positive number"));
        }
    }
}

impl ToyConfig {
    /// Sizes of the batch of layers.
    pub fn sizes(&self) -> Sizes {
        Sizes { trials: self.trials, neurons: self.neurons, inputs: self.inputs }
    }
}
