//! What a step changes: gradients clipped and descended, formulas followed, filters jittered.

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use super::state::EfficientCoding;
use crate::efficient_coding::coding::assign::assign_where;
use crate::efficient_coding::coding::constraint::Constraint;
use crate::efficient_coding::coding::controller::Reaction;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::Information;
use crate::efficient_coding::coding::rule::Direction;
use crate::lab::tensor::optim::finite::FoundInf;
use crate::lab::train::experiment::Step;
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;

/// What formulas make of a batch.
pub(super) struct FormulaStep {
    /// The multipliers of the step, under a constraint that has them: `[neuron]`.
    pub(super) multiplier: Option<Tensor>,
    /// The log of the gains that a formula sets after the step: `[neuron]`.
    log_gain: Option<Tensor>,
    /// What the controller is to remember.
    reaction: Option<Reaction>,
}

/// The norms of the gradients of the learners that have one in this step.
struct WrittenGradients {
    rates: Option<GradientNorms>,
    main: Option<GradientNorms>,
}

/// The norms of a gradient before clipping: `[]` f64 each.
struct GradientNorms {
    /// Of what moves parameters.
    own: Tensor,
    /// Of what is clipped by it: the same with what is thrown away.
    clipped: Tensor,
}

impl EfficientCoding {
    /// The gradient that the filters descend at a step, by the filters: `[input, neuron]`.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn filter_direction(&self, step: u64) -> Result<Tensor> {
        let noisy = self.batch(step)?;
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
        if self.config.placing.centres_at(step) {
            self.add_centring(&neurons.filters, &mut direction);
        }
        direction.filters.context("every rule moves the filters at odd steps")
    }

    /// What formulas make of the batch of a step, under a constraint that has one. The model is left
    /// as it is.
    ///
    /// # Errors
    /// Where the model lacks a number.
    pub(super) fn formula_step(&self, pass: &BatchPass, step: u64) -> Result<FormulaStep> {
        let start = || self.parameters.get(MULTIPLIER);
        let none = FormulaStep { multiplier: None, log_gain: None, reaction: None };
        Ok(match self.rule.constraint {
            Constraint::Lagrange => FormulaStep { multiplier: Some(start()?), ..none },
            Constraint::Pi => {
                let reaction = self.controller.multiplier(&pass.excess(), &start()?);
                let multiplier = Some(reaction.output.shallow_clone());
                FormulaStep { multiplier, reaction: Some(reaction), ..none }
            }
            Constraint::GammaV1 | Constraint::GammaV2 => {
                let reaction = self.controller.log_gain(&pass.mean_activity);
                let log_gain = Some(reaction.output.shallow_clone());
                FormulaStep { log_gain, reaction: Some(reaction), ..none }
            }
            Constraint::Exact => match self.controller.running_gain(pass, step) {
                Some(reaction) => {
                    let log_gain = Some(reaction.output.shallow_clone());
                    FormulaStep { log_gain, reaction: Some(reaction), ..none }
                }
                None => FormulaStep { log_gain: Some(pass.gain.log()), ..none },
            },
            Constraint::None | Constraint::TwoLosses => none,
            Constraint::Project | Constraint::TotalDerivative => none,
        })
    }

    /// What small filters are worth in the loss: `[]`.
    pub(super) fn centring_loss(&self, filters: &Tensor) -> Tensor {
        self.grid.variance(filters).mean(None::<Kind>) * self.config.placing.centring_weight
    }

    /// Adds the pull towards small filters, the gradient of [`EfficientCoding::centring_loss`].
    pub(super) fn add_centring(&self, filters: &Tensor, direction: &mut Direction) {
        if let Some(gradient) = &mut direction.filters {
            *gradient += self.grid.gradient(filters) * self.config.placing.centring_weight;
        }
    }

    /// Clips, and takes the optimizers' steps where all that the step is about to change is finite.
    /// Gives the flag that they were taken under, `[]` bool, where the host does not know it yet.
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] as [`Step::finite`] has it; where the model lacks a
    /// number.
    pub(super) fn descend(
        &mut self,
        step: &mut Step,
        direction: Direction,
        loss: &Tensor,
        formula: &FormulaStep,
    ) -> Result<Option<Tensor>> {
        let written = self.write_direction(direction)?;
        let finite = step.time(Phase::Optimizer, || all_finite(loss, &written, formula));
        // Both learners wait for this flag.
        let found = step.finite(&finite)?;
        if let Some(learner) = self.parameters.rate.as_mut().filter(|_| written.rates.is_some()) {
            learner.update(step, found.as_ref());
        }
        let apply = found.as_ref().map(FoundInf::applies);
        if let Some(norms) = written.main {
            if step.logging {
                step.last("train/grad_norm", &norms.own);
            }
            self.parameters.main.update(step, found.as_ref());
            self.parameters.normalise(apply.as_ref())?;
        }
        Ok(apply)
    }

    /// Writes the gradients of a step into the learners' buffers, clipped.
    fn write_direction(&mut self, direction: Direction) -> Result<WrittenGradients> {
        let Direction { filters, log_gain, log_threshold, multiplier, discarded } = direction;
        let scalars = [(GAIN, log_gain), (THRESHOLD, log_threshold), (MULTIPLIER, multiplier)];
        let scalars: Vec<(String, Tensor)> =
            scalars.into_iter().filter_map(|(name, g)| Some((name.to_string(), g?))).collect();
        let limit = self.config.learner.clip_norm;
        let (rates, mut main) = match &self.parameters.rate {
            Some(_) => (scalars, Vec::new()),
            None => (Vec::new(), scalars),
        };
        let mut written = WrittenGradients { rates: None, main: None };
        if let Some(learner) = self.parameters.rate.as_mut().filter(|_| !rates.is_empty()) {
            written.rates = Some(write_gradients(learner, &rates, &[], limit));
        }
        if let Some(filters) = filters {
            main.extend(self.parameters.through_shape(filters)?);
            let learner = &mut self.parameters.main;
            written.main = Some(write_gradients(learner, &main, &discarded, limit));
        }
        Ok(written)
    }

    /// Sets what follows the rates by a formula. Where `apply` is false nothing changes.
    ///
    /// # Errors
    /// Where the model lacks a number.
    pub(super) fn set_by_formula(
        &mut self,
        formula: &FormulaStep,
        apply: Option<&Tensor>,
    ) -> Result<()> {
        if let Some(reaction) = &formula.reaction {
            self.controller.remember(reaction, apply);
        }
        if let Some(log_gain) = &formula.log_gain {
            assign_where(&mut self.parameters.get(GAIN)?, log_gain, apply);
        }
        Ok(())
    }

    /// Jitters the filters, at the steps that have it. Where `apply` is false nothing changes.
    ///
    /// # Errors
    /// Where the model lacks a number.
    pub(super) fn jitter_filters(&self, index: u64, apply: Option<&Tensor>) -> Result<()> {
        let placing = &self.config.placing;
        let on = (placing.jitter_start..placing.jitter_stop).contains(&index);
        if on && index.is_multiple_of(placing.jitter_interval) {
            self.parameters.jitter(placing.jitter_power, self.seed, index, apply)?;
        }
        Ok(())
    }
}

