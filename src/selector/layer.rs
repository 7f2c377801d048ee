//! A layer of neurons that each have a selection neuron and K computation neurons.
//!
//! Axes: [replicate,] batch, computation (K), neuron (N), input (D); the axis of replicates is
//! there for more than one.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::{SelectorKind, SteSign};
use crate::lab::nn::{Sampler, linear, linear_samplers};
use crate::lab::params::Params;

/// The size of a layer, and how its neurons select.
#[derive(Debug, Clone, Copy)]
pub struct LayerShape {
    /// Inputs (D).
    pub inputs: i64,
    /// Neurons (N).
    pub neurons: i64,
    /// Computation neurons of each neuron (K).
    pub choices: i64,
    /// How a neuron selects.
    pub selector: SelectorKind,
    /// Which way the threshold selector's gradient goes.
    pub sign: SteSign,
}

impl LayerShape {
    /// The parameters of the layer of this name with the laws of their initial values:
    ///
    /// - `<name>.selection.weight`: [neuron, input] for the threshold, [computation, neuron, input]
    ///   for softmax; `<name>.selection.bias` without the axis of inputs
    /// - `<name>.computation.weight`: [computation, neuron, input]; `<name>.computation.bias`:
    ///   [computation, neuron]
    pub fn parameters(&self, name: &str) -> Vec<(String, Sampler)> {
        let computation = [self.choices, self.neurons, self.inputs];
        let selection = match self.selector {
            SelectorKind::Threshold => &computation[1..],
            SelectorKind::Softmax => &computation,
        };
        let mut parameters = Vec::new();
        for (part, shape) in [("selection", selection), ("computation", &computation)] {
            let (weight, bias) = linear_samplers(shape);
            parameters.push((format!("{name}.{part}.weight"), weight));
            parameters.push((format!("{name}.{part}.bias"), bias));
        }
        parameters
    }
}

/// A layer whose weights are views of a model's parameters.
#[derive(Debug)]
pub struct SelectorLayer {
    shape: LayerShape,
    /// [N, D] or [K N, D], with the axis of replicates in front where there are several.
    selection_weight: Tensor,
    selection_bias: Tensor,
    /// [K N, D]
    computation_weight: Tensor,
    computation_bias: Tensor,
    /// [K, 1] i64, the number of each computation neuron.
    numbers: Tensor,
}

/// What a layer gives.
#[derive(Debug)]
pub struct Activation {
    /// [.., batch, neuron]: exactly the output of the selected computation neuron.
    pub output: Tensor,
    /// Which one was selected. Threshold: [.., batch, neuron] of the output's kind, 1 for A and 0
    /// for B. Softmax: [.., batch, neuron] i64.
    pub choice: Tensor,
}

