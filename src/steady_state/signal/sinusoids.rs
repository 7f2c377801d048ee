//! References that are sums of sinusoids.

use std::f64::consts::{PI, TAU};

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::kind::ReferenceKind;
use crate::lab::tensor::to_device::upload;
use crate::lab::tensor::{rng, to_host};

/// Number of sinusoids in a sum of sines.
const SINES: i64 = 4;
/// Number of samples at the Nyquist rate in one period of a Fourier series.
const SAMPLES: i64 = 200;

/// r(t) = Σ amplitude sin(omega t + phase), for each seed: `[seed, sinusoid]`, f64.
#[derive(Debug)]
pub struct Sinusoids {
    /// Amplitude of each sinusoid.
    pub amplitude: Tensor,
    /// Angular frequency of each sinusoid, rad/s.
    pub omega: Tensor,
    /// Phase of each sinusoid at t = 0, rad.
    pub phase: Tensor,
}

impl Sinusoids {
    /// Draws the sinusoids of some seeds by one of the laws that [`ReferenceKind`] has for them.
    ///
    /// # Errors
    /// Fails if libtorch can't give back the random numbers that it has drawn.
    pub fn draw(kind: ReferenceKind, cutoff: f64, seeds: &[u64]) -> Result<Self> {
        let drawn = seeds.iter().map(|seed| OneSeed::draw(kind, cutoff, *seed));
        let drawn = drawn.collect::<Result<Vec<OneSeed>>>()?;
        let stack = |part: fn(&OneSeed) -> &Vec<f64>| {
            let rows: Vec<Tensor> =
                drawn.iter().map(|one| Tensor::from_slice(part(one).as_slice())).collect();
            Tensor::stack(&rows, 0)
        };
        Ok(Self {
            amplitude: stack(|one| &one.amplitude),
            omega: stack(|one| &one.omega),
            phase: stack(|one| &one.phase),
        })
    }

    /// The reference r(t) and its copies r(t + lead).
    ///
    /// # Shapes
    /// - time: `[time]`, s
    /// - leads: s
    /// - returns: `[seed, time, 1 + lead]`, r(t) first
    pub fn with_leads(&self, time: &Tensor, leads: &[f64]) -> Tensor {
        self.basis(time).matmul(&self.mixing(leads))
    }

    /// The reference and its copies ahead of time as a linear map of `[sin ωt, cos ωt]`:
    /// `[seed, 2 sinusoid, 1 + lead]`, the first column r(t), the others r(t + lead).
    fn mixing(&self, leads: &[f64]) -> Tensor {
        let device = self.omega.device();
        let leads: Vec<f64> = [&[0.0], leads].concat();
        let leads = upload(&Tensor::from_slice(&leads), device);
        let angle = self.omega.unsqueeze(-1) * leads + self.phase.unsqueeze(-1);
        let amplitude = self.amplitude.unsqueeze(-1);
        Tensor::cat(&[&amplitude * angle.cos(), amplitude * angle.sin()], 1)
    }

    /// `[sin ωt, cos ωt]`: `[seed, time, 2 sinusoid]`; `time`: `[time]`, s.
    fn basis(&self, time: &Tensor) -> Tensor {
        let angle = time.unsqueeze(-1) * self.omega.unsqueeze(1);
        Tensor::cat(&[angle.sin(), angle.cos()], -1)
    }

    /// The sinusoids of the seeds from index `start` on.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        Self { amplitude: cut(&self.amplitude), omega: cut(&self.omega), phase: cut(&self.phase) }
    }

    /// A copy of the sinusoids on a device.
    pub fn to_device(&self, device: Device) -> Self {
        let moved = |tensor: &Tensor| tensor.to_device(device);
        Self {
            amplitude: moved(&self.amplitude),
            omega: moved(&self.omega),
            phase: moved(&self.phase),
        }
    }
}

/// The sinusoids of one seed, before they are stacked with those of the others: `[sinusoid]` each.
struct OneSeed {
    amplitude: Vec<f64>,
    omega: Vec<f64>,
    phase: Vec<f64>,
}

impl OneSeed {
    fn draw(kind: ReferenceKind, cutoff: f64, seed: u64) -> Result<Self> {
        if kind.in_hertz() {
            Self::fourier_series(kind, cutoff, seed)
        } else {
            Self::sines(kind, cutoff, seed)
        }
    }

