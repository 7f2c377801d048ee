//! The figure of predictions under simulated points.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::descent::Descent;
use super::figures::noise_title;
use super::granule::CELLS;
use super::measure::{LAST, one_step};
use super::results::{Results, RunResult, mean, quantile};
use super::stage::Group;
use super::task::Task;
use super::theory::noise_floor;
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::tensor::to_host;

/// What is drawn from.
struct Overlay<'a> {
    sweep: &'a SteadyState,
    results: &'a Results,
}

/// Medians over seeds of what theory says at every γ, and of the simulation: for each noise the
/// steady state on the left and the speed on the right.
pub(super) fn overlay(sweep: &SteadyState, results: &Results) -> Result<Panels> {
    let overlay = Overlay { sweep, results };
    let ratios = &sweep.grid.ratios;
    let quiet = ratios.iter().position(|ratio| ratio.is_infinite());
    let mut panels = Vec::new();
    for ratio in 0..ratios.len() {
        let noise = noise_title(sweep, ratio);
        if quiet == Some(ratio) {
            let title = format!("Loss of the last {LAST} updates of learning, {noise}");
            panels.push(panel(&title, "task loss", true, overlay.unfinished(ratio)?));
        } else if let Some(quiet) = quiet {
            let title = format!("Loss from w* that the noise adds, {noise}");
            panels.push(panel(&title, "task loss", true, overlay.floor(ratio, quiet)?));
        }
        let title = format!("Speed over 50 updates, {noise}");
        panels.push(panel(&title, "1/s", false, overlay.speed(ratio)?));
    }
    let subtitle = format!("medians of {} seeds", sweep.grid.seeds.len());
    Ok(Panels { title: "Predicted and simulated".into(), subtitle, columns: 2, panels })
}

fn panel(title: &str, y_label: &str, y_log: bool, series: Vec<Series>) -> LineFigure {
    LineFigure { y_log, ..LineFigure::new(title, "learning step γ", y_label, series) }
}

impl Overlay<'_> {
    /// For every expansion a curve of simulated medians and one of predicted ones.
    ///
    /// - simulated: of the index of the expansion and of γ; predicted: of a group of seeds, their
    ///   task, their weights before learning, γ: [seed]
    fn curves(
        &self,
        simulated: impl Fn(usize, usize) -> f64,
        predicted: impl Fn(&Task, &Tensor, f64) -> Tensor,
    ) -> Result<Vec<Series>> {
        let grid = &self.sweep.grid;
        let mut series = Vec::new();
        for (size, q) in grid.expansions.iter().enumerate() {
            let gammas: Vec<f64> = (0..grid.gammas.len()).map(|i| grid.gamma(i, size)).collect();
            let found = (0..gammas.len()).map(|i| simulated(size, i)).collect();
            let label = format!("q = {q}, simulated");
            let found = Series::new(&label, gammas.clone(), found);
            series.push(Series { marker: true, colour: Some(size), ..found });
            let at = |group: &Group, gamma: f64| {
                let start = group.world.granule.initial.narrow(1, 0, q * CELLS);
                predicted(&group.task.leading(q * CELLS), &start, gamma)
            };
            let expected = Series::new(
                &format!("q = {q}, predicted"),
                gammas.clone(),
                self.each(&gammas, at)?,
            );
            series.push(Series { dashed: true, colour: Some(size), ..expected });
        }
        Ok(series)
    }

    /// The median over seeds of a prediction at every γ.
    fn each(&self, gammas: &[f64], predict: impl Fn(&Group, f64) -> Tensor) -> Result<Vec<f64>> {
        let mut medians = Vec::new();
        for gamma in gammas {
            let mut values = Vec::new();
            for group in &self.sweep.groups {
                values.extend(to_host::values(&predict(group, *gamma))?);
            }
            medians.push(quantile(&values, 0.5));
        }
        Ok(medians)
    }

    fn median(&self, at: (usize, usize, usize), measure: fn(&RunResult) -> f64) -> f64 {
        quantile(&self.results.of(at, measure), 0.5)
    }

    /// What learning has not done yet: gradient descent with the same step, by its closed form.
    fn unfinished(&self, ratio: usize) -> Result<Vec<Series>> {
        let seconds = self.sweep.train.seconds;
        let first = (seconds - LAST as i64 + 1).max(0);
        self.curves(
            |size, index| self.median((ratio, size, index), |run| run.naive),
            |task, start, gamma| {
                let counts =
                    Tensor::arange_start(first, seconds + 1, (Kind::Double, start.device()));
                Descent::new(task, start, gamma).losses(&counts).mean_dim(1, false, Kind::Double)
            },
        )
    }

    /// The noise floor, by the covariance of the weights in the middle of the window.
    fn floor(&self, ratio: usize, quiet: usize) -> Result<Vec<Series>> {
        let sweep = self.sweep;
        let updates = (sweep.steady.seconds - sweep.config.steady_window / 2) as u64;
        let snr = sweep.grid.ratios[ratio];
        self.curves(
            |size, index| quantile(&self.added((ratio, quiet), (size, index)), 0.5),
            |task, _, gamma| noise_floor(&task.hessian, &task.rule, gamma, gamma / snr, updates),
        )
    }

    /// The share of the loss that one mean update takes away, noise and all.
    fn speed(&self, ratio: usize) -> Result<Vec<Series>> {
        let snr = self.sweep.grid.ratios[ratio];
        self.curves(
            |size, index| self.median((ratio, size, index), |run| run.speeds.log_50),
            |task, start, gamma| one_step(task, start, gamma, gamma / snr),
        )
    }

    /// Loss at the end of the noisy runs from w* beyond that of the same runs without noise; over
    /// repeats its mean.
    fn added(&self, (noisy, quiet): (usize, usize), (size, gamma): (usize, usize)) -> Vec<f64> {
        let runs = |ratio: usize| self.results.runs_of((ratio, size, gamma));
        // Both are in the order of seeds and repeats.
        let differences =
            runs(noisy).zip(runs(quiet)).map(|(noisy, quiet)| noisy.window - quiet.window);
        let differences: Vec<f64> = differences.collect();
        let repeats = self.sweep.grid.repeats as usize;
        differences.chunks(repeats).map(mean).filter(|difference| difference.is_finite()).collect()
    }
}
