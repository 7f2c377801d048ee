//! Figures of a sweep.

use anyhow::Result;

use super::courses::{pretraining, steady_runs, trajectory};
use super::modes::modes;
use super::optimal::optimal;
use super::results::{Results, RunResult, quantile};
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::log::run_log::Log;

/// Curves in a panel at most.
const SHOWN: usize = 5;
pub(super) type Measure = fn(&RunResult) -> f64;

/// Draws the figures of a run's end.
///
/// # Errors
/// Where the device can't be read, or a figure has nothing to show.
pub fn draw(sweep: &SteadyState, log: &mut Log, step: u64) -> Result<()> {
    let Some(results) = &sweep.results else { return Ok(()) };
    let tradeoff = tradeoff(sweep, results);
    log.figure("tradeoff", step, &tradeoff.render()?, &results.table(&sweep.grid));
    for (name, panels) in [
        ("gamma", against_gamma(sweep, results)),
        ("networks", networks(sweep, results)),
        ("modes", modes(sweep, results)),
        ("optimal", optimal(sweep, results)),
        ("pretraining", pretraining(sweep)?),
        ("steady_runs", steady_runs(sweep)?),
        ("trajectory", trajectory(sweep)?),
    ] {
        log.figure(name, step, &panels.render()?, &panels.to_csv());
    }
    Ok(())
}

/// Some of the indices 0..count: the first, the last, and evenly between.
pub(super) fn some(count: usize) -> Vec<usize> {
    let shown = SHOWN.min(count);
    (0..shown).map(|i| i * (count - 1) / shown.max(2).saturating_sub(1)).collect()
}

pub(super) fn subtitle(sweep: &SteadyState) -> String {
    let seeds = sweep.grid.seeds.len();
    match seeds {
        1 => "one seed".into(),
        _ => format!("median of {seeds} seeds, band: quartiles"),
    }
}

pub(super) fn noise_title(sweep: &SteadyState, ratio: usize) -> String {
    match sweep.grid.ratios[ratio] {
        none if none.is_infinite() => "no noise".into(),
        ratio => format!("SNR {ratio}"),
    }
}

/// Steady-state loss against learning speed: a curve for every expansion, a point for every γ.
fn tradeoff(sweep: &SteadyState, results: &Results) -> Panels {
    let definitions: [(&str, Measure); 2] =
        [("last 10 updates of learning", |run| run.naive), ("from w*", |run| run.window)];
    let mut panels = Vec::new();
    for ratio in 0..sweep.grid.ratios.len() {
        for (title, loss) in definitions {
            let series = some(sweep.grid.expansions.len()).into_iter().map(|size| {
                let medians = |measure: Measure| -> Vec<f64> {
                    let at = |index| quantile(&results.of((ratio, size, index), measure), 0.5);
                    (0..sweep.grid.gammas.len()).map(at).collect()
                };
                let label = format!("q = {}", sweep.grid.expansions[size]);
                let speed = medians(|run| run.speeds.log_50);
                Series { marker: true, ..Series::new(&label, speed, medians(loss)) }
            });
            panels.push(LineFigure {
                title: format!("{title}, {}", noise_title(sweep, ratio)),
                x_label: "learning speed (1/s)".into(),
                y_label: "steady-state loss".into(),
                y_log: true,
                series: series.collect(),
                ..LineFigure::default()
            });
        }
    }
    Panels {
        title: "Steady-state loss against learning speed".into(),
        subtitle: format!(
            "medians of {} seeds; each curve runs through the learning steps γ",
            sweep.grid.seeds.len()
        ),
        columns: 2,
        panels,
    }
}

/// Speed and steady-state losses against the learning step.
fn against_gamma(sweep: &SteadyState, results: &Results) -> Panels {
    let measures: [(&str, &str, Measure); 3] = [
        ("learning speed", "1/s", |run| run.speeds.log_50),
        ("last 10 updates", "task loss", |run| run.naive),
        ("from w*", "task loss", |run| run.window),
    ];
    // Steps that are spread over orders of magnitude would sit on the left of a linear axis.
    let gammas = &sweep.grid.gammas;
    let crowded = gammas[gammas.len() / 2] < 0.25 * gammas[gammas.len() - 1];
    let mut panels = Vec::new();
    for ratio in 0..sweep.grid.ratios.len() {
        for (title, unit, measure) in measures {
            let series = some(sweep.grid.expansions.len()).into_iter().map(|size| {
                let at = |share: f64| -> Vec<f64> {
                    let at = |index| quantile(&results.of((ratio, size, index), measure), share);
                    (0..sweep.grid.gammas.len()).map(at).collect()
                };
                let label = format!("q = {}", sweep.grid.expansions[size]);
                let gammas = (0..sweep.grid.gammas.len()).map(|i| sweep.grid.gamma(i, size));
                let series = Series::new(&label, gammas.collect(), at(0.5));
                Series { marker: true, ..series }.with_band(at(0.25), at(0.75))
            });
            panels.push(LineFigure {
                title: format!("{title}, {}", noise_title(sweep, ratio)),
                x_label: "learning step γ".into(),
                x_log: crowded,
                y_label: unit.into(),
                y_log: unit != "1/s",
                series: series.collect(),
                ..LineFigure::default()
            });
        }
    }
    let title = "Speed and steady state against the learning step".into();
    Panels { title, subtitle: subtitle(sweep), columns: 3, panels }
}

/// Quality of the pre-training and the optimal step, by expansion.
fn networks(sweep: &SteadyState, results: &Results) -> Panels {
    let sizes = sweep.grid.expansions.len();
    let q: Vec<f64> = sweep.grid.expansions.iter().map(|q| *q as f64).collect();
    let curve = |label: &str, measure: &dyn Fn(&super::results::NetworkResult) -> f64| {
        let at = |share: f64| -> Vec<f64> {
            (0..sizes).map(|size| quantile(&results.networks_of(size, measure), share)).collect()
        };
        let series = Series::new(label, q.clone(), at(0.5)).with_band(at(0.25), at(0.75));
        Series { marker: true, ..series }
    };
    let panel = |title: &str, y_label: &str, series: Vec<Series>| {
        LineFigure::new(title, "expansion q", y_label, series)
    };
    let losses = vec![
        curve("before", &|network| network.begin),
        curve("at w*", &|network| network.pretrained),
        curve("minimum", &|network| network.minimum),
    ];
    let quality = LineFigure { y_log: true, ..panel("Task loss", "task loss", losses) };
    let expansions = &sweep.grid.expansions;
    let scaled = |network: &super::results::NetworkResult| {
        network.best_gamma * expansions[network.size] as f64
    };
    let step = panel("Best single mean update", "γ q", vec![curve("", &scaled)]);
    let gap = vec![curve("", &|network| network.pretrained / network.minimum)];
    let gap = LineFigure { y_log: true, ..panel("Loss of w* over the minimum", "ratio", gap) };
    let panels = vec![quality, gap, step];
    let title = "Networks: pre-training, minimum, optimal step".into();
    Panels { title, subtitle: subtitle(sweep), columns: 3, panels }
}
