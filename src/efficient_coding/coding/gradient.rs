//! One batch through the model, and the gradients of information and rates.
//!
//! All gradients are analytic. With q = dKL / dlog g, S = mean over samples of G C^-1 G, and
//! c = eta''/eta', per sample of B:
//!
//! ```text
//! dKL/du       = q c
//! dKL/dlog gain      = mean q            dh/dlog gain      = e a
//! dKL/dlog threshold = -theta mean(q c)  dh/dlog threshold = -theta mean(da/du)
//! dKL/dW = 2/ln2 ((C_x + sigma_in^2) W S_z - sigma_in^2 W S_zx) + (x+n)^T (q c) / B
//! dh/dW  = (x+n)^T (da/du) / B
//! ```
//!
//! where h is the mean activity a less its target, and e the power of the gain in it.

use std::f64::consts::LN_2;

use tch::{Kind, Tensor};

use super::information::{Information, Shared};
use super::model::{ModelConstants, Neurons};
use super::response::{Nonlinearity, Response};

/// The gradient of one number, or of one number a neuron.
pub struct Gradient {
    /// The gradient by the filters' weights, not yet kept to norm 1: `[input, neuron]`.
    pub filters: Tensor,
    /// The gradient by the log of the gain: `[neuron]`.
    pub log_gain: Tensor,
    /// The gradient by the log of the threshold: `[neuron]`.
    pub log_threshold: Tensor,
}

/// A batch with all that the model computes of it.
pub struct BatchPass<'a> {
    constants: &'a ModelConstants,
    /// The batch with its noise: `[sample, input]`.
    noisy: Tensor,
    filters: Tensor,
    /// (C_x + sigma_in^2) W: `[input, neuron]`.
    covered: Tensor,
    /// exp of the gain's log: `[neuron]`.
    pub gain: Tensor,
    /// exp of the threshold's log, or 0 without one: `[neuron]`.
    pub threshold: Tensor,
    /// The negative threshold, what it adds to an output: `[neuron]`.
    shift: Tensor,
    /// The filters' outputs above threshold: `[sample, neuron]`.
    pub above: Tensor,
    /// Rates and their derivatives at gain 1.
    pub response: Response,
    /// g: `[sample, neuron]`.
    pub slopes: Tensor,
    /// Mean activity of each neuron over the batch, were its gain 1: `[neuron]`.
    pub unit_activity: Tensor,
    /// Mean activity of each neuron over the batch: `[neuron]`.
    pub mean_activity: Tensor,
    /// What each neuron's mean activity is above its target: `[neuron]`.
    excess: Tensor,
    /// M and M0.
    pub shared: Shared,
}

impl<'a> BatchPass<'a> {
    /// Computes the filters' outputs, rates and slopes.
    ///
    /// - noisy: patches with their noise, `[sample, input]`
    /// - eliminate: whether the gain is what meets the target on this very batch, in place of
    ///   the neurons' own
    pub fn new(
        constants: &'a ModelConstants,
        neurons: &Neurons,
        noisy: &Tensor,
        eliminate: bool,
    ) -> Self {
        let nonlinearity = constants.nonlinearity;
        let filters = neurons.filters.shallow_clone();
        let threshold = match nonlinearity.has_threshold() {
            true => neurons.log_threshold.exp(),
            false => neurons.log_threshold.zeros_like(),
        };
        let shift = -&threshold;
        let above = shift.addmm(noisy, &filters);
        let response = nonlinearity.respond(&above);
        let kind = None::<Kind>;
        let mean = response.activity.mean_dim(0, false, kind);
        let gain = match eliminate {
            true => constants.gain_for(&mean),
            false => neurons.log_gain.exp(),
        };
        let slopes = &response.slope * &gain;
        let mean_activity = &mean * nonlinearity.activity_gain(&gain);
        let excess = &mean_activity - constants.target;
        let covered = constants.covariance.matmul(&filters);
        let shared = Shared {
            signal: filters.tr().matmul(&covered),
            noise: filters.tr().matmul(&filters) * constants.input_noise.powi(2),
            output_noise: constants.output_noise,
        };
        let noisy = noisy.shallow_clone();
        Self {
            constants,
            noisy,
            filters,
            covered,
            gain,
            threshold,
            shift,
            above,
            response,
            slopes,
            unit_activity: mean,
            mean_activity,
            excess,
            shared,
        }
    }

    /// W, an alias of what the pass was made of: `[input, neuron]`.
    pub fn filters(&self) -> &Tensor {
        &self.filters
    }

