//! Reference trajectories of every era of the study.

use std::f64::consts::TAU;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::ou::Path;
use super::sinusoids::Sinusoids;
use crate::lab::store::checkpoint::State;

/// Which reference trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// Four sines of random frequencies in [cut-off / 5, cut-off] rad/s, phases 0
    Sines,
    /// The same with random phases in [0, π/2]: r(0) is not y(0)
    SinesPhase,
    /// The same with random amplitudes in [0.1, 1] too, shifted in time to its first zero
    SinesZero,
    /// A Fourier series up to the cut-off in Hz with the amplitudes of an Ornstein-Uhlenbeck process
    FourierOu,
    /// A Fourier series up to the cut-off in Hz with equal amplitudes
    White,
    /// A path of an Ornstein-Uhlenbeck process through a low-pass of third order, cut-off in Hz
    Ou,
}

impl ReferenceKind {
    /// Whether the cut-off is in Hz, not in rad/s.
    pub fn in_hertz(self) -> bool {
        matches!(self, Self::FourierOu | Self::White | Self::Ou)
    }

    /// Cut-off of the originals: 0.5 rad/s, 0.1 Hz.
    pub fn default_cutoff(self) -> f64 {
        if self.in_hertz() { 0.1 } else { 0.5 }
    }

    /// How far ahead the granule layer sees, s: 0.2 of the cut-off's period.
    pub fn default_lookahead(self, cutoff: f64) -> f64 {
        if self.in_hertz() { 0.2 / cutoff } else { 0.2 * TAU / cutoff }
    }
}

/// What a reference is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Which reference.
    pub kind: ReferenceKind,
    /// Cut-off, rad/s or Hz.
    pub cutoff: f64,
    /// How far it must be known, s; a sum of sinusoids always is.
    pub seconds: f64,
}

/// The references of some seeds.
#[derive(Debug)]
pub enum Reference {
    /// Sums of sinusoids.
    Sinusoids(Sinusoids),
    /// Paths of a random process.
    Path(Path),
}

impl Reference {
    /// Draws the references of some seeds.
    ///
    /// # Errors
    /// Where what was drawn can't be read.
    pub fn draw(course: &Course, seeds: &[u64]) -> Result<Self> {
        match course.kind {
            ReferenceKind::Ou => Ok(Self::Path(Path::draw(course.cutoff, course.seconds, seeds)?)),
            kind => Ok(Self::Sinusoids(Sinusoids::draw(kind, course.cutoff, seeds)?)),
        }
    }

    /// r(t), then r(t + lead): [seed, time, 1 + lead]; `time`: [time], s.
    pub fn seen(&self, time: &Tensor, leads: &[f64]) -> Tensor {
        match self {
            Self::Sinusoids(sinusoids) => sinusoids.seen(time, leads),
            Self::Path(path) => path.seen(time, leads),
        }
    }

    /// Those of some of the seeds.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        match self {
            Self::Sinusoids(sinusoids) => Self::Sinusoids(sinusoids.narrow(start, length)),
            Self::Path(path) => Self::Path(path.narrow(start, length)),
        }
    }

    /// The same on a device.
    pub fn to_device(&self, device: Device) -> Self {
        match self {
            Self::Sinusoids(sinusoids) => Self::Sinusoids(sinusoids.to_device(device)),
            Self::Path(path) => Self::Path(path.to_device(device)),
        }
    }

    /// What a checkpoint keeps of them.
    pub fn state(&self) -> State {
        let named =
            |(name, tensor): (&str, &Tensor)| (format!("reference.{name}"), tensor.shallow_clone());
        match self {
            Self::Sinusoids(Sinusoids { amplitude, omega, phase }) => {
                [("amplitude", amplitude), ("omega", omega), ("phase", phase)].map(named).into()
            }
            Self::Path(path) => [("path", &path.values)].map(named).into(),
        }
    }
}
