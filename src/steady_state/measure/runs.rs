//! What came of every run: its speed, its steady state, and the modes that it had time for.

use anyhow::Result;

use super::fit::RateGrid;
use super::networks::NetworkResult;
use super::speed::{Speeds, speeds};
use super::stationarity::{self, Stationarity};
use crate::lab::statistics::mean;
use crate::lab::tensor::to_host;
use crate::steady_state::learning::axes::RunIndex;
use crate::steady_state::learning::stage::Stage;
use crate::steady_state::learning::sweep::Sweep;

/// Updates in the mean of the naive steady-state loss.
pub const NAIVE_UPDATES: usize = 10;

/// What came of one run; numbers are NaN where it has diverged.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// Which run.
    pub index: RunIndex,
    /// Learning step of the run.
    pub gamma: f64,
    /// The update after which learning had diverged.
    pub diverged: Option<f64>,
    /// The update after which the run from w* had diverged; 0 where there is no w*.
    pub steady_diverged: Option<f64>,
    /// Learning speeds.
    pub speeds: Speeds,
    /// Speed of the fitted exponential, 1/s.
    pub fit_rate: f64,
    /// Floor of the fitted exponential.
    pub fit_floor: f64,
    /// Mean loss over the last 10 updates of learning.
    pub naive: f64,
    /// Mean loss over the window at the end of the run from w*.
    pub window: f64,
    /// What the run from w* says about its steady state.
    pub steady: Option<Stationarity>,
    /// Modes of H that the run from w* is long enough for: 1/γλ below its length.
    pub modes: usize,
    /// The time 1/γλ that the next mode needs, s; NaN where there is none.
    pub next_mode: f64,
}

impl RunResult {
    /// The mean of a run from w* that has reached its steady state, else NaN.
    pub fn stationary_mean(&self) -> f64 {
        self.steady.filter(Stationarity::reached).map_or(f64::NAN, |steady| steady.mean)
    }
}

/// The losses of a stage's runs, on the host.
struct StageLosses {
    /// Losses of each run: `[run, second + 1]`, flat.
    losses: Vec<f64>,
    /// Update after which each run had diverged.
    diverged: Vec<Option<f64>>,
    /// Losses of one run.
    length: usize,
}

impl StageLosses {
    fn read(stage: &Stage) -> Result<Self> {
        let diverged = to_host::values(&stage.diverged)?;
        Ok(Self {
            losses: to_host::values(&stage.losses)?,
            diverged: diverged.into_iter().map(|at| (at >= 0.0).then_some(at)).collect(),
            length: stage.seconds as usize + 1,
        })
    }

    fn of(&self, run: usize) -> &[f64] {
        &self.losses[run * self.length..][..self.length]
    }
}

/// Measures every run, in the order of [`crate::steady_state::learning::axes::SweepAxes::indices`].
/// The windowed steady-state loss is over the last `window` seconds.
///
/// # Errors
/// Fails if the device's tensors can't be copied to the host.
pub fn measure_runs(
    sweep: &Sweep,
    networks: &[NetworkResult],
    window: usize,
) -> Result<Vec<RunResult>> {
    let train = StageLosses::read(&sweep.train)?;
    let steady = StageLosses::read(&sweep.steady)?;
    let rates = RateGrid::new(train.length);
    let measure = |(i, index): (usize, RunIndex)| {
        let losses = train.of(i);
        // Before the first update there is no steady state yet.
        let from_optimum = &steady.of(i)[1..];
        let learned = train.diverged[i].is_none();
        let settled = steady.diverged[i].is_none();
        let fitted = learned.then(|| rates.fit(losses));
        let gamma = sweep.axes.gamma(index.gamma, index.size);
        let network = &networks[index.seed * sweep.axes.expansions.len() + index.size];
        let modes = modes_within(&network.eigenvalues, gamma, sweep.steady.seconds as f64);
        let nan = f64::NAN;
        let last = |losses: &[f64], count: usize| mean(&losses[losses.len() - count..]);
        RunResult {
            index,
            gamma,
            diverged: train.diverged[i],
            steady_diverged: steady.diverged[i],
            speeds: if learned { speeds(losses) } else { Speeds::UNKNOWN },
            fit_rate: fitted.map_or(nan, |fit| fit.rate),
            fit_floor: fitted.map_or(nan, |fit| fit.floor),
            naive: if learned { last(losses, NAIVE_UPDATES.min(losses.len())) } else { nan },
            window: if settled { last(from_optimum, window) } else { nan },
            steady: settled.then(|| stationarity::test(from_optimum)),
            modes: modes.done,
            next_mode: modes.next_seconds,
        }
    };
    Ok(sweep.axes.indices().into_iter().enumerate().map(measure).collect())
}

/// The modes of H that a run had time for.
struct ModesWithin {
    /// Modes that need less time than the run has.
    done: usize,
    /// Time that the next mode needs, s; NaN where there is none.
    next_seconds: f64,
}

/// Which modes need less than `seconds`; eigenvalues in ascending order.
fn modes_within(eigenvalues: &[f64], gamma: f64, seconds: f64) -> ModesWithin {
    let rest = eigenvalues.partition_point(|value| gamma * value * seconds <= 1.0);
    let next = rest.checked_sub(1).map(|last| eigenvalues[last]);
    ModesWithin {
        done: eigenvalues.len() - rest,
        // Rounding leaves the flattest modes with eigenvalues around 0.
        next_seconds: next.map_or(f64::NAN, |value| (gamma * value.max(0.0)).recip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_done_where_the_run_is_longer_than_they_need() {
        let values = [-1e-18, 0.01, 0.1, 1.0];
        let within = |values: &[f64], seconds| modes_within(values, 0.1, seconds);
        assert_eq!(within(&values, 50.0).done, 1);
        assert!((within(&values, 50.0).next_seconds - 100.0).abs() < 1e-12);
        assert_eq!(within(&values, 1e6).done, 3);
        assert_eq!(within(&values, 1e6).next_seconds, f64::INFINITY);
        assert!(within(&values[1..], 1e6).next_seconds.is_nan());
    }
}
