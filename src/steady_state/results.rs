//! What came of every run and of every network.

use anyhow::Result;

use super::grid::{Grid, Place};
use super::measure;
use super::speed::Speeds;
use super::stationarity::SteadyState as Steady;
use super::train::SteadyState;
use crate::lab::statistics::mean_and_sd;

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
    /// Modes of H that the run from w* is long enough for: 1/γλ below its length.
    pub modes: usize,
    /// The time 1/γλ that the next mode needs, s; NaN where there is none.
    pub next_mode: f64,
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
    /// Whether a seed counts in medians: [seed].
    pub kept: Vec<bool>,
}

impl Results {
    /// Reads the losses of a sweep and measures them.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn measure(sweep: &SteadyState) -> Result<Self> {
        let networks = measure::networks(sweep)?;
        let runs = measure::runs(sweep, &networks)?;
        let all = vec![true; sweep.grid.seeds.len()];
        let kept = if sweep.config.drop_easy_seeds { hard(&networks, all.len()) } else { all };
        Ok(Self { runs, networks, kept })
    }

    /// The runs of one noise, expansion and learning step, of the seeds that count, by seed and
    /// repeat.
    pub fn runs_of(
        &self,
        (ratio, size, gamma): (usize, usize, usize),
    ) -> impl Iterator<Item = &RunResult> {
        let here = move |place: Place| (place.ratio, place.size, place.gamma);
        let wanted = move |run: &&RunResult| {
            here(run.place) == (ratio, size, gamma) && self.kept[run.place.seed]
        };
        self.runs.iter().filter(wanted)
    }

    /// A measure of the runs of one noise, expansion and learning step, over seeds and repeats
    /// that have not diverged.
    pub fn of(&self, at: (usize, usize, usize), measure: impl Fn(&RunResult) -> f64) -> Vec<f64> {
        self.runs_of(at).map(measure).filter(|value| value.is_finite()).collect()
    }

    /// A measure of the networks of one expansion.
    pub fn networks_of(&self, size: usize, measure: impl Fn(&NetworkResult) -> f64) -> Vec<f64> {
        let counts = |network: &&NetworkResult| network.size == size && self.kept[network.seed];
        let here = self.networks.iter().filter(counts);
        here.map(measure).filter(|value| value.is_finite()).collect()
    }

    /// Every run as a row of a table, with the seeds' and the expansions' own numbers.
    pub fn table(&self, grid: &Grid) -> String {
        let mut text = String::from(
            "seed,q,snr,gamma,repeat,diverged_train,diverged_steady,dynamic_5,dynamic_50,log_5,\
             log_50,first_update,fit_rate,fit_floor,naive,window,stationary_mean,\
             stationary_half_width,stationary_since,autocorrelation,independent,modes,next_mode,\
             kept\n",
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
                run.modes as f64,
                run.next_mode,
                f64::from(self.kept[place.seed]),
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

/// Whether each seed's loss before learning is above mean − SD/2 of all seeds'.
fn hard(networks: &[NetworkResult], seeds: usize) -> Vec<bool> {
    let sizes = networks.len() / seeds.max(1);
    let begin: Vec<f64> = networks.iter().step_by(sizes.max(1)).map(|one| one.begin).collect();
    let (mean, sd) = mean_and_sd(&begin);
    begin.iter().map(|loss| *loss >= mean - 0.5 * sd).collect()
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
    fn seeds_that_begin_almost_solved_are_told_apart() {
        let network = |(i, begin): (usize, f64)| NetworkResult {
            seed: i / 2,
            size: i % 2,
            begin,
            pretrained: 0.0,
            minimum: 0.0,
            eigenvalues: Vec::new(),
            cosine: 1.0,
            best_gamma: 1.0,
            best_drop: 1.0,
        };
        // Mean 2.5, standard deviation 1.29: seeds below 1.85 are easy.
        let networks: Vec<_> =
            [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0].into_iter().enumerate().map(network).collect();
        assert_eq!(hard(&networks, 4), [false, true, true, true]);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[3.0, 1.0], 1.0), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
