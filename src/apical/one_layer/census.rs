//! What many trials of a layer do: which fall silent, converge, grow.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::layer::ToyLayer;
use crate::apical::model::activation::Activation;
use crate::lab::tensor::{rng, to_host};

/// What the multipliers are drawn from, in the order of the leading axis: U[0, 1) and N(0, 1).
pub const LAWS: [&str; 2] = ["uniform", "gaussian"];

/// Sizes of a layer and of its batch of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Separate random layers for each law of the multipliers.
    pub trials: i64,
    /// Neurons of a layer.
    pub neurons: i64,
    /// Inputs of a layer.
    pub inputs: i64,
}

/// Draws W, x ~ N(0, 1) for every trial, and the multipliers from each of [`LAWS`] for the same W
/// and x; the layers of all activations start alike. Axes: `[law, trial, ..]`.
pub fn draw(seed: u64, sizes: Sizes, device: Device) -> Vec<ToyLayer> {
    rng::seed_torch(seed, "toy", 0);
    let options = (Kind::Double, Device::Cpu);
    let Sizes { trials, neurons, inputs } = sizes;
    let weight = Tensor::randn([trials, neurons, inputs], options);
    let input = Tensor::randn([trials, inputs], options);
    let uniform = Tensor::rand([trials, neurons], options);
    let gaussian = Tensor::randn([trials, neurons], options);
    let apical = Tensor::stack(&[uniform, gaussian], 0).to_device(device);
    let layer = |activation| ToyLayer {
        activation,
        weight: Tensor::stack(&[&weight, &weight], 0).to_device(device),
        input: Tensor::stack(&[&input, &input], 0).to_device(device),
        apical: apical.copy(),
    };
    Activation::all().map(layer).collect()
}

/// The largest |ΔW_nm| of every neuron: `[law, trial, neuron]`.
///
/// # Shapes
/// - change: `[law, trial, neuron, input]`
fn largest_change(change: &Tensor) -> Tensor {
    change.abs().amax([-1i64].as_slice(), false)
}

/// Follows the largest |ΔW_nm| of every neuron of the trials of one layer through time. All tensors
/// are `[law, trial, neuron]`.
#[derive(Debug)]
pub struct Census {
    /// The largest |ΔW_nm| at time 0.
    pub first: Tensor,
    /// The largest |ΔW_nm| of the last step: the change that it made.
    pub last: Tensor,
    /// Whether it was never larger than a step before, to rounding; bool.
    pub falling: Tensor,
    /// The largest distance from the closed form so far.
    pub error: Tensor,
    /// The largest |ΔW_nm| so far.
    pub largest: Tensor,
    /// What rounding makes of ΔW_nm at most: a silent neuron's change is this small, and goes up and
    /// down.
    rounding: Tensor,
}

/// What rounding in W x makes of the largest |ΔW_nm| of every neuron: `[law, trial, neuron]`.
fn rounding(layer: &ToyLayer, eta: f64) -> Tensor {
    let products = (&layer.weight * layer.input.unsqueeze(-2)).abs();
    let drive = products.sum_dim_intlist(-1, false, Kind::Double);
    let widest = layer.input.abs().amax([-1i64].as_slice(), true);
    let operations = 4.0 * layer.input.size()[layer.input.dim() - 1] as f64;
    drive * (&layer.apical - 1.0).abs() * widest * (eta * operations * f64::EPSILON)
}

impl Census {
    /// The census of a layer at time 0.
    pub fn new(layer: &ToyLayer, eta: f64) -> Self {
        let zeros = || layer.apical.zeros_like();
        Self {
            first: zeros(),
            last: zeros(),
            falling: zeros().eq(0.0),
            error: zeros(),
            largest: zeros(),
            rounding: rounding(layer, eta),
        }
    }

    /// Records the change of step `t`, and its distance from what the closed form expects.
    ///
    /// # Shapes
    /// - change, expected: `[law, trial, neuron, input]`
    pub fn record(&mut self, t: u64, change: &Tensor, expected: Option<&Tensor>) {
        let size = largest_change(change);
        if t == 0 {
            self.first.copy_(&size);
        } else {
            let falls = size.le_tensor(&(&self.last + &self.rounding));
            let _ = self.falling.logical_and_(&falls);
        }
        self.last.copy_(&size);
        self.largest.copy_(&self.largest.maximum(&size));
        if let Some(expected) = expected {
            self.error.copy_(&self.error.maximum(&largest_change(&(change - expected))));
        }
    }

    /// The counts of every law, read from the device.
    ///
    /// # Errors
    /// If the device can't be read.
    pub fn counts(&self, threshold: f64) -> Result<Vec<Counts>> {
        let silent = self.first.eq(0.0).all_dim(-1, false);
        let converged = self.last.lt(threshold).all_dim(-1, false);
        // A change that left the range of f64 has grown, too.
        let grown = self.last.le_tensor(&self.first).logical_not().any_dim(-1, false);
        let falling = self.falling.all_dim(-1, false);
        let relative = &self.error / self.largest.clamp_min(f64::MIN_POSITIVE);
        let relative = relative.nan_to_num(0.0, 0.0, 0.0);
        let share = |flag: &Tensor| flag.to_kind(Kind::Double).mean_dim(-1, false, Kind::Double);
        let rows = [
            share(&silent),
            share(&converged),
            share(&grown),
            share(&falling),
            relative.amax([-2i64, -1].as_slice(), false),
        ];
        let numbers = to_host::values(&Tensor::stack(&rows, 1))?;
        let counts = numbers.chunks_exact(rows.len()).map(|n| Counts {
            silent: n[0],
            converged: n[1],
            grown: n[2],
            falling: n[3],
            error: n[4],
        });
        Ok(counts.collect())
    }
}

/// Shares of the trials of one law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// No weight changes at time 0.
    pub silent: f64,
    /// Every |ΔW| of the last step is below the threshold.
    pub converged: f64,
    /// The largest |ΔW| of some neuron in the last step is above that of time 0.
    pub grown: f64,
    /// The largest |ΔW| of every neuron never grew in any step, to rounding.
    pub falling: f64,
    /// The largest distance from the closed form, over the neuron's largest |ΔW|; 0 where there is
    /// no closed form.
    pub error: f64,
}
