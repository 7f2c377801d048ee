//! A plain network and the first steps of its descent.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::config::Init;
use super::grid::Point;
use crate::data::ImageData;
use crate::lab::tensor::init::{Nonlinearity, kaiming_normal};
use crate::lab::tensor::nn::{Sampler, cross_entropy, draw, linear, linear_samplers};
use crate::lab::tensor::optim::{Optimizer, OptimizerConfig};
use crate::lab::tensor::params::ParamsBuilder;
use crate::lab::tensor::to_host;

/// What a network descends on: the first training image of each class.
#[derive(Debug)]
pub struct Examples {
    /// [class, pixel]
    pub images: Tensor,
    /// [class] i64
    pub labels: Tensor,
}

impl Examples {
    /// The first image of each class in the order of the training set.
    ///
    /// # Errors
    /// Where a class has no image.
    pub fn first_of_each(data: &ImageData) -> Result<Self> {
        let labels = to_host::values(&data.train.labels)?;
        let first = |class: i64| {
            let found = labels.iter().position(|label| *label as i64 == class);
            found
                .map(|at| at as i64)
                .ok_or_else(|| anyhow::anyhow!("{}: no training image of class {class}", data.name))
        };
        let places = (0..data.num_classes).map(first).collect::<Result<Vec<i64>>>()?;
        let places = Tensor::from_slice(&places).to_device(data.train.labels.device());
        let (images, labels) = data.train.batch(&places);
        Ok(Self { images, labels })
    }
}

/// Weight and bias of every layer, from inputs to outputs, with their laws.
fn laws(point: &Point, (inputs, outputs): (i64, i64)) -> Vec<(String, Sampler)> {
    let mut before = inputs;
    let mut laws: Vec<(String, Sampler)> = Vec::new();
    for layer in 1..=point.depth + 1 {
        let last = layer > point.depth;
        let neurons = if last { outputs } else { point.width };
        let name = if last { "output".to_string() } else { format!("layer{layer}") };
        let fan_in = std::mem::replace(&mut before, neurons);
        let (weight, bias) = match point.init {
            Init::Default => linear_samplers(&[neurons, fan_in]),
            Init::He => he(neurons, fan_in),
        };
        laws.extend([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]);
    }
    laws
}

fn he(neurons: i64, fan_in: i64) -> (Sampler, Sampler) {
    let shape = [neurons, fan_in];
    let weight = move || kaiming_normal(&shape, fan_in, Nonlinearity::Relu, Kind::Float);
    (Box::new(weight), Box::new(move || Tensor::zeros([neurons], (Kind::Float, Device::Cpu))))
}

/// Draws a network and descends with the whole of `examples` in every step. Gives the loss at the
/// start and after every step: [step + 1] f32, on the device; what is not finite stays so.
///
/// The last of these losses costs a forward pass of its own.
///
/// # Errors
/// Where libtorch can't hold the network.
pub fn descend(point: &Point, examples: &Examples, steps: u32, seed: u64) -> Result<Tensor> {
    let (images, labels) = (&examples.images, &examples.labels);
    let sizes = (images.size()[1], labels.size()[0]);
    let mut builder = ParamsBuilder::default();
    for (name, value) in draw(seed, 1, &laws(point, sizes))? {
        builder.add(name, value);
    }
    let mut params = builder.build(images.device())?;
    let layers = params
        .named()
        .chunks(2)
        .map(|pair| Ok((params.get(&pair[0].0)?, params.get(&pair[1].0)?)))
        .collect::<Result<Vec<_>>>()?;
    let config = OptimizerConfig { kind: point.optimizer, ..OptimizerConfig::default() };
    let mut optimizer = Optimizer::new(config, &params.values);
    let mut losses = Vec::new();
    for step in 0..=steps {
        let loss = cross_entropy(&forward(&layers, images), labels);
        losses.push(loss.detach());
        if step < steps {
            params.backward(&loss)?;
            optimizer.step(&mut params.values, &params.gradient, point.lr, None);
        }
    }
    Ok(Tensor::f_stack(&losses, 0)?)
}

/// Logits of a network with ReLU between its layers: [batch, output].
fn forward(layers: &[(Tensor, Tensor)], images: &Tensor) -> Tensor {
    let last = layers.len() - 1;
    layers.iter().enumerate().fold(images.shallow_clone(), |x, (i, (weight, bias))| {
        let y = linear(&x, weight, bias);
        if i == last { y } else { y.relu() }
    })
}
