//! The package's network of 4-2-1 sigmoid neurons: the true gradient, and what versions 1.1.2 and
//! 1.1.5 do instead.
//!
//! With hidden answers h_k, their slopes d_k, the output's slope d and the error e:
//!
//! | rule | output | hidden |
//! |---|---|---|
//! | correct | -mean(e d h_k), -mean(e d) | -mean(e d v_k d_k x_j), -mean(e d v_k d_k) |
//! | averaged (1.1.2) | -mean(e) mean(d) mean(h_k), -mean(e) mean(d) | with E_k = v_k mean(e): -E_k mean(d_k) mean(x_j); one bias for both: -(E_1 + E_2) (mean(d_1) + mean(d_2)) / 2 |
//! | package-1.1.5 | -mean(e d h_k), bias never moves | with e_k = v_k e: -mean(e_k d_k x_j), -mean(e_k d) |
//!
//! Neither of the package's rules sends the output's slope down with the error.

use super::neuron::sigmoid;
use super::rule::GradientRule;
use crate::one_neuron::data::batches::Batch;
use crate::one_neuron::data::task::INPUTS;

/// Hidden neurons.
pub const HIDDEN: usize = 2;

/// Parameters: hidden weights `[hidden, input]`, output weights `[hidden]`, hidden biases
/// `[hidden]`, the output's bias.
pub const PARAMETERS: usize = HIDDEN * INPUTS + HIDDEN + HIDDEN + 1;

/// Where the output weights begin.
pub const OUTPUT: usize = HIDDEN * INPUTS;

/// Where the biases begin.
pub const BIASES: usize = OUTPUT + HIDDEN;

/// The hidden answers and the output for one sample.
fn forward(params: &[f64], x: [f64; INPUTS]) -> ([f64; HIDDEN], f64) {
    let h: [f64; HIDDEN] = std::array::from_fn(|k| {
        let weights = &params[k * INPUTS..(k + 1) * INPUTS];
        let z: f64 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
        sigmoid(z + params[BIASES + k])
    });
    let z: f64 = params[OUTPUT..BIASES].iter().zip(h).map(|(v, h)| v * h).sum();
    (h, sigmoid(z + params[BIASES + HIDDEN]))
}

/// The inputs of sample `s` of a batch.
fn inputs(batch: Batch, size: usize, s: usize) -> [f64; INPUTS] {
    std::array::from_fn(|i| batch.inputs[i * size + s])
}

/// Writes the network's answers to a batch.
///
/// # Shapes
/// - params: as [`PARAMETERS`] lists them
/// - outputs: `[sample]`
pub fn answers(params: &[f64], batch: Batch, outputs: &mut [f64]) {
    let size = outputs.len();
    for (s, output) in outputs.iter_mut().enumerate() {
        *output = forward(params, inputs(batch, size, s)).1;
    }
}

/// Writes half the gradient of a batch by a rule, and gives back the mean loss.
///
/// # Shapes
/// - params, gradient: as [`PARAMETERS`] lists them
pub fn gradient_of_batch(
    rule: GradientRule,
    params: &[f64],
    batch: Batch,
    size: usize,
    gradient: &mut [f64],
) -> f64 {
    gradient.fill(0.0);
    match rule {
        GradientRule::Averaged | GradientRule::AveragedX2 => {
            averaged(params, batch, size, gradient)
        }
        GradientRule::Correct => per_sample(true, params, batch, size, gradient),
        GradientRule::PerSample113 | GradientRule::Package115 => {
            per_sample(false, params, batch, size, gradient)
        }
    }
}

/// Means of every sample's gradient. `whole` sends the output's slope down with the error, and moves
/// the output's bias; the package does neither.
fn per_sample(whole: bool, params: &[f64], batch: Batch, size: usize, gradient: &mut [f64]) -> f64 {
    let n = size as f64;
    let mut squares = 0.0;
    for s in 0..size {
        let x = inputs(batch, size, s);
        let (h, y) = forward(params, x);
        let (e, d) = (batch.labels[s] - y, y * (1.0 - y));
        squares += e * e;
        for k in 0..HIDDEN {
            gradient[OUTPUT + k] -= e * d * h[k] / n;
            let error = params[OUTPUT + k] * if whole { e * d } else { e };
            let down = error * h[k] * (1.0 - h[k]);
            for (g, x) in gradient[k * INPUTS..].iter_mut().zip(x) {
                *g -= down * x / n;
            }
            gradient[BIASES + k] -= if whole { down } else { error * d } / n;
        }
        if whole {
            gradient[BIASES + HIDDEN] -= e * d / n;
        }
    }
    squares / n
}

/// Products of the batch's means.
fn averaged(params: &[f64], batch: Batch, size: usize, gradient: &mut [f64]) -> f64 {
    let n = size as f64;
    let (mut squares, mut means) = (0.0, Means::default());
    for s in 0..size {
        let (h, y) = forward(params, inputs(batch, size, s));
        let (e, d) = (batch.labels[s] - y, y * (1.0 - y));
        squares += e * e;
        means.add(h, e, d, n);
    }
    means.gradient(params, batch.mean_inputs, gradient);
    squares / n
}

/// Means over a batch.
#[derive(Debug, Default)]
struct Means {
    error: f64,
    slope: f64,
    hidden: [f64; HIDDEN],
    hidden_slope: [f64; HIDDEN],
}

impl Means {
    /// Adds a sample of `n`: hidden answers h, error e and slope d.
    fn add(&mut self, h: [f64; HIDDEN], e: f64, d: f64, n: f64) {
        self.error += e / n;
        self.slope += d / n;
        for (k, h) in h.into_iter().enumerate() {
            self.hidden[k] += h / n;
            self.hidden_slope[k] += h * (1.0 - h) / n;
        }
    }

    /// Writes half the gradient that the products of the means make.
    fn gradient(&self, params: &[f64], mean_inputs: &[f64], gradient: &mut [f64]) {
        let output = self.error * self.slope;
        let errors: [f64; HIDDEN] = std::array::from_fn(|k| params[OUTPUT + k] * self.error);
        let slope = self.hidden_slope.iter().sum::<f64>() / HIDDEN as f64;
        let bias = errors.iter().sum::<f64>() * slope;
        for k in 0..HIDDEN {
            gradient[OUTPUT + k] = -output * self.hidden[k];
            for (g, x) in gradient[k * INPUTS..].iter_mut().zip(mean_inputs) {
                *g = -errors[k] * self.hidden_slope[k] * x;
            }
            gradient[BIASES + k] = -bias;
        }
        gradient[BIASES + HIDDEN] = -output;
    }
}
