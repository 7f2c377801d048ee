//! Settings of `apical_train`.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::apical::learning::cycle::{Cycle, LrSchedule};
use crate::apical::learning::multipliers::{ABounds, AReduce, AUpdate};
use crate::apical::learning::rule::{Pre, Target};
use crate::apical::learning::trainer::{LearningRates, LearningRules};
use crate::apical::network_config::{NetworkConfig, validate_cap, validate_rates};
use crate::lab::{Config, Refusals, RunConfig, StepWork};

/// The most steps of a phase, and the most phases of a kind in an epoch: a step's number has 64 bits.
const MAX_LENGTH: u64 = 1_000_000_000;

/// The largest bound of a multiplier, and the negative of the smallest.
const LARGEST_BOUND: f64 = 1e6;

/// Settings of two-phase training.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct ApicalTrainConfig {
    /// The networks
    #[command(flatten)]
    #[serde(flatten)]
    pub model: NetworkConfig,
    /// Biases of all neurons, 0 at first, which the rule changes as weights of an input that is always 1
    #[arg(long)]
    pub bias: bool,
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
    /// Smallest multiplier: phase 1 ends by clamping to it; by default there is none
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    pub a_min: Option<f64>,
    /// Largest multiplier: phase 1 ends by clamping to it; by default there is none
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    pub a_max: Option<f64>,
    /// Rate of the presynaptic neuron in the rule
    #[arg(long, value_enum, default_value = "modulated")]
    pub pre: Pre,
    /// Rates that the rule aims at
    #[arg(long, value_enum, default_value = "moving")]
    pub target: Target,
    /// Phases 1 in a row at the beginning of each epoch; reset sets multipliers to 1 before the first
    #[arg(long, default_value_t = 1)]
    pub phase1_per_epoch: u64,
    /// Passes of phase 2 after the phase 1 of each epoch, or after the last of several
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

/// What tells one run of a batch from the others.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Its learning rates.
    pub rates: LearningRates,
    /// The seed of its initial weights.
    pub seed: u64,
}

impl ApicalTrainConfig {
    /// Every pair of learning rates, that of the weights varying fastest.
    pub fn pairs(&self) -> Vec<LearningRates> {
        let pair = |a: f64, w: f64| LearningRates { a, w };
        self.lr_a.iter().flat_map(|a| self.lr_w.iter().map(move |w| pair(*a, *w))).collect()
    }

    /// The learning rates and the seed of every run. Runs are pairs of learning rates for the first
    /// seed, then for the next; the seeds count up from run to run, or from one set of pairs to the
    /// next where the pairs share their initial weights.
    pub fn runs(&self, seed: u64, replicates: u32) -> Vec<Run> {
        let pairs = self.pairs();
        let mut runs = Vec::new();
        for replicate in 0..u64::from(replicates) {
            for (i, rates) in pairs.iter().enumerate() {
                let fresh = replicate * pairs.len() as u64 + i as u64;
                let offset = if self.common_init { replicate } else { fresh };
                runs.push(Run { rates: *rates, seed: seed.wrapping_add(offset) });
            }
        }
        runs
    }

    /// What a batch of phase 2 asks for: the rates, and what the rule makes of them. A step is many.
    pub fn step_work(&self, run: &RunConfig) -> StepWork {
        let runs = (self.lr_a.len() * self.lr_w.len()) as f64 * f64::from(run.replicates);
        let weights = self.model.weight_count(&run.data) * runs;
        let launches = 16.0 + 10.0 * self.model.hidden.len() as f64;
        StepWork::products(4.0 * weights * self.batch_size as f64, launches)
    }

    /// The order of the phases of a run of so many epochs.
    pub fn cycle(&self, epochs: u64) -> Cycle {
        Cycle {
            steps_per_phase: self.steps_per_phase,
            phase1_per_epoch: self.phase1_per_epoch,
            phase2_per_epoch: self.phase2_per_phase1,
            single_phase1: self.single_phase1,
            epochs,
            schedule: self.schedule,
        }
    }

    /// The bounds of the multipliers.
    pub fn a_bounds(&self) -> ABounds {
        ABounds { min: self.a_min, max: self.a_max }
    }

    /// How the networks learn.
    pub fn learning_rules(&self) -> LearningRules {
        LearningRules {
            loss: self.model.loss,
            batch_size: self.batch_size,
            a_reduce: self.a_reduce,
            a_update: self.a_update,
            a_bounds: self.a_bounds(),
            pre: self.pre,
            target: self.target,
            cap: self.cap,
        }
    }
}

impl Config for ApicalTrainConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        self.model.validate(refusals);
        validate_rates("lr-a", &self.lr_a, refusals);
        validate_rates("lr-w", &self.lr_w, refusals);
        for (flag, count) in
            [("eval-samples", self.eval_samples.unwrap_or(1)), ("batch-size", self.batch_size)]
        {
            refusals.unless(count > 0, || format!("--{flag} {count}: expected 1 or more"));
        }
        for (flag, length) in [
            ("phase1-per-epoch", self.phase1_per_epoch),
            ("phase2-per-phase1", self.phase2_per_phase1),
            ("steps-per-phase", self.steps_per_phase),
        ] {
            refusals.unless((1..=MAX_LENGTH).contains(&length), || {
                format!("--{flag} {length}: expected 1 to {MAX_LENGTH}")
            });
        }
        refusals.unless(!self.single_phase1 || self.phase1_per_epoch == 1, || {
            format!(
                "--phase1-per-epoch {}: with --single-phase1 there is one phase 1 in all; leave out \
                 one of the two",
                self.phase1_per_epoch
            )
        });
        validate_cap(self.cap, refusals);
        for (flag, bound) in [("a-min", self.a_min), ("a-max", self.a_max)] {
            let bound = bound.unwrap_or(0.0);
            refusals.unless(bound.abs() <= LARGEST_BOUND, || {
                format!("--{flag} {bound}: expected a number from -{LARGEST_BOUND:e} to {LARGEST_BOUND:e}")
            });
        }
        if let (Some(min), Some(max)) = (self.a_min, self.a_max) {
            refusals.unless(min <= max, || {
                format!("--a-min {min}: expected no more than --a-max {max}")
            });
        }
        refusals.unless(!self.target.needs_reset() || self.a_update.resets(), || {
            format!(
                "--target frozen moves the multipliers into the weights, after which they are 1: \
                 it needs --a-update reset, not {}",
                self.a_update
            )
        });
    }
}
