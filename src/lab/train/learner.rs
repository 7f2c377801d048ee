//! Learning by gradient descent: parameters, optimizer, schedule, clipping, and the one update.

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use super::experiment::Step;
use super::phase::Phase;
use crate::lab::refusals::Refusals;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::optim::finite::FoundInf;
use crate::lab::tensor::optim::schedule::{Schedule, ScheduleConfig};
use crate::lab::tensor::optim::{Optimizer, OptimizerConfig, clip};
use crate::lab::tensor::params::{Gradients, Params};

/// Settings of gradient descent.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Learning")]
pub struct LearnerConfig {
    /// Learning rate
    #[arg(long, default_value_t = 0.01)]
    pub lr: f64,
    /// Optimizer and its constants
    #[command(flatten)]
    #[serde(flatten)]
    pub optimizer: OptimizerConfig,
    /// Schedule of the learning rate
    #[command(flatten)]
    #[serde(flatten)]
    pub schedule: ScheduleConfig,
    /// Clip every gradient element to [-V, V]
    #[arg(long, value_name = "V")]
    pub clip_value: Option<f64>,
    /// Scale the gradient down to this Euclidean norm
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
}

impl LearnerConfig {
    /// Checks every value.
    pub fn validate(&self, refusals: &mut Refusals) {
        let values =
            [("lr", Some(self.lr)), ("clip-value", self.clip_value), ("clip-norm", self.clip_norm)];
        for (flag, value) in values {
            let Some(value) = value else { continue };
            // libtorch refuses a factor that an f32 can't hold.
            refusals.unless(value > 0.0 && value <= f64::from(f32::MAX), || {
                format!("--{flag} {value}: expected a positive number, <3.4e38")
            });
        }
        self.optimizer.validate(refusals);
        self.schedule.validate(refusals);
    }
}

/// A model's parameters with all that moves them.
pub struct Learner {
    /// The parameters.
    pub params: Params,
    /// Their gradient at the step under way.
    pub gradients: Gradients,
    /// Which parameters the next updates change, where not all: `[replicate, parameter]` bool.
    pub update_mask: Option<Tensor>,
    optimizer: Optimizer,
    schedule: Schedule,
    clip_value: Option<f64>,
    clip_norm: Option<f64>,
    /// What its tags and its state's names begin with.
    prefix: &'static str,
}

impl Learner {
    /// Allocates the optimizer's state. `steps` is the length of the run, for schedules that end
    /// with it.
    pub fn new(config: &LearnerConfig, params: Params, steps: u64) -> Self {
        let optimizer = Optimizer::new(config.optimizer.clone(), &params.values);
        let schedule = Schedule::new(config.schedule.clone(), config.lr, steps);
        let (clip_value, clip_norm) = (config.clip_value, config.clip_norm);
        let gradients = params.zero_gradients();
        Self {
            params,
            gradients,
            update_mask: None,
            optimizer,
            schedule,
            clip_value,
            clip_norm,
            prefix: "optim",
        }
    }

