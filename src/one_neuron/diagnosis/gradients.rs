//! What a gradient rule does to the gradient, in numbers: the answer to "am I missing something?".

use crate::one_neuron::data::batches::Batches;
use crate::one_neuron::data::task::INPUTS;
use crate::one_neuron::model::architecture::Model;
use crate::one_neuron::model::neuron;
use crate::one_neuron::model::rule::GradientRule;

/// The averaged gradient beside the correct one, over some batches, without the factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Cosine between them, mean over batches.
    pub cosine: f64,
    /// Share of batches with a negative cosine.
    pub negative: f64,
    /// Cosine between their means over batches.
    pub cosine_of_means: f64,
    /// Length of the averaged one's mean over that of the correct one's.
    pub length_ratio: f64,
}

/// The inner product.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The cosine between two vectors.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Compares the two gradients at some parameters: `[parameter]`.
pub fn compare(model: Model, params: &[f64], batches: &Batches) -> Comparison {
    let width = params.len();
    let (mut correct, mut averaged) = (vec![0.0; width], vec![0.0; width]);
    let (mut correct_sum, mut averaged_sum) = (vec![0.0; width], vec![0.0; width]);
    let mut scratch = vec![0.0; batches.size];
    let (mut cosines, mut negative) = (0.0, 0.0);
    for t in 0..batches.len() {
        let batch = batches.get(t);
        model.gradient(GradientRule::Correct, params, batch, &mut scratch, &mut correct);
        model.gradient(GradientRule::Averaged, params, batch, &mut scratch, &mut averaged);
        let cosine = cosine(&correct, &averaged);
        cosines += cosine;
        negative += f64::from(u8::from(cosine < 0.0));
        correct_sum.iter_mut().zip(&correct).for_each(|(sum, g)| *sum += g);
        averaged_sum.iter_mut().zip(&averaged).for_each(|(sum, g)| *sum += g);
    }
    let n = batches.len() as f64;
    Comparison {
        cosine: cosines / n,
        negative: negative / n,
        cosine_of_means: cosine(&correct_sum, &averaged_sum),
        length_ratio: (dot(&averaged_sum, &averaged_sum) / dot(&correct_sum, &correct_sum)).sqrt(),
    }
}

/// Relative error of twice the correct half gradient against central differences of the loss, on
/// the first batch.
pub fn check(model: Model, params: &[f64], batches: &Batches) -> f64 {
    let (batch, mut scratch) = (batches.get(0), vec![0.0; batches.size]);
    let mut gradient = vec![0.0; params.len()];
    model.gradient(GradientRule::Correct, params, batch, &mut scratch, &mut gradient);
    let mut moved = params.to_vec();
    let differences: Vec<f64> = (0..params.len())
        .map(|i| {
            // The step at which rounding and curvature weigh the same, about eps^(1/3).
            let h = 1e-5 * params[i].abs().max(1.0);
            moved[i] = params[i] + h;
            let above = model.loss(&moved, batch, &mut scratch);
            moved[i] = params[i] - h;
            let below = model.loss(&moved, batch, &mut scratch);
            moved[i] = params[i];
            (above - below) / (2.0 * h)
        })
        .collect();
    let distance = gradient.iter().zip(&differences).map(|(g, d)| (2.0 * g - d).powi(2));
    (distance.sum::<f64>() / dot(&differences, &differences)).sqrt()
}

/// The gradient `E[e d x]` of one neuron taken apart into the terms that it is the sum of. Each is
/// the mean over the four inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// `E[e] E[d] E[x]`: all that averaging too early keeps of a large batch.
    pub product_of_means: f64,
    /// `E[d]` cov(e, x): the error goes with the input, which is what there is to learn.
    pub error_input: f64,
    /// `E[x]` cov(e, d): the error goes with the slope.
    pub error_slope: f64,
    /// `E[e]` cov(d, x): the slope goes with the input.
    pub slope_input: f64,
    /// The third central moment of e, d and x.
    pub third: f64,
    /// `E[e d x]`, the sum of the moments above.
    pub total: f64,
}

/// What the gradient is made of at one sample.
struct Sample {
    error: f64,
    slope: f64,
    inputs: [f64; INPUTS],
}

/// Takes the gradient apart at some parameters of one neuron, over all samples of the batches.
///
/// - params: `[w_a, w_b, w_c, w_d, b]`
pub fn moments(params: &[f64], batches: &Batches) -> Moments {
    let mut outputs = vec![0.0; batches.size];
    let mut rows: Vec<Sample> = Vec::with_capacity(batches.labels.len());
    for t in 0..batches.len() {
        let batch = batches.get(t);
        neuron::answers(params, batch, &mut outputs);
        for (s, (y, label)) in outputs.iter().zip(batch.labels).enumerate() {
            let inputs = std::array::from_fn(|i| batch.inputs[i * batches.size + s]);
            rows.push(Sample { error: label - y, slope: y * (1.0 - y), inputs });
        }
    }
    let n = rows.len() as f64;
    let mean = |value: &dyn Fn(&Sample) -> f64| rows.iter().map(value).sum::<f64>() / n;
    let (e, d) = (mean(&|row| row.error), mean(&|row| row.slope));
    let x: [f64; INPUTS] = std::array::from_fn(|i| mean(&|row| row.inputs[i]));
    let over_inputs = |value: &dyn Fn(f64, f64, f64) -> f64| {
        let each = |row: &Sample| {
            let inputs = row.inputs.iter().zip(x);
            let terms = inputs.map(|(input, x)| value(row.error - e, row.slope - d, input - x));
            terms.sum::<f64>() / INPUTS as f64
        };
        mean(&each)
    };
    let input = x.iter().sum::<f64>() / INPUTS as f64;
    Moments {
        product_of_means: e * d * input,
        error_input: d * over_inputs(&|e, _, x| e * x),
        error_slope: input * over_inputs(&|e, d, _| e * d),
        slope_input: e * over_inputs(&|_, d, x| d * x),
        third: over_inputs(&|e, d, x| e * d * x),
        total: mean(&|row| row.error * row.slope * row.inputs.iter().sum::<f64>() / INPUTS as f64),
    }
}
