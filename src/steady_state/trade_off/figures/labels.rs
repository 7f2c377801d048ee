//! What the figures of a sweep have in common: which curves they show, and their labels.

use crate::steady_state::learning::axes::SweepAxes;
use crate::steady_state::measure::runs::RunResult;

/// Curves in a panel at most.
const SHOWN: usize = 5;

/// A function that takes one number out of a run's result.
pub(crate) type RunMeasure = fn(&RunResult) -> f64;

/// Some of the indices 0..count: the first, the last, and evenly between.
pub(crate) fn evenly_spaced(count: usize) -> Vec<usize> {
    let shown = SHOWN.min(count);
    (0..shown).map(|i| i * (count - 1) / shown.max(2).saturating_sub(1)).collect()
}

/// A figure's subtitle: over how many seeds its medians are.
pub(crate) fn subtitle(axes: &SweepAxes) -> String {
    let seeds = axes.seeds.len();
    match seeds {
        1 => "one seed".into(),
        _ => format!("median of {seeds} seeds, band: quartiles"),
    }
}

/// The label of the noise level at index `ratio`: `SNR 3` or `no noise`.
pub(crate) fn noise_title(axes: &SweepAxes, ratio: usize) -> String {
    match axes.ratios[ratio] {
        none if none.is_infinite() => "no noise".into(),
        ratio => format!("SNR {ratio}"),
    }
}
