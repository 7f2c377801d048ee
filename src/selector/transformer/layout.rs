//! The linear layers of a transformer: their names, their sizes, and which are selector layers.

use super::config::{Replace, TransformerConfig};
use crate::lab::tensor::init;
use crate::lab::tensor::nn::{Sampler, linear_samplers};
use crate::selector::config::SelectorKind;
use crate::selector::layer::LayerShape;
use tch::Kind;

/// A linear layer of the transformer, a row of the monitoring table.
#[derive(Debug, Clone)]
pub struct LinearShape {
    /// Its name in checkpoints and tags, e.g. `layers.0.self_attn.q_linear`.
    pub name: String,
    /// Its sizes, and how its neurons select.
    pub shape: LayerShape,
    /// Whether it is a selector layer; else it is plain.
    pub selects: bool,
}

/// Linear layers of each transformer layer.
pub const PER_LAYER: usize = 6;

/// The 6 L + 1 linear layers in the order of the forward pass.
pub fn linears(config: &TransformerConfig, vocabulary: i64) -> Vec<LinearShape> {
    let (width, inner) = (config.d_model, config.feedforward);
    let attention = matches!(config.replace, Replace::Attention | Replace::All);
    let linear = matches!(config.replace, Replace::Linear | Replace::All);
    let row = |name: String, inputs: i64, neurons: i64, selects: bool| LinearShape {
        name,
        shape: config.selection.shape(inputs, neurons),
        selects,
    };
    let mut rows = Vec::new();
    for i in 0..config.layers {
        for part in ["q_linear", "k_linear", "v_linear", "out_proj"] {
            rows.push(row(format!("layers.{i}.self_attn.{part}"), width, width, attention));
        }
        rows.push(row(format!("layers.{i}.linear1"), width, inner, linear));
        rows.push(row(format!("layers.{i}.linear2"), inner, width, linear));
    }
    rows.push(row("linear_out".into(), width, vocabulary, linear));
    rows
}

/// Every parameter with the law of its initial values, PyTorch's defaults: `embedding.weight`
/// [word, d] from N(0, 1), `layers.<i>.norm1` and `norm2`, `weight` and `bias` [d], and for each
/// linear layer `<name>.weight` [output, input] and `<name>.bias`, or the parameters of
/// [`LayerShape::parameters`].
pub fn parameters(config: &TransformerConfig, vocabulary: i64) -> Vec<(String, Sampler)> {
    let width = config.d_model;
    let embedding: Sampler = Box::new(move || init::embedding(&[vocabulary, width], Kind::Float));
    let mut laws = vec![("embedding.weight".to_string(), embedding)];
    for row in linears(config, vocabulary) {
        if row.selects {
            laws.extend(row.shape.parameters(&row.name));
            continue;
        }
        let (weight, bias) = linear_samplers(&[row.shape.neurons, row.shape.inputs]);
        laws.push((format!("{}.weight", row.name), weight));
        laws.push((format!("{}.bias", row.name), bias));
    }
    for i in 0..config.layers {
        for norm in ["norm1", "norm2"] {
            let name = format!("layers.{i}.{norm}");
            let one: Sampler = Box::new(move || init::layer_norm(&[width], Kind::Float).0);
            let zero: Sampler = Box::new(move || init::layer_norm(&[width], Kind::Float).1);
            laws.push((format!("{name}.weight"), one));
            laws.push((format!("{name}.bias"), zero));
        }
    }
    laws
}

/// Numbers in all parameters.
pub fn parameter_count(config: &TransformerConfig, vocabulary: i64) -> i64 {
    let linear = |row: &LinearShape| {
        let LayerShape { inputs, neurons, choices, rank, selector, .. } = row.shape;
        if !row.selects {
            return neurons * (inputs + 1);
        }
        let low = selector == SelectorKind::LowRank;
        let (seen, map) = if low { (rank, rank * inputs) } else { (inputs, 0) };
        neurons * (row.shape.logits() * (seen + 1) + choices * (inputs + 1)) + map
    };
    let linears: i64 = linears(config, vocabulary).iter().map(linear).sum();
    vocabulary * config.d_model + linears + 4 * config.d_model * config.layers
}
