//! The figure of H's modes: how flat they are, how long they need, how many a run is long enough for.

use super::labels::{evenly_spaced, seeds, subtitle};
use crate::lab::figure::{LineFigure, Panels, Reference, Series};
use crate::lab::statistics::quantile;
use crate::steady_state::learning::axes::Condition;
use crate::steady_state::measure::networks::NetworkResult;
use crate::steady_state::measure::results::Results;
use crate::steady_state::plant::granule::CELLS;
use crate::steady_state::trade_off::state::SteadyState;

/// Modes in a panel at most.
const SHOWN: usize = 25;
/// Eigenvalues below this share of the largest are rounding.
const ROUNDING: f64 = 1e-14;

/// Eigenvalues of H, the times 1/γλ at the pre-training's γ, and the modes that a run from w* is
/// long enough for.
pub(super) fn modes(run: &SteadyState, results: &Results) -> Panels {
    let asked = run.config.pretrain_gamma.unwrap_or_default();
    let sweep = &run.sweep;
    let axes = &sweep.axes;
    let (mut values, mut times, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for size in evenly_spaced(axes.expansions.len()) {
        let q = axes.expansions[size];
        let gamma = sweep.pretraining.gammas[size];
        let label = format!("q = {q}");
        let eigenvalue = |mode: usize, share: f64| {
            let from_top = |network: &NetworkResult| {
                let values = &network.eigenvalues;
                let value = values[values.len() - 1 - mode];
                if value > ROUNDING * values[values.len() - 1] { value } else { f64::NAN }
            };
            quantile(&results.networks_of(size, from_top), share)
        };
        let count = ((CELLS * q) as usize).min(SHOWN);
        let at =
            |share: f64| -> Vec<f64> { (0..count).map(|mode| eigenvalue(mode, share)).collect() };
        let x: Vec<f64> = (1..=count).map(|mode| mode as f64).collect();
        // The flattest quarter of the seeds needs the longest.
        let time = |share: f64| at(1.0 - share).iter().map(|value| 1.0 / (gamma * value)).collect();
        let series = Series::new(&label, x.clone(), time(0.5)).with_band(time(0.25), time(0.75));
        times.push(Series { marker: true, ..series });
        let series = Series::new(&label, x, at(0.5)).with_band(at(0.25), at(0.75));
        values.push(Series { marker: true, ..series });
        let gammas: Vec<f64> = (0..axes.gammas.len()).map(|i| axes.gamma(i, size)).collect();
        let modes = |share: f64| -> Vec<f64> {
            (0..axes.gammas.len())
                .map(|gamma| Condition { ratio: 0, size, gamma })
                .map(|condition| quantile(&results.of(condition, |run| run.modes as f64), share))
                .collect()
        };
        let series = Series::new(&label, gammas, modes(0.5)).with_band(modes(0.25), modes(0.75));
        done.push(Series { marker: true, ..series });
    }
    let mode = "mode of H, by eigenvalue λ";
    let panel = |title: &str, x_label: &str, y_label: &str, series: Vec<Series>| LineFigure {
        y_log: true,
        ..LineFigure::new(title, x_label, y_label, series)
    };
    let length = |label: &str, value: i64| Reference { label: label.into(), value: value as f64 };
    let stages = vec![
        length("pre-training", sweep.pretraining.stage.seconds),
        length("from w*", sweep.steady.seconds),
    ];
    let title = format!("Time that each needs, γ = {asked} / q^{}", run.config.gamma_exponent);
    let panels = vec![
        panel("Spectrum of H", mode, "λ", values),
        LineFigure { references: stages, ..panel(&title, mode, "1/γλ (s)", times) },
        LineFigure {
            y_log: false,
            ..panel(
                &format!("Modes done in {} s", sweep.steady.seconds),
                "learning step γ",
                "modes with 1/γλ below that",
                done,
            )
        },
    ];
    Panels {
        title: "Modes of H".into(),
        subtitle: subtitle(&seeds(results), "band"),
        columns: 3,
        panels,
    }
}
