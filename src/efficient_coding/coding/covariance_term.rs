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
    /// Factorises the covariances of every sample on any device and at any precision, by libtorch's
    /// batched Cholesky factorisation, of all matrices at once: a GPU is then asked half as often.
    ///
    /// - matrices: each an M, `[neuron, neuron]`
    /// - slopes: g, `[sample, neuron]`
    /// - variance: sigma_out^2
    pub fn by_libtorch<const N: usize>(
        matrices: [&Tensor; N],
        slopes: &Tensor,
        variance: f64,
    ) -> [Self; N] {
        let scaled = slopes / variance.sqrt();
        let pairs = scaled.unsqueeze(2) * scaled.unsqueeze(1);
        // [matrix, sample, neuron, neuron]
        let a = &pairs * Tensor::stack(&matrices, 0).unsqueeze(1);
        let _ = a.diagonal(0, 2, 3).g_add_scalar_(1.0);
        let (root, _) = a.linalg_cholesky_ex(false, false);
        let logdet = root.diagonal(0, 2, 3).log2().sum_dim_intlist(-1, false, a.kind()) * 2.0;
        let inverse = root.cholesky_inverse(false);
        let spread = (&inverse * pairs).mean_dim(1, false, None::<Kind>);
        std::array::from_fn(|i| {
            let i = i as i64;
            let diagonal = inverse.get(i).diagonal(0, 1, 2);
            Self { logdet: logdet.get(i), diagonal, spread: spread.get(i) }
        })
    }
}
