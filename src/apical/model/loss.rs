//! Losses of networks.
//!
//! Everything that depends on the loss is in this file: another one is a variant and an arm in each
//! `match` below.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// The loss l of one sample. The flag `--loss` takes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Squared distance to the one-hot target, mean over the outputs
    Mse,
    /// Cross-entropy of the softmax, nats
    Ce,
}

impl Loss {
    /// The loss of every sample: `[run, sample]`.
    ///
    /// # Shapes
    /// - output: `[run, sample, output]`
    /// - target: one-hot, `[sample, output]`
    pub fn each(self, output: &Tensor, target: &Tensor) -> Tensor {
        match self {
            Self::Mse => (output - target).square().mean_dim(-1, false, output.kind()),
            Self::Ce => (output.log_softmax(-1, output.kind()) * target)
                .sum_dim_intlist(-1, false, output.kind())
                .neg(),
        }
    }

    /// The mean loss over samples: `[run]`.
    ///
    /// # Shapes
    /// - output: `[run, sample, output]`
    /// - target: one-hot, `[sample, output]`
    pub fn mean(self, output: &Tensor, target: &Tensor) -> Tensor {
        match self {
            Self::Mse => {
                (output - target).square_().mean_dim([1i64, 2].as_slice(), false, output.kind())
            }
            Self::Ce => self.each(output, target).mean_dim(1, false, output.kind()),
        }
    }

    /// The derivative of Σ_s weight_s l_s in the output: `[run, sample, output]`.
    ///
    /// # Shapes
    /// - output: `[run, sample, output]`
    /// - target: one-hot, `[sample, output]`
    /// - weight: `[sample, 1]`, or `[]` where all samples count alike
    pub fn gradient(self, output: &Tensor, target: &Tensor, weight: &Tensor) -> Tensor {
        let slope = match self {
            Self::Mse => (output - target) * (2.0 / output.size()[2] as f64),
            Self::Ce => output.softmax(-1, output.kind()) - target,
        };
        slope * weight
    }

    /// The loss on `labels` of the best predictor that ignores its input, which knows the class
    /// frequencies: `[]` f64.
    ///
    /// # Shapes
    /// - labels: `[sample]` i64, in 0..`classes`
    pub fn of_constant(self, labels: &Tensor, classes: i64) -> Tensor {
        let counts = labels.bincount::<Tensor>(None, classes).to_kind(Kind::Double);
        let share = &counts / counts.sum(Kind::Double);
        match self {
            Self::Mse => (&share * (share.neg() + 1.0)).mean(Kind::Double),
            Self::Ce => share.xlogy(&share).sum(Kind::Double).neg(),
        }
    }
}

/// One-hot targets: `[sample, class]`.
///
/// # Shapes
/// - labels: `[sample]` i64, in 0..`classes`
pub fn one_hot(labels: &Tensor, classes: i64, kind: Kind, device: Device) -> Tensor {
    let mut target = Tensor::zeros([labels.size()[0], classes], (kind, device));
    target.scatter_value_(1, &labels.unsqueeze(1), 1.0)
}
