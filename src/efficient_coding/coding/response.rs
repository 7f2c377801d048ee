//! From a filter's output to a firing rate, with the derivatives that the gradient needs.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Steepness of the softplus, in 1 / unit of the filter's output.
pub const BETA: f64 = 2.5;

/// How a neuron's rate follows from what its filter's output u is above its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nonlinearity {
    /// log(1 + exp(2.5 u)) / 2.5
    Softplus,
    /// max(u, 0)
    Relu,
    /// u without a threshold; the budget is then of its mean square, since it has both signs
    Linear,
    /// |u|
    Absolute,
}

/// A nonlinearity at some outputs, before the gain. All are `[sample, neuron]`.
pub struct Response {
    /// The rate at gain 1: eta(u).
    pub value: Tensor,
    /// eta'(u).
    pub slope: Tensor,
    /// eta''(u) / eta'(u), the relative change of the slope; none where it is 0 everywhere.
    pub curvature: Option<Tensor>,
    /// The activity that the budget limits, at gain 1: eta(u), or its square for linear neurons.
    pub activity: Tensor,
    /// The derivative of the activity.
    pub activity_slope: Tensor,
}

impl Nonlinearity {
    /// Whether a threshold is taken off the filter's output.
    pub fn has_threshold(self) -> bool {
        match self {
            Self::Linear => false,
            Self::Softplus | Self::Relu | Self::Absolute => true,
        }
    }

    /// The power of the gain that activity grows with: 1, or 2 for linear neurons.
    pub fn activity_exponent(self) -> f64 {
        match self {
            Self::Linear => 2.0,
            Self::Softplus | Self::Relu | Self::Absolute => 1.0,
        }
    }

    /// What a gain multiplies the activity by.
    ///
    /// - gain: `[neuron]`
    pub fn activity_gain(self, gain: &Tensor) -> Tensor {
        match self {
            Self::Linear => gain.square(),
            Self::Softplus | Self::Relu | Self::Absolute => gain.shallow_clone(),
        }
    }

    /// Computes the value and its derivatives.
    ///
    /// - u: output above threshold, `[sample, neuron]`
    pub fn respond(self, u: &Tensor) -> Response {
        let (value, slope) = match self {
            Self::Softplus => {
                let z = u * BETA;
                (z.softplus() / BETA, z.sigmoid())
            }
            Self::Relu | Self::Linear | Self::Absolute => (self.value(u), self.slope(u)),
        };
        let curvature = match self {
            Self::Softplus => Some(slope.rsub_scalar(1.0) * BETA),
            Self::Relu | Self::Linear | Self::Absolute => None,
        };
        let (activity, activity_slope) = match self {
            Self::Linear => (u.square(), u * 2.0),
            Self::Softplus | Self::Relu | Self::Absolute => {
                (value.shallow_clone(), slope.shallow_clone())
            }
        };
        Response { value, slope, curvature, activity, activity_slope }
    }

    /// The rate at gain 1, of the shape of `u`.
    pub fn value(self, u: &Tensor) -> Tensor {
        match self {
            // libtorch takes z itself above 20, where log(1 + e^z) is 2e-9 larger.
            Self::Softplus => (u * BETA).softplus() / BETA,
            Self::Relu => u.relu(),
            Self::Linear => u.shallow_clone(),
            Self::Absolute => u.abs(),
        }
    }

    /// The derivative of [`Nonlinearity::value`].
    pub fn slope(self, u: &Tensor) -> Tensor {
        match self {
            Self::Softplus => (u * BETA).sigmoid(),
            Self::Relu => u.gt(0.0).to_kind(u.kind()),
            Self::Linear => u.ones_like(),
            Self::Absolute => u.sign(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    const KINDS: [Nonlinearity; 4] =
        [Nonlinearity::Softplus, Nonlinearity::Relu, Nonlinearity::Linear, Nonlinearity::Absolute];

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor).unwrap()
    }

    #[test]
    fn softplus_has_its_known_values() {
        let u = Tensor::from_slice(&[0.0, 1.0, -1.0, 400.0, -400.0]);
        let found = values(&Nonlinearity::Softplus.value(&u));
        let known = [0.277258872224, 1.031555893717, 0.031555893717, 400.0, 0.0];
        for (found, known) in found.iter().zip(known) {
            assert!((found - known).abs() < 1e-12, "{found} {known}");
        }
        assert!((values(&Nonlinearity::Softplus.slope(&u))[1] - 0.924141819979).abs() < 1e-12);
    }

    /// E f(N(mean, sd^2)) by the midpoint rule over 12 standard deviations.
    fn expectation(mean: f64, sd: f64, f: impl Fn(&Tensor) -> Tensor) -> f64 {
        let step = 24.0 / 200_000.0;
        let grid = Tensor::arange(200_000, (Kind::Double, tch::Device::Cpu));
        let z: Tensor = (grid + 0.5) * step - 12.0;
        let weight = (z.square() * -0.5).exp() * (step / (2.0 * std::f64::consts::PI).sqrt());
        let u: Tensor = &z * sd + mean;
        (f(&u) * weight).sum(Kind::Double).double_value(&[])
    }

    #[test]
    fn softplus_of_gaussian_outputs_has_its_known_mean() {
        let softplus = Nonlinearity::Softplus;
        for (mean, sd, value, slope) in [
            (0.0, 1.0, 0.4903067202, None),
            (-0.5, 1.2, 0.3431299537, Some(0.3595369225)),
            (-2.0, 0.7, 0.0108017659, Some(0.0244571265)),
        ] {
            assert!((expectation(mean, sd, |u| softplus.value(u)) - value).abs() < 1e-10);
            if let Some(slope) = slope {
                assert!((expectation(mean, sd, |u| softplus.slope(u)) - slope).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_values() {
        tch::manual_seed(2);
        let u = Tensor::randn([50], (Kind::Double, tch::Device::Cpu));
        let step = 1e-6;
        for kind in KINDS {
            let at = kind.respond(&u);
            let (up, down) = (kind.respond(&(&u + step)), kind.respond(&(&u - step)));
            let difference = |a: &Tensor, b: &Tensor| (a - b) / (2.0 * step);
            let close = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]) < 1e-8;
            assert!(close(&difference(&up.value, &down.value), &at.slope), "{kind:?}");
            let activity = difference(&up.activity, &down.activity);
            assert!(close(&activity, &at.activity_slope), "{kind:?}");
            let bend = difference(&up.slope, &down.slope);
            match at.curvature {
                Some(curvature) => assert!(close(&bend, &(curvature * at.slope))),
                None => assert!(bend.abs().max().double_value(&[]) == 0.0),
            }
        }
    }
}
