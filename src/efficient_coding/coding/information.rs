//! What the rates tell of the image, to first order: KL = log2 det C_z - log2 det C_zx, in bits.
//!
//! With g the slopes of one sample, M = W^T (C_x + sigma_in^2) W and M0 = sigma_in^2 W^T W:
//!
//! ```text
//! C_z  = G M  G + sigma_out^2      covariance of the responses
//! C_zx = G M0 G + sigma_out^2      covariance of the responses given the image
//! I    = KL / 2
//! ```
//!
//! Both are divided by sigma_out^2 before anything else, A = I + G M G / sigma_out^2: KL is a small
//! difference of large numbers in C, and of small ones in A.

use std::f64::consts::LN_2;

use anyhow::Result;
use tch::{Kind, Tensor};

use super::covariance_term::CovarianceTerm;
use super::kernel;
use crate::lab::tensor::to_host;

/// The matrices that every sample shares.
pub struct Shared {
    /// M = W^T (C_x + sigma_in^2) W: `[neuron, neuron]`.
    pub signal: Tensor,
    /// M0 = sigma_in^2 W^T W: `[neuron, neuron]`.
    pub noise: Tensor,
    /// sigma_out, standard deviation of the output noise.
    pub output_noise: f64,
}

/// The information of a batch, with all that its gradient needs.
pub struct Information {
    /// The term of C_z.
    pub numerator: CovarianceTerm,
    /// The term of C_zx.
    pub denominator: CovarianceTerm,
}

impl Information {
    /// Factorises both covariances of every sample.
    ///
    /// - slopes: g, `[sample, neuron]`
    pub fn new(shared: &Shared, slopes: &Tensor) -> Self {
        let variance = shared.output_noise * shared.output_noise;
        let matrices = [&shared.signal, &shared.noise];
        let by_kernel = matrices.map(|matrix| kernel::covariance_term(matrix, slopes, variance));
        let [numerator, denominator] = match by_kernel {
            [Some(numerator), Some(denominator)] => [numerator, denominator],
            _ => CovarianceTerm::by_libtorch(matrices, slopes, variance),
        };
        Self { numerator, denominator }
    }

    /// As [`Information::new`], in chunks of samples, so that memory does not grow with their
    /// number.
    pub fn in_chunks(shared: &Shared, slopes: &Tensor, chunk: i64) -> Self {
        let parts: Vec<(i64, Self)> = slopes
            .split(chunk, 0)
            .iter()
            .map(|part| (part.size()[0], Self::new(shared, part)))
            .collect();
        let count = slopes.size()[0] as f64;
        let join = |term: fn(&Self) -> &CovarianceTerm| {
            let all = |get: fn(&CovarianceTerm) -> &Tensor| {
                let each: Vec<&Tensor> = parts.iter().map(|(_, part)| get(term(part))).collect();
                Tensor::cat(&each, 0)
            };
            let spread = parts
                .iter()
                .map(|(samples, part)| &term(part).spread * (*samples as f64 / count))
                .fold(shared.signal.zeros_like(), |sum, part| sum + part);
            CovarianceTerm {
                logdet: all(|term| &term.logdet),
                diagonal: all(|term| &term.diagonal),
                spread,
            }
        };
        Self {
            numerator: join(|part| &part.numerator),
            denominator: join(|part| &part.denominator),
        }
    }

    /// KL in bits: `[sample]`.
    pub fn kl(&self) -> Tensor {
        &self.numerator.logdet - &self.denominator.logdet
    }

    /// q = dKL / dlog g in bits, never below 0: `[sample, neuron]`.
    pub fn per_log_slope(&self) -> Tensor {
        self.weighted_per_log_slope(1.0)
    }

    /// q times a weight: `[sample, neuron]`.
    pub fn weighted_per_log_slope(&self, weight: f64) -> Tensor {
        (&self.denominator.diagonal - &self.numerator.diagonal) * (2.0 / LN_2 * weight)
    }

    /// What KL would lose without each neuron, in bits: `[sample, neuron]`. Exact: the determinant
    /// of a matrix without row and column i is the whole one times the inverse's entry (i, i).
    pub fn leave_one_out(&self) -> Tensor {
        (&self.denominator.diagonal / &self.numerator.diagonal).log2()
    }
}

/// What is added to log2 det A to make log2 det C, for `neurons` neurons, in bits.
pub fn output_bits(neurons: i64, output_noise: f64) -> f64 {
    2.0 * neurons as f64 * output_noise.log2()
}

/// The entropy of a Gaussian of this covariance, in bits.
///
/// - covariance: `[input, input]`
/// - dimensions: how often the constant counts; the number of inputs, except where the original's
///   entropy is computed
///
/// # Errors
/// Where the covariance is not positive definite.
pub fn entropy(covariance: &Tensor, dimensions: i64) -> Result<f64> {
    let root = covariance.to_kind(Kind::Double).f_linalg_cholesky(false)?;
    let constant = (2.0 * std::f64::consts::PI * std::f64::consts::E).log2() / 2.0;
    let bits = to_host::scalar(&root.diagonal(0, 0, 1).log2().sum(Kind::Double))?;
    Ok(bits + dimensions as f64 * constant)
}
