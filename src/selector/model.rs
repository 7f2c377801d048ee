//! A network of selector layers with a linear read-out.

use anyhow::Result;
use tch::{Device, Tensor, no_grad_guard};

use super::config::SelectorMnistConfig;
use super::layer::{Activation, LayerShape, SelectorLayer};
use crate::lab::nn::{draw, linear, linear_samplers};
use crate::lab::params::{Params, ParamsBuilder};

/// The network `layer1`, `layer2`, ..., `output`.
#[derive(Debug)]
pub struct SelectorNetwork {
    /// The hidden layers.
    pub layers: Vec<SelectorLayer>,
    output_weight: Tensor,
    output_bias: Tensor,
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
        config.shape(inputs, *neurons)
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
        let (output_weight, output_bias) =
            (params.get("output.weight")?, params.get("output.bias")?);
        Ok(Self { layers, output_weight, output_bias })
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
        (linear(&x, &self.output_weight, &self.output_bias), choices)
    }

    /// As [`SelectorNetwork::forward`], without a graph for a backward pass.
    pub fn infer(&self, x: &Tensor) -> (Tensor, Vec<Tensor>) {
        let _guard = no_grad_guard();
        self.forward(x)
    }
}
