//! Networks of neurons r = a φ(W r_prev) with one multiplier a each, no bias, a linear output.
//!
//! Axes: weights [run, output, input], multipliers [run, neuron], rates [run, sample, neuron]. All
//! runs see the same samples.
//! Gradients are written out by hand: with δ = ∂L/∂r,
//!
//! ```text
//! ∂L/∂a = Σ_s δ φ(h),   ∂L/∂h = δ a φ'(h),   ∂L/∂W = ∂L/∂h r_prevᵀ,   δ_prev = Wᵀ ∂L/∂h
//! ```

use tch::{Device, Kind, Tensor};

use super::activation::Activation;
use crate::lab::tensor::init::{Nonlinearity, kaiming_normal};
use crate::lab::tensor::rng;

/// One layer of all runs.
#[derive(Debug)]
pub struct Layer {
    /// [run, output, input]
    pub weight: Tensor,
    /// [run, output]
    pub apical: Tensor,
    /// φ of this layer; linear for the output.
    pub activation: Activation,
}

/// Networks of one shape.
#[derive(Debug)]
pub struct Network {
    /// From the input to the output.
    pub layers: Vec<Layer>,
    /// How many networks.
    pub runs: i64,
}

/// What a forward pass leaves behind, for each layer [run, sample, neuron].
#[derive(Debug)]
pub struct Pass {
    /// φ(h), the rates without their multipliers.
    pub baseline: Vec<Tensor>,
    /// a φ(h).
    pub modulated: Vec<Tensor>,
}

impl Pass {
    /// The network's output: [run, sample, output].
    pub fn output(&self) -> &Tensor {
        &self.modulated[self.modulated.len() - 1]
    }
}

/// Derivatives of a loss, for each layer.
#[derive(Debug)]
pub struct Gradients {
    /// δ φ(h): the derivative in the multiplier for each sample: [run, sample, neuron].
    pub apical: Vec<Tensor>,
    /// [run, output, input]; empty where they were not asked for.
    pub weight: Vec<Tensor>,
}

impl Network {
    /// Networks of these widths (input, hidden layers, output), weights N(0, 2 / inputs) drawn for
    /// each run from its own seed, multipliers 1.
    pub fn new(
        widths: &[i64],
        activation: Activation,
        seeds: &[u64],
        kind: Kind,
        device: Device,
    ) -> Self {
        let runs = seeds.len() as i64;
        let draw = |seed: u64| -> Vec<Tensor> {
            rng::seed_torch(seed, "init", 0);
            let law = |pair: &[i64]| {
                kaiming_normal(&[pair[1], pair[0]], pair[0], Nonlinearity::Relu, kind)
            };
            widths.windows(2).map(law).collect()
        };
        let drawn: Vec<Vec<Tensor>> = seeds.iter().map(|seed| draw(*seed)).collect();
        let layer = |k: usize| {
            let each: Vec<&Tensor> = drawn.iter().map(|weights| &weights[k]).collect();
            let last = k + 2 == widths.len();
            Layer {
                weight: Tensor::stack(&each, 0).to_device(device),
                apical: Tensor::ones([runs, widths[k + 1]], (kind, device)),
                activation: if last { Activation::Linear } else { activation },
            }
        };
        Self { layers: (0..widths.len() - 1).map(layer).collect(), runs }
    }

    /// Some of the networks, with the same tensors.
    pub fn part(&self, first: i64, runs: i64) -> Self {
        let layer = |layer: &Layer| Layer {
            weight: layer.weight.narrow(0, first, runs),
            apical: layer.apical.narrow(0, first, runs),
            activation: layer.activation,
        };
        Self { layers: self.layers.iter().map(layer).collect(), runs }
    }

    /// The rates of every layer.
    ///
    /// - x: [sample, input]
    /// - modulated: with the multipliers, or as if all of them were 1
    pub fn forward(&self, x: &Tensor, modulated: bool) -> Pass {
        let mut pass = Pass { baseline: Vec::new(), modulated: Vec::new() };
        for layer in &self.layers {
            let h = match pass.modulated.last() {
                None => first_product(&layer.weight, x),
                Some(rates) => product(&layer.weight, rates),
            };
            let f = layer.activation.over(h);
            let r = if modulated { &f * layer.apical.unsqueeze(1) } else { f.shallow_clone() };
            pass.baseline.push(f);
            pass.modulated.push(r);
        }
        pass
    }

    /// The derivatives of a loss, from its derivative in the output.
    ///
    /// - x: [sample, input], as [`Network::forward`] had it, with the multipliers
    /// - delta: ∂L/∂y, [run, sample, output]
    pub fn backward(&self, x: &Tensor, pass: &Pass, delta: Tensor, weights: bool) -> Gradients {
        let (mut apical, mut weight) = (Vec::new(), Vec::new());
        let mut delta = delta;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let f = &pass.baseline[k];
            apical.push(&delta * f);
            if k == 0 && !weights {
                break;
            }
            let _ = delta.g_mul_(&layer.apical.unsqueeze(1));
            let drive = layer.activation.backward(delta, f);
            if weights {
                weight.push(match k {
                    0 => drive.transpose(1, 2).matmul(x),
                    _ => drive.transpose(1, 2).matmul(&pass.modulated[k - 1]),
                });
            }
            if k == 0 {
                break;
            }
            delta = product(&layer.weight.transpose(1, 2), &drive);
        }
        apical.reverse();
        weight.reverse();
        Gradients { apical, weight }
    }
}

/// Notes when runs that are no longer alive ended; the first time counts.
///
/// - ends: [run] f64, NaN for those that had not ended
/// - alive: [run] bool
pub fn note_ends(ends: &mut Tensor, alive: &Tensor, now: f64) {
    let known = ends.isnan().logical_not().logical_or(alive);
    ends.copy_(&ends.where_self(&known, &Tensor::full_like(ends, now)));
}

/// W x of every run for the input that they share: [run, sample, output].
///
/// - weight: [run, output, input]
/// - x: [sample, input]
pub fn first_product(weight: &Tensor, x: &Tensor) -> Tensor {
    match weight.size()[0] {
        1 => x.mm(&weight.get(0).tr()).unsqueeze(0),
        runs => x.unsqueeze(0).expand([runs, -1, -1], false).bmm(&weight.transpose(1, 2)),
    }
}

/// W r of every run: [run, sample, output].
///
/// - weight: [run, output, input]
/// - rates: [run, sample, input]
pub fn product(weight: &Tensor, rates: &Tensor) -> Tensor {
    match weight.size()[0] {
        1 => rates.get(0).mm(&weight.get(0).tr()).unsqueeze(0),
        _ => rates.bmm(&weight.transpose(1, 2)),
    }
}

/// Adds postᵀ pre, summed over samples, to the weights.
///
/// - weight: [run, output, input]
/// - post: [run, sample, output]
/// - pre: [run, sample, input], or [sample, input] where all runs share it
pub fn add_product(weight: &Tensor, post: &Tensor, pre: &Tensor) {
    let runs = weight.size()[0];
    if runs == 1 {
        let pre = if pre.dim() == 2 { pre.shallow_clone() } else { pre.get(0) };
        let _ = weight.get(0).addmm_(&post.get(0).tr(), &pre);
    } else {
        let pre = if pre.dim() == 2 { pre.unsqueeze(0) } else { pre.shallow_clone() };
        let pre = pre.expand([runs, -1, -1], false);
        let _ = weight.shallow_clone().baddbmm_(&post.transpose(1, 2), &pre);
    }
}
