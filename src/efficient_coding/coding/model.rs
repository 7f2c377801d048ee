//! What the neurons are given, and what they are.

use tch::Tensor;

use super::response::Nonlinearity;

/// What stays as it is while the neurons learn.
pub struct ModelConstants {
    /// C_x + sigma_in^2: `[input, input]`.
    pub covariance: Tensor,
    /// sigma_in, standard deviation of the noise of each input.
    pub input_noise: f64,
    /// sigma_out, standard deviation of the noise of each response.
    pub output_noise: f64,
    /// How rates follow from filters.
    pub nonlinearity: Nonlinearity,
    /// Mean activity that each neuron may have.
    pub target: f64,
}

/// The neurons' parameters.
pub struct Neurons {
    /// W, columns of norm 1: `[input, neuron]`.
    pub filters: Tensor,
    /// log of the gain: `[neuron]`.
    pub log_gain: Tensor,
    /// log of the threshold: `[neuron]`.
    pub log_threshold: Tensor,
}

impl ModelConstants {
    /// Adds the noise of the inputs to the covariance of the patches.
    ///
    /// - covariance: C_x, `[input, input]`
    pub fn new(
        covariance: &Tensor,
        input_noise: f64,
        output_noise: f64,
        nonlinearity: Nonlinearity,
        target: f64,
    ) -> Self {
        let inputs = covariance.size()[0];
        let noise = Tensor::eye(inputs, (covariance.kind(), covariance.device()));
        let covariance = covariance + noise * input_noise.powi(2);
        Self { covariance, input_noise, output_noise, nonlinearity, target }
    }

    /// The gain at which the activity meets the target: `[neuron]`.
    ///
    /// - unit_activity: the mean activity at gain 1, `[neuron]`
    pub fn gain_for(&self, unit_activity: &Tensor) -> Tensor {
        let exponent = self.nonlinearity.activity_exponent();
        (self.target / unit_activity).pow_tensor_scalar(1.0 / exponent)
    }
}

/// Each column divided by its norm: `[input, neuron]`.
pub fn unit_columns(w: &Tensor) -> Tensor {
    w / w.norm_scalaropt_dim(2.0, 0, true)
}
