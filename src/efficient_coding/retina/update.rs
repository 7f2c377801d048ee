//! What a step changes: gradients clipped and descended, formulas followed, filters jittered.

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use super::replicates::{part, together};
use super::state::EfficientCoding;
use crate::efficient_coding::coding::assign::assign_where;
use crate::efficient_coding::coding::constraint::Constraint;
use crate::efficient_coding::coding::controller::Reaction;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::Information;
use crate::efficient_coding::coding::rule::Direction;
use crate::lab::store::NamedTensors;
use crate::lab::tensor::optim::finite::FoundInf;
use crate::lab::train::experiment::Step;
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;

/// What formulas make of the batches of a step. Axes: `[replicate, neuron]`, or `[neuron]` of one
/// replicate.
pub(super) struct FormulaStep {
    /// The multipliers of the step, under a constraint that has them.
    multiplier: Option<Tensor>,
    /// The log of the gains that a formula sets after the step.
    log_gain: Option<Tensor>,
    /// What the controller is to remember.
    reaction: Option<Reaction>,
}

/// The norms of the gradients of the learners that have one in this step: of each replicate, or
/// none.
#[derive(Default)]
struct WrittenGradients {
    rates: Vec<GradientNorms>,
    main: Vec<GradientNorms>,
}

/// The norms of a gradient before clipping: `[]` f64 each.
struct GradientNorms {
    /// Of what moves parameters.
    own: Tensor,
    /// Of what is clipped by it: the same with what is thrown away.
    clipped: Tensor,
}

