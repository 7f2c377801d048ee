//! What a step changes: gradients clipped and descended, formulas followed, filters shaken.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::config::Constraint;
use super::constraint::Direction;
use super::experiment::EfficientCoding;
use super::gradient::Pass;
use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use crate::lab::train::experiment::Step;
use crate::lab::train::learner::Learner;

impl EfficientCoding {
    /// Adds the pull towards small filters, at the steps that have it.
    pub(super) fn centre(&self, filters: &Tensor, direction: &mut Direction, step: u64) {
        let placing = &self.config.placing;
        let on = (placing.centring_start..placing.centring_stop).contains(&step);
        if let Some(gradient) = direction.filters.as_mut().filter(|_| on) {
            *gradient += self.grid.gradient(filters) * placing.centring_weight;
        }
    }

    /// Clips, and takes the optimizers' steps. Gives the flag that they were taken under.
    pub(super) fn descend(
        &mut self,
        step: &mut Step,
        direction: Direction,
        loss: &Tensor,
    ) -> Result<Option<Tensor>> {
        let Direction { filters, log_gain, log_threshold, multiplier, discarded } = direction;
        let scalars = [(GAIN, log_gain), (THRESHOLD, log_threshold), (MULTIPLIER, multiplier)];
        let scalars: Vec<(String, Tensor)> =
            scalars.into_iter().filter_map(|(name, g)| Some((name.to_string(), g?))).collect();
        let limit = self.config.learner.clip_norm;
        let mut flag = None;
        let (rates, mut main) = match &self.parameters.rate {
            Some(_) => (scalars, Vec::new()),
            None => (Vec::new(), scalars),
        };
        if let Some(learner) = self.parameters.rate.as_mut().filter(|_| !rates.is_empty()) {
            let _ = put(learner, &rates, &[], limit);
            flag = learner.apply(step, loss)?;
        }
        if let Some(filters) = filters {
            main.extend(self.parameters.through_shape(filters)?);
            let norm = put(&mut self.parameters.main, &main, &discarded, limit);
            if step.logging {
                step.last("train/grad_norm", &norm);
            }
            flag = self.parameters.main.apply(step, loss)?;
            self.parameters.normalise(flag.as_ref())?;
        }
        Ok(flag)
    }

    /// Sets what follows the rates by a formula.
    pub(super) fn follow(&mut self, pass: &Pass, apply: Option<&Tensor>) -> Result<()> {
        let new = match self.rule.constraint {
            Constraint::GammaV1 | Constraint::GammaV2 => {
                self.controller.log_gain(&pass.mean_activity)
            }
            Constraint::Exact => pass.gain.log(),
            _ => return Ok(()),
        };
        let mut gain = self.parameters.get(GAIN)?;
        let new = apply.map_or_else(|| new.shallow_clone(), |flag| new.where_self(flag, &gain));
        gain.copy_(&new);
        Ok(())
    }

    /// Shakes the filters, at the steps that have it.
    pub(super) fn shake(&self, index: u64) -> Result<()> {
        let placing = &self.config.placing;
        let on = (placing.jitter_start..placing.jitter_stop).contains(&index);
        if on && index.is_multiple_of(placing.jitter_interval) {
            self.parameters.jitter(placing.jitter_power, self.seed, index)?;
        }
        Ok(())
    }
}

/// Writes gradients to their places in a learner's buffer, zero where there is none, and scales
/// them down to the norm `limit` of all of them, `discarded` ones included. Gives that norm: [].
fn put(
    learner: &mut Learner,
    gradients: &[(String, Tensor)],
    discarded: &[Tensor],
    limit: Option<f64>,
) -> Tensor {
    let params = &learner.params;
    for (name, mut place) in params.split(&params.gradient) {
        match gradients.iter().find(|(known, _)| *known == name) {
            Some((_, gradient)) => place.copy_(gradient),
            None => _ = place.zero_(),
        }
    }
    let mut squares = params.gradient.square().sum(Kind::Double);
    for tensor in discarded {
        squares += tensor.square().sum(Kind::Double);
    }
    let norm = squares.sqrt();
    if let Some(limit) = limit {
        let scale = ((&norm + 1e-6).reciprocal() * limit).clamp_max(1.0);
        let _ = learner.params.gradient.g_mul_(&scale.to_kind(Kind::Float));
    }
    norm
}
