//! A network of selector layers with a linear read-out.

use anyhow::{Result, ensure};
use tch::{Device, Tensor, no_grad_guard};

use super::layer::{LayerOptions, LayerOutput, LayerPass, LayerShape, Noise, SelectorLayer};
use super::linear::{Accumulator, Linear, ParamsAndGradients};
use crate::lab::tensor::nn::{draw_params, linear_samplers};
use crate::lab::tensor::params::{Gradients, Params};
use crate::lab::tensor::rng::Seeds;

/// The sizes of a network.
#[derive(Debug, Clone)]
pub struct NetworkShape {
    /// Inputs of the first layer.
    pub inputs: i64,
    /// The hidden layers, one or more.
    pub hidden: Vec<LayerShape>,
    /// Classes, the outputs of the read-out.
    pub classes: i64,
}

impl NetworkShape {
    /// Inputs of the read-out.
    fn features(&self) -> i64 {
        self.hidden.last().map_or(self.inputs, |shape| shape.neurons)
    }

    /// Numbers in all parameters of one replicate; for sizes of which no network can be made, the
    /// largest number there is.
    pub fn parameter_count(&self) -> i64 {
        let output = self.features().saturating_add(1).saturating_mul(self.classes);
        self.hidden.iter().map(LayerShape::parameter_count).fold(output, i64::saturating_add)
    }

    /// Draws the parameters of the network for each replicate: `[replicate, ...]` each.
    ///
    /// # Errors
    /// An allocation that libtorch refuses.
    pub fn parameters(&self, seeds: Seeds, device: Device) -> Result<Params> {
        let mut samplers = Vec::new();
        for (i, shape) in self.hidden.iter().enumerate() {
            samplers.extend(shape.parameters(&layer_name(i)));
        }
        let (weight, bias) = linear_samplers(&[self.classes, self.features()]);
        samplers.extend([("output.weight".to_string(), weight), ("output.bias".to_string(), bias)]);
        draw_params(seeds.first, seeds.count, &samplers, device)
    }
}

/// The name of the i-th hidden layer (from 0) in checkpoints and tags: `layer1`, ...
pub fn layer_name(i: usize) -> String {
    format!("layer{}", i + 1)
}

/// The network `layer1`, `layer2`, ..., `output`.
#[derive(Debug)]
pub struct SelectorNetwork {
    /// The hidden layers.
    pub layers: Vec<SelectorLayer>,
    output: Linear,
}

/// A forward pass, with what its backward pass needs.
#[derive(Debug)]
pub struct NetworkPass {
    /// `[.., batch, class]`
    pub logits: Tensor,
    /// The pass of each layer.
    pub layers: Vec<LayerPass>,
}

impl SelectorNetwork {
    /// The network whose parameters are `params`, which are given to each pass.
    ///
    /// # Errors
    /// An [`InvalidLayer`](super::layer::check::InvalidLayer), a shape without a hidden layer, or a
    /// parameter that `params` doesn't have, or has in another size.
    pub fn new(
        shape: &NetworkShape,
        options: LayerOptions,
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        ensure!(!shape.hidden.is_empty(), "a selector network needs a hidden layer");
        let layer = |(i, shape): (usize, &LayerShape)| {
            SelectorLayer::with_options(*shape, options, &layer_name(i), params, device)
        };
        let layers = shape.hidden.iter().enumerate().map(layer).collect::<Result<Vec<_>>>()?;
        let output = Linear::new(params, "output", shape.classes, shape.features())?;
        Ok(Self { layers, output })
    }

    /// Logits, `[.., batch, class]`, and which computation neuron each neuron of each layer
    /// selected, as in [`LayerOutput`], by libtorch's differentiable operations.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub fn forward_with_graph(&self, params: &Params, x: &Tensor) -> (Tensor, Vec<Tensor>) {
        let mut choices = Vec::with_capacity(self.layers.len());
        let mut x = x.shallow_clone();
        for layer in &self.layers {
            let LayerOutput { output, choice } = layer.forward_with_graph(params, &x);
            choices.push(choice);
            x = output;
        }
        (self.output.outputs(params, &x, self.output.all()), choices)
    }

    /// Logits and choices as [`SelectorNetwork::forward_with_graph`] returns them, without a graph and
    /// without what would be needed for one.
    pub fn infer(&self, params: &Params, x: &Tensor) -> (Tensor, Vec<Tensor>) {
        let pass = self.forward(params, x, |_| None);
        (pass.logits, pass.layers.into_iter().map(|layer| layer.choice).collect())
    }

    /// The forward pass, whose backward pass is [`SelectorNetwork::backward`].
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    /// - noise: the noise of the i-th layer
    pub fn forward(
        &self,
        params: &Params,
        x: &Tensor,
        noise: impl Fn(usize) -> Option<Noise>,
    ) -> NetworkPass {
        let _guard = no_grad_guard();
        let mut layers: Vec<LayerPass> = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            let before = layers.last().map_or(x, |pass| &pass.output);
            let pass = layer.forward(params, before, noise(i));
            layers.push(pass);
        }
        let last = layers.last().map_or(x, |pass| &pass.output);
        let logits = self.output.outputs(params, last, self.output.all());
        NetworkPass { logits, layers }
    }

    /// Writes the gradient of every parameter to `gradients`, from the loss's gradient in the logits.
    ///
    /// # Shapes
    /// - delta: `[.., batch, class]`
    pub fn backward(
        &self,
        params: &Params,
        gradients: &mut Gradients,
        pass: &NetworkPass,
        delta: &Tensor,
    ) {
        let _guard = no_grad_guard();
        let Some(last) = pass.layers.last() else { return };
        let mut sum = Accumulator::default();
        let model = &mut ParamsAndGradients { params, gradients: &mut *gradients };
        self.output.backward(model, self.output.all(), delta, &last.output, Some(&mut sum));
        let mut delta = sum.or_zeros_like(&last.output);
        for (i, (layer, pass)) in self.layers.iter().zip(&pass.layers).enumerate().rev() {
            match layer.backward(params, gradients, pass, &delta, i > 0) {
                Some(before) => delta = before,
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_a_hidden_layer_is_refused() {
        let shape = NetworkShape { inputs: 3, hidden: Vec::new(), classes: 2 };
        let params = shape.parameters(Seeds { first: 0, count: 1 }, Device::Cpu).unwrap();
        let made = SelectorNetwork::new(&shape, LayerOptions::default(), &params, Device::Cpu);
        assert!(made.unwrap_err().to_string().contains("needs a hidden layer"));
    }
}
