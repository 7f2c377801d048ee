//! The update rules of the notebook: plain descent, SGD with momentum ("SGD+"), Adam. The learning
//! rate is constant, so that SGD+ with the rate inside its buffer, as here, and PyTorch's with the
//! rate outside are the same steps.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Which update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateKind {
    /// p -= lr g
    Sgd,
    /// v = momentum v + lr g; p -= v
    SgdPlus,
    /// Adam with bias correction
    Adam,
}

impl UpdateKind {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::SgdPlus => "sgd-plus",
            Self::Adam => "adam",
        }
    }

    /// Names of the state's buffers in checkpoints, PyTorch's.
    pub fn buffers(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => &[],
            Self::SgdPlus => &["momentum_buffer"],
            Self::Adam => &["exp_avg", "exp_avg_sq"],
        }
    }
}

/// Where Adam's epsilon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpsPlace {
    /// sqrt(v + eps), the notebook's
    InsideRoot,
    /// sqrt(v) + eps, PyTorch's
    OutsideRoot,
}

/// An update rule with its constants.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// Which one.
    pub kind: UpdateKind,
    /// Momentum of SGD+.
    pub momentum: f64,
    /// Decays of Adam's averages.
    pub betas: (f64, f64),
    /// Adam's epsilon.
    pub eps: f64,
    /// Where it is.
    pub eps_place: EpsPlace,
}

/// Adam's bias corrections 1 - beta^t of one step.
pub type Corrections = (f64, f64);

impl Update {
    /// The corrections of a step, counted from 0.
    pub fn corrections(&self, step: u64) -> Corrections {
        let power = |beta: f64| 1.0 - beta.powf((step + 1) as f64);
        (power(self.betas.0), power(self.betas.1))
    }

    /// One step of a row.
    ///
    /// - params, gradient: [parameter]
    /// - buffers: [buffer, parameter], flat, as many as [`UpdateKind::buffers`] has
    pub fn row(
        &self,
        params: &mut [f64],
        buffers: &mut [f64],
        gradient: &[f64],
        lr: f64,
        corrections: Corrections,
    ) {
        match self.kind {
            UpdateKind::Sgd => params.iter_mut().zip(gradient).for_each(|(p, g)| *p -= lr * g),
            UpdateKind::SgdPlus => {
                for ((p, v), g) in params.iter_mut().zip(buffers).zip(gradient) {
                    *v = self.momentum * *v + lr * g;
                    *p -= *v;
                }
            }
            UpdateKind::Adam => {
                let (first, second) = buffers.split_at_mut(params.len());
                let moments = first.iter_mut().zip(second);
                for ((p, (m, v)), g) in params.iter_mut().zip(moments).zip(gradient) {
                    *m = self.betas.0 * *m + (1.0 - self.betas.0) * g;
                    *v = self.betas.1 * *v + (1.0 - self.betas.1) * (g * g);
                    let square = *v / corrections.1;
                    let root = match self.eps_place {
                        EpsPlace::InsideRoot => (square + self.eps).sqrt(),
                        EpsPlace::OutsideRoot => square.sqrt() + self.eps,
                    };
                    *p -= lr * (*m / corrections.0) / root;
                }
            }
        }
    }

    /// The same for many rows at once; gives back the new parameters and buffers.
    ///
    /// - params, gradient, each of `buffers`: [point, replicate, parameter]
    /// - lr: [point, 1, 1]
    pub fn tensors(
        &self,
        params: &Tensor,
        buffers: &[Tensor],
        gradient: &Tensor,
        lr: &Tensor,
        corrections: Corrections,
    ) -> (Tensor, Vec<Tensor>) {
        match (self.kind, buffers) {
            (UpdateKind::SgdPlus, [v]) => {
                let v = v * self.momentum + lr * gradient;
                (params - &v, vec![v])
            }
            (UpdateKind::Adam, [m, v]) => {
                let m = m * self.betas.0 + gradient * (1.0 - self.betas.0);
                let v = v * self.betas.1 + gradient.square() * (1.0 - self.betas.1);
                let square = &v / corrections.1;
                let root = match self.eps_place {
                    EpsPlace::InsideRoot => (square + self.eps).sqrt(),
                    EpsPlace::OutsideRoot => square.sqrt() + self.eps,
                };
                (params - lr * (&m / corrections.0) / root, vec![m, v])
            }
            _ => (params - lr * gradient, Vec::new()),
        }
    }
}
