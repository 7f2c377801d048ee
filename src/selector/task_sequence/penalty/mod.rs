//! Penalties that pull weights towards where earlier tasks left them.
//!
//! Every one of them is quadratic: lambda/2 sum_i (A_i w_i^2 - 2 B_i w_i) and a constant. Elastic
//! weight consolidation has A = sum_k F_k and B = sum_k F_k w*_k over the earlier tasks k
//! (Kirkpatrick et al. 2017), which is all that its separate Fisher matrices F_k and anchors
//! w*_k ever do; its online form A <- d A + F and B = A w* (Schwarz et al. 2018); synaptic
//! intelligence A = 2 sum_k Omega_k and B = A w* (Zenke, Poole and Ganguli 2017). Of parameters that
//! are not protected, A and B are 0.
//!
//! Axes: `[replicate, parameter]`.

mod protect;
#[cfg(test)]
mod tests;

pub use protect::Protect;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad_guard};

use crate::lab::store::NamedTensors;
use crate::lab::tensor::params::{Gradients, Params};

/// How important each weight is to the tasks that have ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Importance {
    /// The sum of the tasks' Fisher matrices: elastic weight consolidation.
    Fisher,
    /// One running Fisher information: online elastic weight consolidation.
    RunningFisher {
        /// What is left of it at the next task.
        decay: f64,
    },
    /// What each weight took off the loss along its path: synaptic intelligence.
    PathIntegral {
        /// What is added to the squared distance that a weight has moved.
        damping: f64,
    },
}

/// How a quadratic penalty moves the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyStep {
    /// Its gradient is added to the loss's; of plain SGD, unstable where rate x lambda x
    /// importance is over 2
    Gradient,
    /// Solved for after the optimizer's step, stable for any lambda
    Implicit,
}

/// What a penalty is, and how it moves the weights.
#[derive(Debug, Clone, Copy)]
pub struct PenaltyOptions {
    /// How important each weight is.
    pub importance: Importance,
    /// The strength lambda.
    pub lambda: f64,
    /// How the weights are moved.
    pub step: PenaltyStep,
    /// Which weights are pulled at all.
    pub protect: Protect,
}

/// A quadratic penalty, and what the task under way adds to it.
#[derive(Debug)]
pub struct Penalty {
    options: PenaltyOptions,
    /// 1 where a weight is protected, else 0; none where all are.
    mask: Option<Tensor>,
    /// A of the module's formula: how important each weight is.
    importances: Tensor,
    /// B of the module's formula: the anchors, each times its importance.
    anchored: Tensor,
    /// What the weights have done in the task under way, for synaptic intelligence.
    path: Option<Path>,
}

/// What the weights have done in the task under way.
#[derive(Debug)]
struct Path {
    /// What each weight has taken off the loss: -sum gradient x movement.
    gain: Tensor,
    /// The weights at the task's start.
    start: Tensor,
}

impl Penalty {
    /// A penalty that pulls nowhere yet, for a model with these parameters.
    pub fn new(options: PenaltyOptions, params: &Params) -> Self {
        let _guard = no_grad_guard();
        let (mask, values) = (options.protect.mask(params), &params.values);
        let path = match options.importance {
            Importance::Fisher | Importance::RunningFisher { .. } => None,
            Importance::PathIntegral { .. } => {
                Some(Path { gain: values.zeros_like(), start: values.copy() })
            }
        };
        let (importances, anchored) = (values.zeros_like(), values.zeros_like());
        Self { options, mask, importances, anchored, path }
    }

    /// Whether importances are Fisher matrices, for which the task's images are needed.
    pub fn needs_fisher(&self) -> bool {
        match self.options.importance {
            Importance::Fisher | Importance::RunningFisher { .. } => true,
            Importance::PathIntegral { .. } => false,
        }
    }

    /// The gradient of the penalty: lambda (A w - B).
    pub fn gradient(&self, values: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        (&self.importances * values - &self.anchored) * self.options.lambda
    }

    /// What is added to the loss's gradient before the optimizer's step; none where the penalty is
    /// solved for after it.
    pub fn before_step(&self, values: &Tensor) -> Option<Tensor> {
        match self.options.step {
            PenaltyStep::Gradient => Some(self.gradient(values)),
            PenaltyStep::Implicit => None,
        }
    }

