//! The drop of the loss on D_W after phase 1, over learning rates and batch sizes, from the one
//! gradient that all of them share.
//!
//! With fixed weights and multipliers, the gradients of the batches of D_A sum to N / b times the
//! mean gradient g over its N samples, and their mean is g itself, whatever the batch size b, as long
//! as it divides N. Where it does not, the samples that are left over are a smaller batch, and count
//! more: their gradient is taken apart. So every point of the map is a = 1 − lr · G with the G of its
//! batch size.

use tch::{Kind, Tensor};

use super::sample_gradients::total;
use crate::apical::learning::multipliers::{AReduce, SampleWeights};
use crate::apical::learning::split::Subset;
use crate::apical::learning::trainer::{chunks, samples};
use crate::apical::model::layer::Layer;
use crate::apical::model::loss::Loss;
use crate::apical::model::network::Network;

/// Networks that are evaluated together.
const TOGETHER: usize = 16;
/// Samples of one chunk.
const CHUNK: i64 = 500;

/// The gradient of phase 1 in batches of `batch` samples: for each layer `[run, neuron]`.
///
/// # Shapes
/// - mean: the mean gradient over the samples of `data`, for each layer `[run, neuron]`
pub fn batch_gradient(
    network: &Network,
    data: &Subset,
    loss: Loss,
    mean: &[Tensor],
    batch: i64,
    reduce: AReduce,
) -> Vec<Tensor> {
    let samples = data.len();
    // Fewer samples than a batch has are one batch.
    let weights = reduce.sample_weights(samples, batch.min(samples));
    let SampleWeights { whole, of_whole, of_rest } = weights;
    let of_all = mean.iter().map(|g| g * (samples as f64 * of_whole));
    if whole == samples {
        return of_all.collect();
    }
    let rest = total(network, data, loss, whole..samples);
    of_all.zip(rest).map(|(all, rest)| all + rest * (of_rest - of_whole)).collect()
}

/// The network of one run, once for each change of its multipliers from 1.
///
/// # Shapes
/// - changes: for each layer `[point, neuron]`
fn moved(network: &Network, run: i64, changes: &[Tensor]) -> Network {
    let runs = changes[0].size()[0];
    let layers = network
        .layers
        .iter()
        .zip(changes)
        .map(|(layer, change)| Layer { apical: change + 1.0, ..layer.slice_runs(run, 1) });
    Network { layers: layers.collect(), runs }
}

/// Output of networks that share their weights and differ in their multipliers:
/// `[network, sample, output]`. The samples of all networks are one batch of each product.
///
/// # Shapes
/// - x: `[sample, input]`
fn output(network: &Network, x: &Tensor) -> Tensor {
    let mut rates = x.unsqueeze(0);
    for layer in &network.layers {
        let flat = rates.reshape([1, -1, rates.size()[2]]);
        let h = layer.preactivation(&flat).view([rates.size()[0], rates.size()[1], -1]);
        rates = layer.activation.apply_in_place(h) * layer.apical.unsqueeze(1);
    }
    rates
}

/// Mean losses on `data` of one run where its multipliers are 1 − rate · gradient: `[point]` f64.
///
/// # Shapes
/// - points: rate and gradient, for each layer `[run, neuron]`
pub fn losses(
    network: &Network,
    run: i64,
    points: &[(f64, &[Tensor])],
    data: &Subset,
    loss: Loss,
) -> Tensor {
    let groups = points.chunks(TOGETHER).map(|group| {
        let change = |layer: usize| {
            let rows = group.iter().map(|(rate, gradient)| gradient[layer].get(run) * -rate);
            Tensor::stack(&rows.collect::<Vec<_>>(), 0)
        };
        let changes: Vec<Tensor> = (0..network.layers.len()).map(change).collect();
        let network = moved(network, run, &changes);
        let options = (Kind::Double, data.images.device());
        let mut sum = Tensor::zeros([group.len() as i64], options);
        for chunk in chunks(0..data.len(), CHUNK) {
            let output = output(&network, &samples(&data.images, &chunk));
            let each = loss.each(&output, &samples(&data.target, &chunk));
            let _ = sum.g_add_(&each.sum_dim_intlist(-1, false, Kind::Double));
        }
        sum / data.len() as f64
    });
    Tensor::cat(&groups.collect::<Vec<_>>(), 0)
}
