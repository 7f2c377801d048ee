//! Settings of `apical_train`.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::apical::model::ModelConfig;
use crate::apical::rule::{Pre, Target};
use crate::lab::error::refuse;

/// The largest learning rate: beyond it a finite loss says nothing about the next weights.
const LARGEST_LR: f64 = 1e6;

/// How the gradients of phase 1's batches become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AReduce {
    /// Mean over batches, the notebook's formula; the batch size does not matter
    Mean,
    /// Sum over batches, what the notebook's figures show: a step that grows as 1 / batch size
    Sum,
}

/// What phase 1 does to the multipliers with its gradient g.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AUpdate {
    /// a is 1 during phase 1, and then 1 − lr g: the notebook's text.
    Reset,
    /// v ← β v + g, a ← a − lr v: β = 0 accumulates, β = 1 never clears the gradient.
    Momentum(f64),
}

impl AUpdate {
    /// β of v ← β v + g.
    pub fn beta(self) -> f64 {
        match self {
            Self::Reset => 0.0,
            Self::Momentum(beta) => beta,
        }
    }
}

impl FromStr for AUpdate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let beta = match text {
            "reset" => return Ok(Self::Reset),
            "accumulate" => Some(0.0),
            "uncleared" => Some(1.0),
            _ => text.strip_prefix("momentum:").and_then(|beta| beta.parse().ok()),
        };
        match beta.filter(|beta| (0.0..=1.0).contains(beta)) {
            Some(beta) => Ok(Self::Momentum(beta)),
            None => Err("expected reset, accumulate, uncleared or momentum:B, B in 0..1".into()),
        }
    }
}

impl fmt::Display for AUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset"),
            Self::Momentum(beta) if *beta == 0.0 => f.write_str("accumulate"),
            Self::Momentum(beta) if *beta == 1.0 => f.write_str("uncleared"),
            Self::Momentum(beta) => write!(f, "momentum:{beta}"),
        }
    }
}

impl TryFrom<String> for AUpdate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AUpdate> for String {
    fn from(update: AUpdate) -> Self {
        update.to_string()
    }
}

/// How both learning rates change with the epoch e of E.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrSchedule {
    /// Not at all
    Constant,
    /// times (1 + cos(π e / E)) / 2
    Cosine,
}

/// Settings of two-phase training.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct ApicalTrainConfig {
    /// The networks
    #[command(flatten)]
    #[serde(flatten)]
    pub model: ModelConfig,
    /// Learning rates of the multipliers (phase 1); every pair with --lr-w is a run of its own
    #[arg(long, value_delimiter = ',', default_values_t = [0.1], value_name = "LR,LR,...")]
    pub lr_a: Vec<f64>,
    /// Learning rates of the weights (phase 2)
    #[arg(long, value_delimiter = ',', default_values_t = [1e-4], value_name = "LR,LR,...")]
    pub lr_w: Vec<f64>,
    /// Samples in a batch of phase 2; in phase 1 it only matters with --a-reduce sum
    #[arg(long, default_value_t = 30)]
    pub batch_size: i64,
    /// How the gradients of phase 1's batches become one
    #[arg(long, value_enum, default_value = "mean")]
    pub a_reduce: AReduce,
    /// What phase 1 does with its gradient: reset, accumulate, momentum:B, uncleared
    #[arg(long, default_value_t = AUpdate::Reset)]
    pub a_update: AUpdate,
    /// Rate of the presynaptic neuron in the rule
    #[arg(long, value_enum, default_value = "modulated")]
    pub pre: Pre,
    /// Rates that the rule aims at
    #[arg(long, value_enum, default_value = "moving")]
    pub target: Target,
    /// Passes of phase 2 for each phase 1: an epoch
    #[arg(long, default_value_t = 1)]
    pub phase2_per_phase1: u64,
    /// Phase 1 only once, and then phase 2 to the end: an epoch is one pass of phase 2
    #[arg(long)]
    pub single_phase1: bool,
    /// Change of both learning rates over the epochs
    #[arg(long, value_enum, default_value = "constant")]
    pub schedule: LrSchedule,
    /// The same initial weights for every pair of learning rates
    #[arg(long)]
    pub common_init: bool,
    /// Samples of D_A, for phase 1; by default half of the training images. The rest is D_W
    #[arg(long)]
    pub samples_a: Option<i64>,
    /// Images of D_W and of D_test over which losses and accuracies are taken; by default all
    #[arg(long)]
    pub eval_samples: Option<i64>,
    /// A run whose loss is above this has exploded: it is frozen, and the others go on
    #[arg(long, default_value_t = 1e6)]
    pub cap: f64,
    /// Training steps in each phase, over which its batches are spread
    #[arg(long, default_value_t = 60)]
    pub steps_per_phase: u64,
}

impl ApicalTrainConfig {
    /// Every (lr_a, lr_w), the second varying fastest.
    pub fn pairs(&self) -> Vec<(f64, f64)> {
        self.lr_a.iter().flat_map(|a| self.lr_w.iter().map(|w| (*a, *w))).collect()
    }

    /// Checks every value.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn validate(&self) -> Result<()> {
        self.model.validate()?;
        for (flag, rates) in [("lr-a", &self.lr_a), ("lr-w", &self.lr_w)] {
            if rates.is_empty() {
                return Err(refuse(format!("--{flag}: expected at least one learning rate")));
            }
            if let Some(lr) = rates.iter().find(|lr| !(**lr > 0.0 && **lr <= LARGEST_LR)) {
                return Err(refuse(format!(
                    "--{flag} {lr}: expected positive numbers up to {LARGEST_LR:e}"
                )));
            }
        }
        if let Some(samples) = self.eval_samples.filter(|samples| *samples < 1) {
            return Err(refuse(format!("--eval-samples {samples}: expected 1 or more")));
        }
        if self.batch_size < 1 {
            return Err(refuse(format!("--batch-size {}: expected 1 or more", self.batch_size)));
        }
        for (flag, count) in [
            ("phase2-per-phase1", self.phase2_per_phase1),
            ("steps-per-phase", self.steps_per_phase),
        ] {
            if count < 1 {
                return Err(refuse(format!("--{flag} {count}: expected 1 or more")));
            }
        }
        if !(self.cap > 0.0 && self.cap <= 1e12) {
            return Err(refuse(format!(
                "--cap {}: expected a positive number up to 1e12",
                self.cap
            )));
        }
        if self.target == Target::Frozen && self.a_update != AUpdate::Reset {
            return Err(refuse(format!(
                "--target frozen moves the multipliers into the weights, after which they are 1: \
                 it needs --a-update reset, not {}",
                self.a_update
            )));
        }
        Ok(())
    }
}
