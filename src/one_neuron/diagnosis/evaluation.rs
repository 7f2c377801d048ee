//! Loss and accuracy on samples that no training has seen.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::gradients::{Comparison, Moments, check, compare, moments};
use crate::lab::tensor::{rng, to_host};
use crate::one_neuron::data::batches::{Batches, Normalise};
use crate::one_neuron::data::task::{INPUTS, sample};
use crate::one_neuron::model::architecture::Model;

/// Samples of the evaluation: the standard error of an accuracy of 0.87 is 0.004.
pub const SAMPLES: usize = 8192;

/// Fresh samples in batches of `size`, normalised as in training. They depend on the seed alone.
///
/// # Errors
/// Fails if libtorch can't give back the random numbers that it has drawn.
pub fn held_out(seed: u64, size: usize, normalise: Normalise) -> Result<Batches> {
    let count = SAMPLES.div_ceil(size);
    let samples = count * size;
    rng::seed_torch(seed, "evaluation", 0);
    let shape = [samples as i64, INPUTS as i64];
    let normals = to_host::values(&Tensor::randn(shape, (Kind::Double, Device::Cpu)))?;
    let classes: Vec<usize> =
        rng::words(seed, "evaluation", 1).take(samples).map(|word| (word >> 63) as usize).collect();
    let mut batches = Batches::new(size);
    for batch in 0..count {
        let fresh = |s: usize| {
            let i = batch * size + s;
            (sample(classes[i], &normals[i * INPUTS..]), classes[i] as f64)
        };
        batches.push(fresh, normalise);
    }
    Ok(batches)
}

/// What an evaluation finds at the parameters of one run.
#[derive(Debug, Clone, Copy)]
pub struct Findings {
    /// Mean loss.
    pub loss: f64,
    /// Share of samples on the right side of 1/2.
    pub accuracy: f64,
    /// The averaged gradient beside the correct one.
    pub comparison: Comparison,
    /// Relative error of the correct gradient against finite differences.
    pub check: f64,
    /// The gradient's moments, for one neuron only.
    pub moments: Option<Moments>,
}

/// Evaluates one run.
///
/// # Shapes
/// - params: `[parameter]`
pub fn evaluate(model: Model, params: &[f64], batches: &Batches) -> Findings {
    let mut outputs = vec![0.0; batches.size];
    let (mut loss, mut right) = (0.0, 0usize);
    for t in 0..batches.len() {
        let batch = batches.get(t);
        loss += model.loss(params, batch, &mut outputs);
        let hits =
            outputs.iter().zip(batch.labels).filter(|(y, label)| (**y > 0.5) == (**label > 0.5));
        right += hits.count();
    }
    Findings {
        loss: loss / batches.len() as f64,
        accuracy: right as f64 / batches.labels.len() as f64,
        comparison: compare(model, params, batches),
        check: check(model, params, batches),
        moments: match model {
            Model::One => Some(moments(params, batches)),
            Model::Multi => None,
        },
    }
}
