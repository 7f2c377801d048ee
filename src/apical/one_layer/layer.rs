//! One layer with a fixed input under the apical rule, and what it does in closed form.
//!
//! With h = W x, the rule is
//!
//! ```text
//! ΔW_nm = η x_m (r̃_n − r_n),   r_n = φ(h_n),   r̃_n = a_n r_n
//! ```
//!
//! so that h_n(t+1) = h_n(t) + η|x|² (a_n − 1) φ(h_n(t)): for linear and active rectified neurons a
//! geometric sequence with the factor q_n = 1 + η|x|² (a_n − 1).

use tch::{Kind, Tensor};

use crate::apical::model::activation::Activation;

/// Layers of one activation, in double precision; any leading axes are separate trials.
#[derive(Debug)]
pub struct ToyLayer {
    /// φ.
    pub activation: Activation,
    /// `[.., neuron, input]`
    pub weight: Tensor,
    /// The fixed input: `[.., input]`
    pub input: Tensor,
    /// The multipliers: `[.., neuron]`
    pub apical: Tensor,
}

impl ToyLayer {
    /// The total input of every neuron, h = W x: `[.., neuron]`.
    pub fn drive(&self) -> Tensor {
        (&self.weight * self.input.unsqueeze(-2)).sum_dim_intlist(-1, false, Kind::Double)
    }

    /// The change that the rule asks for now, ΔW = η (a − 1) φ(h) xᵀ: `[.., neuron, input]`.
    pub fn change(&self, eta: f64) -> Tensor {
        let post = (&self.apical - 1.0) * self.activation.apply(&self.drive()) * eta;
        post.unsqueeze(-1) * self.input.unsqueeze(-2)
    }

    /// Makes one change of the weights, and returns it: `[.., neuron, input]`.
    pub fn step(&mut self, eta: f64) -> Tensor {
        let change = self.change(eta);
        let _ = self.weight.g_add_(&change);
        change
    }

    /// The factor q = 1 + η|x|² (a − 1) by which an active neuron's h changes in a step:
    /// `[.., neuron]`.
    pub fn factor(&self, eta: f64) -> Tensor {
        let power = self.input.square().sum_dim_intlist(-1, true, Kind::Double);
        (&self.apical - 1.0) * power * eta + 1.0
    }

    /// ΔW(t) in closed form from the weights at time 0, which these are: η (a − 1) φ(h(t)) xᵀ, or
    /// None where the activation has no such form: `[.., neuron, input]`.
    pub fn closed_form(&self, eta: f64, t: i64) -> Option<Tensor> {
        let f = self.activation.geometric(&self.drive(), &self.factor(eta), t)?;
        let post = (&self.apical - 1.0) * f * eta;
        Some(post.unsqueeze(-1) * self.input.unsqueeze(-2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(activation: Activation, a: f64) -> ToyLayer {
        ToyLayer {
            activation,
            weight: Tensor::from_slice(&[0.5, -0.3]).view([1, 2]),
            input: Tensor::from_slice(&[0.9, -1.2]),
            apical: Tensor::from_slice(&[a]),
        }
    }

    fn gap(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    /// A thousand steps: the largest distance from the closed form, relative to the largest change.
    fn follow(activation: Activation, a: f64, eta: f64) -> (f64, f64) {
        let start = layer(activation, a);
        let mut live = layer(activation, a);
        let (mut error, mut largest) = (0.0_f64, 0.0_f64);
        for t in 0..1000 {
            let change = live.step(eta);
            error = error.max(gap(&change, &start.closed_form(eta, t).unwrap()));
            largest = largest.max(change.abs().max().double_value(&[]));
        }
        (error, largest)
    }

    #[test]
    fn the_simulation_follows_the_closed_form() {
        for activation in [Activation::Relu, Activation::Linear] {
            for (a, eta) in [(0.3, 0.01), (0.99, 0.01), (0.3, 0.9), (-0.5, 0.2)] {
                let (error, _) = follow(activation, a, eta);
                assert!(error <= 1e-15, "{activation:?} a {a} eta {eta}: {error:e}");
            }
        }
        let (error, largest) = follow(Activation::Relu, 1.3, 0.01);
        assert!(largest > 1.0 && error <= 1e-11 * largest, "{error:e} of {largest}");
    }

    #[test]
    fn a_rectified_neuron_is_switched_off_where_the_step_is_too_large() {
        // q = 1 - 4 x 2.25 x 0.7 < 0
        let (error, largest) = follow(Activation::Relu, 0.3, 4.0);
        assert!(error <= 1e-15 && largest > 1.0);
        assert!(follow(Activation::Linear, 0.3, 4.0).1 > 1e9);
    }

    #[test]
    fn the_weights_end_at_the_projection() {
        let mut live = layer(Activation::Relu, 0.3);
        // W − (W x) xᵀ / |x|²: the input's direction is taken out, so that h = 0.
        let expected = Tensor::from_slice(&[0.176, 0.132]).view([1, 2]);
        for _ in 0..3000 {
            let _ = live.step(0.01);
        }
        assert!(gap(&live.weight, &expected) < 1e-14);
    }
}
