//! The linear layers of a transformer: their names, their sizes, and which are selector layers.

use tch::Kind;

use super::shape::TransformerShape;
use crate::lab::tensor::init;
use crate::lab::tensor::nn::{Sampler, linear_samplers};
use crate::selector::layer::{HELD, HELD_BY_READ_OUT, LayerShape};

/// A linear layer of the transformer, a row of the monitoring table.
#[derive(Debug, Clone)]
pub struct LinearShape {
    /// The name of the layer in checkpoints and tags, e.g. `layers.0.self_attn.q_linear`.
    pub name: String,
    /// The sizes of the layer, and how its neurons select.
    pub shape: LayerShape,
    /// Whether it is a selector layer; else it is plain.
    pub selects: bool,
    /// Numbers `[batch, computation, neuron]` up to which a selector layer holds everything.
    pub held: i64,
}

/// Linear layers of each transformer layer.
pub const PER_LAYER: usize = 6;

/// The 6 L + 1 linear layers in the order of the forward pass.
pub fn linears(shape: &TransformerShape) -> Vec<LinearShape> {
    let (width, inner) = (shape.width, shape.feedforward);
    let (attention, linear) = (shape.replace.attention(), shape.replace.linear());
    let layer = |name: String, inputs: i64, neurons: i64, selects: bool| LinearShape {
        name,
        shape: shape.linear(inputs, neurons),
        selects,
        held: HELD,
    };
    let mut linears = Vec::new();
    for i in 0..shape.layers {
        for part in ["q_linear", "k_linear", "v_linear", "out_proj"] {
            linears.push(layer(format!("layers.{i}.self_attn.{part}"), width, width, attention));
        }
        linears.push(layer(format!("layers.{i}.linear1"), width, inner, linear));
        linears.push(layer(format!("layers.{i}.linear2"), inner, width, linear));
    }
    let read_out = layer("linear_out".into(), width, shape.vocabulary, linear);
    linears.push(LinearShape { held: HELD_BY_READ_OUT, ..read_out });
    linears
}

/// The names of all parameters, with what draws their initial values by PyTorch's defaults.
///
/// # Shapes
/// - `embedding.weight`: `[word, d]`, from N(0, 1)
/// - `layers.<i>.norm1` and `norm2`, `weight` and `bias`: `[d]`
/// - for each plain linear layer `<name>.weight`: `[output, input]` and `<name>.bias`: `[output]`;
///   for each selector layer as [`LayerShape::parameters`]
pub fn parameters(shape: &TransformerShape) -> Vec<(String, Sampler)> {
    let (width, vocabulary) = (shape.width, shape.vocabulary);
    let embedding: Sampler = Box::new(move || init::embedding(&[vocabulary, width], Kind::Float));
    let mut samplers = vec![("embedding.weight".to_string(), embedding)];
    for linear in linears(shape) {
        if linear.selects {
            samplers.extend(linear.shape.parameters(&linear.name));
            continue;
        }
        let (weight, bias) = linear_samplers(&[linear.shape.neurons, linear.shape.inputs]);
        samplers.push((format!("{}.weight", linear.name), weight));
        samplers.push((format!("{}.bias", linear.name), bias));
    }
    for i in 0..shape.layers {
        for norm in ["norm1", "norm2"] {
            let name = format!("layers.{i}.{norm}");
            let one: Sampler = Box::new(move || init::layer_norm(&[width], Kind::Float).0);
            let zero: Sampler = Box::new(move || init::layer_norm(&[width], Kind::Float).1);
            samplers.push((format!("{name}.weight"), one));
            samplers.push((format!("{name}.bias"), zero));
        }
    }
    samplers
}

/// Numbers in all parameters; for sizes of which no model can be made, the largest number there is.
pub fn parameter_count(shape: &TransformerShape) -> i64 {
    let count = |linear: &LinearShape| {
        let LayerShape { inputs, neurons, .. } = linear.shape;
        match linear.selects {
            true => linear.shape.parameter_count(),
            false => inputs.saturating_add(1).saturating_mul(neurons),
        }
    };
    let embedding = shape.vocabulary.saturating_mul(shape.width);
    let norms = shape.width.saturating_mul(4).saturating_mul(shape.layers);
    let linears = linears(shape);
    linears.iter().map(count).fold(embedding.saturating_add(norms), i64::saturating_add)
}
