//! What a step changes: gradients clipped and descended, formulas followed, filters jittered.

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use super::state::EfficientCoding;
use crate::efficient_coding::coding::constraint::Constraint;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::Information;
use crate::efficient_coding::coding::rule::Direction;
use crate::lab::train::experiment::Step;
use crate::lab::train::learner::Learner;

impl EfficientCoding {
    /// The gradient that the filters descend at a step, by the filters: [input, neuron].
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn filter_direction(&self, step: u64) -> Result<Tensor> {
        let noisy = self.batch("patches", step)?;
        let neurons = self.parameters.neurons()?;
        let eliminates = self.rule.constraint.eliminates_gain();
        let pass = BatchPass::new(&self.constants, &neurons, &noisy, eliminates);
        let information = Information::new(&pass.shared, &pass.slopes);
        let multiplier = match self.parameters.get(MULTIPLIER) {
            Ok(start) => Some(self.controller.steady(&start)),
            Err(_) => None,
        };
        // Where filters and rates alternate, filters move at odd steps.
        let mut direction = self.rule.direction(&pass, &information, multiplier.as_ref(), 1);
        self.add_centring(&neurons.filters, &mut direction, step);
        direction.filters.context("every rule moves the filters at odd steps")
    }

    /// The multipliers of a step, under a constraint that has them: [neuron].
    ///
    /// # Errors
    /// Where the model lacks a number.
    pub(super) fn multiplier(&mut self, pass: &BatchPass) -> Result<Option<Tensor>> {
        match self.rule.constraint {
            Constraint::Lagrange => self.parameters.get(MULTIPLIER).map(Some),
            Constraint::Pi => {
                let start = self.parameters.get(MULTIPLIER)?;
                Ok(Some(self.controller.multiplier(&pass.excess(), &start)))
            }
            Constraint::GammaV1 | Constraint::GammaV2 | Constraint::None => Ok(None),
            Constraint::TwoLosses | Constraint::Project | Constraint::TotalDerivative => Ok(None),
            Constraint::Exact => Ok(None),
        }
    }

    /// Adds the pull towards small filters, at the steps that have it.
    pub(super) fn add_centring(&self, filters: &Tensor, direction: &mut Direction, step: u64) {
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
            let _ = write_gradients(learner, &rates, &[], limit);
            flag = learner.apply(step, loss)?;
        }
        if let Some(filters) = filters {
            main.extend(self.parameters.through_shape(filters)?);
            let norm = write_gradients(&mut self.parameters.main, &main, &discarded, limit);
            if step.logging {
                step.last("train/grad_norm", &norm);
            }
            flag = self.parameters.main.apply(step, loss)?;
            self.parameters.normalise(flag.as_ref())?;
        }
        Ok(flag)
    }

    /// Sets what follows the rates by a formula.
    pub(super) fn set_by_formula(
        &mut self,
        pass: &BatchPass,
        apply: Option<&Tensor>,
    ) -> Result<()> {
        let new = match self.rule.constraint {
            Constraint::GammaV1 | Constraint::GammaV2 => {
                self.controller.log_gain(&pass.mean_activity)
            }
            Constraint::Exact => pass.gain.log(),
            Constraint::Lagrange | Constraint::None | Constraint::Pi => return Ok(()),
            Constraint::TwoLosses | Constraint::Project | Constraint::TotalDerivative => {
                return Ok(());
            }
        };
        let mut gain = self.parameters.get(GAIN)?;
        let new = apply.map_or_else(|| new.shallow_clone(), |flag| new.where_self(flag, &gain));
        gain.copy_(&new);
        Ok(())
    }

    /// Jitters the filters, at the steps that have it.
    pub(super) fn jitter_filters(&self, index: u64) -> Result<()> {
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
fn write_gradients(
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
