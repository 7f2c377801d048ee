//! The gradient of every sample in the multipliers, from one backward pass a chunk.

use anyhow::Result;
use tch::{Kind, Tensor};

use crate::apical::loss::Loss;
use crate::apical::network::Network;
use crate::apical::split::Part;
use crate::lab::tensor::to_host;

const CHUNK: i64 = 500;
/// Bins of the histograms.
pub const BINS: i64 = 120;

/// What is known of the per-sample gradients ∂l/∂a of one layer of one run.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Standard deviation over samples and neurons.
    pub sd: f64,
    /// Third standardised moment.
    pub skewness: f64,
    /// Share below 0.
    pub negative: f64,
    /// How many of [`BINS`] equal bins over ± the range that was asked for.
    pub counts: Vec<f64>,
}

/// The mean gradient of every run, for each layer [run, neuron], and each layer's statistics of
/// the per-sample gradients of the first run.
///
/// - range: half the width of the histograms
///
/// # Errors
/// Where the device can't be read.
pub fn gradients(
    network: &Network,
    part: &Part,
    loss: Loss,
    range: f64,
) -> Result<(Vec<Tensor>, Vec<Statistics>)> {
    let device = part.images.device();
    let (kind, options) = (part.images.kind(), (Kind::Double, device));
    let mut sums: Vec<Tensor> = network.layers.iter().map(|l| l.apical.zeros_like()).collect();
    let mut moments: Vec<Tensor> = sums.iter().map(|_| Tensor::zeros([4], options)).collect();
    let mut counts: Vec<Tensor> = sums.iter().map(|_| Tensor::zeros([BINS], options)).collect();
    for from in (0..part.samples()).step_by(CHUNK as usize) {
        let length = CHUNK.min(part.samples() - from);
        let x = part.images.narrow(0, from, length);
        let pass = network.forward(&x, true);
        let one = Tensor::ones([], (kind, device));
        let delta = loss.gradient(pass.output(), &part.target.narrow(0, from, length), &one);
        let each = network.backward(&x, &pass, delta, false).apical;
        for (k, each) in each.iter().enumerate() {
            let _ = sums[k].g_add_(&each.sum_dim_intlist(1, false, kind));
            let first = each.get(0).to_kind(Kind::Double);
            let powers = [
                first.sum(Kind::Double),
                first.square().sum(Kind::Double),
                first.pow_tensor_scalar(3).sum(Kind::Double),
                first.lt(0.0).sum(Kind::Double),
            ];
            let _ = moments[k].g_add_(&Tensor::stack(&powers, 0));
            // One more bin at either end for what is beyond the range.
            let bins = ((&first + range) * (BINS as f64 / (2.0 * range))).floor() + 1.0;
            let bins = bins.clamp(0.0, BINS as f64 + 1.0).to_kind(Kind::Int64).reshape([-1]);
            let all = bins.bincount::<Tensor>(None, BINS + 2);
            let _ = counts[k].g_add_(&all.narrow(0, 1, BINS));
        }
    }
    let samples = part.samples() as f64;
    let statistics = moments.iter().zip(&counts).zip(&network.layers).map(|((m, c), layer)| {
        let numbers = to_host::values(m)?;
        let n = samples * layer.apical.size()[1] as f64;
        let [mean, square, cube] = [numbers[0] / n, numbers[1] / n, numbers[2] / n];
        let variance = square - mean * mean;
        let third = cube - 3.0 * mean * square + 2.0 * mean.powi(3);
        Ok(Statistics {
            sd: variance.sqrt(),
            skewness: third / variance.powf(1.5),
            negative: numbers[3] / n,
            counts: to_host::values(c)?,
        })
    });
    let statistics = statistics.collect::<Result<Vec<_>>>()?;
    Ok((sums.into_iter().map(|sum| sum / samples).collect(), statistics))
}