    /// Goes on with other parameters, as of a model that grows. `carry` gives a buffer of the
    /// optimizer's state for a parameter, in its new shape, from the old one.
    ///
    /// # Errors
    /// Where the shapes don't fit, and what `carry` returns.
    pub fn replace_params(
        &mut self,
        params: Params,
        optimizer: &OptimizerConfig,
        carry: impl Fn(&str, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let _guard = no_grad_guard();
        let mut changed = Optimizer::new(optimizer.clone(), &params.values);
        for ((_, new), (_, old)) in changed.buffers().into_iter().zip(self.optimizer.buffers()) {
            let parts = self.params.views(old);
            let parts = parts
                .iter()
                .map(|(key, part)| Ok(carry(key, part)?.f_reshape([params.replicates(), -1])?));
            let carried = Tensor::f_cat(&parts.collect::<Result<Vec<_>>>()?, 1)?;
            new.shallow_clone().f_copy_(&carried)?;
        }
        changed.set_updates(self.optimizer.updates()?);
        self.gradients = params.zero_gradients();
        (self.params, self.optimizer, self.update_mask) = (params, changed, None);
        Ok(())
    }

    /// Gives a second learner of one model tags and state of its own: `optim.<part>` for `optim`.
    /// Its tags have `/` for the dot.
    #[must_use]
    pub fn with_prefix(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    /// One update: the gradient of `loss`, the finite check, clipping, the optimizer. Nothing
    /// changes where the loss or the gradient is not finite. Gives what held it back then, where the
    /// host does not know it yet, for what else the step changes.
    ///
    /// - loss: `[]` or `[replicate]`
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] as [`Step::finite`] has it.
    pub fn descend(&mut self, step: &mut Step, loss: &Tensor) -> Result<Option<FoundInf>> {
        let Self { params, gradients, .. } = self;
        step.time(Phase::Backward, || match loss.dim() {
            0 => params.backward(loss, gradients),
            _ => params.backward(&loss.sum(loss.kind()), gradients),
        })?;
        self.apply(step, loss)
    }

    /// The rest of an update whose gradient is already in `gradients`, from autograd or from
    /// a formula. Gives what held it back, where the host does not know it yet.
    ///
    /// - loss: `[]` or `[replicate]`
    ///
    /// # Errors
    /// As [`Learner::descend`].
    pub fn apply(&mut self, step: &mut Step, loss: &Tensor) -> Result<Option<FoundInf>> {
        let loss = loss.detach();
        let found = step.all_finite(&[&self.gradients.values, &loss])?;
        self.update(step, found.as_ref());
        Ok(found)
    }

    /// Clipping and the optimizer, of an update whose finite check was made by [`Step::finite`].
    ///
    /// - found: what came of it
    pub fn update(&mut self, step: &mut Step, found: Option<&FoundInf>) {
        let Self { params, gradients, update_mask, optimizer, schedule, .. } = self;
        let _guard = no_grad_guard();
        let lr = schedule.lr(step.index);
        if step.logging {
            let device = gradients.values.device();
            let tag = self.prefix.replace('.', "/");
            step.last(&format!("{tag}/lr"), &Tensor::full([], lr, (Kind::Double, device)));
            step.last(&format!("{tag}/gradient_norm"), &clip::norm(&gradients.values));
        }
        let (value, norm) = (self.clip_value, self.clip_norm);
        step.time(Phase::Optimizer, || {
            if let Some(limit) = value {
                clip::by_value(&mut gradients.values, limit);
            }
            if let Some(limit) = norm {
                let _ = clip::by_norm(&mut gradients.values, limit);
            }
            let (values, gradient) = (&mut params.values, &gradients.values);
            optimizer.step_where(values, gradient, lr, found, update_mask.as_ref());
        });
    }

    /// The learning rate of a step.
    pub fn lr(&self, step: u64) -> f64 {
        self.schedule.lr(step)
    }

    /// Tells a plateau schedule the value of an evaluation.
    pub fn observe(&mut self, value: f64) {
        self.schedule.observe(value);
    }
}

/// The parameters by name, `optim.<buffer>.<parameter>`, and the numbers `optim.step` and
/// `optim.schedule.<number>`.
impl Persist for Learner {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        let prefix = self.prefix;
        for (name, value) in self.params.named() {
            writer.model(name, &value);
        }
        for (buffer, values) in self.optimizer.buffers() {
            for (name, part) in self.params.views(values) {
                writer.auxiliary(format!("{prefix}.{buffer}.{name}"), &part);
            }
        }
        writer.number(format!("{prefix}.step"), &self.optimizer.updates()?);
        for (name, number) in self.schedule.state() {
            writer.number(format!("{prefix}.schedule.{name}"), &number);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        let prefix = self.prefix;
        for (name, value) in self.params.named() {
            reader.model(&name, &value)?;
        }
        if !reader.resumes() {
            return Ok(());
        }
        for (buffer, values) in self.optimizer.buffers() {
            for (name, part) in self.params.views(values) {
                reader.auxiliary(&format!("{prefix}.{buffer}.{name}"), &part)?;
            }
        }
        let mut updates = 0;
        reader.number(&format!("{prefix}.step"), &mut updates)?;
        self.optimizer.set_updates(updates);
        let mut numbers = self.schedule.state();
        for (name, number) in &mut numbers {
            reader.number(&format!("{prefix}.schedule.{name}"), number)?;
        }
        self.schedule.load_state(|name| {
            let found = numbers.iter().find(|(known, _)| *known == name);
            Ok(found.with_context(|| format!("no number {name} of the schedule"))?.1)
        })
    }
}