    /// A sum of a few sines of random frequencies, cut-off in rad/s.
    fn sines(kind: ReferenceKind, cutoff: f64, seed: u64) -> Result<Self> {
        let drawn = uniform(seed, "reference", 3 * SINES)?;
        let (frequency, rest) = drawn.split_at(SINES as usize);
        let (phase, amplitude) = rest.split_at(SINES as usize);
        let omega: Vec<f64> = frequency.iter().map(|u| cutoff * (0.2 + 0.8 * u)).collect();
        let scale = |u: f64| if kind.has_equal_amplitudes() { 1.0 } else { 0.1 + 0.9 * u };
        let amplitude: Vec<f64> = amplitude.iter().map(|u| scale(*u) / SINES as f64).collect();
        let spread = if kind.has_random_phases() { PI / 2.0 } else { 0.0 };
        let mut phase: Vec<f64> = phase.iter().map(|u| spread * u).collect();
        if kind.starts_at_zero() {
            let zero = first_zero(&amplitude, &omega, &phase);
            phase.iter_mut().zip(&omega).for_each(|(phase, omega)| *phase += omega * zero);
        }
        Ok(Self { amplitude, omega, phase })
    }

    /// A Fourier series of random phases, cut-off in Hz.
    fn fourier_series(kind: ReferenceKind, cutoff: f64, seed: u64) -> Result<Self> {
        let period = SAMPLES as f64 / (2.0 * cutoff);
        let drawn = uniform(seed, "reference", SAMPLES / 2 + 1)?;
        let orders = 0..=SAMPLES / 2;
        let equal = 1.0 / (SAMPLES / 2 + 1) as f64;
        let tau = 1.0 / SAMPLES as f64;
        // Spectrum of the process: (c tau / 2) 2 tau / (1 + (2 pi tau k)^2), c = 2 pi SAMPLES.
        let of_process = |k: i64| TAU * tau / (1.0 + (TAU * tau * k as f64).powi(2));
        let white = kind.has_equal_amplitudes();
        let amplitude = orders.clone().map(|k| if white { equal } else { of_process(k) });
        let phase = |k: usize, u: f64| if k == 0 { PI / 6.0 } else { TAU * u };
        Ok(Self {
            amplitude: amplitude.collect(),
            omega: orders.map(|k| TAU * k as f64 / period).collect(),
            phase: drawn.iter().enumerate().map(|(k, u)| phase(k, *u)).collect(),
        })
    }
}

/// Uniform numbers in [0, 1) of a seed's stream.
fn uniform(seed: u64, stream: &str, count: i64) -> Result<Vec<f64>> {
    rng::seed_torch(seed, stream, 0);
    to_host::values(&Tensor::rand([count], (Kind::Double, Device::Cpu)))
}

/// The first zero of a sum of sinusoids after t = 0, s: bracketed on a grid, then bisected.
fn first_zero(amplitude: &[f64], omega: &[f64], phase: &[f64]) -> f64 {
    let value = |t: f64| -> f64 {
        let terms = amplitude.iter().zip(omega).zip(phase);
        terms.map(|((amplitude, omega), phase)| amplitude * (omega * t + phase).sin()).sum()
    };
    let fastest = omega.iter().fold(0.0f64, |a, b| a.max(*b));
    let step = 0.01 / fastest;
    let start = value(0.0);
    let Some(bracket) = (1..1_000_000).find(|i| value(*i as f64 * step) * start <= 0.0) else {
        return 0.0;
    };
    let (mut low, mut high) = ((bracket - 1) as f64 * step, bracket as f64 * step);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if value(middle) * start > 0.0 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(reference: &Sinusoids, t: f64) -> f64 {
        reference.with_leads(&Tensor::from_slice(&[t]), &[]).double_value(&[0, 0, 0])
    }

    #[test]
    fn starts_where_its_kind_says() {
        let at_zero = |kind, seed| value(&Sinusoids::draw(kind, 0.5, &[seed]).unwrap(), 0.0).abs();
        for seed in 0..5 {
            assert_eq!(at_zero(ReferenceKind::Sines, seed), 0.0);
            assert!(at_zero(ReferenceKind::SinesPhase, seed) > 0.05);
            assert!(at_zero(ReferenceKind::SinesZero, seed) < 1e-14);
        }
    }

    #[test]
    fn frequencies_are_below_the_cutoff_and_leads_look_ahead() {
        let reference = Sinusoids::draw(ReferenceKind::SinesPhase, 0.5, &[3, 4]).unwrap();
        for i in 0..4 {
            assert!((0.1..=0.5).contains(&reference.omega.double_value(&[1, i])));
        }
        let ahead = reference.with_leads(&Tensor::from_slice(&[7.0]), &[1.5]);
        let later = reference.with_leads(&Tensor::from_slice(&[8.5]), &[]);
        let difference = ahead.double_value(&[1, 0, 1]) - later.double_value(&[1, 0, 0]);
        assert!(difference.abs() < 1e-14);
    }

    #[test]
    fn a_series_repeats_after_its_period() {
        for kind in [ReferenceKind::White, ReferenceKind::FourierOu] {
            let reference = Sinusoids::draw(kind, 0.1, &[0]).unwrap();
            let difference = value(&reference, 12.25) - value(&reference, 1012.25);
            assert!(difference.abs() < 1e-12, "{difference}");
            assert_eq!(reference.omega.size(), [1, 101]);
        }
    }
}
