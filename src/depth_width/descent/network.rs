//! A plain network and the first steps of its descent.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::point::{Init, Point};
use crate::data::ImageData;
use crate::lab::tensor::init::kaiming_normal;
use crate::lab::tensor::nn::{Sampler, cross_entropy, draw_params, linear, linear_samplers};
use crate::lab::tensor::optim::{Optimizer, OptimizerConfig};
use crate::lab::tensor::params::{ParamId, Params};
use crate::lab::tensor::to_host;

/// The images that a network descends on: the first training image of each class.
#[derive(Debug)]
pub struct Examples {
    /// `[class, pixel]`
    pub images: Tensor,
    /// `[class]` i64
    pub labels: Tensor,
}

impl Examples {
    /// Takes the first image of each class in the order of the training set.
    ///
    /// # Errors
    /// Where a class has no training image, or labels can't be read from the device.
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

/// The parameters of a layer: weight `[output, input]` and bias `[output]`.
struct Linear {
    weight: ParamId,
    bias: ParamId,
}

/// Names and samplers of the weight and the bias of every layer, from the inputs to the outputs.
fn samplers(point: &Point, inputs: i64, outputs: i64) -> Vec<(String, Sampler)> {
    let mut before = inputs;
    let mut samplers: Vec<(String, Sampler)> = Vec::new();
    for layer in 1..=point.depth + 1 {
        let last = layer > point.depth;
        let neurons = if last { outputs } else { point.width };
        let name = if last { "output".to_string() } else { format!("layer{layer}") };
        let fan_in = std::mem::replace(&mut before, neurons);
        let (weight, bias) = match point.init {
            Init::Default => linear_samplers(&[neurons, fan_in]),
            Init::He => he_samplers(neurons, fan_in),
        };
        samplers.extend([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]);
    }
    samplers
}

fn he_samplers(neurons: i64, fan_in: i64) -> (Sampler, Sampler) {
    let shape = [neurons, fan_in];
    let weight = move || kaiming_normal(&shape, fan_in, Kind::Float);
    (Box::new(weight), Box::new(move || Tensor::zeros([neurons], (Kind::Float, Device::Cpu))))
}

/// Draws a network and descends with the whole of `examples` in every step. Returns the loss before
/// the first step and after every step: `[step + 1]` f32, on the device. A loss that is not finite
/// is returned as it is. The last of these losses costs a forward pass of its own.
///
/// # Errors
/// Where libtorch refuses an allocation.
pub fn descend(point: &Point, examples: &Examples, steps: u32, seed: u64) -> Result<Tensor> {
    let (images, labels) = (&examples.images, &examples.labels);
    let samplers = samplers(point, images.size()[1], labels.size()[0]);
    let mut params = draw_params(seed, 1, &samplers, images.device())?;
    let mut gradients = params.zero_gradients();
    let layers = samplers
        .chunks(2)
        .map(|pair| Ok(Linear { weight: params.id(&pair[0].0)?, bias: params.id(&pair[1].0)? }))
        .collect::<Result<Vec<_>>>()?;
    let config = OptimizerConfig { kind: point.optimizer, ..OptimizerConfig::default() };
    let mut optimizer = Optimizer::new(config, &params.values);
    let mut losses = Vec::new();
    for step in 0..=steps {
        let loss = cross_entropy(&forward(&params, &layers, images), labels);
        losses.push(loss.detach());
        if step < steps {
            params.backward(&loss, &mut gradients)?;
            optimizer.step(&mut params.values, &gradients.values, point.lr, None);
        }
    }
    Ok(Tensor::f_stack(&losses, 0)?)
}

/// The logits of a network with ReLU between its layers.
///
/// # Shapes
/// - images: `[batch, pixel]`
/// - returns: `[batch, class]`
fn forward(params: &Params, layers: &[Linear], images: &Tensor) -> Tensor {
    let last = layers.len() - 1;
    layers.iter().enumerate().fold(images.shallow_clone(), |x, (i, layer)| {
        let y = linear(&x, params.of(layer.weight), params.of(layer.bias));
        if i == last { y } else { y.relu() }
    })
}
