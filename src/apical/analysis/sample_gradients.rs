//! The gradient of every sample in the multipliers, from one backward pass a chunk, and what a
//! gradient that is never cleared holds after every sample.

use std::ops::Range;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::apical::learning::split::Subset;
use crate::apical::learning::trainer::{chunks, samples};
use crate::apical::model::loss::Loss;
use crate::apical::model::network::Network;
use crate::lab::tensor::to_host;

/// Samples of one chunk.
const CHUNK: i64 = 500;
/// Bins of the histograms.
pub const BINS: i64 = 120;

/// Of which gradients the statistics are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientRecord {
    /// Of each sample alone
    Single,
    /// Of each sample and all before it: a gradient that is never cleared
    Uncleared,
}

impl GradientRecord {
    /// Whether the gradient of a sample is added to that of those before it.
    fn adds_up(self) -> bool {
        match self {
            Self::Single => false,
            Self::Uncleared => true,
        }
    }
}

/// What is known of the per-sample gradients ∂l/∂a of one layer of one run.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Standard deviation over samples and neurons.
    pub sd: f64,
    /// Third standardised moment.
    pub skewness: f64,
    /// Share below 0.
    pub negative: f64,
    /// How many of the gradients are in each of [`BINS`] equal bins over ± the range that was asked
    /// for.
    pub counts: Vec<f64>,
}

/// Sums over the per-sample gradients of one layer of one run, on the device.
struct Sums {
    /// Of the gradient, its square and cube, and of how many are below 0: `[4]` f64.
    moments: Tensor,
    /// How many are in each bin: `[BINS]` f64.
    counts: Tensor,
}

impl Sums {
    fn new(device: Device) -> Self {
        let zeros = |length| Tensor::zeros([length], (Kind::Double, device));
        Self { moments: zeros(4), counts: zeros(BINS) }
    }

    /// Adds some samples.
    ///
    /// # Shapes
    /// - gradients: `[sample, neuron]`
    fn add(&mut self, gradients: &Tensor, range: f64) {
        let gradients = gradients.to_kind(Kind::Double);
        let powers = [
            gradients.sum(Kind::Double),
            gradients.square().sum(Kind::Double),
            gradients.pow_tensor_scalar(3).sum(Kind::Double),
            gradients.lt(0.0).sum(Kind::Double),
        ];
        let _ = self.moments.g_add_(&Tensor::stack(&powers, 0));
        // One more bin at either end for what is beyond the range.
        let bins = ((&gradients + range) * (BINS as f64 / (2.0 * range))).floor() + 1.0;
        let bins = bins.clamp(0.0, BINS as f64 + 1.0).to_kind(Kind::Int64).reshape([-1]);
        let all = bins.bincount::<Tensor>(None, BINS + 2);
        let _ = self.counts.g_add_(&all.narrow(0, 1, BINS));
    }

    /// The statistics of `n` gradients, read from the device.
    fn statistics(&self, n: f64) -> Result<Statistics> {
        let sums = to_host::values(&self.moments)?;
        let [mean, square, cube] = [sums[0] / n, sums[1] / n, sums[2] / n];
        let variance = square - mean * mean;
        let third = cube - 3.0 * mean * square + 2.0 * mean.powi(3);
        Ok(Statistics {
            sd: variance.sqrt(),
            skewness: third / variance.powf(1.5),
            negative: sums[3] / n,
            counts: to_host::values(&self.counts)?,
        })
    }
}

/// The per-sample gradients of several runs.
pub struct SampleGradients {
    /// Their mean: for each layer `[run, neuron]`.
    pub mean: Vec<Tensor>,
    /// Their statistics: `[layer][run]`.
    pub statistics: Vec<Vec<Statistics>>,
}

/// Follows the gradients of single samples, chunk by chunk: for each layer `[run, sample, neuron]`.
fn each_chunk(
    network: &Network,
    data: &Subset,
    loss: Loss,
    range: Range<i64>,
    mut add: impl FnMut(&[Tensor]),
) {
    let one = Tensor::ones([], (data.images.kind(), data.images.device()));
    for chunk in chunks(range, CHUNK) {
        let x = samples(&data.images, &chunk);
        let rates = network.forward(&x, true);
        let delta = loss.gradient(rates.output(), &samples(&data.target, &chunk), &one);
        add(&network.backward(&x, &rates, delta, false).apical);
    }
}

/// Adds the gradients of some samples to their sums: for each layer `[run, neuron]`.
fn add_to(totals: &mut [Tensor], each: &[Tensor]) {
    for (each, total) in each.iter().zip(totals) {
        let _ = total.g_add_(&each.sum_dim_intlist(1, false, each.kind()));
    }
}

fn zeros(network: &Network) -> Vec<Tensor> {
    network.layers.iter().map(|layer| layer.apical.zeros_like()).collect()
}

/// The sum of the gradients of some samples of every run: for each layer `[run, neuron]`.
pub fn total(network: &Network, data: &Subset, loss: Loss, range: Range<i64>) -> Vec<Tensor> {
    let mut totals = zeros(network);
    each_chunk(network, data, loss, range, |each| add_to(&mut totals, each));
    totals
}

/// The gradients of all samples of every run. The statistics are of those that `record` has, the
/// histograms over ± `range`.
///
/// # Errors
/// If the device can't be read.
pub fn gradients(
    network: &Network,
    data: &Subset,
    loss: Loss,
    record: GradientRecord,
    range: f64,
) -> Result<SampleGradients> {
    let device = data.images.device();
    let mut totals = zeros(network);
    let of_runs = || (0..network.runs).map(|_| Sums::new(device)).collect();
    let mut sums: Vec<Vec<Sums>> = network.layers.iter().map(|_| of_runs()).collect();
    // In double precision, since tens of thousands of terms add up.
    let mut before: Vec<Tensor> = totals.iter().map(|t| t.to_kind(Kind::Double)).collect();
    each_chunk(network, data, loss, 0..data.len(), |each| {
        add_to(&mut totals, each);
        for ((each, sums), before) in each.iter().zip(&mut sums).zip(&mut before) {
            let recorded = if record.adds_up() {
                let all = each.cumsum(1, Kind::Double) + before.unsqueeze(1);
                before.copy_(&all.select(1, -1));
                all
            } else {
                each.shallow_clone()
            };
            let runs = (0..).zip(sums);
            runs.for_each(|(run, sums)| sums.add(&recorded.get(run), range));
        }
    });
    let count = data.len() as f64;
    let statistics = sums.iter().zip(&network.layers).map(|(sums, layer)| {
        let gradients = count * layer.apical.size()[1] as f64;
        sums.iter().map(|sums| sums.statistics(gradients)).collect()
    });
    let statistics = statistics.collect::<Result<_>>()?;
    Ok(SampleGradients {
        mean: totals.into_iter().map(|total| total / count).collect(),
        statistics,
    })
}