impl SelectorLayer {
    /// The layer of this name in `params`.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(shape: LayerShape, name: &str, params: &Params, device: Device) -> Result<Self> {
        let replicates = params.replicates();
        let lead = if replicates == 1 { vec![] } else { vec![replicates] };
        let get = |part: &str, rows: i64| -> Result<(Tensor, Tensor)> {
            let weight = params.get(&format!("{name}.{part}.weight"))?;
            let bias = params.get(&format!("{name}.{part}.bias"))?;
            let bias_shape = [lead.clone(), vec![rows]].concat();
            let weight_shape = [bias_shape.clone(), vec![shape.inputs]].concat();
            Ok((weight.f_view(&weight_shape[..])?, bias.f_view(&bias_shape[..])?))
        };
        let rows = shape.choices * shape.neurons;
        let selection_rows = match shape.selector {
            SelectorKind::Threshold => shape.neurons,
            SelectorKind::Softmax => rows,
        };
        let (selection_weight, selection_bias) = get("selection", selection_rows)?;
        let (computation_weight, computation_bias) = get("computation", rows)?;
        let numbers = Tensor::arange(shape.choices, (Kind::Int64, device)).unsqueeze(-1);
        Ok(Self {
            shape,
            selection_weight,
            selection_bias,
            computation_weight,
            computation_bias,
            numbers,
        })
    }

    /// The forward pass, with the straight-through estimator's gradients.
    ///
    /// The output is bit for bit that of the selected computation neuron, h_sel = relu(w_sel x +
    /// b_sel). Its gradient with respect to that neuron is the plain one, and exactly 0 to the
    /// others. The selector's is that of the notebook's mask: see [`threshold`] and [`softmax`].
    ///
    /// - x: [.., batch, input]
    pub fn forward(&self, x: &Tensor) -> Activation {
        let logits = linear(x, &self.selection_weight, &self.selection_bias);
        let hidden = linear(x, &self.computation_weight, &self.computation_bias).relu();
        match self.shape.selector {
            SelectorKind::Threshold => threshold(&logits, &hidden, self.shape.sign),
            SelectorKind::Softmax => {
                let axes = [self.shape.choices, self.shape.neurons];
                softmax(&logits.unflatten(-1, axes), &hidden.unflatten(-1, axes))
            }
        }
    }

    /// How often each computation neuron was selected over the batch; of the threshold's two, only
    /// A, since B has the rest.
    ///
    /// - choice: as in [`Activation`]
    ///
    /// Gives [.., computation or 1, neuron], whole numbers.
    pub fn tally(&self, choice: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        match self.shape.selector {
            SelectorKind::Threshold => choice.sum_dim_intlist(-2, true, choice.kind()),
            SelectorKind::Softmax => {
                let chosen = choice.unsqueeze(-2).eq_tensor(&self.numbers);
                chosen.sum_dim_intlist(-3, false, Kind::Int64)
            }
        }
    }

    /// The number of computation neurons of each neuron (K).
    pub fn choices(&self) -> i64 {
        self.shape.choices
    }

    /// Zeros to add tallies to: [.., computation or 1, neuron] f64.
    pub fn no_tally(&self) -> Tensor {
        let mut shape = self.computation_bias.size();
        shape.pop();
        let rows = match self.shape.selector {
            SelectorKind::Threshold => 1,
            SelectorKind::Softmax => self.shape.choices,
        };
        shape.extend([rows, self.shape.neurons]);
        Tensor::zeros(shape, (Kind::Double, self.numbers.device()))
    }
}

/// Selection by p = sigmoid(s): A where p < 0.5, else B.
///
/// As printed, mask = hard - stop(p) + p and y = mask a + (1 - mask) b, so that ds = delta (a - b)
/// p (1 - p): the gradient of a mask that rises with p, while the hard mask falls. Consistent: the
/// same with the sign turned.
///
/// - logits: [.., batch, neuron]
/// - hidden: [.., batch, 2 neuron], A's outputs first
fn threshold(logits: &Tensor, hidden: &Tensor, sign: SteSign) -> Activation {
    let neurons = logits.size()[logits.dim() - 1];
    let halves = hidden.split(neurons, -1);
    let (a, b) = (&halves[0], &halves[1]);
    let p = logits.sigmoid();
    let choice = p.detach().lt(0.5).to_kind(p.kind());
    // p - stop(p) is exactly 0, so that the mask is hard to the bit.
    let through = &p - p.detach();
    let mask = match sign {
        SteSign::AsPrinted => &choice + through,
        SteSign::Consistent => &choice - through,
    };
    // mask a + (1 - mask) b in one operation, and exactly a or b where the mask is 1 or 0.
    Activation { output: b.lerp_tensor(a, &mask), choice }
}

/// Selection by the largest logit; the first of equal ones.
///
/// mask = onehot - stop(p) + p with p = softmax(z), and y = sum_k mask_k h_k, so that dz_k =
/// p_k delta (h_k - sum_j p_j h_j).
///
/// - logits, hidden: [.., batch, computation, neuron]
fn softmax(logits: &Tensor, hidden: &Tensor) -> Activation {
    let p = logits.softmax(-2, logits.kind());
    let choice = logits.detach().argmax(-2, true);
    let selected = hidden.gather(-2, &choice, false).squeeze_dim(-2);
    let through = hidden.detach() * (&p - p.detach());
    let through = through.sum_dim_intlist(-2, false, logits.kind());
    Activation { output: selected + through, choice: choice.squeeze_dim(-2) }
}
