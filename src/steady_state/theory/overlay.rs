//! The figure of predictions under simulated points.

use anyhow::Result;
use tch::{Kind, Tensor};

use crate::lab::figure::{LineFigure, Panels, Series, share_x, share_y};
use crate::lab::statistics::{mean, quantile};
use crate::lab::tensor::to_host;
use crate::steady_state::learning::axes::Condition;
use crate::steady_state::learning::descent::Descent;
use crate::steady_state::learning::stage::SeedGroup;
use crate::steady_state::learning::task::Task;
use crate::steady_state::learning::theory::noise_floor;
use crate::steady_state::measure::mean_update::mean_update_gain;
use crate::steady_state::measure::results::Results;
use crate::steady_state::measure::runs::NAIVE_UPDATES;
use crate::steady_state::plant::granule::CELLS;
use crate::steady_state::trade_off::SteadyState;
use crate::steady_state::trade_off::figures::{noise_title, seeds_and_repeats, subtitle};

/// The simulation, and what was measured of it.
struct Overlay<'a> {
    run: &'a SteadyState,
    results: &'a Results,
}

/// Medians and quartiles over seeds of what theory says at every γ, and of the simulation: for each
/// noise the steady state on the left and the speed on the right.
pub(super) fn overlay(run: &SteadyState, results: &Results) -> Result<Panels> {
    let overlay = Overlay { run, results };
    let axes = &run.sweep.axes;
    let ratios = &axes.ratios;
    let quiet = ratios.iter().position(|ratio| ratio.is_infinite());
    let mut panels = Vec::new();
    let (mut floors, mut speeds) = (Vec::new(), Vec::new());
    for ratio in 0..ratios.len() {
        let noise = noise_title(axes, ratio);
        if quiet == Some(ratio) {
            let title = format!("Loss of the last {NAIVE_UPDATES} updates of learning, {noise}");
            panels.push(panel(&title, "task loss", true, overlay.unfinished(ratio)?));
        } else if let Some(quiet) = quiet {
            let mean = match axes.repeats {
                1 => String::new(),
                repeats => format!(", mean of {repeats} repeats"),
            };
            let title = format!("Loss from w* that the noise adds{mean}, {noise}");
            floors.push(panels.len());
            panels.push(panel(&title, "task loss", true, overlay.floor(ratio, quiet)?));
        }
        let title = format!("Speed over 50 updates, {noise}");
        speeds.push(panels.len());
        panels.push(panel(&title, "1/s", false, overlay.speed(ratio)?));
    }
    for alike in [floors, speeds] {
        let panels = panels.iter_mut().enumerate();
        share_y(panels.filter(|(index, _)| alike.contains(index)).map(|(_, panel)| panel));
    }
    share_x(&mut panels);
    let subtitle = subtitle(&seeds_and_repeats(axes, results), "bars and bands");
    Ok(Panels { title: "Predicted and simulated".into(), subtitle, columns: 2, panels })
}

/// The lower quartile, median and upper quartile of each set.
fn quartiles(sets: &[Vec<f64>]) -> [Vec<f64>; 3] {
    [0.25, 0.5, 0.75].map(|share| sets.iter().map(|set| quantile(set, share)).collect())
}

fn panel(title: &str, y_label: &str, y_log: bool, series: Vec<Series>) -> LineFigure {
    LineFigure { y_log, ..LineFigure::new(title, "learning step γ", y_label, series) }
}