    /// After the optimizer's step from `before`, at this learning rate: solves for the penalty where
    /// that is how it moves the weights, and follows what they do.
    ///
    /// The solution of w = w' - rate lambda (A w - B) is w = (w' + rate lambda B) / (1 + rate lambda
    /// A): between w' and B / A for any lambda, where the step by the gradient at w' diverges for
    /// rate lambda A > 2.
    ///
    /// # Shapes
    /// - before: the weights before the optimizer's step, `[replicate, parameter]`
    /// - apply: `[]` bool; where it is false, nothing changes. None is true.
    pub fn after_step(
        &mut self,
        params: &mut Params,
        gradients: &Gradients,
        before: &Tensor,
        lr: f64,
        apply: Option<&Tensor>,
    ) {
        let _guard = no_grad_guard();
        match self.options.step {
            PenaltyStep::Implicit => {
                let rate = lr * self.options.lambda;
                let values = &mut params.values;
                let solved = (&*values + &self.anchored * rate) / (&self.importances * rate + 1.0);
                match apply {
                    Some(flag) => values.copy_(&solved.where_self(flag, values)),
                    None => values.copy_(&solved),
                }
            }
            PenaltyStep::Gradient => {}
        }
        if self.path.is_none() {
            return;
        }
        let of_loss = match self.options.step {
            PenaltyStep::Implicit => gradients.values.shallow_clone(),
            PenaltyStep::Gradient => &gradients.values - self.gradient(before),
        };
        let Some(path) = &mut self.path else { return };
        let gain = &path.gain - of_loss * (&params.values - before);
        match apply {
            Some(flag) => path.gain.copy_(&gain.where_self(flag, &path.gain)),
            None => path.gain.copy_(&gain),
        }
    }

    /// Ends a task: its importances join the penalty.
    ///
    /// # Shapes
    /// - values: the weights, `[replicate, parameter]`
    /// - fisher: the task's Fisher information, `[replicate, parameter]`, where
    ///   [`Penalty::needs_fisher`]
    pub fn consolidate(&mut self, values: &Tensor, fisher: Option<&Tensor>) {
        let _guard = no_grad_guard();
        let importance = self.options.importance;
        let new = match (importance, &mut self.path, fisher) {
            (Importance::PathIntegral { damping }, Some(path), _) => {
                let distance = (values - &path.start).square();
                let importance = path.gain.relu() / (distance + damping) * 2.0;
                let _ = path.gain.zero_();
                path.start.copy_(values);
                importance
            }
            (Importance::Fisher | Importance::RunningFisher { .. }, _, Some(fisher)) => {
                fisher.shallow_clone()
            }
            (Importance::PathIntegral { .. }, None, _)
            | (Importance::Fisher | Importance::RunningFisher { .. }, _, None) => return,
        };
        let new = match &self.mask {
            Some(mask) => new * mask,
            None => new,
        };
        let decay = match importance {
            Importance::RunningFisher { decay } => decay,
            Importance::Fisher | Importance::PathIntegral { .. } => 1.0,
        };
        self.importances.copy_(&(&self.importances * decay + &new));
        let anchored = match importance {
            Importance::Fisher => &self.anchored + new * values,
            Importance::RunningFisher { .. } | Importance::PathIntegral { .. } => {
                &self.importances * values
            }
        };
        self.anchored.copy_(&anchored);
    }

    /// What a resumed run needs, by name: `state.importance.*`, `state.pull.*`, and of synaptic
    /// intelligence `state.gain.*` and `state.start.*`, for every parameter.
    pub fn named(&self, params: &Params) -> NamedTensors {
        let mut buffers = vec![("importance", &self.importances), ("pull", &self.anchored)];
        if let Some(path) = &self.path {
            buffers.extend([("gain", &path.gain), ("start", &path.start)]);
        }
        let mut tensors = Vec::new();
        for (what, buffer) in buffers {
            let views = params.views(buffer).into_iter();
            tensors.extend(views.map(|(key, view)| (format!("state.{what}.{key}"), view)));
        }
        tensors
    }
}

/// Adds the squares of a gradient to a sum of them: `[replicate, parameter]`.
pub fn add_square(sum: &mut Tensor, gradient: &Tensor) {
    let _guard = no_grad_guard();
    let _ = sum.addcmul_(gradient, gradient);
}

/// Euclidean norm of what the penalty pulls with, for each replicate: `[replicate]` f64.
pub fn pull_norm(gradient: &Tensor) -> Tensor {
    let wide = gradient.to_kind(Kind::Double).square();
    wide.sum_dim_intlist(1, false, Kind::Double).sqrt()
}
