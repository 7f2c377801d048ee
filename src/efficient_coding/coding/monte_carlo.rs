//! What responses truly tell of images, by sampling: I(X; Z) of z = gain eta(W^T (x + n) - theta) + m
//! in bits, between two bounds.
//!
//! KL/2 of [`super::information`] is this for linear neurons and Gaussian images only. Here nothing
//! is linearised, and of the images nothing is known but samples. With u = W^T (x + n), which z
//! depends on x through:
//!
//! ```text
//! I(X; Z) = I(U; Z) - I(U; Z | X)
//! p(z | u) = N(z; gain eta(u - theta), sigma_out^2)
//! E log2 p(z | u_0) / mean over k = 0..K of p(z | u_k)  <=  I(U; Z)
//! E log2 p(z | u_0) / mean over k = 1..K of p(z | u_k)  >=  I(U; Z)
//! ```
//!
//! where z is of u_0, and all u_k are drawn alike: from p(u), and for the second term from p(u | x).
//! These are the prior contrastive and the nested Monte Carlo bound of Foster et al. (2020, "A
//! unified stochastic gradient approach to designing Bayesian-optimal experiments"); both tend to the
//! information as K grows, so that their distance shows the bias of either.

use std::f64::consts::LN_2;

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor};

use super::model::{ModelConstants, Neurons};
use super::response::Nonlinearity;
use crate::lab::statistics::mean_and_sd;
use crate::lab::tensor::{rng, to_host};

/// Numbers of f64 that are held at once, about.
const AT_ONCE: i64 = 1 << 22;

/// Images for one independent estimate.
pub struct Block {
    /// Images that responses are drawn of: `[outer, input]`.
    pub images: Tensor,
    /// Images that are drawn alike, for the density of the responses: `[inner, input]`.
    pub others: Tensor,
}

/// A mean over blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockMean {
    /// The mean, in bits.
    pub mean: f64,
    /// Its standard error, from the spread of the blocks.
    pub standard_error: f64,
}

/// Between what the information of the responses is, in bits a patch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InformationBounds {
    /// In expectation at most the information.
    pub lower: BlockMean,
    /// In expectation at least the information.
    pub upper: BlockMean,
}

/// Both bounds of one information, in bits.
#[derive(Clone, Copy)]
struct Bounds {
    lower: f64,
    upper: f64,
}

/// Bounds of the information that the responses of a small model have of its images: the densities
/// are sums over `inner` samples, which has to be some times 2 to the power of I(U; Z).
///
/// Noise is drawn from (seed, "information-noise", block).
///
/// - blocks: two at least, each of images of its own
///
/// # Errors
/// Where there are fewer than two blocks, or one can't be had; where an estimate is not finite.
pub fn information_bounds(
    constants: &ModelConstants,
    neurons: &Neurons,
    blocks: impl Iterator<Item = Result<Block>>,
    seed: u64,
) -> Result<InformationBounds> {
    let channel = Channel::new(constants, neurons);
    let mut each = Vec::new();
    for (index, block) in blocks.enumerate() {
        rng::seed_torch(seed, "information-noise", index as u64);
        each.push(channel.bounds(&block?)?);
    }
    ensure!(each.len() > 1, "{} blocks: a standard error needs two", each.len());
    let mean = |part: fn(&Bounds) -> f64| BlockMean::of(&each.iter().map(part).collect::<Vec<_>>());
    Ok(InformationBounds { lower: mean(|each| each.lower), upper: mean(|each| each.upper) })
}

impl BlockMean {
    fn of(values: &[f64]) -> Self {
        let (mean, sd) = mean_and_sd(values);
        Self { mean, standard_error: sd / (values.len() as f64).sqrt() }
    }
}

/// From images to responses, in f64 on the CPU.
struct Channel {
    nonlinearity: Nonlinearity,
    filters: Tensor,
    /// sigma_in R with W = Q R: the noise of the outputs is that of as many independent numbers.
    noise: Tensor,
    gain: Tensor,
    threshold: Tensor,
    output_noise: f64,
}

