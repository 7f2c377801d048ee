//! Optimizers over one flat parameter buffer, in PyTorch's definitions.
//!
//! Parameters, gradient and every state buffer have the shape `[replicate, parameter]` and one kind
//! (f32 or f64); all arithmetic is elementwise, so replicates never mix. A step reads nothing back
//! to the host: what depends on the step count is computed there in f64.
//!
//! A training step calls [`finite::all_finite`] on the gradient, then [`clip`], which would spread
//! NaN, then [`Optimizer::step`] at the rate of [`schedule::Schedule::lr`].

mod adam;
pub mod clip;
mod config;
pub mod finite;
mod fused;
pub mod schedule;
mod sgd;
mod workspace;

pub use config::{OptimizerConfig, OptimizerKind};

use crate::lab::tensor::to_host;
use adam::{Adam, WeightDecay};
use anyhow::Result;
use sgd::{Lookahead, Sgd};
use tch::{Kind, Tensor};
use workspace::{Workspace, Writer};

/// An optimizer with its state, allocated once for a parameter buffer.
pub struct Optimizer {
    rule: UpdateRule,
    workspace: Workspace,
    /// Steps asked for.
    calls: i64,
    /// Steps that a flag let through, i64 `[]`; exists from the first flagged step on.
    applied: Option<Tensor>,
}

enum UpdateRule {
    Sgd(Sgd),
    Adam(Adam),
}

impl Optimizer {
    /// Allocates the state, zero, for `parameters` of shape `[replicate, parameter]`.
    pub fn new(config: OptimizerConfig, parameters: &Tensor) -> Self {
        let _no_grad = tch::no_grad_guard();
        let rule = match config.kind {
            OptimizerKind::Sgd => UpdateRule::Sgd(Sgd::plain(&config, parameters)),
            OptimizerKind::Momentum => {
                UpdateRule::Sgd(Sgd::with_momentum(&config, Lookahead::None, parameters))
            }
            OptimizerKind::Nesterov => {
                UpdateRule::Sgd(Sgd::with_momentum(&config, Lookahead::Nesterov, parameters))
            }
            OptimizerKind::Adam => {
                UpdateRule::Adam(Adam::new(&config, WeightDecay::InGradient, parameters))
            }
            OptimizerKind::Adamw => {
                UpdateRule::Adam(Adam::new(&config, WeightDecay::Decoupled, parameters))
            }
        };
        Self { rule, workspace: Workspace::default(), calls: 0, applied: None }
    }

    /// One step on `parameters` with `gradient` at learning rate `lr`.
    ///
    /// - parameters, gradient: `[replicate, parameter]`, contiguous, of the kind and on the device
    ///   given to [`Optimizer::new`]; `gradient` is left as it is
    /// - apply: `[]` bool on the same device. Where it is false nothing changes, to the bit:
    ///   neither parameters nor state nor the saved step count, whatever the gradient holds. `None`
    ///   always applies the step and costs nothing; `Some` of true gives the same bits as `None`.
    ///
    /// The flag should be sticky: once false, false for good. A flag that turns true again is
    /// still right for SGD without dampening, but Adam's bias correction comes from the host,
    /// which doesn't see the flag, and counts the skipped steps until the state is loaded anew.
    pub fn step(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
        apply: Option<&Tensor>,
    ) {
        self.step_where(parameters, gradient, lr, apply, None);
    }

    /// As [`Optimizer::step`], on some parameters only: the others and their state stay as they are,
    /// to the bit. The step counts for all of them.
    ///
    /// - only: `[replicate, parameter]` bool
    pub fn step_where(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
        apply: Option<&Tensor>,
        only: Option<&Tensor>,
    ) {
        let _no_grad = tch::no_grad_guard();
        self.count(apply);
        let step = self.calls;
        let both = apply.zip(only).map(|(apply, only)| apply.logical_and(only));
        let apply = both.as_ref().or(only).or(apply);
        let writer = Writer { workspace: &self.workspace, apply };
        match &mut self.rule {
            UpdateRule::Sgd(sgd) => sgd.step(parameters, gradient, lr, step, &writer),
            UpdateRule::Adam(adam) => adam.step(parameters, gradient, lr, step, &writer),
        }
    }

    /// The buffers by PyTorch's names: `momentum_buffer`, or `exp_avg` and `exp_avg_sq`, each
    /// `[replicate, parameter]`. The tensors share memory with the optimizer.
    pub fn buffers(&self) -> Vec<(&'static str, &Tensor)> {
        match &self.rule {
            UpdateRule::Sgd(sgd) => sgd.buffers(),
            UpdateRule::Adam(adam) => adam.buffers(),
        }
    }

    /// Updates that were applied so far; reads the device where only that knows.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn updates(&self) -> Result<i64> {
        match &self.applied {
            Some(applied) => Ok(to_host::scalar(applied)? as i64),
            None => Ok(self.calls),
        }
    }

    /// Goes on from so many updates, which the buffers are those after.
    pub fn set_updates(&mut self, updates: i64) {
        self.calls = updates;
        self.applied = None;
    }

    fn count(&mut self, apply: Option<&Tensor>) {
        if let Some(flag) = apply
            && self.applied.is_none()
        {
            self.applied = Some(Tensor::full([], self.calls, (Kind::Int64, flag.device())));
        }
        match (&mut self.applied, apply) {
            (Some(applied), Some(flag)) => _ = applied.g_add_(flag),
            (Some(applied), None) => _ = applied.g_add_scalar_(1),
            (None, _) => {}
        }
        self.calls += 1;
    }
}
