//! The drop of the loss on D_W after phase 1, over learning rates and batch sizes, from the one
//! gradient that all of them share.
//!
//! With fixed weights and multipliers, the gradients of the batches of D_A sum to N / b times the
//! mean gradient g over its N samples, whatever the batch size b (where b divides N), and their
//! mean is g itself. So every point of the map is a = 1 − step · g with its own step.

use tch::{Kind, Tensor};

use crate::apical::learning::multipliers::AReduce;
use crate::apical::learning::split::Subset;
use crate::apical::learning::trainer::{chunks, samples};
use crate::apical::model::layer::Layer;
use crate::apical::model::loss::Loss;
use crate::apical::model::network::Network;

/// Networks that are evaluated together.
const TOGETHER: usize = 16;
/// Samples of one chunk.
const CHUNK: i64 = 500;

/// Step sizes of a map: for each batch size in turn, each learning rate.
pub fn steps(lr: &[f64], batch: &[i64], samples: i64, reduce: AReduce) -> Vec<f64> {
    let scale = |batch: i64| match reduce {
        AReduce::Mean => 1.0,
        AReduce::Sum => samples as f64 / batch as f64,
    };
    batch.iter().flat_map(|batch| lr.iter().map(move |lr| lr * scale(*batch))).collect()
}

/// The network of one run, once for each step that its multipliers go down the gradient from 1.
///
/// # Shapes
/// - gradient: for each layer `[run, neuron]`
/// - steps: `[step]`
fn moved(network: &Network, run: i64, gradient: &[Tensor], steps: &Tensor) -> Network {
    let layers = network.layers.iter().zip(gradient).map(|(layer, g)| Layer {
        weight: layer.weight.narrow(0, run, 1),
        apical: g.get(run).unsqueeze(0) * steps.neg().unsqueeze(-1) + 1.0,
        activation: layer.activation,
    });
    Network { layers: layers.collect(), runs: steps.size()[0] }
}

/// Output of networks that share their weights and differ in their multipliers:
/// `[network, sample, output]`. The samples of all networks are one batch of each product.
///
/// # Shapes
/// - x: `[sample, input]`
fn output(network: &Network, x: &Tensor) -> Tensor {
    let mut rates = x.unsqueeze(0);
    for layer in &network.layers {
        let weight = layer.weight.get(0);
        let flat = rates.reshape([-1, rates.size()[2]]);
        let h = flat.mm(&weight.tr()).view([rates.size()[0], rates.size()[1], -1]);
        rates = layer.activation.apply_in_place(h) * layer.apical.unsqueeze(1);
    }
    rates
}

/// Mean losses on `data` of one run with multipliers 1 − step · gradient: `[step]` f64.
///
/// # Shapes
/// - gradient: for each layer `[run, neuron]`
pub fn losses(
    network: &Network,
    run: i64,
    gradient: &[Tensor],
    data: &Subset,
    loss: Loss,
    steps: &[f64],
) -> Tensor {
    let (kind, device) = (gradient[0].kind(), gradient[0].device());
    let groups = steps.chunks(TOGETHER).map(|group| {
        let steps = Tensor::from_slice(group).to_kind(kind).to_device(device);
        let network = moved(network, run, gradient, &steps);
        let mut sum = Tensor::zeros([group.len() as i64], (Kind::Double, device));
        for chunk in chunks(0..data.len(), CHUNK) {
            let output = output(&network, &samples(&data.images, &chunk));
            let each = loss.each(&output, &samples(&data.target, &chunk));
            let _ = sum.g_add_(&each.sum_dim_intlist(-1, false, Kind::Double));
        }
        sum / data.len() as f64
    });
    Tensor::cat(&groups.collect::<Vec<_>>(), 0)
}
