//! The settings that the three experiments share: flags, and what the science makes of them.

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::learning::axes::SweepAxes;
use super::learning::pretraining::{PretrainMethod, PretrainingSpec};
use super::learning::sweep::SweepSpec;
use super::measure::results::Measurement;
use super::plant::block::Timing;
use super::plant::closed_loop::Gains;
use super::plant::granule::CELLS;
use super::signal::kind::ReferenceKind;
use super::signal::reference::ReferenceSpec;
use crate::lab::error::refuse;
use crate::lab::{Absent, RunConfig, StepWork};

/// Seconds that a page of updates, fifty of them, takes a thread of the CPU for each granule cell of
/// each run, of the row of `docs/performance.md`.
const SECONDS_A_CELL: f64 = 0.43e-6;
/// Launches of a page of updates.
const LAUNCHES: f64 = 500.0;

const LENGTH: &str = "use --pretrain-seconds, --train-seconds and --steady-seconds";
const DRAWN: &str = "no data set: the references are drawn";

/// The flags that decide how much memory a run takes.
pub const SIZES: &[&str] = &["expansions", "batch-runs", "replicates", "train-seconds"];

/// The shared flags that mean nothing to these experiments.
pub const ABSENT: &[Absent] = &[
    Absent { key: "steps", reason: LENGTH },
    Absent { key: "epochs", reason: LENGTH },
    Absent { key: "data", reason: DRAWN },
    Absent { key: "data_dir", reason: DRAWN },
    Absent { key: "patience", reason: "a run has one evaluation, at its end" },
    Absent { key: "init_from", reason: "the networks are drawn from --seed" },
];

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
    /// Cut-off of the reference, rad/s for sines, Hz for the others; by default 0.5 rad/s, 0.1 Hz
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
    pub pretrain: PretrainMethod,
    /// Length of the pre-training, s, or steps of gradient descent
    #[arg(long, default_value_t = 10_000)]
    pub pretrain_seconds: i64,
    /// Learning step of the pre-training at q = 1; by default 0.05 for lms, 0.181 for gd
    #[arg(long)]
    pub pretrain_gamma: Option<f64>,
    /// w* is the mean of the weights after the last this many updates of the pre-training
    #[arg(long, default_value_t = 11)]
    pub pretrain_mean: i64,
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
    /// Leave seeds out of medians and figures whose loss before learning is more than half a
    /// standard deviation below the mean over seeds
    #[arg(long)]
    pub drop_easy_seeds: bool,
    /// Runs in one batch, which bounds the memory
    #[arg(long, default_value_t = 4096)]
    pub batch_runs: i64,
}

impl SteadyStateConfig {
    /// The gains of the feedback.
    pub fn gains(&self) -> Gains {
        Gains { kp: self.kp, ki: self.ki, kd: self.kd, rc: self.rc, ki_once: self.ki_once }
    }

    /// When things happen within a second.
    pub fn timing(&self) -> Timing {
        let (window_start, window_end) = (self.window_start, self.window_end);
        Timing { dt: self.dt, window_start, window_end, delay: self.delay }
    }

    /// The axes of the sweep, with seeds `seed`, `seed` + 1, ...
    pub fn axes(&self, seed: u64, seeds: u32) -> SweepAxes {
        let ratio = |word: &String| signal_to_noise(word).unwrap_or(f64::INFINITY);
        SweepAxes {
            seeds: (0..u64::from(seeds)).map(|i| seed.wrapping_add(i)).collect(),
            expansions: self.expansions.clone(),
            repeats: self.repeats,
            ratios: self.snr.iter().map(ratio).collect(),
            gammas: self.gammas.clone(),
            gamma_exponent: self.gamma_exponent,
        }
    }

    /// The law of the references, which are drawn as far as any stage sees them.
    pub fn reference(&self) -> ReferenceSpec {
        let stages = [self.train_seconds, self.pretrain_seconds, self.steady_seconds];
        let longest = stages.into_iter().fold(self.loss_seconds, i64::max);
        ReferenceSpec {
            kind: self.reference,
            cutoff: self.cutoff.unwrap_or_default(),
            seconds: longest as f64 + self.lookahead.unwrap_or_default(),
        }
    }

    /// What a page of updates of all runs asks for.
    pub fn step_work(&self, run: &RunConfig) -> StepWork {
        let cells: f64 = self.expansions.iter().map(|q| *q as f64 * CELLS as f64).sum();
        let rules = (self.snr.len() * self.gammas.len()) as f64;
        let cells = cells * rules * self.repeats as f64 * f64::from(run.replicates);
        StepWork::Operators { cpu_seconds: SECONDS_A_CELL * cells, launches: LAUNCHES }
    }

    /// What the sweep does along its axes.
    pub fn sweep(&self) -> SweepSpec {
        SweepSpec {
            pretraining: PretrainingSpec {
                method: self.pretrain,
                gamma: self.pretrain_gamma.unwrap_or_default(),
                seconds: self.pretrain_seconds,
                mean: self.pretrain_mean,
                cut: self.cut,
            },
            train_seconds: self.train_seconds,
            steady_seconds: self.steady_seconds,
            loss_seconds: self.loss_seconds,
            batch_runs: self.batch_runs,
        }
    }

    /// How the results are measured.
    pub fn measurement(&self) -> Measurement {
        Measurement {
            steady_window: self.steady_window as usize,
            cut: self.cut,
            drop_easy_seeds: self.drop_easy_seeds,
        }
    }
}

/// The signal-to-noise ratio of a word, infinite for none.
///
/// # Errors
/// Refuses a word that is neither `none` nor a number above 0, with exit code 2.
pub fn signal_to_noise(word: &str) -> Result<f64> {
    if word == "none" {
        return Ok(f64::INFINITY);
    }
    let ratio = word.parse().ok().filter(|ratio: &f64| *ratio > 0.0 && ratio.is_finite());
    ratio.ok_or_else(|| refuse(format!("--snr {word}: expected none or a number above 0")))
}
