//! The gradients of a batch for one sigmoid neuron y = sigma(w.x + b).
//!
//! With the error e = label - y and the slope d = y (1 - y), the loss is the mean of e^2 over the
//! n samples. Everything here is half the gradient, as the direction to step *against*; [`GradientRule::default_factor`]
//! makes it whole where the rule does.
//!
//! | rule | weight j | bias |
//! |---|---|---|
//! | correct | -mean(e d x_j) | -mean(e d) |
//! | averaged (package 1.1.2) | -mean(e) mean(d) mean(x_j) | -mean(e) mean(d) |
//! | per-sample-1.1.3 | -sum over samples i of e d x_j / n^(n - i) | as averaged |
//! | package-1.1.5 | as correct | as averaged |

use super::rule::GradientRule;
use crate::one_neuron::data::batches::Batch;
use crate::one_neuron::data::task::INPUTS;

/// The logistic function.
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Writes half the gradient of a batch by a rule, and gives back the mean loss.
///
/// # Shapes
/// - params, gradient: `[w_a, w_b, w_c, w_d, b]`
/// - outputs: scratch, `[sample]`
pub fn gradient_of_batch(
    rule: GradientRule,
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
        GradientRule::Averaged | GradientRule::AveragedX2 => {
            for (g, x) in gradient.iter_mut().zip(batch.mean_inputs) {
                *g = averaged * x;
            }
        }
        GradientRule::PerSample113 => {
            errors_times_slopes(batch.labels, outputs);
            for (g, x) in gradient.iter_mut().zip(batch.inputs.chunks_exact(size)) {
                let terms = outputs.iter().zip(x).map(|(ed, x)| ed * x);
                *g = terms.fold(0.0, |sum, term| (sum - term) / n);
            }
        }
        GradientRule::Correct | GradientRule::Package115 => {
            errors_times_slopes(batch.labels, outputs);
            for (g, x) in gradient.iter_mut().zip(batch.inputs.chunks_exact(size)) {
                let terms = outputs.iter().zip(x).map(|(ed, x)| ed * x);
                *g = -terms.sum::<f64>() / n;
            }
        }
    }
    gradient[INPUTS] = match rule {
        GradientRule::Correct => -products / n,
        GradientRule::Averaged
        | GradientRule::AveragedX2
        | GradientRule::PerSample113
        | GradientRule::Package115 => averaged,
    };
    squares / n
}

/// Replaces the neuron's answers by its errors times its slopes: `[sample]`.
fn errors_times_slopes(labels: &[f64], outputs: &mut [f64]) {
    for (y, label) in outputs.iter_mut().zip(labels) {
        *y = (label - *y) * (*y * (1.0 - *y));
    }
}

/// Writes the neuron's answers to a batch.
///
/// # Shapes
/// - params: `[w_a, w_b, w_c, w_d, b]`
/// - outputs: `[sample]`
pub fn answers(params: &[f64], batch: Batch, outputs: &mut [f64]) {
    let size = outputs.len();
    outputs.fill(0.0);
    for (w, x) in params.iter().zip(batch.inputs.chunks_exact(size)) {
        outputs.iter_mut().zip(x).for_each(|(z, x)| *z += w * x);
    }
    outputs.iter_mut().for_each(|z| *z = sigmoid(*z + params[INPUTS]));
}