    /// The information of the batch with other gains and thresholds, the filters as they were when
    /// the pass was made: of them nothing is read again.
    ///
    /// - log_gain, log_threshold: `[neuron]`
    pub fn information_at(&self, log_gain: &Tensor, log_threshold: &Tensor) -> Information {
        let nonlinearity = self.constants.nonlinearity;
        let above = match nonlinearity.has_threshold() {
            true => &self.above + (&self.threshold - log_threshold.exp()),
            false => self.above.shallow_clone(),
        };
        let slopes = nonlinearity.slope(&above) * log_gain.exp();
        Information::new(&self.shared, &slopes)
    }

    /// What each neuron's mean activity is above its target: h, `[neuron]`.
    pub fn excess(&self) -> Tensor {
        self.excess.shallow_clone()
    }

    /// Firing rates: `[sample, neuron]`.
    pub fn rates(&self) -> Tensor {
        &self.response.value * &self.gain
    }

    /// The derivative of the mean activities by the log of the gain: `[neuron]`.
    pub fn activity_per_log_gain(&self) -> Tensor {
        match self.constants.nonlinearity.activity_exponent() {
            1.0 => self.mean_activity.shallow_clone(),
            exponent => &self.mean_activity * exponent,
        }
    }

    /// The derivative of the activity by the filter's output: `[sample, neuron]`.
    fn activity_slopes(&self) -> Tensor {
        let nonlinearity = self.constants.nonlinearity;
        match nonlinearity {
            // The activity is the rate.
            Nonlinearity::Softplus | Nonlinearity::Relu | Nonlinearity::Absolute => {
                self.slopes.shallow_clone()
            }
            Nonlinearity::Linear => {
                &self.response.activity_slope * nonlinearity.activity_gain(&self.gain)
            }
        }
    }

    /// The part of dKL/dW at fixed slopes, times a weight: `[input, neuron]`.
    fn at_fixed_slopes(&self, information: &Information, weight: f64) -> Tensor {
        let weight = weight * (2.0 / LN_2);
        let noise =
            &information.denominator.spread * (-weight * self.constants.input_noise.powi(2));
        let mut sum = self.filters.matmul(&noise);
        let _ = sum.addmm_(&self.covered, &(&information.numerator.spread * weight));
        sum
    }

    /// The gradient of a mean over the batch from its derivatives by the outputs u.
    ///
    /// - by_output: `[sample, neuron]`
    fn through_outputs(&self, by_output: &Tensor) -> (Tensor, Tensor) {
        let filters = self.noisy.tr().matmul(by_output) / self.noisy.size()[0] as f64;
        (filters, &self.shift * by_output.mean_dim(0, false, None::<Kind>))
    }

    /// The gradient of the batch's mean KL, in bits.
    pub fn kl_gradient(&self, information: &Information) -> Gradient {
        self.combined(information, 1.0, &self.gain.zeros_like())
    }

    /// The gradient of each neuron's own h by its own parameters.
    pub fn activity_gradient(&self) -> Gradient {
        let (filters, log_threshold) = self.through_outputs(&self.activity_slopes());
        Gradient { filters, log_gain: self.activity_per_log_gain(), log_threshold }
    }

    /// The gradient of the sum of c_j h_j by the logs of gain and threshold: `[neuron]` each.
    ///
    /// - c: `[neuron]`
    pub fn activity_by_scalars(&self, c: &Tensor) -> (Tensor, Tensor) {
        let by_output = self.activity_slopes().mean_dim(0, false, None::<Kind>);
        (self.activity_per_log_gain() * c, &self.shift * by_output * c)
    }

    /// The part of each column along the sphere of filters of norm 1: `[input, neuron]`.
    pub fn tangent(&self, gradient: &Tensor) -> Tensor {
        let along = (gradient * &self.filters).sum_dim_intlist(0, true, None::<Kind>);
        gradient - &self.filters * along
    }

    /// The gradient of `kl_weight` x KL + sum of c_j h_j, with one product for both.
    ///
    /// - c: `[neuron]`
    pub fn combined(&self, information: &Information, kl_weight: f64, c: &Tensor) -> Gradient {
        let samples = self.noisy.size()[0] as f64;
        let total = |each: &Tensor| each.sum_dim_intlist(0, false, None::<Kind>);
        // Each sample's share of the means.
        let q = information.weighted_per_log_slope(kl_weight / samples);
        let mut by_output = self.activity_slopes() * (c / samples);
        if let Some(curvature) = &self.response.curvature {
            let _ = by_output.addcmul_(&q, curvature);
        }
        let mut filters = self.at_fixed_slopes(information, kl_weight);
        let _ = filters.addmm_(&self.noisy.tr(), &by_output);
        let log_gain = total(&q).addcmul_(&self.activity_per_log_gain(), c);
        Gradient { filters, log_gain, log_threshold: &self.shift * total(&by_output) }
    }
}
