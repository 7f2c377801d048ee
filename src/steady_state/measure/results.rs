//! Everything that came of a sweep, by condition.

use anyhow::Result;

use super::networks::{NetworkResult, measure_networks};
use super::runs::{RunResult, measure_runs};
use crate::lab::statistics::mean_and_sd;
use crate::steady_state::learning::axes::Condition;
use crate::steady_state::learning::sweep::Sweep;

/// How the results of a sweep are measured.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Seconds at the end of a run from w* whose mean is the steady-state loss.
    pub steady_window: usize,
    /// Eigenvalues of H below this share of the largest do not count for the minimum.
    pub cut: f64,
    /// Whether easy seeds are left out of medians: those whose loss before learning is more than
    /// half a standard deviation below the mean over seeds.
    pub drop_easy_seeds: bool,
}

/// Everything that came of a sweep.
#[derive(Debug)]
pub struct Results {
    /// The runs in the order of [`crate::steady_state::learning::axes::SweepAxes::indices`].
    pub runs: Vec<RunResult>,
    /// The networks in the order of seeds, then expansions.
    pub networks: Vec<NetworkResult>,
    /// Whether a seed counts in medians: `[seed]`.
    pub kept: Vec<bool>,
}

impl Results {
    /// Reads the losses of a sweep and measures them.
    ///
    /// # Errors
    /// As [`measure_networks`].
    pub fn measure(sweep: &Sweep, measurement: &Measurement) -> Result<Self> {
        let networks = measure_networks(sweep, measurement.cut)?;
        let runs = measure_runs(sweep, &networks, measurement.steady_window)?;
        let seeds = sweep.axes.seeds.len();
        let kept = if measurement.drop_easy_seeds {
            not_easy(&networks, seeds)
        } else {
            vec![true; seeds]
        };
        Ok(Self { runs, networks, kept })
    }

    /// The runs of one condition, of the seeds that count, in the order of seeds and repeats.
    pub fn runs_of(&self, condition: Condition) -> impl Iterator<Item = &RunResult> {
        let wanted =
            move |run: &&RunResult| run.index.condition() == condition && self.kept[run.index.seed];
        self.runs.iter().filter(wanted)
    }

    /// A measure of the runs of one condition, over seeds and repeats that have not diverged.
    pub fn of(&self, condition: Condition, measure: impl Fn(&RunResult) -> f64) -> Vec<f64> {
        self.runs_of(condition).map(measure).filter(|value| value.is_finite()).collect()
    }

    /// A measure of the networks of one expansion.
    pub fn networks_of(&self, size: usize, measure: impl Fn(&NetworkResult) -> f64) -> Vec<f64> {
        let counts = |network: &&NetworkResult| network.size == size && self.kept[network.seed];
        let here = self.networks.iter().filter(counts);
        here.map(measure).filter(|value| value.is_finite()).collect()
    }
}

/// Whether each seed's loss before learning is above mean − SD/2 over all seeds.
fn not_easy(networks: &[NetworkResult], seeds: usize) -> Vec<bool> {
    let sizes = networks.len() / seeds.max(1);
    let begin: Vec<f64> = networks.iter().step_by(sizes.max(1)).map(|one| one.begin).collect();
    let (mean, sd) = mean_and_sd(&begin);
    begin.iter().map(|loss| *loss >= mean - 0.5 * sd).collect()
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
        assert_eq!(not_easy(&networks, 4), [false, true, true, true]);
    }
}
