//! Settings of `steady_state`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::block::{BlockMap, Timing};
use super::plant::{ClosedLoop, Gains};
use super::reference::ReferenceKind;
use crate::lab::error::{one_line, refuse};
use crate::lab::{Preset, read};

/// How the weights w* are found from which the steady-state runs begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pretrain {
    /// Online LMS without noise
    Lms,
    /// Gradient descent on the task loss by its closed form, one step a second
    GdClosedForm,
    /// The same, step by step
    GdIterated,
    /// The minimum itself: the pseudo-inverse of H with --cut
    Exact,
}

/// Settings of a sweep over expansions, learning steps, noise and seeds.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Experiment")]
pub struct SteadyStateConfig {
    /// Expansions q: networks of 10 q granule cells
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 4, 5, 6, 7, 8, 9],
        value_name = "Q,Q,...")]
    pub expansions: Vec<i64>,
    /// Learning steps γ at q = 1; expansion q takes γ / q^EXPONENT
    #[arg(long, value_delimiter = ',', value_name = "G,G,...",
        default_values_t = [0.001, 0.021, 0.041, 0.061, 0.081, 0.101, 0.121, 0.141, 0.161, 0.181])]
    pub gammas: Vec<f64>,
    /// How the learning step falls with the expansion
    #[arg(long, default_value_t = 0.5)]
    pub gamma_exponent: f64,
    /// Noise: every update adds a vector of length γ / SNR; none is without
    #[arg(long, value_delimiter = ',', default_values = ["none", "3"], value_name = "SNR,...")]
    pub snr: Vec<String>,
    /// Realisations of the noise for each network
    #[arg(long, default_value_t = 1)]
    pub repeats: i64,
    /// Reference trajectory
    #[arg(long, value_enum, default_value = "sines-zero")]
    pub reference: ReferenceKind,
    /// Cut-off of the reference, rad/s for sines, Hz for series; by default 0.5 rad/s, 0.1 Hz
    #[arg(long)]
    pub cutoff: Option<f64>,
    /// How far ahead the granule layer sees, s; by default 0.2 of the cut-off's period
    #[arg(long)]
    pub lookahead: Option<f64>,
    /// Learning from the initial weights, s (one update a second)
    #[arg(long, default_value_t = 400)]
    pub train_seconds: i64,
    /// Trajectory of the task loss, s
    #[arg(long, default_value_t = 400)]
    pub loss_seconds: i64,
    /// How to find w*
    #[arg(long, value_enum, default_value = "lms")]
    pub pretrain: Pretrain,
    /// Length of the pre-training, s, or steps of gradient descent
    #[arg(long, default_value_t = 10_000)]
    pub pretrain_seconds: i64,
    /// Learning step of the pre-training at q = 1; by default 0.05 for lms, 0.181 for gd
    #[arg(long)]
    pub pretrain_gamma: Option<f64>,
    /// Learning from w*, s
    #[arg(long, default_value_t = 400)]
    pub steady_seconds: i64,
    /// The steady-state loss is the mean over the last this many seconds
    #[arg(long, default_value_t = 100)]
    pub steady_window: i64,
    /// Eigenvalues of H below this share of the largest do not count for the minimum
    #[arg(long, default_value_t = 1e-7)]
    pub cut: f64,
    /// Seconds between samples of the trajectory
    #[arg(long, default_value_t = 0.05)]
    pub dt: f64,
    /// The error is averaged from this long before an update, s
    #[arg(long, default_value_t = 1.0)]
    pub window_start: f64,
    /// The error is averaged up to this long before an update, s
    #[arg(long, default_value_t = 0.5)]
    pub window_end: f64,
    /// An update takes the granule cells' answers of this long before it, s
    #[arg(long, default_value_t = 0.1)]
    pub delay: f64,
    /// Proportional gain of the feedback
    #[arg(long, default_value_t = 0.1)]
    pub kp: f64,
    /// Integral gain of the feedback
    #[arg(long, default_value_t = 0.1)]
    pub ki: f64,
    /// Derivative gain of the feedback
    #[arg(long, default_value_t = 0.1)]
    pub kd: f64,
    /// Rate of the error's filter, 1/s
    #[arg(long, default_value_t = 0.1)]
    pub rc: f64,
    /// Let the integral gain enter once; in the originals it enters twice
    #[arg(long)]
    pub ki_once: bool,
    /// Runs in one batch, which bounds the memory
    #[arg(long, default_value_t = 4096)]
    pub batch_runs: i64,
}

