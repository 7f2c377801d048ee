//! What the figures of a sweep have in common: which curves they show, and their labels.

use crate::lab::counts::counted;
use crate::steady_state::learning::axes::SweepAxes;
use crate::steady_state::measure::results::Results;
use crate::steady_state::measure::runs::RunResult;

/// One seed is no set that has a median.
const ONE: &str = "one seed";
/// Curves in a panel at most.
const SHOWN: usize = 5;

/// A function that takes one number out of a run's result.
pub(crate) type RunMeasure = fn(&RunResult) -> f64;

/// Some of the indices 0..count: the first, the last, and evenly between.
pub(crate) fn evenly_spaced(count: usize) -> Vec<usize> {
    let shown = SHOWN.min(count);
    (0..shown).map(|i| i * (count - 1) / shown.max(2).saturating_sub(1)).collect()
}

/// What the medians of networks are over: the seeds that count.
pub(crate) fn seeds(results: &Results) -> String {
    match results.kept.iter().filter(|kept| **kept).count() {
        1 => ONE.into(),
        seeds => counted(seeds, "seed"),
    }
}

/// What the medians of runs are over: the seeds that count, with their repeats.
pub(crate) fn seeds_and_repeats(axes: &SweepAxes, results: &Results) -> String {
    match axes.repeats {
        1 => seeds(results),
        repeats => format!("{} x {repeats} repeats", seeds(results)),
    }
}

/// A figure's subtitle: what its medians are over, and what their quartiles are drawn as.
///
/// - over: as [`seeds`] or [`seeds_and_repeats`] has it
/// - spread: `band`, `bars`, or both
pub(crate) fn subtitle(over: &str, spread: &str) -> String {
    match over {
        ONE => over.into(),
        _ => format!("median of {over}, {spread}: quartiles"),
    }
}

/// The label of the noise level at index `ratio`: `SNR 3` or `no noise`.
pub(crate) fn noise_title(axes: &SweepAxes, ratio: usize) -> String {
    match axes.ratios[ratio] {
        none if none.is_infinite() => "no noise".into(),
        ratio => format!("SNR {ratio}"),
    }
}
