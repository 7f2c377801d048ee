//! The network that learns the tasks.

use anyhow::Result;
use tch::{Device, Tensor};

use super::config::{ContinualConfig, NetworkKind};
use crate::lab::nn::{draw, linear, linear_samplers};
use crate::lab::params::{Params, ParamsBuilder};
use crate::selector::model::{self, SelectorNetwork, layer_name};

/// A network of selector layers, or a multilayer perceptron.
#[derive(Debug)]
pub enum Network {
    /// Selector layers with a linear read-out.
    Selector(SelectorNetwork),
    /// Weight and bias of each layer, the read-out last; ReLU between them.
    Mlp(Vec<(Tensor, Tensor)>),
}

/// Draws the parameters of a network for each replicate: [replicate, ...] each.
///
/// # Errors
/// Where libtorch can't hold them.
pub fn parameters(
    config: &ContinualConfig,
    (inputs, outputs): (i64, i64),
    (seed, replicates): (u64, i64),
    device: Device,
) -> Result<Params> {
    if config.network == NetworkKind::Selector {
        return model::parameters(&config.model, (inputs, outputs), (seed, replicates), device);
    }
    let mut laws = Vec::new();
    let mut before = inputs;
    for (name, neurons) in mlp_layers(config, outputs) {
        let (weight, bias) = linear_samplers(&[neurons, before]);
        laws.extend([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]);
        before = neurons;
    }
    let mut builder = ParamsBuilder::default();
    for (name, value) in draw(seed, replicates, &laws)? {
        builder.add(name, value);
    }
    builder.build(device)
}

/// Names and sizes of a perceptron's layers.
fn mlp_layers(config: &ContinualConfig, outputs: i64) -> Vec<(String, i64)> {
    let hidden = config.model.hidden.iter().enumerate();
    let hidden = hidden.map(|(i, neurons)| (layer_name(i), *neurons));
    hidden.chain([("output".to_string(), outputs)]).collect()
}

impl Network {
    /// The network whose weights are `params`.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(
        config: &ContinualConfig,
        (inputs, outputs): (i64, i64),
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        if config.network == NetworkKind::Selector {
            let network = SelectorNetwork::new(&config.model, inputs, params, device)?;
            return Ok(Self::Selector(network));
        }
        let layer = |(name, _): (String, i64)| {
            Ok((params.get(&format!("{name}.weight"))?, params.get(&format!("{name}.bias"))?))
        };
        Ok(Self::Mlp(mlp_layers(config, outputs).into_iter().map(layer).collect::<Result<_>>()?))
    }

    /// Logits: [.., batch, output].
    ///
    /// - x: [.., batch, input]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Selector(network) => network.forward(x).0,
            Self::Mlp(layers) => {
                let last = layers.len() - 1;
                layers.iter().enumerate().fold(x.shallow_clone(), |x, (i, (weight, bias))| {
                    let y = linear(&x, weight, bias);
                    if i == last { y } else { y.relu() }
                })
            }
        }
    }
}