impl SteadyStateConfig {
    /// Fills in what depends on the reference, and checks every value.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn resolve(&mut self) -> Result<()> {
        self.resolve_lists()?;
        for (flag, value, least) in [
            ("repeats", self.repeats, 1),
            ("train-seconds", self.train_seconds, 1),
            ("loss-seconds", self.loss_seconds, 1),
            ("pretrain-seconds", self.pretrain_seconds, 1),
            ("steady-seconds", self.steady_seconds, 1),
            ("steady-window", self.steady_window, 1),
            ("batch-runs", self.batch_runs, 1),
        ] {
            if value < least || value > 10_000_000 {
                return Err(refuse(format!("--{flag} {value}: expected {least} to 10000000")));
            }
        }
        if self.steady_window > self.steady_seconds {
            return Err(refuse(format!(
                "--steady-window {}: expected at most --steady-seconds {}",
                self.steady_window, self.steady_seconds
            )));
        }
        let cutoff = *self.cutoff.get_or_insert(self.reference.default_cutoff());
        let fastest = if self.reference.is_series() { std::f64::consts::TAU } else { 1.0 } * cutoff;
        positive("cutoff", cutoff)?;
        positive("dt", self.dt)?;
        if fastest * self.dt > 0.5 {
            return Err(refuse(format!(
                "--cutoff {cutoff}: its period has fewer than 12 samples of --dt {}: use a smaller \
                 --dt or a lower cut-off",
                self.dt
            )));
        }
        let lookahead = self.lookahead.get_or_insert(self.reference.default_lookahead(cutoff));
        positive("lookahead", *lookahead)?;
        let usual = if self.pretrain == Pretrain::Lms { 0.05 } else { 0.181 };
        positive("pretrain-gamma", *self.pretrain_gamma.get_or_insert(usual))?;
        if !(0.0..1.0).contains(&self.cut) {
            return Err(refuse(format!("--cut {}: expected 0 to 1", self.cut)));
        }
        self.resolve_timing()
    }

    fn resolve_lists(&mut self) -> Result<()> {
        if self.expansions.is_empty() || self.gammas.is_empty() || self.snr.is_empty() {
            return Err(refuse("--expansions, --gammas, --snr: each needs at least one value"));
        }
        if let Some(q) = self.expansions.iter().find(|q| !(1..=1000).contains(*q)) {
            return Err(refuse(format!("--expansions {q}: expected whole numbers from 1 to 1000")));
        }
        self.expansions.sort_unstable();
        self.expansions.dedup();
        self.gammas.iter().try_for_each(|gamma| positive("gammas", *gamma))?;
        self.gammas.sort_by(f64::total_cmp);
        self.gammas.dedup();
        let snr: Vec<f64> =
            self.snr.iter().map(|word| signal_to_noise(word)).collect::<Result<_>>()?;
        if snr.iter().enumerate().any(|(i, value)| snr[..i].contains(value)) {
            return Err(refuse(format!("--snr {}: each value once", self.snr.join(","))));
        }
        Ok(())
    }

    fn resolve_timing(&self) -> Result<()> {
        let (from, to) = (self.window_start, self.window_end);
        if !(0.0 <= to && to < from && from <= 1.0) {
            return Err(refuse(format!(
                "--window-start {from} and --window-end {to}: expected 1 >= start > end >= 0"
            )));
        }
        if !(0.0..1.0).contains(&self.delay) {
            return Err(refuse(format!("--delay {}: expected 0 or more, below 1", self.delay)));
        }
        let plant = ClosedLoop::new(&self.gains());
        let growth = read::scalar(&plant.growth())?;
        if growth >= 0.0 {
            return Err(refuse(format!(
                "--kp, --ki, --kd, --rc: the closed loop is not stable (eigenvalue {growth:.3})"
            )));
        }
        BlockMap::new(&plant, &self.timing()).map(|_| ()).map_err(|error| refuse(one_line(&error)))
    }

    /// The gains of the feedback.
    pub fn gains(&self) -> Gains {
        Gains { kp: self.kp, ki: self.ki, kd: self.kd, rc: self.rc, ki_once: self.ki_once }
    }

    /// When things happen within a second.
    pub fn timing(&self) -> Timing {
        let (window_start, window_end) = (self.window_start, self.window_end);
        Timing { dt: self.dt, window_start, window_end, delay: self.delay }
    }

    /// The signal-to-noise ratios, infinite for none.
    pub fn ratios(&self) -> Vec<f64> {
        self.snr.iter().map(|word| signal_to_noise(word).unwrap_or(f64::INFINITY)).collect()
    }

    /// The learning step of expansion q that `gamma` at q = 1 stands for.
    pub fn scaled(&self, gamma: f64, q: i64) -> f64 {
        gamma / (q as f64).powf(self.gamma_exponent)
    }
}

fn positive(flag: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(refuse(format!("--{flag} {value}: expected a number above 0")))
}

fn signal_to_noise(word: &str) -> Result<f64> {
    if word == "none" {
        return Ok(f64::INFINITY);
    }
    let ratio = word.parse().ok().filter(|ratio: &f64| *ratio > 0.0 && ratio.is_finite());
    ratio.ok_or_else(|| refuse(format!("--snr {word}: expected none or a number above 0")))
}

/// The runs of the notebook's stages and of what followed.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "attempt-1",
        reason: "the first attempt: sines without phases, pre-training of 400 s: small learning \
                 steps look worse than large ones",
        values: r#"{"reference": "sines", "pretrain_seconds": 400, "snr": ["none"]}"#,
    },
    Preset {
        name: "attempt-2",
        reason: "the second attempt: random phases, pre-training of 10 000 s",
        values: r#"{"reference": "sines-phase", "snr": ["none"]}"#,
    },
    Preset {
        name: "gradient-descent",
        reason: "the second attempt with gradient descent for 5000 steps instead",
        values: r#"{"reference": "sines-phase", "snr": ["none"], "pretrain": "gd-closed-form",
                    "pretrain_seconds": 5000}"#,
    },
    Preset {
        name: "exact",
        reason: "the steady state from the minimum itself: what the pre-training was for",
        values: r#"{"pretrain": "exact"}"#,
    },
    Preset {
        name: "long",
        reason: "steady-state runs of 5000 s, training of 500 s, as in the later simulations",
        values: r#"{"pretrain": "exact", "train_seconds": 500, "steady_seconds": 5000}"#,
    },
];
