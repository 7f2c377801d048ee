//! What the figures of a sweep have in common: which curves they show, and their labels.

use crate::steady_state::learning::axes::SweepAxes;
use crate::steady_state::measure::runs::RunResult;

/// Curves in a panel at most.
const SHOWN: usize = 5;

/// A number that is measured of a run.
pub(crate) type RunMeasure = fn(&RunResult) -> f64;

/// Some of the indices 0..count: the first, the last, and evenly between.
pub(crate) fn evenly_spaced(count: usize) -> Vec<usize> {
    let shown = SHOWN.min(count);
    (0..shown).map(|i| i * (count - 1) / shown.max(2).saturating_sub(1)).collect()
}

/// How many seeds the medians of a figure are over.
pub(crate) fn subtitle(axes: &SweepAxes) -> String {
    let seeds = axes.seeds.len();
    match seeds {
        1 => "one seed".into(),
        _ => format!("median of {seeds} seeds, band: quartiles"),
    }
}

/// The noise's name in a figure.
pub(crate) fn noise_title(axes: &SweepAxes, ratio: usize) -> String {
    match axes.ratios[ratio] {
        none if none.is_infinite() => "no noise".into(),
        ratio => format!("SNR {ratio}"),
    }
}
