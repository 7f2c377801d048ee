//! From losses and weights to what came of every run and of every network.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::fit;
use super::granule::CELLS;
use super::grid::Place;
use super::results::{NetworkResult, RunResult, mean};
use super::speed::{Speeds, speeds};
use super::stage::Stage;
use super::stationarity;
use super::task::Task;
use super::train::SteadyState;
use crate::lab::tensor::to_host;

/// Updates in the mean of the naive steady-state loss.
pub(super) const LAST: usize = 10;

/// The losses of a stage by run, and when each diverged.
fn series(stage: &Stage) -> Result<(Vec<f64>, Vec<Option<f64>>)> {
    let diverged = to_host::values(&stage.diverged)?;
    let at = diverged.into_iter().map(|at| (at >= 0.0).then_some(at)).collect();
    Ok((to_host::values(&stage.losses)?, at))
}

/// Measures every run.
///
/// # Errors
/// Where the device can't be read.
pub(super) fn runs(sweep: &SteadyState, networks: &[NetworkResult]) -> Result<Vec<RunResult>> {
    let (train, diverged) = series(&sweep.train)?;
    let (steady, steady_diverged) = series(&sweep.steady)?;
    let lengths = [sweep.train.seconds as usize + 1, sweep.steady.seconds as usize + 1];
    let grid = fit::Grid::new(lengths[0]);
    let window = sweep.config.steady_window as usize;
    let measure = |(i, place): (usize, Place)| {
        let losses = &train[i * lengths[0]..][..lengths[0]];
        // Before the first update there is no steady state yet.
        let from = &steady[i * lengths[1] + 1..][..lengths[1] - 1];
        let learned = diverged[i].is_none();
        let fitted = learned.then(|| grid.fit(losses));
        let settled = steady_diverged[i].is_none();
        let gamma = sweep.grid.gamma(place.gamma, place.size);
        let network = &networks[place.seed * sweep.grid.expansions.len() + place.size];
        let (modes, next_mode) = reach(&network.eigenvalues, gamma, sweep.steady.seconds as f64);
        let nan = f64::NAN;
        let none = Speeds { dynamic_5: nan, dynamic_50: nan, log_5: nan, log_50: nan, first: nan };
        RunResult {
            place,
            gamma,
            diverged: diverged[i],
            steady_diverged: steady_diverged[i],
            speeds: if learned { speeds(losses) } else { none },
            fit_rate: fitted.map_or(nan, |fit| fit.rate),
            fit_floor: fitted.map_or(nan, |fit| fit.floor),
            naive: if learned { mean(&losses[losses.len().saturating_sub(LAST)..]) } else { nan },
            window: if settled { mean(&from[from.len() - window..]) } else { nan },
            steady: settled.then(|| stationarity::test(from)),
            modes,
            next_mode,
        }
    };
    Ok(sweep.grid.places().into_iter().enumerate().map(measure).collect())
}

/// How many modes need less than `seconds`, and how long the next one needs, s.
///
/// - eigenvalues: ascending
fn reach(eigenvalues: &[f64], gamma: f64, seconds: f64) -> (usize, f64) {
    let rest = eigenvalues.partition_point(|value| gamma * value * seconds <= 1.0);
    let next = rest.checked_sub(1).map(|last| eigenvalues[last]);
    // Rounding leaves the flattest modes with eigenvalues around 0.
    let time = next.map_or(f64::NAN, |value| (gamma * value.max(0.0)).recip());
    (eigenvalues.len() - rest, time)
}

