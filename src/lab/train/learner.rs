//! Learning by gradient descent: parameters, optimizer, schedule, clipping, and the one update.

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use super::experiment::Step;
use super::phase::Phase;
use crate::lab::error::refuse;
use crate::lab::store::checkpoint::{Checkpoint, State};
use crate::lab::tensor::optim::finite::all_finite;
use crate::lab::tensor::optim::schedule::{Schedule, ScheduleConfig};
use crate::lab::tensor::optim::{Optimizer, OptimizerConfig, clip};
use crate::lab::tensor::params::Params;
use crate::lab::tensor::to_host;

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
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn validate(&self) -> Result<()> {
        let positive = |flag: &str, value: f64| {
            // libtorch refuses a factor that an f32 can't hold.
            let good = value > 0.0 && value <= f64::from(f32::MAX);
            let message =
                || refuse(format!("--{flag} {value}: expected a positive number, <3.4e38"));
            if good { Ok(()) } else { Err(message()) }
        };
        positive("lr", self.lr)?;
        self.clip_value.map_or(Ok(()), |value| positive("clip-value", value))?;
        self.clip_norm.map_or(Ok(()), |value| positive("clip-norm", value))?;
        self.optimizer.validate().map_err(|error| refuse(error.to_string()))?;
        self.schedule.validate().map_err(|error| refuse(error.to_string()))
    }
}

/// A model's parameters with all that moves them.
pub struct Learner {
    /// The parameters and their gradient.
    pub params: Params,
    /// Which parameters the next updates change, where not all: [replicate, parameter] bool.
    pub only: Option<Tensor>,
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
        Self { params, only: None, optimizer, schedule, clip_value, clip_norm, prefix: "optim" }
    }

    /// Goes on with other parameters, as of a model that grows. `carry` gives a buffer of the
    /// optimizer's state for a parameter, in its new shape, from the old one.
    ///
    /// # Errors
    /// Where the shapes don't fit, and what `carry` returns.
    pub fn change(
        &mut self,
        params: Params,
        optimizer: &OptimizerConfig,
        carry: impl Fn(&str, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let mut changed = Optimizer::new(optimizer.clone(), &params.values);
        let old = self.optimizer.state();
        changed.load_state(|name| {
            let (_, buffer) =
                old.iter().find(|(known, _)| *known == name).with_context(|| name.to_string())?;
            if name == "step" {
                return Ok(buffer.shallow_clone());
            }
            let parts = self.params.split(buffer);
            let parts = parts
                .iter()
                .map(|(key, part)| Ok(carry(key, part)?.f_reshape([params.replicates(), -1])?));
            Ok(Tensor::f_cat(&parts.collect::<Result<Vec<_>>>()?, 1)?)
        })?;
        (self.params, self.optimizer, self.only) = (params, changed, None);
        Ok(())
    }

    /// Gives a second learner of one model tags and state of its own: `optim.<part>` for `optim`.
    /// Its tags have `/` for the dot.
    #[must_use]
    pub fn with_prefix(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    /// One update: the gradient of `loss`, the finite check, clipping, the optimizer. Nothing
    /// changes where the loss or the gradient is not finite. Gives the flag under which it was
    /// applied, [] bool, where the host does not know it yet, for what else the step changes.
    ///
    /// - loss: [] or [replicate]
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] as [`Step::finite`] has it.
    pub fn descend(&mut self, step: &mut Step, loss: &Tensor) -> Result<Option<Tensor>> {
        let params = &mut self.params;
        step.time(Phase::Backward, || match loss.dim() {
            0 => params.backward(loss),
            _ => params.backward(&loss.sum(loss.kind())),
        })?;
        self.apply(step, loss)
    }

    /// The rest of an update whose gradient is already in `params.gradient`, from autograd or from
    /// a formula. Gives the flag that the update was made under, if there is one.
    ///
    /// - loss: [] or [replicate]
    ///
    /// # Errors
    /// As [`Learner::descend`].
    pub fn apply(&mut self, step: &mut Step, loss: &Tensor) -> Result<Option<Tensor>> {
        let Self { params, only, optimizer, schedule, .. } = self;
        let _guard = no_grad_guard();
        let finite = step.time(Phase::Optimizer, || {
            all_finite(&params.gradient).logical_and(&all_finite(&loss.detach()))
        });
        let apply = step.finite(&finite)?;
        let lr = schedule.lr(step.index);
        if step.logging {
            let device = params.gradient.device();
            let tag = self.prefix.replace('.', "/");
            step.last(&format!("{tag}/lr"), &Tensor::full([], lr, (Kind::Double, device)));
            step.last(&format!("{tag}/gradient_norm"), &clip::norm(&params.gradient));
        }
        let (value, norm) = (self.clip_value, self.clip_norm);
        step.time(Phase::Optimizer, || {
            if let Some(limit) = value {
                clip::by_value(&mut params.gradient, limit);
            }
            if let Some(limit) = norm {
                let _ = clip::by_norm(&mut params.gradient, limit);
            }
            let (values, gradient) = (&mut params.values, &params.gradient);
            optimizer.step_where(values, gradient, lr, apply.as_ref(), only.as_ref());
        });
        Ok(apply)
    }

    /// The learning rate of a step.
    pub fn lr(&self, step: u64) -> f64 {
        self.schedule.lr(step)
    }

    /// Tells a plateau schedule the value of an evaluation.
    pub fn observe(&mut self, value: f64) {
        self.schedule.observe(value);
    }

    /// Parameters, `optim.<buffer>.<parameter>`, `optim.step` and `optim.schedule.<number>`.
    pub fn state(&self) -> State {
        let (mut state, prefix) = (self.params.named(), self.prefix);
        for (name, buffer) in self.optimizer.state() {
            if name == "step" {
                state.push((format!("{prefix}.step"), buffer));
            } else {
                let views = self.params.split(&buffer).into_iter();
                state.extend(views.map(|(key, view)| (format!("{prefix}.{name}.{key}"), view)));
            }
        }
        let schedule = self.schedule.state().into_iter();
        let name = |name: &str| format!("{prefix}.schedule.{name}");
        state.extend(schedule.map(|(number, n)| (name(number), Tensor::from(n))));
        state
    }

    /// Takes the step count and the schedule from a checkpoint whose tensors are restored.
    ///
    /// # Errors
    /// Where the checkpoint lacks them.
    pub fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let prefix = self.prefix;
        let saved = |key: &str| {
            let key = format!("{prefix}.{key}");
            let tensor = checkpoint.tensors.get(&key).with_context(|| format!("no {key}"))?;
            Ok(tensor.shallow_clone())
        };
        let live = self.optimizer.state();
        self.optimizer.load_state(|name| match name {
            "step" => saved("step"),
            _ => {
                let buffer = live.iter().find(|(known, _)| *known == name);
                Ok(buffer.with_context(|| format!("no buffer {name}"))?.1.shallow_clone())
            }
        })?;
        self.schedule.load_state(|name| to_host::scalar(&saved(&format!("schedule.{name}"))?))
    }
}
