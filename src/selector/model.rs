//! A network of selector layers with a linear read-out.

use anyhow::Result;
use tch::{Device, Tensor, no_grad_guard};

use super::config::SelectorMnistConfig;
use super::layer::{Activation, LayerShape, SelectorLayer};
use super::rows::{Rows, Sum};
use crate::lab::tensor::nn::{draw, linear, linear_samplers};
use crate::lab::tensor::params::{Params, ParamsBuilder};
use crate::selector::layer::{Noise, Pass};

/// The network `layer1`, `layer2`, ..., `output`.
#[derive(Debug)]
pub struct SelectorNetwork {
    /// The hidden layers.
    pub layers: Vec<SelectorLayer>,
    output: Rows,
}

/// A forward pass, with what its backward pass needs.
#[derive(Debug)]
pub struct NetworkPass {
    /// [.., batch, class]
    pub logits: Tensor,
    /// That of each layer.
    pub layers: Vec<Pass>,
}

/// Draws the parameters of a network for each replicate: [replicate, ...] each.
///
/// # Errors
/// Where libtorch can't hold them.
pub fn parameters(
    config: &SelectorMnistConfig,
    (inputs, classes): (i64, i64),
    (seed, replicates): (u64, i64),
    device: Device,
) -> Result<Params> {
    let mut laws = Vec::new();
    let shapes = shapes(config, inputs);
    for (i, shape) in shapes.iter().enumerate() {
        laws.extend(shape.parameters(&layer_name(i)));
    }
    let last = shapes.last().map_or(inputs, |shape| shape.neurons);
    let (weight, bias) = linear_samplers(&[classes, last]);
    laws.extend([("output.weight".to_string(), weight), ("output.bias".to_string(), bias)]);
    let mut builder = ParamsBuilder::default();
    for (name, value) in draw(seed, replicates, &laws)? {
        builder.add(name, value);
    }
    builder.build(device)
}

/// The name of the i-th hidden layer (from 0) in checkpoints and tags: `layer1`, ...
pub fn layer_name(i: usize) -> String {
    format!("layer{}", i + 1)
}

fn shapes(config: &SelectorMnistConfig, inputs: i64) -> Vec<LayerShape> {
    let mut before = inputs;
    let shape = |neurons: &i64| {
        let inputs = std::mem::replace(&mut before, *neurons);
        config.selection.shape(inputs, *neurons)
    };
    config.hidden.iter().map(shape).collect()
}

impl SelectorNetwork {
    /// The network whose weights are `params`.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(
        config: &SelectorMnistConfig,
        inputs: i64,
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        let layers = shapes(config, inputs)
            .into_iter()
            .enumerate()
            .map(|(i, shape)| {
                SelectorLayer::with_options(shape, config.options(), &layer_name(i), params, device)
            })
            .collect::<Result<Vec<_>>>()?;
        let before = config.hidden.last().copied().unwrap_or(inputs);
        let classes = params.get("output.bias")?.size();
        let output = Rows::new(params, "output", classes[classes.len() - 1], before)?;
        Ok(Self { layers, output })
    }

    /// Logits, and which computation neuron each neuron of each layer selected.
    ///
    /// - x: [.., batch, input]
    ///
    /// Gives [.., batch, class], and a choice a layer as in [`Activation`].
    pub fn forward(&self, x: &Tensor) -> (Tensor, Vec<Tensor>) {
        let mut choices = Vec::with_capacity(self.layers.len());
        let mut x = x.shallow_clone();
        for layer in &self.layers {
            let Activation { output, choice } = layer.forward(&x);
            choices.push(choice);
            x = output;
        }
        (linear(&x, &self.output.weight, &self.output.bias), choices)
    }

    /// Logits and choices as [`SelectorNetwork::forward`] gives them, without a graph and without
    /// what would be needed for one.
    pub fn infer(&self, x: &Tensor) -> (Tensor, Vec<Tensor>) {
        let pass = self.run(x, |_| None);
        (pass.logits, pass.layers.into_iter().map(|layer| layer.choice).collect())
    }

    /// The forward pass, whose backward pass is [`SelectorNetwork::backward`].
    ///
    /// - x: [.., batch, input]
    /// - noise: that of the i-th layer
    pub fn run(&self, x: &Tensor, noise: impl Fn(usize) -> Option<Noise>) -> NetworkPass {
        let _guard = no_grad_guard();
        let mut layers: Vec<Pass> = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            let before = layers.last().map_or(x, |pass| &pass.output);
            let pass = layer.run(before, noise(i));
            layers.push(pass);
        }
        let last = layers.last().map_or(x, |pass| &pass.output);
        let logits = linear(last, &self.output.weight, &self.output.bias);
        NetworkPass { logits, layers }
    }

    /// Writes the gradient of every parameter, from the loss's in the logits.
    ///
    /// - delta: [.., batch, class]
    pub fn backward(&self, pass: &NetworkPass, delta: &Tensor) {
        let _guard = no_grad_guard();
        let Some(last) = pass.layers.last() else { return };
        let classes = (0, delta.size()[delta.dim() - 1]);
        let mut sum = Sum::default();
        self.output.backward(classes, delta, &last.output, Some(&mut sum));
        let mut delta = sum.take(&last.output);
        for (i, (layer, pass)) in self.layers.iter().zip(&pass.layers).enumerate().rev() {
            match layer.backward(pass, &delta, i > 0) {
                Some(before) => delta = before,
                None => break,
            }
        }
    }
}
