//! Networks of neurons r = a φ(W r_prev + b) with one multiplier a each and a linear output. The
//! biases b are those of [`Network::with_biases`]; without them h is W r_prev.
//!
//! Axes: weights `[run, output, input]`, biases and multipliers `[run, neuron]`, rates
//! `[run, sample, neuron]`. All runs see the same samples.
//! Gradients are written out by hand: with δ = ∂L/∂r,
//!
//! ```text
//! ∂L/∂a = Σ_s δ φ(h),   ∂L/∂h = δ a φ'(h),   ∂L/∂W = ∂L/∂h r_prevᵀ,   δ_prev = Wᵀ ∂L/∂h
//! ```

use tch::{Device, Kind, Tensor};

use super::activation::Activation;
use super::layer::Layer;
use crate::lab::tensor::init::kaiming_normal;
use crate::lab::tensor::rng;

/// Networks of one shape.
#[derive(Debug)]
pub struct Network {
    /// From the input to the output.
    pub layers: Vec<Layer>,
    /// How many networks there are.
    pub runs: i64,
}

/// What a forward pass leaves behind, for each layer `[run, sample, neuron]`.
#[derive(Debug, Default)]
pub struct Rates {
    /// φ(h), the rates without their multipliers.
    pub baseline: Vec<Tensor>,
    /// a φ(h).
    pub modulated: Vec<Tensor>,
}

impl Rates {
    /// The network's output: `[run, sample, output]`.
    ///
    /// # Panics
    /// If there is no layer.
    pub fn output(&self) -> &Tensor {
        &self.modulated[self.modulated.len() - 1]
    }
}

/// Derivatives of a loss, for each layer.
#[derive(Debug)]
pub struct Gradients {
    /// δ φ(h), the derivative in the multiplier for each sample: `[run, sample, neuron]`.
    pub apical: Vec<Tensor>,
    /// ∂L/∂W: `[run, output, input]`; empty where it was not asked for.
    pub weight: Vec<Tensor>,
}

impl Network {
    /// Networks of these widths (input, hidden layers, output), weights N(0, 2 / inputs) drawn for
    /// each run from its own seed, multipliers 1.
    ///
    /// # Panics
    /// If there are fewer than two widths, or no seed.
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
            let law = |pair: &[i64]| kaiming_normal(&[pair[1], pair[0]], pair[0], kind);
            widths.windows(2).map(law).collect()
        };
        let drawn: Vec<Vec<Tensor>> = seeds.iter().map(|seed| draw(*seed)).collect();
        let layer = |k: usize| {
            let each: Vec<&Tensor> = drawn.iter().map(|weights| &weights[k]).collect();
            let last = k + 2 == widths.len();
            Layer {
                weight: Tensor::stack(&each, 0).to_device(device),
                bias: None,
                apical: Tensor::ones([runs, widths[k + 1]], (kind, device)),
                activation: if last { Activation::Linear } else { activation },
            }
        };
        Self { layers: (0..widths.len() - 1).map(layer).collect(), runs }
    }

    /// The same networks with a bias for every neuron, each 0.
    pub fn with_biases(mut self) -> Self {
        for layer in &mut self.layers {
            layer.bias = Some(layer.apical.zeros_like());
        }
        self
    }

    /// Some successive networks, with the same tensors.
    pub fn slice_runs(&self, first: i64, runs: i64) -> Self {
        Self { layers: self.layers.iter().map(|l| l.slice_runs(first, runs)).collect(), runs }
    }

    /// The same weights and biases, with every multiplier at 1.
    pub fn without_multipliers(&self) -> Self {
        let plain = |layer: &Layer| Layer {
            apical: layer.apical.ones_like(),
            ..layer.slice_runs(0, self.runs)
        };
        Self { layers: self.layers.iter().map(plain).collect(), runs: self.runs }
    }

    /// A tensor of these networks as a checkpoint has it: with the axis of runs only where there
    /// are several networks. It shares its memory with `tensor`.
    ///
    /// # Shapes
    /// - tensor: `[run, ..]`
    pub fn without_single_run(&self, tensor: &Tensor) -> Tensor {
        if self.runs == 1 { tensor.get(0) } else { tensor.shallow_clone() }
    }

    /// The weights, biases and multipliers by their names in checkpoints, as
    /// [`Network::without_single_run`] gives them.
    pub fn named_layers(&self) -> impl Iterator<Item = (String, Tensor)> {
        self.layers.iter().enumerate().flat_map(move |(k, layer)| {
            let bias = layer.bias.iter().map(|bias| ("bias", bias));
            let named =
                [("weight", &layer.weight), ("apical", &layer.apical)].into_iter().chain(bias);
            named.map(move |(what, tensor)| {
                (format!("layer{k}.{what}"), self.without_single_run(tensor))
            })
        })
    }

    /// The rates of every layer, with the multipliers, or as if all of them were 1.
    ///
    /// # Shapes
    /// - x: `[sample, input]`
    pub fn forward(&self, x: &Tensor, modulated: bool) -> Rates {
        let mut rates = Rates::default();
        for layer in &self.layers {
            let h = match rates.modulated.last() {
                None => layer.preactivation_of_shared(x),
                Some(input) => layer.preactivation(input),
            };
            let f = layer.activation.apply_in_place(h);
            let r = if modulated { &f * layer.apical.unsqueeze(1) } else { f.shallow_clone() };
            rates.baseline.push(f);
            rates.modulated.push(r);
        }
        rates
    }

    /// The derivatives of a loss, from its derivative in the output; those in the weights only
    /// where `weights` asks for them.
    ///
    /// # Shapes
    /// - x: `[sample, input]`, as [`Network::forward`] had it
    /// - rates: what [`Network::forward`] gave, with the multipliers
    /// - delta: ∂L/∂y, `[run, sample, output]`
    pub fn backward(&self, x: &Tensor, rates: &Rates, delta: Tensor, weights: bool) -> Gradients {
        let (mut apical, mut weight) = (Vec::new(), Vec::new());
        let mut delta = delta;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let f = &rates.baseline[k];
            apical.push(&delta * f);
            if k == 0 && !weights {
                break;
            }
            let _ = delta.g_mul_(&layer.apical.unsqueeze(1));
            let drive = layer.activation.backward(delta, f);
            if weights {
                weight.push(match k {
                    0 => drive.transpose(1, 2).matmul(x),
                    _ => drive.transpose(1, 2).matmul(&rates.modulated[k - 1]),
                });
            }
            if k == 0 {
                break;
            }
            delta = layer.transposed_product(&drive);
        }
        apical.reverse();
        weight.reverse();
        Gradients { apical, weight }
    }
}
