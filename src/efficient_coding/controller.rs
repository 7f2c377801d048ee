//! Gains and multipliers that follow the rates by a formula of their own.

use tch::{Tensor, no_grad_guard};

use super::config::{Constraint, EfficientCodingConfig};
use crate::lab::store::checkpoint::State;

/// Weight of the past in the Gamma constraints' running mean.
const GAMMA_MEMORY: f64 = 0.999;

/// What a formula remembers from step to step.
pub struct Controller {
    constraint: Constraint,
    proportional: f64,
    integral: f64,
    smoothing: f64,
    target: f64,
    /// The running mean of rate or excess: [neuron].
    mean: Tensor,
    /// The sum of the excess so far, in units of the multiplier: [neuron].
    sum: Tensor,
}

impl Controller {
    /// The state before the first step.
    ///
    /// - like: any tensor [neuron] of the model's kind and device
    pub fn new(config: &EfficientCodingConfig, like: &Tensor) -> Self {
        let gamma = matches!(config.constraint, Constraint::GammaV1 | Constraint::GammaV2);
        Self {
            constraint: config.constraint,
            proportional: config.pi_proportional,
            integral: config.pi_integral,
            smoothing: config.pi_smoothing,
            target: config.firing_rate,
            mean: if gamma { like.ones_like() } else { like.zeros_like() },
            sum: like.zeros_like(),
        }
    }

    /// The multiplier of a step under `pi`, with its excess h taken in: smoothed for the
    /// proportional part, summed for the integral one.
    ///
    /// - excess: h, [neuron]
    /// - start: the multiplier before the first step, [neuron]
    pub fn multiplier(&mut self, excess: &Tensor, start: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        let _ = self.mean.g_mul_scalar_(self.smoothing);
        let _ = self.mean.g_add_(&(excess * (1.0 - self.smoothing)));
        let multiplier = start + &self.sum + &self.mean * self.proportional;
        let _ = self.sum.g_add_(&(excess * self.integral));
        multiplier
    }

    /// The multiplier without its proportional part: what it is about to settle at, [neuron].
    pub fn steady(&self, start: &Tensor) -> Tensor {
        start + &self.sum
    }

    /// The log of the gain that a Gamma constraint has after a batch: [neuron].
    ///
    /// - rate: mean rates of the batch, [neuron]
    pub fn log_gain(&mut self, rate: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        let new = match self.constraint {
            Constraint::GammaV1 => rate - self.target,
            _ => rate.shallow_clone(),
        };
        let _ = self.mean.g_mul_scalar_(GAMMA_MEMORY);
        let _ = self.mean.g_add_(&(new * (1.0 - GAMMA_MEMORY)));
        -self.mean.log()
    }

    /// What is saved; nothing for a constraint without a memory.
    pub fn state(&self) -> State {
        let mean = ("state.controller.mean".to_string(), self.mean.shallow_clone());
        let sum = ("state.controller.sum".to_string(), self.sum.shallow_clone());
        match self.constraint {
            Constraint::GammaV1 | Constraint::GammaV2 => vec![mean],
            Constraint::Pi => vec![mean, sum],
            _ => Vec::new(),
        }
    }
}
