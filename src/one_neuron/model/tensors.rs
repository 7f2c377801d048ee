//! The gradients as tensor operations on any device, with the runs as leading axes.
//!
//! Axes: parameters are `[point, replicate, parameter]`; inputs are `[replicate, input, sample]`,
//! since the points of a grid share their seeds' batches.

use tch::{Kind, Tensor};

use super::architecture::Model;
use super::network::{BIASES, HIDDEN, OUTPUT};
use super::rule::GradientRule;
use crate::lab::tensor::to_device::upload;
use crate::one_neuron::data::task::INPUTS;

const KIND: Kind = Kind::Double;

/// The mean over samples.
fn mean(tensor: &Tensor) -> Tensor {
    tensor.mean_dim(-1, false, KIND)
}

/// The mean over samples, whose axis stays.
fn mean_kept(tensor: &Tensor) -> Tensor {
    tensor.mean_dim(-1, true, KIND)
}

/// What a batch says about the parameters.
#[derive(Debug)]
pub struct BatchGradient {
    /// Mean loss: `[point, replicate]`.
    pub loss: Tensor,
    /// Half the gradient: `[point, replicate, parameter]`.
    pub gradient: Tensor,
}

/// Half the gradient of a batch by a rule, as [`Model::gradient`] has it, and the mean loss.
///
/// # Shapes
/// - params: `[point, replicate, parameter]`
/// - inputs: `[replicate, input, sample]`
/// - labels: `[replicate, sample]`
pub fn gradient(
    model: Model,
    rule: GradientRule,
    params: &Tensor,
    inputs: &Tensor,
    labels: &Tensor,
) -> BatchGradient {
    match model {
        Model::One => neuron(rule, params, inputs, labels),
        Model::Multi => network(rule, params, inputs, labels),
    }
}

fn neuron(rule: GradientRule, params: &Tensor, x: &Tensor, labels: &Tensor) -> BatchGradient {
    let inputs = INPUTS as i64;
    let (w, b) = (params.narrow(-1, 0, inputs), params.narrow(-1, inputs, 1));
    let y = ((w.unsqueeze(-1) * x).sum_dim_intlist(-2, false, KIND) + b).sigmoid();
    let (e, d) = (labels - &y, &y * (1.0 - &y));
    let loss = mean(&e.square());
    let averaged = -(mean_kept(&e) * mean_kept(&d));
    let products = (&e * &d).unsqueeze(-2);
    let weights = match rule {
        GradientRule::Averaged | GradientRule::AveragedX2 => &averaged * mean(x),
        GradientRule::PerSample113 => {
            let size = x.size()[2];
            let n = size as f64;
            let shares: Vec<f64> = (0..size).map(|i| n.powf((i - size) as f64)).collect();
            let shares = upload(&Tensor::from_slice(&shares), x.device());
            -(products * x * shares).sum_dim_intlist(-1, false, KIND)
        }
        GradientRule::Correct | GradientRule::Package115 => -mean(&(products * x)),
    };
    let bias = match rule {
        GradientRule::Correct => -mean_kept(&(e * d)),
        GradientRule::Averaged
        | GradientRule::AveragedX2
        | GradientRule::PerSample113
        | GradientRule::Package115 => averaged,
    };
    BatchGradient { loss, gradient: Tensor::cat(&[weights, bias], -1) }
}

fn network(rule: GradientRule, params: &Tensor, x: &Tensor, labels: &Tensor) -> BatchGradient {
    let (rows, hidden, inputs) = (params.size(), HIDDEN as i64, INPUTS as i64);
    let lead = [rows[0], rows[1]];
    let part = |start: usize, length: i64| params.narrow(-1, start as i64, length);
    let w = part(0, hidden * inputs).reshape([lead[0], lead[1], hidden, inputs]);
    let v = part(OUTPUT, hidden);
    let h = (w.matmul(x) + part(BIASES, hidden).unsqueeze(-1)).sigmoid();
    let z = (v.unsqueeze(-1) * &h).sum_dim_intlist(-2, false, KIND);
    let y = (z + part(BIASES + HIDDEN, 1)).sigmoid();
    let (e, d) = (labels - &y, &y * (1.0 - &y));
    let loss = mean(&e.square());
    let slopes = &h * (1.0 - &h);
    let products = &e * &d;
    let (to_w, to_v, to_hidden, to_output) = match rule {
        GradientRule::Averaged | GradientRule::AveragedX2 => {
            let output = mean_kept(&e) * mean_kept(&d);
            let errors = &v * mean_kept(&e);
            let slopes = mean(&slopes);
            let bias = errors.sum_dim_intlist(-1, true, KIND) * mean_kept(&slopes);
            let to_w = (errors * slopes).unsqueeze(-1) * mean(x).unsqueeze(-2);
            (to_w, &output * mean(&h), bias.expand([lead[0], lead[1], hidden], false), output)
        }
        GradientRule::Correct | GradientRule::PerSample113 | GradientRule::Package115 => {
            let whole = rule.is_correct();
            let error = v.unsqueeze(-1) * if whole { &products } else { &e }.unsqueeze(-2);
            let down = &error * slopes;
            let to_w = down.matmul(&x.transpose(-1, -2)) / x.size()[2] as f64;
            let to_v = mean(&(products.unsqueeze(-2) * h));
            let to_hidden = if whole { mean(&down) } else { mean(&(error * d.unsqueeze(-2))) };
            let to_output = mean_kept(&products) * if whole { 1.0 } else { 0.0 };
            (to_w, to_v, to_hidden, to_output)
        }
    };
    let to_w = to_w.reshape([lead[0], lead[1], hidden * inputs]);
    BatchGradient { loss, gradient: -Tensor::cat(&[to_w, to_v, to_hidden, to_output], -1) }
}
