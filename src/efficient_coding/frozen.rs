//! What a model is worth when nothing moves: measured on patches that no step has seen, the same at
//! every evaluation.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::constraint::off;
use super::experiment::EfficientCoding;
use super::gradient::Pass;
use super::information::Information;

/// Measures of a frozen model over the evaluation's patches.
pub struct Frozen {
    /// KL with every gain such that its neuron meets the target on these patches, in bits: [].
    pub kl: Tensor,
    /// KL with the gains as they are, in bits: [].
    pub own_kl: Tensor,
    /// The sum of the neurons' mean activities at their own gains: [].
    pub own_spikes: Tensor,
    /// Mean activity of each neuron at its own gain, and its standard error: [neuron] each.
    pub rate: (Tensor, Tensor),
    /// Mean rate over the neurons for each patch, at their own gains: [patch].
    pub rate_of_patches: Tensor,
    /// What KL would lose without each neuron, in bits, at the gains of `kl`: [neuron].
    pub leave_one_out: Tensor,
    /// Cosine between the gradients of KL and of the rate along the sphere of each filter: [neuron].
    pub cosine: Tensor,
    /// The part of KL's gradient that no multipliers of the rates explain, over its norm: 0 at the
    /// constrained optimum, []. Free filters, gains and thresholds count.
    pub residual: Tensor,
    /// Gradient of KL/2 and of each rate by the filters, at the gains of `kl`: [input, neuron] each.
    pub gradients: (Tensor, Tensor),
}

impl Frozen {
    /// Measures the model of a run.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub fn measure(run: &EfficientCoding) -> Result<Self> {
        let noisy = run.held_out()?;
        let neurons = run.parameters.neurons()?;
        let own = Pass::new(&run.surroundings, &neurons, &noisy, false);
        let chunk = run.config.batch_size;
        let mean = |tensor: &Tensor| tensor.mean(None::<Kind>);
        let over_patches = |tensor: &Tensor| tensor.mean_dim(0, false, None::<Kind>);
        let own_kl = mean(&Information::in_chunks(&own.shared, &own.slopes, chunk).kl());
        let exponent = run.surroundings.nonlinearity.activity_exponent();
        let activity = &own.response.activity * own.gain.pow_tensor_scalar(exponent);
        let error = activity.std_dim(0, true, false) / (noisy.size()[0] as f64).sqrt();

        let pass = Pass::new(&run.surroundings, &neurons, &noisy, true);
        let information = Information::in_chunks(&pass.shared, &pass.slopes, chunk);
        let (of_kl, of_rate) = (pass.kl_gradient(&information), pass.activity_gradient());
        let (k, h) = (pass.tangent(&of_kl.filters), pass.tangent(&of_rate.filters));
        let norm = |t: &Tensor| t.norm_scalaropt_dim(2.0, 0, false);
        let dot = (&k * &h).sum_dim_intlist(0, false, None::<Kind>);
        let rows = |tangent: &Tensor, gain: &Tensor, threshold: &Tensor| {
            Tensor::cat(&[tangent, &gain.unsqueeze(0), &threshold.unsqueeze(0)], 0)
        };
        let whole = rows(&k, &of_kl.log_gain, &of_kl.log_threshold);
        let left = &whole - off(&whole, &rows(&h, &of_rate.log_gain, &of_rate.log_threshold));
        Ok(Self {
            kl: mean(&information.kl()),
            own_kl,
            own_spikes: own.mean_activity.sum(None::<Kind>),
            rate_of_patches: own.rates().mean_dim(1, false, None::<Kind>),
            rate: (own.mean_activity, error),
            leave_one_out: over_patches(&information.leave_one_out()),
            cosine: dot / (norm(&k) * norm(&h)).clamp_min(f64::from(f32::MIN_POSITIVE)),
            residual: left.norm() / whole.norm(),
            gradients: (of_kl.filters * 0.5, of_rate.filters),
        })
    }
}

/// The covariances of a frozen model's responses, averaged over samples.
pub struct Covariances {
    /// Batches in the averages.
    pub batches: i64,
    /// Mean C_z and its standard error over batches, the latter if there are two: [neuron, neuron].
    pub numerator: (Tensor, Option<Tensor>),
    /// The same of C_zx.
    pub denominator: (Tensor, Option<Tensor>),
    /// W^T (C_x + sigma_in^2) W, which no sample enters: [neuron, neuron].
    pub filtered: Tensor,
}

impl Covariances {
    /// Averages over `batches` batches, the same at every call, at the model's own gains.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub fn measure(run: &EfficientCoding, batches: i64) -> Result<Self> {
        let neurons = run.parameters.neurons()?;
        let mut shared = None;
        let mut sums: Option<(Tensor, Tensor)> = None;
        for index in 0..batches {
            let noisy = run.batch("covariance", index as u64)?;
            let pass = Pass::new(&run.surroundings, &neurons, &noisy, false);
            let moments = pass.slopes.tr().matmul(&pass.slopes) / noisy.size()[0] as f64;
            let moments = moments.to_kind(Kind::Double);
            let squares = moments.square();
            sums = Some(match sums {
                None => (moments, squares),
                Some((a, b)) => (a + moments, b + squares),
            });
            shared = Some(pass.shared);
        }
        let (Some(shared), Some((sum, squares))) = (shared, sums) else {
            anyhow::bail!("no batch to average over")
        };
        let count = batches as f64;
        let mean = sum / count;
        let variance = (squares / count - mean.square()).clamp_min(0.0) / (count - 1.0);
        let error = (batches > 1).then(|| variance.sqrt());
        let output = Tensor::eye(mean.size()[0], (Kind::Double, mean.device()));
        let output = output * shared.output_noise.powi(2);
        let part = |matrix: &Tensor| {
            let matrix = matrix.to_kind(Kind::Double);
            let of_error = error.as_ref().map(|error| error * matrix.abs());
            (&mean * matrix + &output, of_error)
        };
        let (numerator, denominator) = (part(&shared.signal), part(&shared.noise));
        let filtered = shared.signal.to_kind(Kind::Double);
        Ok(Self { batches, numerator, denominator, filtered })
    }
}
