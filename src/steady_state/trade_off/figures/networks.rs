//! The figure of the networks: their pre-training, minimum and best mean update.

use super::labels::{seeds, subtitle};
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::statistics::quantile;
use crate::steady_state::learning::axes::SweepAxes;
use crate::steady_state::measure::networks::NetworkResult;
use crate::steady_state::measure::results::Results;

/// Quality of the pre-training and the optimal step, by expansion.
pub(super) fn networks(axes: &SweepAxes, results: &Results) -> Panels {
    let sizes = axes.expansions.len();
    let q: Vec<f64> = axes.expansions.iter().map(|q| *q as f64).collect();
    let curve = |label: &str, measure: &dyn Fn(&NetworkResult) -> f64| {
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
    let expansions = &axes.expansions;
    let scaled = |network: &NetworkResult| network.best_gamma * expansions[network.size] as f64;
    // Colours that none of the losses has.
    let alone = |curve: Series, colour: usize| vec![Series { colour: Some(colour), ..curve }];
    let step = panel("Best single mean update", "γ q", alone(curve("", &scaled), 3));
    let gap = alone(curve("", &|network| network.pretrained / network.minimum), 6);
    let gap = LineFigure { y_log: true, ..panel("Loss of w* over the minimum", "ratio", gap) };
    let panels = vec![quality, gap, step];
    let title = "Networks: pre-training, minimum, optimal step".into();
    Panels { title, subtitle: subtitle(&seeds(results), "band"), columns: 3, panels }
}
