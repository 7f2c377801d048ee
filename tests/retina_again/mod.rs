//! What the numbers of a retina are computed again with: sums in f64, a model at a step, and what it
//! makes of a batch.

pub mod lines;

use tch::{Kind, Tensor};

/// `[row][column]`
pub type Matrix = Vec<Vec<f64>>;

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

pub fn vector(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

pub fn rows(tensor: &Tensor) -> Matrix {
    vector(tensor).chunks(tensor.size()[1] as usize).map(<[f64]>::to_vec).collect()
}

/// log2 of the determinant of a positive definite matrix, by elimination.
pub fn log2_det(mut matrix: Matrix) -> f64 {
    let mut bits = 0.0;
    for k in 0..matrix.len() {
        let pivot = matrix[k].clone();
        bits += pivot[k].log2();
        for row in &mut matrix[k + 1..] {
            let factor = row[k] / pivot[k];
            row.iter_mut().zip(&pivot).for_each(|(value, above)| *value -= factor * above);
        }
    }
    bits
}

/// What the model is at a step, in f64.
pub struct Model {
    /// The filters, or the parameters of their shape.
    pub filters: Vec<Tensor>,
    pub log_gain: Vec<f64>,
    pub log_threshold: Vec<f64>,
    pub multiplier: Vec<f64>,
}

impl Clone for Model {
    fn clone(&self) -> Self {
        Self {
            filters: self.filters.iter().map(Tensor::copy).collect(),
            log_gain: self.log_gain.clone(),
            log_threshold: self.log_threshold.clone(),
            multiplier: self.multiplier.clone(),
        }
    }
}

/// What a model makes of a batch.
pub struct Outcome {
    /// Means over the batch of log2 det C_z and of log2 det C_zx.
    pub log_det: [f64; 2],
    pub kl: f64,
    /// Mean over batch and neurons of gain times the output above threshold.
    pub drive: f64,
    /// Mean over batch and neurons.
    pub rate: f64,
    /// Of each neuron; of linear ones the mean square.
    pub activity: Vec<f64>,
    /// Mean over the batch of the products of the slopes: `[neuron][neuron]`.
    pub moments: Matrix,
}

/// A central difference at 0.
pub fn difference(f: &dyn Fn(f64) -> f64) -> f64 {
    let step = 1e-5;
    (f(step) - f(-step)) / (2.0 * step)
}