impl Channel {
    fn new(constants: &ModelConstants, neurons: &Neurons) -> Self {
        let double = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double);
        let filters = double(&neurons.filters);
        let (_, root) = Tensor::linalg_qr(&filters, "reduced");
        let log_threshold = double(&neurons.log_threshold);
        let threshold = match constants.nonlinearity.has_threshold() {
            true => log_threshold.exp(),
            false => log_threshold.zeros_like(),
        };
        Self {
            nonlinearity: constants.nonlinearity,
            noise: root * constants.input_noise,
            gain: double(&neurons.log_gain).exp(),
            threshold,
            output_noise: constants.output_noise,
            filters,
        }
    }

    /// The filters' outputs without noise: `[image, neuron]`.
    fn outputs(&self, images: &Tensor) -> Tensor {
        images.to_kind(Kind::Double).matmul(&self.filters)
    }

    /// The responses without noise of their own, to outputs with noise that is drawn here:
    /// `[.., neuron]`.
    fn rates(&self, outputs: &Tensor) -> Tensor {
        let noise = outputs.randn_like().matmul(&self.noise);
        self.nonlinearity.value(&(outputs + noise - &self.threshold)) * &self.gain
    }

    /// log p(z | u) without its constant, from the differences z - r(u): `[.., neuron]`.
    fn log_density(&self, differences: &Tensor) -> Tensor {
        let squares = differences.square().sum_dim_intlist(-1, false, Kind::Double);
        squares * (-0.5 / self.output_noise.powi(2))
    }

    fn bounds(&self, block: &Block) -> Result<Bounds> {
        let outputs = self.outputs(&block.images);
        let rates = self.rates(&outputs);
        let responses = &rates + rates.randn_like() * self.output_noise;
        let own = self.log_density(&(&responses - &rates));
        let inner = block.others.size()[0];
        let others = self.rates(&self.outputs(&block.others));
        let chunk = (AT_ONCE / (inner * self.gain.numel() as i64)).max(1);
        let parts = [&outputs, &responses, &own].map(|tensor| tensor.split(chunk, 0));
        let [mut all, mut given_image] = [Vec::new(), Vec::new()];
        for ((outputs, responses), own) in parts[0].iter().zip(&parts[1]).zip(&parts[2]) {
            let responses = responses.unsqueeze(1);
            let density = |rates: &Tensor| self.log_density(&(&responses - rates));
            all.push(logarithms(own, &density(&others.unsqueeze(0))));
            let size = [outputs.size()[0], inner, outputs.size()[1]];
            let again = self.rates(&outputs.unsqueeze(1).expand(size, false));
            given_image.push(logarithms(own, &density(&again)));
        }
        let (all, given_image) = (mean(&all)?, mean(&given_image)?);
        Ok(Bounds { lower: all.lower - given_image.upper, upper: all.upper - given_image.lower })
    }
}

/// Both bounds for each response, in bits: `[2, outer]`.
///
/// - own: log p(z | u_0), `[outer]`
/// - others: log p(z | u_k), `[outer, inner]`
fn logarithms(own: &Tensor, others: &Tensor) -> Tensor {
    let count = others.size()[1] as f64;
    let sum = others.logsumexp([1].as_slice(), false);
    let with_own = sum.logaddexp(own);
    let lower = own - with_own + (count + 1.0).ln();
    let upper = own - sum + count.ln();
    Tensor::stack(&[lower, upper], 0) / LN_2
}

