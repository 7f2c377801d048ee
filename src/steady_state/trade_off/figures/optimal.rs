//! The figure of the optimal speed: the largest learning speed over γ, where it is, and what steady
//! state it costs, against the expansion.

use super::labels::{RunMeasure, noise_title, seeds_and_repeats, subtitle};
use crate::lab::figure::{Limit, LineFigure, Panels, Series};
use crate::lab::statistics::quantile;
use crate::steady_state::learning::axes::{Condition, SweepAxes};
use crate::steady_state::measure::results::Results;
use crate::steady_state::measure::runs::RunResult;

/// Definitions of speed in the figure.
const SPEEDS: [(&str, RunMeasure); 2] =
    [("first 5 s", |run| run.speeds.log_5), ("first 50 s", |run| run.speeds.log_50)];

/// For one noise and expansion, the run of the fastest γ of every seed and repeat.
fn fastest<'a>(
    axes: &SweepAxes,
    results: &'a Results,
    ratio: usize,
    size: usize,
    speed: RunMeasure,
) -> Vec<&'a RunResult> {
    let mut best: Vec<&RunResult> = Vec::new();
    for gamma in 0..axes.gammas.len() {
        let runs = results.runs_of(Condition { ratio, size, gamma });
        for run in runs.filter(|run| speed(run).is_finite()) {
            let same = |other: &&mut &RunResult| {
                (other.index.seed, other.index.repeat) == (run.index.seed, run.index.repeat)
            };
            match best.iter_mut().find(same) {
                Some(other) if speed(run) > speed(other) => *other = run,
                Some(_) => {}
                None => best.push(run),
            }
        }
    }
    best
}

/// What is known of the fastest γ: where it is the last that was tried for most runs, a larger one may
/// be faster.
fn known(axes: &SweepAxes, runs: &[&RunResult]) -> Limit {
    let most = |gamma: usize| {
        let there = runs.iter().filter(|run| run.index.gamma == gamma).count();
        axes.gammas.len() > 1 && 2 * there > runs.len()
    };
    match (most(0), most(axes.gammas.len() - 1)) {
        (true, _) => Limit::Upper,
        (_, true) => Limit::Lower,
        (false, false) => Limit::Exact,
    }
}

/// Draws the figure.
pub(super) fn optimal(axes: &SweepAxes, results: &Results) -> Panels {
    let q: Vec<f64> = axes.expansions.iter().map(|q| *q as f64).collect();
    let mut curves = [Vec::new(), Vec::new(), Vec::new()];
    for ratio in 0..axes.ratios.len() {
        for (name, speed) in SPEEDS {
            let label = format!("{}, {name}", noise_title(axes, ratio));
            let best: Vec<Vec<&RunResult>> =
                (0..q.len()).map(|size| fastest(axes, results, ratio, size, speed)).collect();
            let scaled = |run: &RunResult| run.gamma * q[run.index.size];
            let window = |run: &RunResult| run.window;
            let measures: [&dyn Fn(&RunResult) -> f64; 3] = [&speed, &scaled, &window];
            for (curves, measure) in curves.iter_mut().zip(measures) {
                let at = |share: f64| -> Vec<f64> {
                    let values = |runs: &Vec<&RunResult>| -> Vec<f64> {
                        runs.iter().map(|run| measure(run)).filter(|x| x.is_finite()).collect()
                    };
                    best.iter().map(|runs| quantile(&values(runs), share)).collect()
                };
                let series = Series::new(&label, q.clone(), at(0.5));
                let series = series.with_band(at(0.25), at(0.75));
                curves.push(Series { marker: true, ..series });
            }
            if let Some(steps) = curves[1].last_mut() {
                steps.limits = best.iter().map(|runs| known(axes, runs)).collect();
            }
        }
    }
    let [speeds, mut steps, losses] = curves;
    let predicted = |share: f64| -> Vec<f64> {
        let best = |size| quantile(&results.networks_of(size, |one| one.best_gamma), share);
        (0..q.len()).map(|size| q[size] * best(size)).collect()
    };
    let series = Series::new("one mean update, predicted", q.clone(), predicted(0.5));
    let series = series.with_band(predicted(0.25), predicted(0.75));
    steps.push(Series { dashed: true, ..series });
    let panel = |title: &str, y_label: &str, y_log: bool, series: Vec<Series>| LineFigure {
        y_log,
        ..LineFigure::new(title, "expansion q", y_label, series)
    };
    Panels {
        title: "Optimal learning speed".into(),
        subtitle: subtitle(&seeds_and_repeats(axes, results), "band"),
        columns: 3,
        panels: vec![
            panel("Largest speed over γ", "1/s", false, speeds),
            panel("γ q of the largest speed", "γ q", true, steps),
            panel("Loss from w* at that γ", "task loss", true, losses),
        ],
    }
}
