//! References that are sums of sinusoids.

use std::f64::consts::{PI, TAU};

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::reference::ReferenceKind;
use crate::lab::tensor::{rng, to_host};

/// Sinusoids of a sum of sines.
const SINES: i64 = 4;
/// Samples at the Nyquist rate of one period of a Fourier series.
const SAMPLES: i64 = 200;

/// r(t) = Σ amplitude sin(omega t + phase), for each seed: [seed, sinusoid], f64.
#[derive(Debug)]
pub struct Sinusoids {
    /// Amplitudes.
    pub amplitude: Tensor,
    /// Angular frequencies, rad/s.
    pub omega: Tensor,
    /// Phases at t = 0, rad.
    pub phase: Tensor,
}

impl Sinusoids {
    /// Those of some seeds.
    ///
    /// # Errors
    /// Where what was drawn can't be read.
    pub fn draw(kind: ReferenceKind, cutoff: f64, seeds: &[u64]) -> Result<Self> {
        let drawn = seeds.iter().map(|seed| sinusoids(kind, cutoff, *seed));
        let drawn = drawn.collect::<Result<Vec<[Vec<f64>; 3]>>>()?;
        let column = |i: usize| {
            let rows: Vec<Tensor> = drawn.iter().map(|row| Tensor::from_slice(&row[i])).collect();
            Tensor::stack(&rows, 0)
        };
        Ok(Self { amplitude: column(0), omega: column(1), phase: column(2) })
    }

    /// r(t), then r(t + lead): [seed, time, 1 + lead]; `time`: [time], s.
    pub fn seen(&self, time: &Tensor, leads: &[f64]) -> Tensor {
        self.basis(time).matmul(&self.mixing(leads))
    }

    /// The reference and its copies ahead of time as a linear map of [sin ωt, cos ωt]:
    /// [seed, 2 sinusoid, 1 + lead], the first column r(t), the others r(t + lead).
    fn mixing(&self, leads: &[f64]) -> Tensor {
        let device = self.omega.device();
        let leads: Vec<f64> = [&[0.0], leads].concat();
        let leads = Tensor::from_slice(&leads).to_device(device);
        let angle = self.omega.unsqueeze(-1) * leads + self.phase.unsqueeze(-1);
        let amplitude = self.amplitude.unsqueeze(-1);
        Tensor::cat(&[&amplitude * angle.cos(), amplitude * angle.sin()], 1)
    }

    /// [sin ωt, cos ωt]: [seed, time, 2 sinusoid]; `time`: [time], s.
    fn basis(&self, time: &Tensor) -> Tensor {
        let angle = time.unsqueeze(-1) * self.omega.unsqueeze(1);
        Tensor::cat(&[angle.sin(), angle.cos()], -1)
    }

    /// Those of some of the seeds.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        Self { amplitude: cut(&self.amplitude), omega: cut(&self.omega), phase: cut(&self.phase) }
    }

    /// The same on a device.
    pub fn to_device(&self, device: Device) -> Self {
        let moved = |tensor: &Tensor| tensor.to_device(device);
        Self {
            amplitude: moved(&self.amplitude),
            omega: moved(&self.omega),
            phase: moved(&self.phase),
        }
    }
}

/// Amplitudes, angular frequencies and phases of one seed.
fn sinusoids(kind: ReferenceKind, cutoff: f64, seed: u64) -> Result<[Vec<f64>; 3]> {
    if kind.in_hertz() { series(kind, cutoff, seed) } else { sines(kind, cutoff, seed) }
}

fn uniform(seed: u64, stream: &str, count: i64) -> Result<Vec<f64>> {
    rng::seed_torch(seed, stream, 0);
    to_host::values(&Tensor::rand([count], (Kind::Double, Device::Cpu)))
}

fn sines(kind: ReferenceKind, cutoff: f64, seed: u64) -> Result<[Vec<f64>; 3]> {
    let drawn = uniform(seed, "reference", 3 * SINES)?;
    let (frequency, rest) = drawn.split_at(SINES as usize);
    let (phase, amplitude) = rest.split_at(SINES as usize);
    let omega: Vec<f64> = frequency.iter().map(|u| cutoff * (0.2 + 0.8 * u)).collect();
    let scale = |u: f64| if kind == ReferenceKind::SinesZero { 0.1 + 0.9 * u } else { 1.0 };
    let amplitude: Vec<f64> = amplitude.iter().map(|u| scale(*u) / SINES as f64).collect();
    let spread = if kind == ReferenceKind::Sines { 0.0 } else { PI / 2.0 };
    let mut phase: Vec<f64> = phase.iter().map(|u| spread * u).collect();
    if kind == ReferenceKind::SinesZero {
        let zero = first_zero(&amplitude, &omega, &phase);
        phase.iter_mut().zip(&omega).for_each(|(phase, omega)| *phase += omega * zero);
    }
    Ok([amplitude, omega, phase])
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

fn series(kind: ReferenceKind, cutoff: f64, seed: u64) -> Result<[Vec<f64>; 3]> {
    let period = SAMPLES as f64 / (2.0 * cutoff);
    let drawn = uniform(seed, "reference", SAMPLES / 2 + 1)?;
    let orders = 0..=SAMPLES / 2;
    let equal = 1.0 / (SAMPLES / 2 + 1) as f64;
    let tau = 1.0 / SAMPLES as f64;
    let amplitude = orders.clone().map(|k| match kind {
        ReferenceKind::White => equal,
        // Spectrum of the process: (c tau / 2) 2 tau / (1 + (2 pi tau k)^2), c = 2 pi SAMPLES.
        _ => TAU * tau / (1.0 + (TAU * tau * k as f64).powi(2)),
    });
    let phase = |k: usize, u: f64| if k == 0 { PI / 6.0 } else { TAU * u };
    let phases = drawn.iter().enumerate().map(|(k, u)| phase(k, *u)).collect();
    Ok([amplitude.collect(), orders.map(|k| TAU * k as f64 / period).collect(), phases])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(reference: &Sinusoids, t: f64) -> f64 {
        reference.seen(&Tensor::from_slice(&[t]), &[]).double_value(&[0, 0, 0])
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
        let ahead = reference.seen(&Tensor::from_slice(&[7.0]), &[1.5]);
        let later = reference.seen(&Tensor::from_slice(&[8.5]), &[]);
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