impl Overlay<'_> {
    /// For every expansion a curve of simulated medians with their quartiles as bars, and one of
    /// predicted ones with theirs as a band.
    ///
    /// - simulated: the values of the seeds at the index of an expansion and of γ
    /// - predicted: `[seed]`, from a group's task, its weights before learning, and γ
    fn curves(
        &self,
        simulated: impl Fn(usize, usize) -> Vec<f64>,
        predicted: impl Fn(&Task, &Tensor, f64) -> Result<Tensor>,
    ) -> Result<Vec<Series>> {
        let axes = &self.run.sweep.axes;
        let mut series = Vec::new();
        for (size, q) in axes.expansions.iter().enumerate() {
            let gammas: Vec<f64> = (0..axes.gammas.len()).map(|i| axes.gamma(i, size)).collect();
            let found: Vec<Vec<f64>> = (0..gammas.len()).map(|i| simulated(size, i)).collect();
            let [low, middle, high] = quartiles(&found);
            let label = format!("q = {q}, simulated");
            let found = Series::new(&label, gammas.clone(), middle).with_bars(low, high);
            series.push(Series { marker: true, colour: Some(size), ..found });
            let at = |group: &SeedGroup, gamma: f64| {
                let start = group.setup.granule.initial.narrow(1, 0, q * CELLS);
                predicted(&group.task.leading(q * CELLS), &start, gamma)
            };
            let [low, middle, high] = quartiles(&self.each(&gammas, at)?);
            let label = format!("q = {q}, predicted");
            let expected = Series::new(&label, gammas, middle).with_band(low, high);
            series.push(Series { dashed: true, colour: Some(size), ..expected });
        }
        Ok(series)
    }

    /// A prediction at every γ for every seed that counts.
    fn each(
        &self,
        gammas: &[f64],
        predict: impl Fn(&SeedGroup, f64) -> Result<Tensor>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut all = Vec::new();
        for gamma in gammas {
            let mut values = Vec::new();
            for group in &self.run.sweep.groups {
                values.extend(to_host::values(&predict(group, *gamma)?)?);
            }
            let kept = values.iter().zip(&self.results.kept).filter(|(_, kept)| **kept);
            all.push(kept.map(|(value, _)| *value).collect());
        }
        Ok(all)
    }

    /// What learning has not done yet: gradient descent with the same step, by its closed form.
    fn unfinished(&self, ratio: usize) -> Result<Vec<Series>> {
        let seconds = self.run.sweep.train.seconds;
        let first = (seconds - NAIVE_UPDATES as i64 + 1).max(0);
        self.curves(
            |size, gamma| self.results.of(Condition { ratio, size, gamma }, |run| run.naive),
            |task, start, gamma| {
                let counts =
                    Tensor::arange_start(first, seconds + 1, (Kind::Double, start.device()));
                let losses = Descent::new(task, start, gamma)?.losses(&counts);
                Ok(losses.mean_dim(1, false, Kind::Double))
            },
        )
    }

    /// The noise floor, by the covariance of the weights in the middle of the window.
    fn floor(&self, ratio: usize, quiet: usize) -> Result<Vec<Series>> {
        let window = self.run.config.steady_window;
        let updates = (self.run.sweep.steady.seconds - window / 2) as u64;
        let snr = self.run.sweep.axes.ratios[ratio];
        self.curves(
            |size, gamma| {
                let noisy = Condition { ratio, size, gamma };
                self.added_by_noise(noisy, Condition { ratio: quiet, ..noisy })
            },
            |task, _, gamma| {
                Ok(noise_floor(&task.hessian, &task.rule, gamma, gamma / snr, updates))
            },
        )
    }

    /// The share of the loss that one mean update takes away, noise and all.
    fn speed(&self, ratio: usize) -> Result<Vec<Series>> {
        let snr = self.run.sweep.axes.ratios[ratio];
        self.curves(
            |size, gamma| {
                self.results.of(Condition { ratio, size, gamma }, |run| run.speeds.log_50)
            },
            |task, start, gamma| Ok(mean_update_gain(task, start, gamma, gamma / snr)),
        )
    }

    /// Loss at the end of the noisy runs from w* beyond that of the runs without noise; over repeats
    /// its mean.
    fn added_by_noise(&self, noisy: Condition, quiet: Condition) -> Vec<f64> {
        // Both are in the order of seeds and repeats.
        let pairs = self.results.runs_of(noisy).zip(self.results.runs_of(quiet));
        let differences: Vec<f64> =
            pairs.map(|(noisy, quiet)| noisy.window - quiet.window).collect();
        let repeats = self.run.sweep.axes.repeats as usize;
        differences.chunks(repeats).map(mean).filter(|difference| difference.is_finite()).collect()
    }
}
