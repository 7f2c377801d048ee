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

/// Where Adam's epsilon is added.
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
    /// Which update rule.
    pub kind: UpdateKind,
    /// Momentum of SGD+.
    pub momentum: f64,
    /// Decay of Adam's mean gradient.
    pub beta1: f64,
    /// Decay of Adam's mean square.
    pub beta2: f64,
    /// Adam's epsilon.
    pub eps: f64,
    /// Whether the epsilon is under the root or outside.
    pub eps_place: EpsPlace,
}

/// Adam's bias corrections 1 - beta^t of one step.
#[derive(Debug, Clone, Copy)]
pub struct BiasCorrections {
    /// Correction of the mean gradient.
    pub mean: f64,
    /// Correction of the mean square.
    pub square: f64,
}

impl Update {
    /// The bias corrections of a step, counted from 0.
    pub fn corrections(&self, step: u64) -> BiasCorrections {
        let power = |beta: f64| 1.0 - beta.powf((step + 1) as f64);
        BiasCorrections { mean: power(self.beta1), square: power(self.beta2) }
    }

    /// Takes one step of one neuron or network.
    ///
    /// # Shapes
    /// - params, gradient: `[parameter]`
    /// - buffers: `[buffer, parameter]`, flat, as many as [`UpdateKind::buffers`] has
    pub fn apply(
        &self,
        params: &mut [f64],
        buffers: &mut [f64],
        gradient: &[f64],
        lr: f64,
        corrections: BiasCorrections,
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
                    *m = self.beta1 * *m + (1.0 - self.beta1) * g;
                    *v = self.beta2 * *v + (1.0 - self.beta2) * (g * g);
                    let square = *v / corrections.square;
                    let root = match self.eps_place {
                        EpsPlace::InsideRoot => (square + self.eps).sqrt(),
                        EpsPlace::OutsideRoot => square.sqrt() + self.eps,
                    };
                    *p -= lr * (*m / corrections.mean) / root;
                }
            }
        }
    }

    /// Takes one step of many runs at once, without changing what it is given.
    ///
    /// # Shapes
    /// - params, gradient, each of `buffers`: `[point, replicate, parameter]`
    /// - lr: `[point, 1, 1]`
    ///
    /// # Panics
    /// Panics if there are fewer buffers than [`UpdateKind::buffers`] names.
    pub fn updated(
        &self,
        params: &Tensor,
        buffers: &[Tensor],
        gradient: &Tensor,
        lr: &Tensor,
        corrections: BiasCorrections,
    ) -> Updated {
        match self.kind {
            UpdateKind::Sgd => Updated { params: params - lr * gradient, buffers: Vec::new() },
            UpdateKind::SgdPlus => {
                let v = &buffers[0] * self.momentum + lr * gradient;
                Updated { params: params - &v, buffers: vec![v] }
            }
            UpdateKind::Adam => {
                let m = &buffers[0] * self.beta1 + gradient * (1.0 - self.beta1);
                let v = &buffers[1] * self.beta2 + gradient.square() * (1.0 - self.beta2);
                let square = &v / corrections.square;
                let root = match self.eps_place {
                    EpsPlace::InsideRoot => (square + self.eps).sqrt(),
                    EpsPlace::OutsideRoot => square.sqrt() + self.eps,
                };
                let params = params - lr * (&m / corrections.mean) / root;
                Updated { params, buffers: vec![m, v] }
            }
        }
    }
}

/// Parameters and buffers after a step: `[point, replicate, parameter]` each.
#[derive(Debug)]
pub struct Updated {
    /// The parameters.
    pub params: Tensor,
    /// The update's state, in the order of [`UpdateKind::buffers`].
    pub buffers: Vec<Tensor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRADIENTS: [[f64; 2]; 3] = [[0.3, -0.02], [-0.1, 0.5], [0.25, 0.0]];

    fn update(kind: UpdateKind, beta2: f64, eps: f64, eps_place: EpsPlace) -> Update {
        Update { kind, momentum: 0.9, beta1: 0.9, beta2, eps, eps_place }
    }

    /// Three steps from (1, -2) at a rate of 0.1, in plain Rust and of tensors.
    fn steps(update: Update) -> Vec<f64> {
        let (mut params, mut buffers) = (vec![1.0, -2.0], vec![0.0; 4]);
        let depth = update.kind.buffers().len();
        let mut tensor = Tensor::from_slice(&params).view([1, 1, 2]);
        let mut moments: Vec<Tensor> = (0..depth).map(|_| tensor.zeros_like()).collect();
        for (t, gradient) in GRADIENTS.iter().enumerate() {
            let corrections = update.corrections(t as u64);
            update.apply(&mut params, &mut buffers[..2 * depth], gradient, 0.1, corrections);
            let gradient = Tensor::from_slice(gradient).view([1, 1, 2]);
            let lr = Tensor::from_slice(&[0.1]).view([1, 1, 1]);
            let updated = update.updated(&tensor, &moments, &gradient, &lr, corrections);
            (tensor, moments) = (updated.params, updated.buffers);
        }
        same(&Vec::<f64>::try_from(tensor.view(-1)).unwrap(), &params);
        params
    }

    #[track_caller]
    fn same(found: &[f64], expected: &[f64]) {
        let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-14);
        assert!(!far && found.len() == expected.len(), "{found:?} is not {expected:?}");
    }

    // p = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    // for row in GRADIENTS: p.grad = torch.tensor(row, dtype=torch.float64); optimizer.step()
    // with torch.optim.Adam([p], lr=0.1) and torch.optim.SGD([p], lr=0.1, momentum=0.9 or 0)
    #[test]
    fn pytorchs_steps() {
        let adam = update(UpdateKind::Adam, 0.999, 1e-8, EpsPlace::OutsideRoot);
        same(&steps(adam), &[0.7960773293962254, -2.0270845109166977]);
        let any = (0.99, 1e-4, EpsPlace::InsideRoot);
        same(&steps(update(UpdateKind::SgdPlus, any.0, any.1, any.2)), &[0.9127, -2.08958]);
        same(&steps(update(UpdateKind::Sgd, any.0, any.1, any.2)), &[0.955, -2.048]);
    }

    #[test]
    fn the_notebooks_adam_adds_its_epsilon_under_the_root() {
        let adam = update(UpdateKind::Adam, 0.99, 1e-4, EpsPlace::InsideRoot);
        let mut params = [1.0];
        adam.apply(&mut params, &mut [0.0, 0.0], &[0.03], 0.1, adam.corrections(0));
        same(&params, &[1.0 - 0.1 * 0.03 / (0.03f64.powi(2) + 1e-4).sqrt()]);
    }
}
