//! Ways to make the gradient of a batch for one sigmoid neuron y = sigma(w.x + b).
//!
//! With the error e = label - y and the slope d = y (1 - y), the loss is the mean of e^2 over the
//! n samples. Everything here is half the gradient, as the direction to step *against*; [`Gradient::factor`]
//! makes it whole where the rule does.
//!
//! | rule | weight j | bias |
//! |---|---|---|
//! | correct | -mean(e d x_j) | -mean(e d) |
//! | averaged (package 1.1.2) | -mean(e) mean(d) mean(x_j) | -mean(e) mean(d) |
//! | per-sample-1.1.3 | -sum over samples i of e d x_j / n^(n - i) | as averaged |
//! | package-1.1.5 | as correct | as averaged |

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::batches::Batch;
use super::model::Model;
use super::task::INPUTS;

/// How the gradient of a batch is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gradient {
    /// The gradient of the mean loss
    Correct,
    /// The product of the batch's means, without the square's factor 2 (package 1.1.2)
    Averaged,
    /// The same with the factor 2
    AveragedX2,
    /// Divided by the batch size after every sample (package 1.1.3)
    #[value(name = "per-sample-1.1.3")]
    #[serde(rename = "per-sample-1.1.3")]
    PerSample113,
    /// Weights by the correct gradient, the bias by the averaged one (package 1.1.4 and 1.1.5)
    #[value(name = "package-1.1.5")]
    #[serde(rename = "package-1.1.5")]
    Package115,
}

/// Which way the parameters go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Down the gradient
    Descend,
    /// Up the gradient
    Ascend,
    /// Weights go up, biases down
    WeightsOnly,
}

impl Gradient {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Averaged => "averaged",
            Self::AveragedX2 => "averaged-x2",
            Self::PerSample113 => "per-sample-1.1.3",
            Self::Package115 => "package-1.1.5",
        }
    }

    /// The rule without its factor.
    pub fn rule(self) -> Self {
        if self == Self::AveragedX2 { Self::Averaged } else { self }
    }

    /// The rule's own factor.
    pub fn factor(self) -> f64 {
        if matches!(self, Self::Correct | Self::AveragedX2) { 2.0 } else { 1.0 }
    }

    /// The rule's own direction.
    pub fn sign(self, model: Model) -> Sign {
        let flipped = matches!(self, Self::PerSample113 | Self::Package115);
        if flipped && model == Model::One { Sign::WeightsOnly } else { Sign::Descend }
    }
}

impl Sign {
    /// What the gradients of weights and of biases are multiplied by.
    pub fn factors(self) -> (f64, f64) {
        match self {
            Self::Descend => (1.0, 1.0),
            Self::Ascend => (-1.0, -1.0),
            Self::WeightsOnly => (-1.0, 1.0),
        }
    }
}

/// The logistic function.
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Half the gradient of a batch by a rule; gives back the mean loss.
///
/// - params, gradient: [w_a, w_b, w_c, w_d, b]
/// - outputs: [sample], left with the neuron's answers
pub fn neuron(
    rule: Gradient,
    params: &[f64],
    batch: Batch,
    outputs: &mut [f64],
    gradient: &mut [f64],
) -> f64 {
    let size = outputs.len();
    let n = size as f64;
    answers(params, batch, outputs);
    let (mut squares, mut errors, mut slopes, mut products) = (0.0, 0.0, 0.0, 0.0);
    for (y, label) in outputs.iter().zip(batch.labels) {
        let (e, d) = (label - y, y * (1.0 - y));
        squares += e * e;
        errors += e;
        slopes += d;
        products += e * d;
    }
    let averaged = -(errors / n) * (slopes / n);
    match rule {
        Gradient::Averaged | Gradient::AveragedX2 => {
            for (g, x) in gradient.iter_mut().zip(batch.mean_inputs) {
                *g = averaged * x;
            }
        }
        _ => {
            // From here on the errors times the slopes are needed, not the answers.
            for (y, label) in outputs.iter_mut().zip(batch.labels) {
                *y = (label - *y) * (*y * (1.0 - *y));
            }
            for (g, x) in gradient.iter_mut().zip(batch.inputs.chunks_exact(size)) {
                let terms = outputs.iter().zip(x).map(|(ed, x)| ed * x);
                *g = match rule {
                    Gradient::PerSample113 => terms.fold(0.0, |sum, term| (sum - term) / n),
                    _ => -terms.sum::<f64>() / n,
                };
            }
        }
    }
    gradient[INPUTS] = if rule == Gradient::Correct { -products / n } else { averaged };
    squares / n
}

/// The neuron's answers to a batch: [sample].
pub fn answers(params: &[f64], batch: Batch, outputs: &mut [f64]) {
    let size = outputs.len();
    outputs.fill(0.0);
    for (w, x) in params.iter().zip(batch.inputs.chunks_exact(size)) {
        outputs.iter_mut().zip(x).for_each(|(z, x)| *z += w * x);
    }
    outputs.iter_mut().for_each(|z| *z = sigmoid(*z + params[INPUTS]));
}
