//! What came of every run and of every network.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::fit;
use super::granule::CELLS;
use super::grid::{Grid, Place};
use super::speed::{Speeds, speeds};
use super::stage::Stage;
use super::stationarity::{self, SteadyState as Steady};
use super::train::SteadyState;
use crate::lab::read;

/// Updates in the mean of the naive steady-state loss.
const LAST: usize = 10;

/// What came of one run; numbers are NaN where it has diverged.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// Which run.
    pub place: Place,
    /// Its learning step.
    pub gamma: f64,
    /// The update after which learning had diverged.
    pub diverged: Option<f64>,
    /// The same of the run from w*; 0 where there is no w*.
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
    pub steady: Option<Steady>,
}

/// What came of one network.
#[derive(Debug, Clone)]
pub struct NetworkResult {
    /// Index of the seed.
    pub seed: usize,
    /// Index of the expansion.
    pub size: usize,
    /// Loss before learning.
    pub begin: f64,
    /// Loss of w*; NaN where the pre-training has diverged.
    pub pretrained: f64,
    /// Least loss, by the pseudo-inverse with the cut.
    pub minimum: f64,
    /// Eigenvalues of H in ascending order.
    pub eigenvalues: Vec<f64>,
    /// Cosine between the gradient and the mean update before learning.
    pub cosine: f64,
    /// Learning step at which one mean update before learning lowers the loss most.
    pub best_gamma: f64,
    /// Share of the loss that this update takes away.
    pub best_drop: f64,
}

/// Everything that came of a sweep.
#[derive(Debug)]
pub struct Results {
    /// In the order of [`Grid::places`].
    pub runs: Vec<RunResult>,
    /// Seeds, then expansions.
    pub networks: Vec<NetworkResult>,
}

impl Results {
    /// Reads the losses of a sweep and measures them.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn measure(sweep: &SteadyState) -> Result<Self> {
        Ok(Self { runs: measure_runs(sweep)?, networks: measure_networks(sweep)? })
    }

    /// A measure of the runs of one noise, expansion and learning step, over seeds and repeats
    /// that have not diverged.
    pub fn of(
        &self,
        (ratio, size, gamma): (usize, usize, usize),
        measure: impl Fn(&RunResult) -> f64,
    ) -> Vec<f64> {
        let here = |run: &&RunResult| {
            (run.place.ratio, run.place.size, run.place.gamma) == (ratio, size, gamma)
        };
        self.runs.iter().filter(here).map(measure).filter(|value| value.is_finite()).collect()
    }

    /// A measure of the networks of one expansion.
    pub fn networks_of(&self, size: usize, measure: impl Fn(&NetworkResult) -> f64) -> Vec<f64> {
        let here = self.networks.iter().filter(|network| network.size == size);
        here.map(measure).filter(|value| value.is_finite()).collect()
    }

    /// Every run as a row of a table, with the seeds' and the expansions' own numbers.
    pub fn table(&self, grid: &Grid) -> String {
        let mut text = String::from(
            "seed,q,snr,gamma,repeat,diverged_train,diverged_steady,dynamic_5,dynamic_50,log_5,\
             log_50,first_update,fit_rate,fit_floor,naive,window,stationary_mean,\
             stationary_half_width,stationary_since,autocorrelation,independent\n",
        );
        for run in &self.runs {
            let (place, speeds) = (run.place, run.speeds);
            let steady = |pick: fn(&Steady) -> f64| run.steady.as_ref().map_or(f64::NAN, pick);
            let numbers = [
                run.diverged.unwrap_or(f64::NAN),
                run.steady_diverged.unwrap_or(f64::NAN),
                speeds.dynamic_5,
                speeds.dynamic_50,
                speeds.log_5,
                speeds.log_50,
                speeds.first,
                run.fit_rate,
                run.fit_floor,
                run.naive,
                run.window,
                steady(|s| s.mean),
                steady(|s| s.half_width),
                steady(|s| s.since.map_or(f64::NAN, |since| since as f64)),
                steady(|s| s.autocorrelation),
                steady(|s| s.independent),
            ];
            let cell = |x: &f64| if x.is_nan() { String::new() } else { format!("{x:?}") };
            let cells: Vec<String> = numbers.iter().map(cell).collect();
            let (seed, q) = (grid.seeds[place.seed], grid.expansions[place.size]);
            let (noise, gamma) = (grid.noise_name(place.ratio), run.gamma);
            let repeat = place.repeat;
            text += &format!("{seed},{q},{noise},{gamma:?},{repeat},{}\n", cells.join(","));
        }
        text
    }
}

/// The losses of a stage by run, and when each diverged.
fn series(stage: &Stage) -> Result<(Vec<f64>, Vec<Option<f64>>)> {
    let diverged = read::values(&stage.diverged)?;
    let at = diverged.into_iter().map(|at| (at >= 0.0).then_some(at)).collect();
    Ok((read::values(&stage.losses)?, at))
}

fn measure_runs(sweep: &SteadyState) -> Result<Vec<RunResult>> {
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
        let nan = f64::NAN;
        let none = Speeds { dynamic_5: nan, dynamic_50: nan, log_5: nan, log_50: nan, first: nan };
        RunResult {
            place,
            gamma: sweep.grid.gamma(place.gamma, place.size),
            diverged: diverged[i],
            steady_diverged: steady_diverged[i],
            speeds: if learned { speeds(losses) } else { none },
            fit_rate: fitted.map_or(nan, |fit| fit.rate),
            fit_floor: fitted.map_or(nan, |fit| fit.floor),
            naive: if learned { mean(&losses[losses.len().saturating_sub(LAST)..]) } else { nan },
            window: if settled { mean(&from[from.len() - window..]) } else { nan },
            steady: settled.then(|| stationarity::test(from)),
        }
    };
    Ok(sweep.grid.places().into_iter().enumerate().map(measure).collect())
}

fn measure_networks(sweep: &SteadyState) -> Result<Vec<NetworkResult>> {
    let lost = read::values(&sweep.pretrain.diverged)?;
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
                read::values(&task.loss(&initial))?,
                read::values(&task.loss(&optimum.narrow(1, 0, q * CELLS)))?,
                read::values(&task.loss(&best))?,
                read::values(&cosine)?,
                read::values(&step)?,
                read::values(&drop)?,
                read::values(&eigenvalues)?,
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

/// Of one mean update −γ d with d = R w − p before learning: cosine between d and the gradient, the
/// γ = g·d / d·Hd that lowers the loss most, and the share of the loss that it takes away: [seed].
pub fn static_speed(task: &super::task::Task, weights: &Tensor) -> (Tensor, Tensor, Tensor) {
    let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
    let mean = task.rule.matmul(&weights.unsqueeze(-1)).squeeze_dim(-1) - &task.rule_linear;
    let dot = |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist(-1, false, Kind::Double);
    let along = dot(&gradient, &mean);
    let norms = (dot(&gradient, &gradient) * dot(&mean, &mean)).sqrt();
    let curved = task.hessian.matmul(&mean.unsqueeze(-1)).squeeze_dim(-1);
    let curvature = dot(&mean, &curved);
    let step = &along / &curvature;
    let drop = &along * &step * 0.5 / task.loss(weights);
    (along / norms, step, drop)
}

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A quantile between 0 and 1 by linear interpolation; NaN of nothing.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    sorted[low] + part * (sorted[(low + 1).min(last)] - sorted[low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[3.0, 1.0], 1.0), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
