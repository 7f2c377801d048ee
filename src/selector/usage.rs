//! How often each computation neuron is selected, and how alike their weights are.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use crate::lab::tensor::to_host;

/// A neuron is dominated where one computation neuron takes more than this share of its inputs.
const DOMINANT: f64 = 0.9;

/// How often each computation neuron of a layer was selected.
#[derive(Debug, Clone)]
pub struct Usage {
    /// `[replicate][computation][neuron]`
    counts: Vec<Vec<Vec<f64>>>,
}

impl Usage {
    /// Reads selection counts from the device.
    ///
    /// # Shapes
    /// - counts: `[.., computation, neuron]`, with an axis of replicates in front where there are
    ///   several
    ///
    /// # Errors
    /// Counts that can't be read from the device.
    pub fn read(counts: &Tensor, replicates: i64) -> Result<Self> {
        let shape = counts.size();
        let neurons = shape[shape.len() - 1];
        let choices = shape[shape.len() - 2];
        let flat = to_host::values(counts)?;
        let mut counts = Vec::with_capacity(replicates as usize);
        for block in flat.chunks((choices * neurons) as usize) {
            counts.push(block.chunks(neurons as usize).map(<[f64]>::to_vec).collect());
        }
        Ok(Self { counts })
    }

    /// A measure of each replicate.
    fn each(&self, measure: impl Fn(&[Vec<f64>]) -> f64) -> Vec<f64> {
        self.counts.iter().map(|counts| measure(counts)).collect()
    }

    /// The number of computation neurons (K).
    pub fn choices(&self) -> usize {
        self.counts[0].len()
    }

    /// Share of all selections, over samples and neurons, that took computation neuron `k`.
    pub fn ratio(&self, k: usize) -> Vec<f64> {
        self.each(|counts| ratios(counts)[k])
    }

    /// Entropy of the layer's selection ratios in nats: at most ln K.
    pub fn entropy(&self) -> Vec<f64> {
        self.each(|counts| entropy(&ratios(counts)))
    }

    /// Mean over neurons of the entropy of each neuron's own ratios in nats.
    pub fn neuron_entropy(&self) -> Vec<f64> {
        self.each(|counts| mean_over_neurons(counts, entropy))
    }

    /// Share of neurons that send more than 90 % of their inputs to one computation neuron.
    pub fn dominance(&self) -> Vec<f64> {
        let dominated =
            |shares: &[f64]| f64::from(u8::from(shares.iter().any(|share| *share > DOMINANT)));
        self.each(|counts| mean_over_neurons(counts, dominated))
    }

    /// Share of (neuron, computation neuron) pairs that were never selected.
    pub fn never_used(&self) -> Vec<f64> {
        let unused = |shares: &[f64]| {
            shares.iter().filter(|share| **share == 0.0).count() as f64 / shares.len() as f64
        };
        self.each(|counts| mean_over_neurons(counts, unused))
    }

    /// Selection shares of the first replicate: `[computation][neuron]`.
    pub fn shares(&self) -> Vec<Vec<f64>> {
        let neurons = self.counts[0][0].len();
        let columns: Vec<Vec<f64>> = (0..neurons).map(|n| column(&self.counts[0], n)).collect();
        let row = |k: usize| columns.iter().map(|shares| shares[k]).collect();
        (0..self.choices()).map(row).collect()
    }
}

/// Entropy of a distribution in nats, with 0 ln 0 = 0.
pub fn entropy(shares: &[f64]) -> f64 {
    // Not the negated sum, which is -0.0 where one share is all.
    0.0 - shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>()
}

/// Share of all selections that took each computation neuron.
///
/// - counts: `[computation][neuron]`
fn ratios(counts: &[Vec<f64>]) -> Vec<f64> {
    let sums: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
    let total: f64 = sums.iter().sum();
    sums.iter().map(|sum| sum / total).collect()
}

/// Share of one neuron's selections that took each computation neuron.
fn column(counts: &[Vec<f64>], neuron: usize) -> Vec<f64> {
    let total: f64 = counts.iter().map(|row| row[neuron]).sum();
    counts.iter().map(|row| row[neuron] / total).collect()
}

