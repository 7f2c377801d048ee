//! The figure of the optimal speed: the largest learning speed over γ, where it is, and what steady
//! state it costs, against the expansion.

use super::figures::{Measure, noise_title, subtitle};
use super::results::{Results, RunResult, quantile};
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Panels, Series};

/// Definitions of speed in the figure.
const SPEEDS: [(&str, Measure); 2] =
    [("first 5 s", |run| run.speeds.log_5), ("first 50 s", |run| run.speeds.log_50)];

/// Of every seed and repeat the run of the fastest γ, for one noise and expansion.
fn fastest(
    results: &Results,
    (ratio, size): (usize, usize),
    gammas: usize,
    speed: Measure,
) -> Vec<&RunResult> {
    let mut best: Vec<&RunResult> = Vec::new();
    for gamma in 0..gammas {
        for run in results.runs_of((ratio, size, gamma)).filter(|run| speed(run).is_finite()) {
            let same = |other: &&mut &RunResult| {
                (other.place.seed, other.place.repeat) == (run.place.seed, run.place.repeat)
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

/// Draws the figure.
pub(super) fn optimal(sweep: &SteadyState, results: &Results) -> Panels {
    let grid = &sweep.grid;
    let q: Vec<f64> = grid.expansions.iter().map(|q| *q as f64).collect();
    let mut curves = [Vec::new(), Vec::new(), Vec::new()];
    for ratio in 0..grid.ratios.len() {
        for (name, speed) in SPEEDS {
            let label = format!("{}, {name}", noise_title(sweep, ratio));
            let best: Vec<Vec<&RunResult>> = (0..q.len())
                .map(|size| fastest(results, (ratio, size), grid.gammas.len(), speed))
                .collect();
            let scaled = |run: &RunResult| run.gamma * q[run.place.size];
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
        }
    }
    let [speeds, mut steps, losses] = curves;
    let predicted = |size: usize| {
        q[size] * quantile(&results.networks_of(size, |network| network.best_gamma), 0.5)
    };
    let predicted =
        Series::new("one mean update, predicted", q.clone(), (0..q.len()).map(predicted).collect());
    steps.push(Series { dashed: true, ..predicted });
    let panel = |title: &str, y_label: &str, y_log: bool, series: Vec<Series>| LineFigure {
        y_log,
        ..LineFigure::new(title, "expansion q", y_label, series)
    };
    Panels {
        title: "Optimal learning speed".into(),
        subtitle: subtitle(sweep),
        columns: 3,
        panels: vec![
            panel("Largest speed over γ", "1/s", false, speeds),
            panel("γ q of the largest speed", "γ q", true, steps),
            panel("Loss from w* at that γ", "task loss", true, losses),
        ],
    }
}
