//! The original's log with its faults: for comparison with its figures.
//!
//! 1. `histogram/r` is of the mean over neurons, one value a stimulus, which no constraint acts on.
//! 2. Covariances are summed while the filters move, over 1000 steps whatever their number, and
//!    drawn as bytes that wrap around.
//! 3. `terms/MI` is KL/2 and the entropy of the input, with k^2 dimensions whatever the colours.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::EfficientCodingConfig;
use crate::efficient_coding::coding::assign::assign_where;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::lab::figure::RgbImage;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_host;

/// Steps that the sums are divided by, whatever their number is.
const WINDOW: f64 = 1000.0;

/// Sums over the steps since the last images.
pub struct Legacy {
    /// The entropy of the input as the original has it, in bits.
    pub input_bits: f64,
    /// Sum of the batches' mean C_z: `[neuron, neuron]`.
    numerator: Tensor,
    /// Sum of the batches' mean C_zx: `[neuron, neuron]`.
    denominator: Tensor,
    output_variance: f64,
}

/// Covariances as the original has them.
pub struct LegacyMeans {
    /// C_z: `[neuron, neuron]`.
    pub numerator: Tensor,
    /// C_zx: `[neuron, neuron]`.
    pub denominator: Tensor,
}

impl Legacy {
    /// Sums before the first batch.
    ///
    /// - bits: entropy of the input with k^2 dimensions
    pub fn new(config: &EfficientCodingConfig, bits: f64, device: Device) -> Self {
        let shape = [config.neurons, config.neurons];
        let zeros = || Tensor::zeros(shape, (Kind::Float, device));
        let output_variance = config.output_noise.powi(2);
        Self { input_bits: bits, numerator: zeros(), denominator: zeros(), output_variance }
    }

    /// Adds a batch to the sums. Where `apply` is false nothing changes.
    ///
    /// - apply: `[]` bool
    pub fn add(&mut self, pass: &BatchPass, apply: Option<&Tensor>) {
        let _guard = no_grad_guard();
        let moments = pass.slopes.tr().matmul(&pass.slopes) / pass.slopes.size()[0] as f64;
        let output = Tensor::eye(moments.size()[0], (moments.kind(), moments.device()));
        let output = output * self.output_variance;
        let numerator = &self.numerator + (&pass.shared.signal * &moments + &output);
        let denominator = &self.denominator + (&pass.shared.noise * &moments + &output);
        assign_where(&mut self.numerator, &numerator, apply);
        assign_where(&mut self.denominator, &denominator, apply);
    }

    /// The means as the original has them; the sums begin anew.
    pub fn take(&mut self) -> LegacyMeans {
        let _guard = no_grad_guard();
        let means = LegacyMeans {
            numerator: &self.numerator / WINDOW,
            denominator: &self.denominator / WINDOW,
        };
        let _ = (self.numerator.zero_(), self.denominator.zero_());
        means
    }
}

impl Persist for Legacy {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.auxiliary("state.legacy.numerator", &self.numerator);
        writer.auxiliary("state.legacy.denominator", &self.denominator);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        reader.auxiliary("state.legacy.numerator", &self.numerator)?;
        reader.auxiliary("state.legacy.denominator", &self.denominator)
    }
}

/// A number as the original's image writer makes a byte of it: times 255, cut to an integer, and
/// wrapped to 8 bits.
pub fn byte(value: f64) -> u8 {
    ((value as f32 * 255.0) as i64) as u8
}

/// A matrix as the original's image: one pixel a number, grey.
///
/// # Errors
/// Where the device can't be read.
pub fn image(matrix: &Tensor) -> Result<RgbImage> {
    let size = matrix.size();
    let pixels = to_host::values(matrix)?.into_iter().flat_map(|value| [byte(value); 3]).collect();
    Ok(RgbImage { width: size[1] as u32, height: size[0] as u32, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_wrap_around() {
        for (value, expected) in [(9.0, 247), (1.2, 50), (-0.3, 180), (-1.0, 1), (2.0, 254)] {
            assert_eq!(byte(value), expected, "{value}");
        }
    }
}
