//! What a model is worth when nothing moves, measured on patches that no step has seen.

use tch::{Kind, Tensor};

use super::gradient::BatchPass;
use super::information::Information;
use super::model::{ModelConstants, Neurons};
use super::rule::component_along;

/// Measures of a frozen model over the evaluation's patches.
pub struct FrozenMeasures {
    /// KL with every gain such that its neuron meets the target on these patches, in bits: `[]`.
    pub kl: Tensor,
    /// KL with the gains as they are, in bits: `[]`.
    pub own_kl: Tensor,
    /// The sum of the neurons' mean activities at their own gains: `[]`.
    pub own_spikes: Tensor,
    /// Mean activity of each neuron at its own gain: `[neuron]`.
    pub rate: Tensor,
    /// The standard error of `rate`: `[neuron]`.
    pub rate_error: Tensor,
    /// Mean rate over the neurons for each patch, at their own gains: `[patch]`.
    pub rate_of_patches: Tensor,
    /// What KL would lose without each neuron, in bits, at the gains of `kl`: `[neuron]`.
    pub leave_one_out: Tensor,
    /// Cosine between the gradients of KL and of the rate along the sphere of each filter:
    /// `[neuron]`.
    pub cosine: Tensor,
    /// The part of KL's gradient that no multipliers of the rates explain, over its norm: 0 at the
    /// constrained optimum, `[]`. It counts filters, gains and thresholds, the filters as free
    /// ones.
    pub residual: Tensor,
    /// The gradient of KL/2 by the filters, at the gains of `kl`: `[input, neuron]`.
    pub kl_gradient: Tensor,
    /// The gradient of each neuron's rate by its filter, at the gains of `kl`: `[input, neuron]`.
    pub rate_gradient: Tensor,
}

impl FrozenMeasures {
    /// Measures neurons on patches.
    ///
    /// - noisy: patches with their noise, `[patch, input]`
    /// - chunk: patches that are factorised at once
    pub fn new(constants: &ModelConstants, neurons: &Neurons, noisy: &Tensor, chunk: i64) -> Self {
        let own = BatchPass::new(constants, neurons, noisy, false);
        let mean = |tensor: &Tensor| tensor.mean(None::<Kind>);
        let over_patches = |tensor: &Tensor| tensor.mean_dim(0, false, None::<Kind>);
        let own_kl = mean(&Information::in_chunks(&own.shared, &own.slopes, chunk).kl());
        let exponent = constants.nonlinearity.activity_exponent();
        let activity = &own.response.activity * own.gain.pow_tensor_scalar(exponent);
        let error = activity.std_dim(0, true, false) / (noisy.size()[0] as f64).sqrt();

        let pass = BatchPass::new(constants, neurons, noisy, true);
        let information = Information::in_chunks(&pass.shared, &pass.slopes, chunk);
        let (of_kl, of_rate) = (pass.kl_gradient(&information), pass.activity_gradient());
        let (k, h) = (pass.tangent(&of_kl.filters), pass.tangent(&of_rate.filters));
        let norm = |t: &Tensor| t.norm_scalaropt_dim(2.0, 0, false);
        let dot = (&k * &h).sum_dim_intlist(0, false, None::<Kind>);
        let rows = |tangent: &Tensor, gain: &Tensor, threshold: &Tensor| {
            Tensor::cat(&[tangent, &gain.unsqueeze(0), &threshold.unsqueeze(0)], 0)
        };
        let whole = rows(&k, &of_kl.log_gain, &of_kl.log_threshold);
        let left =
            &whole - component_along(&whole, &rows(&h, &of_rate.log_gain, &of_rate.log_threshold));
        Self {
            kl: mean(&information.kl()),
            own_kl,
            own_spikes: own.mean_activity.sum(None::<Kind>),
            rate_of_patches: own.rates().mean_dim(1, false, None::<Kind>),
            rate: own.mean_activity,
            rate_error: error,
            leave_one_out: over_patches(&information.leave_one_out()),
            cosine: dot / (norm(&k) * norm(&h)).clamp_min(f64::from(f32::MIN_POSITIVE)),
            residual: left.norm() / whole.norm(),
            kl_gradient: of_kl.filters * 0.5,
            rate_gradient: of_rate.filters,
        }
    }
}