/// Measures every network.
///
/// # Errors
/// Where the device can't be read.
pub(super) fn networks(sweep: &SteadyState) -> Result<Vec<NetworkResult>> {
    let lost = to_host::values(&sweep.pretrain.diverged)?;
    let sizes = sweep.grid.expansions.len();
    let mut networks = Vec::new();
    for group in &sweep.groups {
        let count = group.seeds.len() as i64;
        let mut columns = Vec::new();
        for (size, q) in sweep.grid.expansions.iter().enumerate() {
            let task = group.task.leading(q * CELLS);
            let initial = group.world.granule.initial.narrow(1, 0, q * CELLS);
            let optimum = sweep.optimum.narrow(0, group.first, count).select(1, size as i64);
            let (best, eigenvalues) = task.minimum(&initial, sweep.config.cut);
            let (cosine, step, drop) = static_speed(&task, &initial);
            columns.push([
                to_host::values(&task.loss(&initial))?,
                to_host::values(&task.loss(&optimum.narrow(1, 0, q * CELLS)))?,
                to_host::values(&task.loss(&best))?,
                to_host::values(&cosine)?,
                to_host::values(&step)?,
                to_host::values(&drop)?,
                to_host::values(&eigenvalues)?,
            ]);
        }
        for local in 0..count as usize {
            let seed = group.first as usize + local;
            for (size, column) in columns.iter().enumerate() {
                let cells = column[6].len() / count as usize;
                let known = lost[seed * sizes + size] < 0.0;
                networks.push(NetworkResult {
                    seed,
                    size,
                    begin: column[0][local],
                    pretrained: if known { column[1][local] } else { f64::NAN },
                    minimum: column[2][local],
                    cosine: column[3][local],
                    best_gamma: column[4][local],
                    best_drop: column[5][local],
                    eigenvalues: column[6][local * cells..][..cells].to_vec(),
                });
            }
        }
    }
    Ok(networks)
}

/// One mean update −γ d, d = R w − p, seen from the task loss: [seed].
struct MeanUpdate {
    /// g·d.
    along: Tensor,
    /// d·Hd.
    curvature: Tensor,
    /// |g| |d|.
    norms: Tensor,
}

impl MeanUpdate {
    /// - weights: [seed, cell]
    fn new(task: &Task, weights: &Tensor) -> Self {
        let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
        let mean = task.rule.matmul(&weights.unsqueeze(-1)).squeeze_dim(-1) - &task.rule_linear;
        let curved = task.hessian.matmul(&mean.unsqueeze(-1)).squeeze_dim(-1);
        let dot = |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist(-1, false, Kind::Double);
        Self {
            along: dot(&gradient, &mean),
            curvature: dot(&mean, &curved),
            norms: (dot(&gradient, &gradient) * dot(&mean, &mean)).sqrt(),
        }
    }
}

/// Of one mean update −γ d with d = R w − p before learning: cosine between d and the gradient, the
/// γ = g·d / d·Hd that lowers the loss most, and the share of the loss that it takes away: [seed].
///
/// - weights: [seed, cell]
pub fn static_speed(task: &Task, weights: &Tensor) -> (Tensor, Tensor, Tensor) {
    let MeanUpdate { along, curvature, norms } = MeanUpdate::new(task, weights);
    let step = &along / curvature;
    let drop = &along * &step * 0.5 / task.loss(weights);
    (along / norms, step, drop)
}

/// Share of the loss that one mean update takes away before learning: (γ g·d − ½ γ² d·Hd −
/// ½ η² Tr H / N) / L with d = R w − p: [seed].
///
/// - weights: [seed, cell]
pub fn one_step(task: &Task, weights: &Tensor, gamma: f64, eta: f64) -> Tensor {
    let MeanUpdate { along, curvature, .. } = MeanUpdate::new(task, weights);
    let cells = weights.size()[1] as f64;
    let trace = task.hessian.diagonal(0, 1, 2).sum_dim_intlist(-1, false, Kind::Double);
    let gain =
        along * gamma - curvature * (0.5 * gamma * gamma) - trace * (0.5 * eta * eta / cells);
    gain / task.loss(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_done_where_the_run_is_longer_than_they_need() {
        let values = [-1e-18, 0.01, 0.1, 1.0];
        assert_eq!(reach(&values, 0.1, 50.0).0, 1);
        assert!((reach(&values, 0.1, 50.0).1 - 100.0).abs() < 1e-12);
        assert_eq!(reach(&values, 0.1, 1e6), (3, f64::INFINITY));
        assert!(reach(&values[1..], 0.1, 1e6).1.is_nan());
    }
}
