//! References that are paths of a random process: Ornstein-Uhlenbeck, low-passed.
//!
//! dx = −θ x dt + σ dW from x(0) in `[−1/4, 1/4]`, by its exact step, then a Butterworth filter of
//! third order from rest, so that r(0) = 0 = y(0).

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use crate::lab::tensor::to_device::upload;
use crate::lab::tensor::{rng, to_host};

/// Rate θ at which the process returns to 0, 1/s.
const RETURN: f64 = 0.1;
/// Strength σ of the process's noise, 1/√s.
const STRENGTH: f64 = 0.02;
/// Steps of the process in a second.
const RATE: usize = 100;
/// Steps of the process between two knots. The filter leaves no change that is faster than this.
const STRIDE: usize = 5;
/// Seconds of noise that are drawn from one random stream, so that a longer path begins with the
/// shorter one.
const PAGE: usize = 100;

/// r(t), linear between knots, for each seed.
#[derive(Debug)]
pub struct OuPath {
    /// Values at the knots, [`OuPath::SPACING`] seconds apart: `[seed, knot]`, f64.
    pub values: Tensor,
}

impl OuPath {
    /// Seconds between knots.
    pub const SPACING: f64 = STRIDE as f64 / RATE as f64;
    /// The cut-off, Hz, from which on the path would change faster than its knots can show.
    pub const NYQUIST: f64 = 0.5 / Self::SPACING;

    /// Draws the paths of some seeds from time 0 to `seconds`, filtered by a low-pass of `cutoff` Hz.
    ///
    /// # Errors
    /// Fails if libtorch can't give back the random numbers that it has drawn.
    pub fn draw(cutoff: f64, seconds: f64, seeds: &[u64]) -> Result<Self> {
        let knots = (seconds / Self::SPACING).ceil() as usize + 2;
        let rows = seeds.iter().map(|seed| path(cutoff, knots, *seed));
        Ok(Self { values: Tensor::stack(&rows.collect::<Result<Vec<Tensor>>>()?, 0) })
    }

    /// The reference r(t) and its copies r(t + lead).
    ///
    /// # Shapes
    /// - time: `[time]`, s
    /// - leads: s
    /// - returns: `[seed, time, 1 + lead]`, r(t) first
    pub fn with_leads(&self, time: &Tensor, leads: &[f64]) -> Tensor {
        let leads: Vec<f64> = [&[0.0], leads].concat();
        let leads = upload(&Tensor::from_slice(&leads), time.device());
        let at = (time.unsqueeze(1) + leads) / Self::SPACING;
        let last = self.values.size()[1] - 2;
        let knot = at.floor().clamp(0.0, last as f64);
        let part = (&at - &knot).view([1, -1]);
        let knot = knot.to_kind(Kind::Int64).view([-1]);
        let before = self.values.index_select(1, &knot);
        let after = self.values.index_select(1, &(knot + 1));
        (&before + (after - &before) * part).view([-1, at.size()[0], at.size()[1]])
    }

    /// The paths of the seeds from index `start` on.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        Self { values: self.values.narrow(0, start, length) }
    }

    /// A copy of the paths on a device.
    pub fn to_device(&self, device: Device) -> Self {
        Self { values: self.values.to_device(device) }
    }
}

/// The knots of one seed: `[knot]`.
fn path(cutoff: f64, knots: usize, seed: u64) -> Result<Tensor> {
    let options = (Kind::Double, Device::Cpu);
    rng::seed_torch(seed, "reference", 0);
    let mut x = 0.5 * (to_host::scalar(&Tensor::rand([1], options))? - 0.5);
    let step = 1.0 / RATE as f64;
    let decay = (-RETURN * step).exp();
    let spread = STRENGTH * ((1.0 - decay * decay) / (2.0 * RETURN)).sqrt();
    let mut filter = LowPass::new(cutoff * step);
    let mut values = Vec::with_capacity(knots);
    for page in 0.. {
        rng::seed_torch(seed, "reference path", page);
        let noise = to_host::values(&Tensor::randn([(PAGE * RATE) as i64], options))?;
        for (i, noise) in noise.into_iter().enumerate() {
            let passed = filter.filter(x);
            if i % STRIDE == 0 {
                values.push(passed);
            }
            x = decay * x + spread * noise;
        }
        if values.len() >= knots {
            break;
        }
    }
    Ok(Tensor::from_slice(&values[..knots]))
}