impl EfficientCoding {
    /// The gradient that the filters of the first model descend at a step, by the filters:
    /// `[input, neuron]`.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn filter_direction(&self, step: u64) -> Result<Tensor> {
        let noisy = self.batch(0, step)?;
        let neurons = self.parameters.neurons(0)?;
        let eliminates = self.rule.constraint.eliminates_gain();
        let pass = BatchPass::new(&self.constants, &neurons, &noisy, eliminates);
        let information = Information::new(&pass.shared, &pass.slopes);
        let multiplier = match self.parameters.get(MULTIPLIER) {
            Ok(start) => Some(self.of_one(&self.controller.steady(&start), 0)),
            Err(_) => None,
        };
        // Where filters and rates alternate, filters move at odd steps.
        let mut direction = self.rule.direction(&pass, &information, multiplier.as_ref(), 1);
        if self.config.placing.centres_at(step) {
            self.add_centring(&neurons.filters, &mut direction);
        }
        direction.filters.context("every rule moves the filters at odd steps")
    }

    /// What one replicate has of the numbers of all: `[...]`.
    fn of_one(&self, all: &Tensor, replicate: usize) -> Tensor {
        part(all, self.seeds.len(), replicate)
    }

    /// The multipliers of one replicate: `[neuron]`, under a constraint that has them.
    pub(super) fn multiplier_of(&self, formula: &FormulaStep, replicate: usize) -> Option<Tensor> {
        formula.multiplier.as_ref().map(|all| self.of_one(all, replicate))
    }

    /// What formulas make of the batches of a step, one a replicate, under a constraint that has one.
    /// The models are left as they are.
    ///
    /// # Errors
    /// Where the models lack a number.
    pub(super) fn formula_step(&self, passes: &[BatchPass], step: u64) -> Result<FormulaStep> {
        let of_all = |get: fn(&BatchPass) -> Tensor| together(passes.iter().map(get));
        let start = || self.parameters.get(MULTIPLIER);
        let none = FormulaStep { multiplier: None, log_gain: None, reaction: None };
        Ok(match self.rule.constraint {
            Constraint::Lagrange => FormulaStep { multiplier: Some(start()?), ..none },
            Constraint::Pi => {
                let reaction = self.controller.multiplier(&of_all(|pass| pass.excess()), &start()?);
                let multiplier = Some(reaction.output.shallow_clone());
                FormulaStep { multiplier, reaction: Some(reaction), ..none }
            }
            Constraint::GammaV1 | Constraint::GammaV2 => {
                let reaction =
                    self.controller.log_gain(&of_all(|pass| pass.mean_activity.shallow_clone()));
                let log_gain = Some(reaction.output.shallow_clone());
                FormulaStep { log_gain, reaction: Some(reaction), ..none }
            }
            Constraint::Exact => match self.controller.smooths_gain() {
                true => {
                    let activity = of_all(|pass| pass.unit_activity.shallow_clone());
                    let reaction = self.controller.running_gain(&self.constants, &activity, step);
                    let log_gain = Some(reaction.output.shallow_clone());
                    FormulaStep { log_gain, reaction: Some(reaction), ..none }
                }
                false => FormulaStep { log_gain: Some(of_all(|pass| pass.gain.log())), ..none },
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
    /// - directions, losses: of each replicate
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] as [`Step::finite`] has it; where the models lack a
    /// number.
    pub(super) fn descend(
        &mut self,
        step: &mut Step,
        directions: Vec<Direction>,
        losses: &[Tensor],
        formula: &FormulaStep,
    ) -> Result<Option<Tensor>> {
        let mut written = WrittenGradients::default();
        for (replicate, direction) in directions.into_iter().enumerate() {
            self.write_direction(replicate, direction, &mut written)?;
        }
        let finite = step.time(Phase::Optimizer, || all_finite(losses, &written, formula));
        // Both learners wait for this flag.
        let found = step.finite(&finite)?;
        let moves_rates = !written.rates.is_empty();
        if let Some(learner) = self.parameters.rate.as_mut().filter(|_| moves_rates) {
            learner.update(step, found.as_ref());
        }
        let apply = found.as_ref().map(FoundInf::applies);
        if !written.main.is_empty() {
            if step.logging {
                let norms = together(written.main.into_iter().map(|norms| norms.own));
                step.last("train/grad_norm", &norms);
            }
            self.parameters.main.update(step, found.as_ref());
            self.parameters.normalise(apply.as_ref())?;
        }
        Ok(apply)
    }

    /// Writes the gradients of a step of one replicate into the learners' buffers, clipped.
    fn write_direction(
        &mut self,
        replicate: usize,
        direction: Direction,
        written: &mut WrittenGradients,
    ) -> Result<()> {
        let Direction { filters, log_gain, log_threshold, multiplier, discarded } = direction;
        let scalars = [(GAIN, log_gain), (THRESHOLD, log_threshold), (MULTIPLIER, multiplier)];
        let scalars: NamedTensors =
            scalars.into_iter().filter_map(|(name, g)| Some((name.to_string(), g?))).collect();
        let limit = self.config.learner.clip_norm;
        let (rates, mut main) = match &self.parameters.rate {
            Some(_) => (scalars, Vec::new()),
            None => (Vec::new(), scalars),
        };
        if let Some(learner) = self.parameters.rate.as_mut().filter(|_| !rates.is_empty()) {
            written.rates.push(write_gradients(learner, replicate, &rates, &[], limit));
        }
        if let Some(filters) = filters {
            main.extend(self.parameters.through_shape(replicate, filters)?);
            let learner = &mut self.parameters.main;
            written.main.push(write_gradients(learner, replicate, &main, &discarded, limit));
        }
        Ok(())
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
            self.parameters.jitter(placing.jitter_power, &self.seeds, index, apply)?;
        }
        Ok(())
    }
}

/// Whether everything that a step is about to change is finite: `[]` bool. A sum is finite where all
/// of it is, since none in f64 of what an f32 can hold overflows.
fn all_finite(losses: &[Tensor], written: &WrittenGradients, formula: &FormulaStep) -> Tensor {
    let remembered = formula.reaction.iter().flat_map(|found| [&found.mean, &found.sum]);
    let totals = formula.log_gain.iter().chain(remembered).map(|each| each.sum(Kind::Double));
    let norms = written.main.iter().chain(&written.rates).map(|norms| &norms.clipped);
    // The norms are in f64, and come first, so that the losses are added in f64.
    let each = norms.chain(losses).map(Tensor::shallow_clone).chain(totals);
    let sum = each.reduce(|sum, next| sum + next).unwrap_or_else(|| Tensor::from(0.0));
    // Of a number that is not finite the difference to itself is NaN.
    sum.g_sub(&sum).eq(0.0)
}

/// Writes the gradients of one replicate to their places in a learner's buffer, zero where there is
/// none, and scales them down to the norm `limit` of all of them, `discarded` ones included.
fn write_gradients(
    learner: &mut Learner,
    replicate: usize,
    gradients: &[(String, Tensor)],
    discarded: &[Tensor],
    limit: Option<f64>,
) -> GradientNorms {
    let Learner { params, gradients: all, .. } = learner;
    let replicates = params.replicates() as usize;
    let mut own = all.values.narrow(0, replicate as i64, 1);
    let places = params.views(&all.values);
    let parts = places.iter().map(|(name, place)| {
        let found = gradients.iter().find(|(known, _)| known == name);
        let zeros = || part(place, replicates, replicate).zeros_like();
        found.map_or_else(zeros, |(_, g)| g.shallow_clone()).reshape([1, -1])
    });
    let _ = Tensor::cat_out(&own, &parts.collect::<Vec<_>>(), 1);
    let norm_of = |all: &Tensor| all.norm_scalaropt_dim_dtype(2.0, [0, 1], false, Kind::Double);
    let norm = norm_of(&own);
    let clipped = match discarded {
        [] => norm.shallow_clone(),
        _ => {
            let rows = discarded.iter().map(|tensor| tensor.view([1, -1]));
            let rows: Vec<Tensor> = rows.chain([own.shallow_clone()]).collect();
            norm_of(&Tensor::cat(&rows, 1))
        }
    };
    if let Some(limit) = limit {
        let _ = own.g_div_(&((&clipped + 1e-6) / limit).clamp_min(1.0));
    }
    GradientNorms { own: norm, clipped }
}
