//! Predictions: the published scaling of speed and steady state with the expansion, and the noise
//! floor of online LMS.

use tch::{Kind, Tensor};

/// Constants of the published scaling curves (Perez Rotondo, Raman and O'Leary, bioRxiv
/// 2022.10.20.512268), in which the online gradient is normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// Norm of the task gradient at q = 1 before learning.
    pub gradient: f64,
    /// Norm of the task gradient at q = 1 at the steady state.
    pub steady_gradient: f64,
    /// Cosine between the online and the task gradient before learning.
    pub overlap: f64,
    /// Cosine between the online and the task gradient at the steady state.
    pub steady_overlap: f64,
    /// Curvature along the online gradient at q = 1, Tr H³ / Tr H².
    pub curvature: f64,
    /// Mean curvature, Tr H / N.
    pub trace: f64,
    /// Signal-to-noise ratio of an update.
    pub snr: f64,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            gradient: 0.1,
            steady_gradient: 0.05,
            overlap: 0.7,
            steady_overlap: 0.2,
            curvature: 1.0,
            trace: 0.05,
            snr: 3.0,
        }
    }
}

impl Published {
    /// Exponent by which the curvature along the online gradient grows with the expansion:
    /// |2 / (1 + exp(−3 overlap)) − 1|.
    pub fn exponent(overlap: f64) -> f64 {
        (2.0 / (1.0 + (-3.0 * overlap).exp()) - 1.0).abs()
    }

    /// Curvature along the online gradient at expansion q.
    fn curvature_along(&self, overlap: f64, q: f64) -> f64 {
        self.curvature * overlap * overlap * q.powf(Self::exponent(overlap))
    }

    /// Loss that an update of length γ takes away at expansion q.
    pub fn speed(&self, q: f64, gamma: f64) -> f64 {
        let noise = gamma / self.snr;
        gamma * self.overlap * self.gradient * q.sqrt()
            - 0.5 * gamma * gamma * self.curvature_along(self.overlap, q)
            - 0.5 * noise * noise * self.trace
    }

    /// Loss of the steady state at expansion q, with updates of length γ.
    pub fn steady_loss(&self, q: f64, gamma: f64) -> f64 {
        let noise = gamma / self.snr;
        let spread = gamma * self.curvature_along(self.steady_overlap, q)
            + noise * noise / gamma * self.trace;
        0.5 * spread / (self.steady_gradient * q.sqrt())
    }
}

/// The mean loss that noise adds to learning from the minimum, after some updates: ½ Tr(H S) with
/// S⁺ = (I − γR) S (I − γR)ᵀ + (η²/N) I from S = 0.
///
/// # Shapes
/// - hessian, rule: `[seed, cell, cell]`
/// - returns: `[seed]`
pub fn noise_floor(hessian: &Tensor, rule: &Tensor, gamma: f64, eta: f64, updates: u64) -> Tensor {
    let cells = hessian.size()[1];
    let one = Tensor::eye(cells, (hessian.kind(), hessian.device())).expand_as(hessian);
    let mut step = &one - rule * gamma;
    let mut sum = &one * (eta * eta / cells as f64);
    // Covariance and transition of the updates counted so far, in powers of two.
    let (mut total, mut moved) = (hessian.zeros_like(), one.copy());
    let mut left = updates;
    while left > 0 {
        if left % 2 == 1 {
            total += moved.matmul(&sum).matmul(&moved.transpose(1, 2));
            moved = moved.matmul(&step);
        }
        sum += step.matmul(&sum).matmul(&step.transpose(1, 2));
        step = step.matmul(&step);
        left /= 2;
    }
    (hessian * total).sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn published_curves() {
        let curves = Published::default();
        assert!((Published::exponent(0.7) - 0.781_806_4).abs() < 1e-6);
        for (q, speed, steady) in [(1.0, 0.004_943_6, 0.063_777_8), (4.0, 0.006_739_0, 0.031_092_5)]
        {
            let best = (1..=30)
                .map(|i| f64::from(i) * 0.01 / f64::sqrt(q))
                .max_by(|a, b| curves.speed(q, *a).total_cmp(&curves.speed(q, *b)))
                .unwrap();
            assert!(q > 1.0 || (best - 0.14).abs() < 1e-12, "{best}");
            assert!((curves.speed(q, best) - speed).abs() < 1e-6, "{}", curves.speed(q, best));
            let found = curves.steady_loss(q, best);
            assert!((found - steady).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn noise_floor_is_the_iterated_covariance() {
        tch::manual_seed(1);
        let factor = Tensor::randn([2, 5, 5], (Kind::Double, Device::Cpu)) * 0.4;
        let hessian = factor.matmul(&factor.transpose(1, 2));
        let rule = &hessian + &factor * 0.1;
        let (gamma, eta) = (0.2, 0.05);
        let one = Tensor::eye(5, (Kind::Double, Device::Cpu)).expand_as(&hessian);
        let step = &one - &rule * gamma;
        let mut covariance = hessian.zeros_like();
        for _ in 0..37 {
            covariance =
                step.matmul(&covariance).matmul(&step.transpose(1, 2)) + &one * (eta * eta / 5.0);
        }
        let expected =
            (&hessian * covariance).sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Double)
                * 0.5;
        let difference = (noise_floor(&hessian, &rule, gamma, eta, 37) - expected).abs().max();
        assert!(difference.double_value(&[]) < 1e-15);
    }
}