/// A Butterworth low-pass of third order, H(s) = 1 / ((s + 1) (s² + s + 1)) at unit cut-off, as a
/// section of first and one of second order by the bilinear transform.
struct LowPass {
    /// Tangent of half the cut-off's angle a sample, which the bilinear transform needs.
    tangent: f64,
    /// Last input and output of the first section.
    first: [f64; 2],
    /// Last two inputs and last two outputs of the second section.
    second: [f64; 4],
}

impl LowPass {
    /// A filter with this cut-off in cycles a sample, at rest at 0.
    fn new(cutoff: f64) -> Self {
        let tangent = (std::f64::consts::PI * cutoff).tan();
        Self { tangent, first: [0.0; 2], second: [0.0; 4] }
    }

    /// The output for the next input.
    fn filter(&mut self, input: f64) -> f64 {
        let k = self.tangent;
        let [last, out] = self.first;
        let middle = (k * (input + last) + (1.0 - k) * out) / (1.0 + k);
        self.first = [input, middle];
        let [x1, x2, y1, y2] = self.second;
        let driven = k * k * (middle + 2.0 * x1 + x2);
        let output =
            (driven - 2.0 * (k * k - 1.0) * y1 - (1.0 - k + k * k) * y2) / (1.0 + k + k * k);
        self.second = [middle, x1, output, y1];
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_passes_what_is_slow_and_halves_the_power_at_its_cutoff() {
        // |H|² = 1 / (1 + (f / f_c)⁶) of the analogue filter; 1/2 at the cut-off by construction.
        let cutoff = 0.001;
        for (ratio, expected) in [(0.25, 1.0), (1.0, 0.5), (4.0, 1.0 / 4097.0)] {
            let mut filter = LowPass::new(cutoff);
            let omega = std::f64::consts::TAU * cutoff * ratio;
            let passed: Vec<f64> =
                (0..40_000).map(|i| filter.filter((omega * f64::from(i)).sin())).collect();
            let power = 2.0 * passed[20_000..].iter().map(|y| y * y).sum::<f64>() / 20_000.0;
            assert!((power / expected - 1.0).abs() < 0.01, "{ratio}: {power} {expected}");
        }
    }

    #[test]
    fn a_path_begins_at_rest_and_has_the_spread_of_its_process() {
        let seeds: Vec<u64> = (0..8).collect();
        let path = OuPath::draw(0.1, 2000.0, &seeds).unwrap();
        let start = path.values.narrow(1, 0, 3).abs().max().double_value(&[]);
        assert!(start < 1e-4, "{start}");
        // Filtered spectrum σ² / (ω² + θ²) / (1 + (ω / ω_c)⁶), integrated numerically.
        let (step, corner) = (1e-4, std::f64::consts::TAU * 0.1);
        let density =
            |w: f64| STRENGTH * STRENGTH / (w * w + RETURN * RETURN) / (1.0 + (w / corner).powi(6));
        let expected: f64 = (0..200_000).map(|i| density((f64::from(i) + 0.5) * step)).sum::<f64>()
            * step
            / std::f64::consts::PI;
        let found = path.values.slice(1, 1000, None, 1).square().mean(Kind::Double);
        let ratio = found.double_value(&[]) / expected;
        assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
    }

    #[test]
    fn a_longer_path_begins_with_the_shorter_one_and_is_linear_between_knots() {
        let short = OuPath::draw(0.1, 30.0, &[4, 5]).unwrap();
        let long = OuPath::draw(0.1, 300.0, &[5]).unwrap();
        let common = short.values.size()[1];
        assert_eq!(short.values.get(1), long.values.get(0).narrow(0, 0, common));
        let shown = short.with_leads(&Tensor::from_slice(&[7.0, 7.02, 7.05]), &[0.05]).get(1);
        let at = |row: i64, column: i64| shown.double_value(&[row, column]);
        assert!((at(1, 0) - (0.6 * at(0, 0) + 0.4 * at(2, 0))).abs() < 1e-14);
        assert!((at(0, 1) - at(2, 0)).abs() < 1e-14);
    }
}
