//! Gaussian images with a power spectrum 1/f^a, as natural images have for a = 2.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::colour;
use super::options::EnsembleOptions;
use super::patch::PatchShape;
use super::source::{PatchSource, Purpose};
use crate::lab::error::refuse;
use crate::lab::tensor::rng;

/// Side of the image, in pixels, where none is asked for.
const IMAGE_SIZE: i64 = 64;

/// Patches of a periodic Gaussian image of variance 1 a pixel and colour.
pub struct Gaussian {
    shape: PatchShape,
    slope: f64,
    image_size: i64,
    /// The covariance of the patches, under the mask: `[input, input]` f64.
    covariance: Tensor,
    /// A root R with R R^T = the covariance: `[input, input]` f32.
    root: Tensor,
}

impl Gaussian {
    /// Computes the covariance from the spectrum.
    ///
    /// # Errors
    /// Exit code 2 for a patch that is larger than the image, or a slope that gives no image; exit
    /// code 1 where rounding leaves the covariance not positive definite.
    pub fn new(shape: PatchShape, options: &EnsembleOptions) -> Result<Self> {
        let (image_size, slope) = (options.image_size.unwrap_or(IMAGE_SIZE), options.slope);
        if image_size < shape.kernel || image_size < 2 {
            return Err(refuse(format!(
                "--kernel-size {}: the images are only {image_size} pixels wide (--image-size)",
                shape.kernel
            )));
        }
        if !(0.0..=4.0).contains(&slope) {
            return Err(refuse(format!("--slope {slope}: expected a number from 0 to 4")));
        }
        let space = pixels(&autocorrelation(image_size, slope), shape.kernel);
        let whole = colour::correlations(shape.colours).kron(&space);
        // The mask scales rows alone, so that its dark corners cost the root no precision.
        let mask = shape.mask();
        let root = whole.f_linalg_cholesky(false).map_err(|_| {
            anyhow!(
                "--slope {slope}: the covariance of the patches is not positive definite; take a \
                 smaller --kernel-size, --image-size or --slope"
            )
        })?;
        let root = (root * mask.unsqueeze(1)).to_kind(Kind::Float);
        let covariance = whole * mask.outer(&mask);
        Ok(Self { shape, slope, image_size, covariance, root })
    }
}

impl PatchSource for Gaussian {
    fn covariance(&self) -> Result<Tensor> {
        Ok(self.covariance.copy())
    }

    fn patches(
        &self,
        _purpose: Purpose,
        count: i64,
        seed: u64,
        stream: &str,
        t: u64,
    ) -> Result<Tensor> {
        rng::seed_torch(seed, stream, t);
        let white = Tensor::randn([count, self.shape.inputs()], (Kind::Float, Device::Cpu));
        Ok(white.matmul(&self.root.tr()))
    }

    fn provenance(&self) -> Value {
        json!({
            "name": "gaussian",
            "slope": self.slope,
            "image_size": self.image_size,
            "covariance": "exact: Fourier transform of the power spectrum",
        })
    }
}

/// The autocorrelation of a periodic image with power 1/f^a and mean 0: `[size, size]` f64, 1 at 0.
fn autocorrelation(size: i64, slope: f64) -> Tensor {
    let options = (Kind::Double, Device::Cpu);
    let across = Tensor::fft_fftfreq(size, 1.0, options).square();
    let along = Tensor::fft_rfftfreq(size, 1.0, options).square();
    let squares = across.unsqueeze(1) + along.unsqueeze(0);
    // The power at frequency 0 would be infinite: it is the mean, which the image lacks.
    let power = squares.pow_tensor_scalar(-slope / 2.0).where_scalarother(&squares.gt(0.0), 0.0);
    let correlation = power.fft_irfft2([size, size].as_slice(), [-2, -1], "backward");
    let variance = correlation.narrow(0, 0, 1).narrow(1, 0, 1);
    correlation / variance
}

/// The covariance of the pixels of a patch from the autocorrelation: `[pixel, pixel]`.
fn pixels(correlation: &Tensor, kernel: i64) -> Tensor {
    let size = correlation.size()[0];
    let index = Tensor::arange(kernel * kernel, (Kind::Int64, Device::Cpu));
    let (row, column) = (index.divide_scalar_mode(kernel, "floor"), index.remainder(kernel));
    let lag = |at: &Tensor| (at.unsqueeze(1) - at.unsqueeze(0)).remainder(size);
    let flat = (lag(&row) * size + lag(&column)).view([-1]);
    correlation.reshape([-1]).index_select(0, &flat).view([kernel * kernel, -1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean over all waves but the constant one of |f|^-a cos(2 pi f x), over that at x = 0.
    #[test]
    fn the_autocorrelation_is_the_sum_of_its_waves() {
        let size = 6i64;
        let frequency = |k: i64| (if k > size / 2 { k - size } else { k }) as f64 / size as f64;
        for slope in [0.0, 1.0, 2.0, 2.5, 4.0] {
            let found = autocorrelation(size, slope);
            let at = |y: i64, x: i64| -> f64 {
                let waves = (1..size * size).map(|k| (frequency(k / size), frequency(k % size)));
                let wave = |(v, u): (f64, f64)| {
                    let turn = std::f64::consts::TAU * (v * y as f64 + u * x as f64);
                    v.hypot(u).powf(-slope) * turn.cos()
                };
                waves.map(wave).sum()
            };
            for (y, x) in (0..size).flat_map(|y| (0..size).map(move |x| (y, x))) {
                let expected = at(y, x) / at(0, 0);
                let found = found.double_value(&[y, x]);
                assert!((found - expected).abs() < 1e-12, "{slope}: {found} {expected}");
            }
        }
    }

    #[test]
    fn patches_have_the_covariance_that_is_said() {
        tch::set_num_threads(1);
        let shape = PatchShape { kernel: 4, colours: 3, masked: true };
        let source = Gaussian::new(shape, &EnsembleOptions::default()).unwrap();
        let (count, covariance) = (200_000, source.covariance().unwrap());
        let x = source
            .patches(Purpose::Training, count, 1, "patches", 0)
            .unwrap()
            .to_kind(Kind::Double);
        let found = x.tr().matmul(&x) / count as f64;
        let diagonal = covariance.diagonal(0, 0, 1).sqrt();
        let error = (found - &covariance) / diagonal.outer(&diagonal);
        assert!(error.abs().max().double_value(&[]) < 0.015, "{error}");
        assert!(x.mean_dim(0, false, Kind::Double).abs().max().double_value(&[]) < 0.01);
    }
}
