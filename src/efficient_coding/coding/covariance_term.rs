//! One of the two covariances that the information is made of.

use tch::{Kind, Tensor};

/// What the information and its gradient need of one covariance C = G M G + sigma_out^2 of the
/// responses, where A is C / sigma_out^2.
pub struct CovarianceTerm {
    /// log2 det A, in bits: `[sample]`.
    pub logdet: Tensor,
    /// The diagonal of A^-1: `[sample, neuron]`.
    pub diagonal: Tensor,
    /// Mean over samples of G C^-1 G: `[neuron, neuron]`.
    pub spread: Tensor,
}

impl CovarianceTerm {
    /// Factorises the covariance of every sample on any device and at any precision, by libtorch's
    /// batched Cholesky factorisation.
    ///
    /// - matrix: M, `[neuron, neuron]`
    /// - slopes: g, `[sample, neuron]`
    /// - variance: sigma_out^2
    pub fn by_libtorch(matrix: &Tensor, slopes: &Tensor, variance: f64) -> Self {
        let scaled = slopes / variance.sqrt();
        let a = scaled.unsqueeze(2) * matrix * scaled.unsqueeze(1);
        let _ = a.diagonal(0, 1, 2).g_add_scalar_(1.0);
        let (root, _) = a.linalg_cholesky_ex(false, false);
        let logdet = root.diagonal(0, 1, 2).log2().sum_dim_intlist(-1, false, a.kind()) * 2.0;
        let inverse = root.cholesky_inverse(false);
        let diagonal = inverse.diagonal(0, 1, 2).contiguous();
        let spread =
            (scaled.unsqueeze(2) * inverse * scaled.unsqueeze(1)).mean_dim(0, false, None::<Kind>);
        Self { logdet, diagonal, spread }
    }
}
