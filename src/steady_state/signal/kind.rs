//! The kinds of reference trajectories, one for every era of the study.

use std::f64::consts::TAU;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::ou::OuPath;

/// The law that a reference trajectory is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// Four sines of random frequencies in [cut-off / 5, cut-off] rad/s, phases 0
    Sines,
    /// Such sines with random phases in [0, π/2]: r(0) is not y(0)
    SinesPhase,
    /// Such sines with random phases and amplitudes in [0.1, 1], shifted in time to the first zero
    SinesZero,
    /// A Fourier series up to the cut-off in Hz with the amplitudes of an Ornstein-Uhlenbeck process
    FourierOu,
    /// A Fourier series up to the cut-off in Hz with equal amplitudes
    White,
    /// A path of an Ornstein-Uhlenbeck process through a low-pass of third order, cut-off in Hz
    Ou,
}

impl ReferenceKind {
    /// Whether the cut-off is in Hz instead of rad/s.
    pub fn in_hertz(self) -> bool {
        match self {
            Self::Sines | Self::SinesPhase | Self::SinesZero => false,
            Self::FourierOu | Self::White | Self::Ou => true,
        }
    }

    /// Whether the sinusoids have equal amplitudes.
    pub(super) fn has_equal_amplitudes(self) -> bool {
        match self {
            Self::Sines | Self::SinesPhase | Self::White => true,
            Self::SinesZero | Self::FourierOu | Self::Ou => false,
        }
    }

    /// Whether the phases are random.
    pub(super) fn has_random_phases(self) -> bool {
        match self {
            Self::Sines => false,
            Self::SinesPhase | Self::SinesZero | Self::FourierOu | Self::White | Self::Ou => true,
        }
    }

    /// Whether the time is shifted so that r(0) is 0.
    pub(super) fn starts_at_zero(self) -> bool {
        match self {
            Self::SinesZero => true,
            Self::Sines | Self::SinesPhase | Self::FourierOu | Self::White | Self::Ou => false,
        }
    }

    /// The cut-off of the original simulations: 0.5 rad/s or 0.1 Hz.
    pub fn default_cutoff(self) -> f64 {
        if self.in_hertz() { 0.1 } else { 0.5 }
    }

    /// What the cut-off must be below, in its own unit.
    pub fn cutoff_limit(self) -> f64 {
        match self {
            Self::Ou => OuPath::NYQUIST,
            Self::Sines | Self::SinesPhase | Self::SinesZero => f64::INFINITY,
            Self::FourierOu | Self::White => f64::INFINITY,
        }
    }

    /// How far ahead the granule layer sees by default, s: 0.2 of the cut-off's period.
    pub fn default_lookahead(self, cutoff: f64) -> f64 {
        if self.in_hertz() { 0.2 / cutoff } else { 0.2 * TAU / cutoff }
    }
}
