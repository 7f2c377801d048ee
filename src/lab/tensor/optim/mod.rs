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
use finite::FoundInf;
use sgd::{Lookahead, Sgd};
use tch::{Device, Kind, Tensor};
use workspace::{Workspace, Writer};

/// An optimizer with its state, allocated once for a parameter buffer.
pub struct Optimizer {
    rule: UpdateRule,
    workspace: Workspace,
    /// Steps asked for.
    calls: i64,
    /// Steps of these that were held back, f64 `[]`; exists from the first on that could have been.
    held_back: Option<Tensor>,
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
        Self { rule, workspace: Workspace::default(), calls: 0, held_back: None }
    }

    /// One step on `parameters` with `gradient` at learning rate `lr`.
    ///
    /// - parameters, gradient: `[replicate, parameter]`, contiguous, of the kind and on the device
    ///   given to [`Optimizer::new`]; `gradient` is left as it is
    /// - found: on the same device. Where something was found nothing changes, to the bit: neither
    ///   parameters nor state nor the saved step count, whatever the gradient holds. `None` always
    ///   applies the step and costs nothing; `Some` that found nothing gives the same bits.
    ///
    /// On a GPU the step is one launch of libtorch's fused kernels.
    pub fn step(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
        found: Option<&FoundInf>,
    ) {
        self.step_where(parameters, gradient, lr, found, None);
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
        found: Option<&FoundInf>,
        only: Option<&Tensor>,
    ) {
        let _no_grad = tch::no_grad_guard();
        self.count(found);
        let step = self.calls;
        if only.is_none() && matches!(parameters.device(), Device::Cuda(_)) {
            let found = found.map(FoundInf::found);
            match &mut self.rule {
                UpdateRule::Sgd(sgd) => sgd.step_fused(parameters, gradient, lr, step, found),
                UpdateRule::Adam(adam) => adam.step_fused(parameters, gradient, lr, step, found),
            }
            return;
        }
        let applies = found.map(FoundInf::applies);
        let both = applies.as_ref().zip(only).map(|(applies, only)| applies.logical_and(only));
        let apply = both.as_ref().or(only).or(applies.as_ref());
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
        match &self.held_back {
            Some(held_back) => Ok(self.calls - to_host::scalar(held_back)? as i64),
            None => Ok(self.calls),
        }
    }

    /// Goes on from so many updates, which the buffers are those after.
    pub fn set_updates(&mut self, updates: i64) {
        self.calls = updates;
        self.held_back = None;
    }

    fn count(&mut self, found: Option<&FoundInf>) {
        self.calls += 1;
        let Some(found) = found.map(FoundInf::found) else { return };
        let none = || Tensor::zeros([], (Kind::Double, found.device()));
        _ = self.held_back.get_or_insert_with(none).g_add_(found);
    }
}
