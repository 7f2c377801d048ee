//! What the rates tell of the image, to first order: KL = log2 det C_z - log2 det C_zx, in bits.
//!
//! With g the slopes of one sample, M = W^T (C_x + sigma_in^2) W and M0 = sigma_in^2 W^T W:
//!
//! ```text
//! C_z  = G M  G + sigma_out^2      covariance of the responses
//! C_zx = G M0 G + sigma_out^2      the same given the image
//! I    = KL / 2
//! ```
//!
//! Both are divided by sigma_out^2 before anything else, A = I + G M G / sigma_out^2: KL is a small
//! difference of large numbers in C, and of small ones in A.

use std::f64::consts::LN_2;

use anyhow::Result;
use tch::{Kind, Tensor};

use super::kernel;
use crate::lab::tensor::to_host;

/// The matrices that every sample shares.
pub struct Shared {
    /// M = W^T (C_x + sigma_in^2) W: [neuron, neuron].
    pub signal: Tensor,
    /// M0 = sigma_in^2 W^T W: [neuron, neuron].
    pub noise: Tensor,
    /// sigma_out, standard deviation of the output noise.
    pub output_noise: f64,
}

/// Half of the information: of one of the two covariances.
pub struct Half {
    /// log2 det A, in bits: [sample].
    pub logdet: Tensor,
    /// The diagonal of A^-1: [sample, neuron].
    pub diagonal: Tensor,
    /// Mean over samples of G C^-1 G: [neuron, neuron].
    pub spread: Tensor,
}

/// The information of a batch, with all that its gradient needs.
pub struct Information {
    /// Of C_z.
    pub numerator: Half,
    /// Of C_zx.
    pub denominator: Half,
}

impl Information {
    /// Factorises both covariances of every sample.
    ///
    /// - slopes: g, [sample, neuron]
    pub fn new(shared: &Shared, slopes: &Tensor) -> Self {
        let half = |matrix: &Tensor| {
            let variance = shared.output_noise * shared.output_noise;
            kernel::half(matrix, slopes, variance)
                .unwrap_or_else(|| general(matrix, slopes, variance))
        };
        Self { numerator: half(&shared.signal), denominator: half(&shared.noise) }
    }

    /// The same in chunks of samples, so that memory does not grow with their number.
    pub fn in_chunks(shared: &Shared, slopes: &Tensor, chunk: i64) -> Self {
        let parts: Vec<(i64, Self)> = slopes
            .split(chunk, 0)
            .iter()
            .map(|part| (part.size()[0], Self::new(shared, part)))
            .collect();
        let count = slopes.size()[0] as f64;
        let join = |half: fn(&Self) -> &Half| {
            let all = |get: fn(&Half) -> &Tensor| {
                let each: Vec<&Tensor> = parts.iter().map(|(_, part)| get(half(part))).collect();
                Tensor::cat(&each, 0)
            };
            let spread = parts
                .iter()
                .map(|(samples, part)| &half(part).spread * (*samples as f64 / count))
                .fold(shared.signal.zeros_like(), |sum, part| sum + part);
            Half { logdet: all(|half| &half.logdet), diagonal: all(|half| &half.diagonal), spread }
        };
        Self {
            numerator: join(|part| &part.numerator),
            denominator: join(|part| &part.denominator),
        }
    }

    /// KL in bits: [sample].
    pub fn kl(&self) -> Tensor {
        &self.numerator.logdet - &self.denominator.logdet
    }

    /// q = dKL / dlog g in bits, never below 0: [sample, neuron].
    pub fn per_log_slope(&self) -> Tensor {
        (&self.denominator.diagonal - &self.numerator.diagonal) * (2.0 / LN_2)
    }

    /// What KL would lose without each neuron, in bits: [sample, neuron]. Exact: the determinant of
    /// a matrix without row and column i is the whole one times the inverse's entry (i, i).
    pub fn leave_one_out(&self) -> Tensor {
        (&self.denominator.diagonal / &self.numerator.diagonal).log2()
    }
}

/// The logarithm to base 2 of det C from that of A: of `neurons` neurons, in bits.
pub fn output_bits(neurons: i64, output_noise: f64) -> f64 {
    2.0 * neurons as f64 * output_noise.log2()
}

/// One covariance on any device and at any precision, by libtorch's batched factorisation.
///
/// - matrix: M, [neuron, neuron]
/// - slopes: g, [sample, neuron]
pub fn general(matrix: &Tensor, slopes: &Tensor, variance: f64) -> Half {
    let scaled = slopes / variance.sqrt();
    let a = scaled.unsqueeze(2) * matrix * scaled.unsqueeze(1);
    let _ = a.diagonal(0, 1, 2).g_add_scalar_(1.0);
    let (root, _) = a.linalg_cholesky_ex(false, false);
    let logdet = root.diagonal(0, 1, 2).log2().sum_dim_intlist(-1, false, a.kind()) * 2.0;
    let inverse = root.cholesky_inverse(false);
    let diagonal = inverse.diagonal(0, 1, 2).contiguous();
    let spread =
        (scaled.unsqueeze(2) * inverse * scaled.unsqueeze(1)).mean_dim(0, false, None::<Kind>);
    Half { logdet, diagonal, spread }
}

/// The entropy of a Gaussian of this covariance, in bits. `dimensions` is what the constant
/// counts; it is the number of inputs, wherever it is right.
///
/// - covariance: [input, input]
///
/// # Errors
/// Where the covariance is not positive definite.
pub fn entropy(covariance: &Tensor, dimensions: i64) -> Result<f64> {
    let root = covariance.to_kind(Kind::Double).f_linalg_cholesky(false)?;
    let constant = (2.0 * std::f64::consts::PI * std::f64::consts::E).log2() / 2.0;
    let bits = to_host::scalar(&root.diagonal(0, 0, 1).log2().sum(Kind::Double))?;
    Ok(bits + dimensions as f64 * constant)
}
