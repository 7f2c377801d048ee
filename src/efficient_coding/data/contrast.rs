//! Gaussian patches whose contrast varies from patch to patch, as it does across natural scenes.

use anyhow::Result;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::gaussian::Gaussian;
use super::source::{PatchSource, Purpose};
use crate::lab::error::refuse;

/// Gaussian patches times a contrast c = exp(s n − s²) with Gaussian n: E c² = 1, so that the
/// covariance is that of the Gaussian patches, while Var c² = exp(4 s²) − 1.
pub struct Contrast {
    gaussian: Gaussian,
    spread: f64,
}

impl Contrast {
    /// Patches of `gaussian` with the standard deviation `spread` (s) of the logarithm of contrast.
    ///
    /// # Errors
    /// Exit code 2 for a spread below 0 or above 2.
    pub fn new(gaussian: Gaussian, spread: f64) -> Result<Self> {
        if !(0.0..=2.0).contains(&spread) {
            let said = format!("--contrast-spread {spread}: expected a number from 0 to 2");
            return Err(refuse(said));
        }
        Ok(Self { gaussian, spread })
    }
}

impl PatchSource for Contrast {
    fn covariance(&self) -> Result<Tensor> {
        self.gaussian.covariance()
    }

    fn patches(
        &self,
        purpose: Purpose,
        count: i64,
        seed: u64,
        stream: &str,
        t: u64,
    ) -> Result<Tensor> {
        let patches = self.gaussian.patches(purpose, count, seed, stream, t)?;
        // The generator that drew the patches goes on.
        let normal = Tensor::randn([count, 1], (Kind::Float, Device::Cpu));
        Ok(patches * (normal * self.spread - self.spread * self.spread).exp())
    }

    fn provenance(&self) -> Value {
        let mut source = self.gaussian.provenance();
        source["name"] = json!("contrast");
        source["contrast_spread"] = json!(self.spread);
        source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efficient_coding::data::{EnsembleOptions, PatchShape};

    #[test]
    fn the_covariance_is_the_gaussian_one_and_the_tails_are_not() {
        tch::set_num_threads(1);
        let shape = PatchShape { kernel: 3, colours: 1, masked: false };
        let gaussian = Gaussian::new(shape, &EnsembleOptions::default()).unwrap();
        let source = Contrast::new(gaussian, 0.4).unwrap();
        let patches = |count, t| source.patches(Purpose::Training, count, 1, "patches", t).unwrap();
        let x = patches(400_000, 0).to_kind(Kind::Double);
        assert_eq!(patches(10, 3), patches(10, 3));
        let found = x.tr().matmul(&x) / 400_000.0;
        let error = (found - source.covariance().unwrap()).abs().max().double_value(&[]);
        assert!(error < 0.02, "{error}");
        let pixel = x.select(1, 4);
        let fourth = pixel.pow_tensor_scalar(4).mean(Kind::Double).double_value(&[]);
        // E c⁴ = exp(4 s²), and a Gaussian's kurtosis is 3.
        assert!((fourth / (3.0 * (4.0f64 * 0.16).exp()) - 1.0).abs() < 0.08, "{fourth}");
    }
}
