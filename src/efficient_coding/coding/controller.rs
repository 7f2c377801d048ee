//! Gains and multipliers that follow the rates by a formula of their own.

use tch::{Tensor, no_grad_guard};

use super::assign::assign_where;
use super::constraint::Constraint;
use super::model::ModelConstants;

/// Weight of the past in the Gamma constraints' running mean.
const GAMMA_MEMORY: f64 = 0.999;

/// Which formula it is, and its constants.
#[derive(Debug, Clone, Copy)]
pub struct ControllerSettings {
    /// The constraint that the formula belongs to.
    pub constraint: Constraint,
    /// The share of the excess in the multiplier of `pi`.
    pub proportional: f64,
    /// The share of the excess that the multiplier of `pi` keeps of each step.
    pub integral: f64,
    /// Weight of the past in the running mean that `pi` is proportional to.
    pub smoothing: f64,
    /// Weight of the past in the running mean of the activities that the gains of `exact` follow;
    /// 0 for the last batch alone.
    pub gain_smoothing: f64,
    /// Mean activity that each neuron may have.
    pub target: f64,
}

/// What a formula remembers from step to step.
///
/// All numbers are of one neuron each: `[neuron]`, or `[replicate, neuron]` of several models.
pub struct Controller {
    settings: ControllerSettings,
    /// The running mean of rate or excess.
    mean: Tensor,
    /// The sum of the excess so far, in units of the multiplier.
    sum: Tensor,
}

/// What a formula makes of a batch. The controller remembers it only after
/// [`Controller::remember`], so that a step that is not finite leaves no trace.
pub struct Reaction {
    /// The log of the gain, or the multiplier.
    pub output: Tensor,
    /// The running mean with the batch in it.
    pub mean: Tensor,
    /// The sum with the batch in it.
    pub sum: Tensor,
}

impl Controller {
    /// The state before the first step.
    ///
    /// - like: any number of the neurons, for shape, kind and device
    pub fn new(settings: ControllerSettings, like: &Tensor) -> Self {
        let mean = match settings.constraint.follows_rates() {
            true => like.ones_like(),
            false => like.zeros_like(),
        };
        Self { settings, mean, sum: like.zeros_like() }
    }

    /// The multiplier of a step under `pi`, with its excess h taken in: smoothed for the
    /// proportional part, summed for the integral one.
    ///
    /// - excess: h
    /// - start: the multiplier before the first step
    pub fn multiplier(&self, excess: &Tensor, start: &Tensor) -> Reaction {
        let _guard = no_grad_guard();
        let smoothing = self.settings.smoothing;
        let mean = &self.mean * smoothing + excess * (1.0 - smoothing);
        let output = start + &self.sum + &mean * self.settings.proportional;
        let sum = &self.sum + excess * self.settings.integral;
        Reaction { output, mean, sum }
    }

    /// The multiplier without its proportional part: what it is about to settle at.
    pub fn steady(&self, start: &Tensor) -> Tensor {
        start + &self.sum
    }

    /// The log of the gain that a Gamma constraint has after a batch.
    ///
    /// - rate: mean rates of the batch
    pub fn log_gain(&self, rate: &Tensor) -> Reaction {
        let _guard = no_grad_guard();
        let new = match self.settings.constraint {
            Constraint::GammaV1 => rate - self.settings.target,
            Constraint::GammaV2 => rate.shallow_clone(),
            // These have no gain of a formula, and nobody asks for one.
            Constraint::Lagrange | Constraint::None | Constraint::Exact | Constraint::Pi => {
                rate.shallow_clone()
            }
            Constraint::TwoLosses | Constraint::Project | Constraint::TotalDerivative => {
                rate.shallow_clone()
            }
        };
        let mean = &self.mean * GAMMA_MEMORY + new * (1.0 - GAMMA_MEMORY);
        Reaction { output: -mean.log(), mean, sum: self.sum.shallow_clone() }
    }

    /// Whether the gains that `exact` leaves with the model follow a running mean.
    pub fn smooths_gain(&self) -> bool {
        self.settings.gain_smoothing > 0.0
    }

    /// The log of the gain that `exact` leaves with the model where it smooths: at which the running
    /// mean of the activity, over batches, is the target. The batch is learnt from at the gain of its
    /// own all the same, so that no filter depends on this.
    ///
    /// The first batches weigh alike, until each has the weight that a new one has later: the mean
    /// needs no beginning.
    ///
    /// - unit_activity: mean activities of the batch, were the gains 1
    /// - step: counted from 0
    pub fn running_gain(
        &self,
        constants: &ModelConstants,
        unit_activity: &Tensor,
        step: u64,
    ) -> Reaction {
        let _guard = no_grad_guard();
        let newest = (1.0 - self.settings.gain_smoothing).max(1.0 / (step as f64 + 1.0));
        let mean = &self.mean * (1.0 - newest) + unit_activity * newest;
        let output = constants.gain_for(&mean).log();
        Reaction { output, mean, sum: self.sum.shallow_clone() }
    }

    /// Remembers what a reaction has taken in. Where `apply` is false nothing changes.
    ///
    /// - apply: `[]` bool
    pub fn remember(&mut self, reaction: &Reaction, apply: Option<&Tensor>) {
        assign_where(&mut self.mean, &reaction.mean, apply);
        assign_where(&mut self.sum, &reaction.sum, apply);
    }

    /// What it remembers, by name: nothing for a constraint without a memory.
    pub fn memory(&self) -> Vec<(&'static str, Tensor)> {
        let mean = ("mean", self.mean.shallow_clone());
        let sum = ("sum", self.sum.shallow_clone());
        match self.settings.constraint {
            Constraint::GammaV1 | Constraint::GammaV2 => vec![mean],
            Constraint::Pi => vec![mean, sum],
            Constraint::Exact if self.smooths_gain() => vec![mean],
            Constraint::Lagrange | Constraint::None | Constraint::Exact => Vec::new(),
            Constraint::TwoLosses | Constraint::Project | Constraint::TotalDerivative => Vec::new(),
        }
    }
}