/// Whether everything that a step is about to change is finite: `[]` bool. A sum is finite where all
/// of it is, since none in f64 of what an f32 can hold overflows.
fn all_finite(loss: &Tensor, written: &WrittenGradients, formula: &FormulaStep) -> Tensor {
    let remembered = formula.reaction.iter().flat_map(|found| [&found.mean, &found.sum]);
    let totals = formula.log_gain.iter().chain(remembered).map(|each| each.sum(Kind::Double));
    let norms = [&written.main, &written.rates].into_iter().flatten();
    let norms = norms.map(|norms| norms.clipped.shallow_clone());
    let sum = norms.chain(totals).fold(loss.shallow_clone(), |sum, next| sum + next);
    // Of a number that is not finite the difference to itself is NaN.
    sum.g_sub(&sum).eq(0.0)
}

/// Writes gradients to their places in a learner's buffer, zero where there is none, and scales
/// them down to the norm `limit` of all of them, `discarded` ones included.
fn write_gradients(
    learner: &mut Learner,
    gradients: &[(String, Tensor)],
    discarded: &[Tensor],
    limit: Option<f64>,
) -> GradientNorms {
    let Learner { params, gradients: all, .. } = learner;
    let places = params.views(&all.values);
    let parts = places.iter().map(|(name, place)| {
        let found = gradients.iter().find(|(known, _)| known == name);
        found.map_or_else(|| place.zeros_like(), |(_, g)| g.shallow_clone()).reshape([1, -1])
    });
    let _ = Tensor::cat_out(&all.values, &parts.collect::<Vec<_>>(), 1);
    let norm_of = |all: &Tensor| all.norm_scalaropt_dim_dtype(2.0, [0, 1], false, Kind::Double);
    let own = norm_of(&all.values);
    let clipped = match discarded {
        [] => own.shallow_clone(),
        _ => {
            let rows = discarded.iter().map(|tensor| tensor.view([1, -1]));
            let rows: Vec<Tensor> = rows.chain([all.values.shallow_clone()]).collect();
            norm_of(&Tensor::cat(&rows, 1))
        }
    };
    if let Some(limit) = limit {
        let _ = all.values.g_div_(&((&clipped + 1e-6) / limit).clamp_min(1.0));
    }
    GradientNorms { own, clipped }
}
