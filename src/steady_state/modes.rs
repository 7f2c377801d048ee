//! The figure of H's modes: how flat they are, how long they need, how many a run is long enough for.

use super::figures::{some, subtitle};
use super::results::{NetworkResult, Results, quantile};
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Panels, Reference, Series};

/// Modes in a panel at most.
const SHOWN: usize = 25;
/// Eigenvalues below this share of the largest are rounding.
const ROUNDING: f64 = 1e-14;

/// Eigenvalues of H, the times 1/γλ at the pre-training's γ, and the modes that a run from w* is
/// long enough for.
pub(super) fn modes(sweep: &SteadyState, results: &Results) -> Panels {
    let asked = sweep.config.pretrain_gamma.unwrap_or_default();
    let grid = &sweep.grid;
    let (mut values, mut times, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for size in some(grid.expansions.len()) {
        let q = grid.expansions[size];
        let gamma = sweep.config.pretrain_rate(q);
        let label = format!("q = {q}");
        let eigenvalue = |mode: usize, share: f64| {
            let from_top = |network: &NetworkResult| {
                let values = &network.eigenvalues;
                let value = values[values.len() - 1 - mode];
                if value > ROUNDING * values[values.len() - 1] { value } else { f64::NAN }
            };
            quantile(&results.networks_of(size, from_top), share)
        };
        let count = (10 * q as usize).min(SHOWN);
        let at =
            |share: f64| -> Vec<f64> { (0..count).map(|mode| eigenvalue(mode, share)).collect() };
        let x: Vec<f64> = (1..=count).map(|mode| mode as f64).collect();
        let time = at(0.5).iter().map(|value| 1.0 / (gamma * value)).collect();
        times.push(Series { marker: true, ..Series::new(&label, x.clone(), time) });
        let series = Series::new(&label, x, at(0.5)).with_band(at(0.25), at(0.75));
        values.push(Series { marker: true, ..series });
        let gammas: Vec<f64> = (0..grid.gammas.len()).map(|i| grid.gamma(i, size)).collect();
        let modes = (0..gammas.len())
            .map(|i| quantile(&results.of((0, size, i), |run| run.modes as f64), 0.5))
            .collect();
        done.push(Series { marker: true, ..Series::new(&label, gammas, modes) });
    }
    let mode = "mode of H, by eigenvalue λ";
    let panel = |title: &str, x_label: &str, y_label: &str, series: Vec<Series>| LineFigure {
        y_log: true,
        ..LineFigure::new(title, x_label, y_label, series)
    };
    let length = |label: &str, value: i64| Reference { label: label.into(), value: value as f64 };
    let stages = vec![
        length("pre-training", sweep.pretrain.seconds),
        length("from w*", sweep.steady.seconds),
    ];
    let title = format!("Time that each needs, γ = {asked} / q^{}", sweep.config.gamma_exponent);
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
    Panels { title: "Modes of H".into(), subtitle: subtitle(sweep), columns: 3, panels }
}