/// The means of bounds, in bits.
///
/// - parts: `[2, some]` each
fn mean(parts: &[Tensor]) -> Result<Bounds> {
    let means = Tensor::cat(parts, 1).mean_dim(1, false, Kind::Double);
    let means = to_host::values(&means)?;
    ensure!(means.iter().all(|bits| bits.is_finite()), "the estimate is not finite");
    Ok(Bounds { lower: means[0], upper: means[1] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efficient_coding::coding::information::{Information, Shared};
    use crate::efficient_coding::coding::model::unit_columns;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// A model of `neurons` random filters of 6 inputs whose covariance is that of a walk.
    fn model(nonlinearity: Nonlinearity, neurons: i64) -> (ModelConstants, Neurons, Tensor) {
        tch::set_num_threads(1);
        tch::manual_seed(4);
        let root = Tensor::ones([6, 6], OPTIONS).tril(0) * 0.6;
        let constants = ModelConstants::new(&root.matmul(&root.tr()), 0.4, 1.5, nonlinearity, 1.0);
        let neurons = Neurons {
            filters: unit_columns(&Tensor::randn([6, neurons], OPTIONS)),
            log_gain: Tensor::linspace(0.2, 0.9, neurons, OPTIONS),
            log_threshold: Tensor::full([neurons], -1.0, OPTIONS),
        };
        (constants, neurons, root)
    }

    fn found(nonlinearity: Nonlinearity, neurons: i64, inner: i64) -> (InformationBounds, f64) {
        let (constants, neurons, root) = model(nonlinearity, neurons);
        let draw = |count: i64| Tensor::randn([count, 6], OPTIONS).matmul(&root.tr());
        let blocks = (0..12).map(|block| {
            rng::seed_torch(7, "images", block);
            Ok(Block { images: draw(400), others: draw(inner) })
        });
        let bounds = information_bounds(&constants, &neurons, blocks, 1).unwrap();
        let filters = &neurons.filters;
        let shared = Shared {
            signal: filters.tr().matmul(&constants.covariance.matmul(filters)),
            noise: filters.tr().matmul(filters) * constants.input_noise.powi(2),
            output_noise: constants.output_noise,
        };
        let slopes = neurons.log_gain.exp().unsqueeze(0);
        let exact = Information::new(&shared, &slopes).kl().double_value(&[0]) / 2.0;
        (bounds, exact)
    }

    #[test]
    fn linear_neurons_of_gaussian_images_have_half_of_kl() {
        let (InformationBounds { lower, upper }, exact) = found(Nonlinearity::Linear, 3, 2000);
        assert!(exact > 1.0, "{exact}");
        let error = 4.0 * lower.standard_error.max(upper.standard_error);
        assert!(error < 0.2, "{lower:?} {upper:?}");
        assert!(upper.mean - lower.mean < 0.05, "{lower:?} {upper:?}");
        assert!((lower.mean - exact).abs() < error && (upper.mean - exact).abs() < error);
    }

    #[test]
    fn few_samples_leave_the_bounds_apart_with_the_information_between() {
        let (InformationBounds { lower, upper }, exact) = found(Nonlinearity::Linear, 3, 5);
        assert!(upper.mean - lower.mean > 0.5, "{lower:?} {upper:?}");
        assert!(lower.mean < exact && exact < upper.mean, "{lower:?} {exact} {upper:?}");
    }

    /// The integrals over x, n and z of a single rectified neuron of a single input, by sums.
    fn by_quadrature(nonlinearity: Nonlinearity, gain: f64, threshold: f64, sd: f64) -> f64 {
        let grid = |count: usize, reach: f64| -> Vec<f64> {
            (0..count).map(|i| reach * ((2 * i + 1) as f64 / count as f64 - 1.0)).collect()
        };
        let normal = |values: &[f64]| -> Vec<f64> {
            let weights: Vec<f64> = values.iter().map(|v| (-0.5 * v * v).exp()).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / sum).collect()
        };
        let (x, n, z) = (grid(120, 5.0), grid(60, 5.0), grid(400, 30.0));
        let (of_x, of_n) = (normal(&x), normal(&n));
        let step = z[1] - z[0];
        let outputs: Vec<f64> =
            x.iter().flat_map(|x| n.iter().map(move |n| x + 0.4 * n - threshold)).collect();
        let rates = nonlinearity.value(&Tensor::from_slice(&outputs)) * gain;
        let rates: Vec<f64> = to_host::values(&rates).unwrap();
        let entropy = |density: &[f64]| -> f64 {
            density.iter().map(|p| if *p > 0.0 { -p * p.log2() * step } else { 0.0 }).sum()
        };
        let (mut all, mut given) = (vec![0.0; z.len()], 0.0);
        for (i, weight) in of_x.iter().enumerate() {
            let density: Vec<f64> = z
                .iter()
                .map(|z| {
                    let terms = rates[i * n.len()..][..n.len()].iter().zip(&of_n);
                    let terms = terms.map(|(r, p)| p * (-0.5 * ((z - r) / sd).powi(2)).exp());
                    terms.sum::<f64>() / (sd * (2.0 * std::f64::consts::PI).sqrt())
                })
                .collect();
            given += weight * entropy(&density);
            all.iter_mut().zip(&density).for_each(|(all, p)| *all += weight * p);
        }
        entropy(&all) - given
    }

    #[test]
    fn a_rectified_neuron_has_what_its_integrals_give() {
        tch::set_num_threads(1);
        for nonlinearity in [Nonlinearity::Softplus, Nonlinearity::Relu] {
            let constants =
                ModelConstants::new(&Tensor::ones([1, 1], OPTIONS), 0.4, 0.8, nonlinearity, 1.0);
            let neurons = Neurons {
                filters: Tensor::ones([1, 1], OPTIONS),
                log_gain: Tensor::full([1], 3.0f64.ln(), OPTIONS),
                log_threshold: Tensor::full([1], 0.3f64.ln(), OPTIONS),
            };
            let blocks = (0..12).map(|block| {
                rng::seed_torch(9, "images", block);
                let draw = |count: i64| Tensor::randn([count, 1], OPTIONS);
                Ok(Block { images: draw(1500), others: draw(1000) })
            });
            let bounds = information_bounds(&constants, &neurons, blocks, 2).unwrap();
            let InformationBounds { lower, upper } = bounds;
            let expected = by_quadrature(nonlinearity, 3.0, 0.3, 0.8);
            let error = 4.0 * lower.standard_error.max(upper.standard_error);
            assert!(error < 0.05 && expected > 0.3, "{bounds:?} {expected}");
            for bound in [lower, upper] {
                assert!((bound.mean - expected).abs() < error + 0.01, "{bounds:?} {expected}");
            }
        }
    }

    #[test]
    fn a_single_block_is_refused() {
        let (constants, neurons, _) = model(Nonlinearity::Softplus, 2);
        let block = || Block {
            images: Tensor::zeros([4, 6], OPTIONS),
            others: Tensor::zeros([4, 6], OPTIONS),
        };
        let one = std::iter::once(Ok(block()));
        assert!(information_bounds(&constants, &neurons, one, 0).is_err());
        // Images that are all the same tell nothing.
        let two = [Ok(block()), Ok(block())].into_iter();
        let bounds = information_bounds(&constants, &neurons, two, 0).unwrap();
        assert!(bounds.lower.mean < 0.5 && bounds.lower.mean > -3.0, "{bounds:?}");
    }
}