/// The mean over neurons of a measure of their own shares.
fn mean_over_neurons(counts: &[Vec<f64>], measure: impl Fn(&[f64]) -> f64) -> f64 {
    let neurons = counts[0].len();
    (0..neurons).map(|neuron| measure(&column(counts, neuron))).sum::<f64>() / neurons as f64
}

/// Mean over neurons, and over pairs of computation neurons, of the cosine between their weight
/// vectors, one value for each replicate; 0 where there is one computation neuron.
///
/// # Shapes
/// - weight: `[computation, neuron, input]`, or `[replicate, computation, neuron, input]`
///
/// # Errors
/// Weights that can't be read from the device.
pub fn cosine(weight: &Tensor, replicates: i64) -> Result<Vec<f64>> {
    let _guard = no_grad_guard();
    let shape = weight.size();
    let (choices, neurons) = (shape[shape.len() - 3], shape[shape.len() - 2]);
    if choices < 2 {
        return Ok(vec![0.0; replicates as usize]);
    }
    let weight = weight.to_kind(Kind::Double).reshape([replicates, choices, neurons, -1]);
    let length = weight.square().sum_dim_intlist(-1, true, Kind::Double).sqrt();
    let unit = weight / length.clamp_min(1e-300);
    // |sum_k u_k|^2 = K + 2 sum of the cosines of all pairs.
    let sum = unit.sum_dim_intlist(1, false, Kind::Double);
    let squares =
        sum.square().sum_dim_intlist(-1, false, Kind::Double).mean_dim(-1, false, Kind::Double);
    let pairs = (choices * (choices - 1)) as f64;
    to_host::values(&((squares - choices as f64) / pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn entropies_of_the_notebook() {
        for (a, expected) in
            [(0.4847, 0.6927), (0.4141, 0.6783), (0.4932, 0.69305), (0.4355, 0.6848)]
        {
            assert!((entropy(&[a, 1.0 - a]) - expected).abs() < 5.1e-5, "{a}");
        }
        assert!((entropy(&[0.5, 0.5]) - 2f64.ln()).abs() < 1e-15);
        assert!((entropy(&[0.2; 5]) - 1.6094).abs() < 5e-5);
        assert_eq!(entropy(&[1.0, 0.0]).to_bits(), 0f64.to_bits());
    }

    #[test]
    fn measures_of_a_small_layer() {
        // Three neurons: one even, one that only takes B, one that takes A 19 times of 20.
        let counts = Tensor::from_slice(&[10i64, 0, 19, 10, 20, 1]).view([2, 3]);
        let usage = Usage::read(&counts, 1).unwrap();
        assert_eq!(usage.ratio(0), [29.0 / 60.0]);
        assert_eq!(usage.dominance(), [2.0 / 3.0]);
        assert_eq!(usage.never_used(), [0.5 / 3.0]);
        let expected = (2f64.ln() + entropy(&[0.05, 0.95])) / 3.0;
        assert!((usage.neuron_entropy()[0] - expected).abs() < 1e-12);
        assert_eq!(usage.shares(), [[0.5, 0.0, 0.95], [0.5, 1.0, 0.05]]);
    }

    #[test]
    fn cosine_is_the_mean_over_pairs() {
        tch::manual_seed(1);
        let weight = Tensor::randn([2, 3, 4, 5], (Kind::Double, Device::Cpu));
        let found = cosine(&weight, 2).unwrap();
        for r in 0..2 {
            let mut sum = 0.0;
            for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                let (a, b) = (weight.get(r).get(i), weight.get(r).get(j));
                sum += Tensor::cosine_similarity(&a, &b, -1, 1e-12)
                    .mean(Kind::Double)
                    .double_value(&[]);
            }
            assert!((found[r as usize] - sum / 3.0).abs() < 1e-12);
        }
        assert_eq!(cosine(&weight.narrow(1, 0, 1), 2).unwrap(), [0.0, 0.0]);
    }
}
