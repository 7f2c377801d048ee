//! What an evaluation of initialisations says and logs.

use crate::lab::counts::counted;
use crate::lab::statistics::{quantile, spearman};
use crate::lab::train::experiment::Evaluation;
use crate::steady_state::measure::initialisation::Initialisation;
pub use crate::steady_state::trade_off::report::TAGS;

/// Tags by which TensorBoard compares runs.
pub const METRICS: [&str; 2] = ["init/spearman_begin", "init/spearman_share"];

/// Says and logs how the first direction goes with the losses.
pub fn report(all: &[Initialisation], evaluation: &mut Evaluation) {
    let column = |pick: fn(&Initialisation) -> f64| all.iter().map(pick).collect::<Vec<f64>>();
    let alignment = column(|one| one.alignment);
    let begin = spearman(&alignment, &column(|one| one.begin));
    let share = spearman(&alignment, &column(|one| one.end / one.begin));
    evaluation.scalar("init/spearman_begin", vec![begin]);
    evaluation.scalar("init/spearman_share", vec![share]);
    evaluation.say(&format!(
        "rank correlation of the first direction with the first loss {begin:.3}, with the share \
         of it that is left {share:.3}"
    ));
    let (same, opposite): (Vec<&Initialisation>, _) =
        all.iter().partition(|one| one.alignment > 0.0);
    report_direction(&opposite, "the other way", "opposite", evaluation);
    report_direction(&same, "the reference's way", "same", evaluation);
}

/// Medians over the initialisations whose plant at first goes one way.
fn report_direction(these: &[&Initialisation], name: &str, tag: &str, evaluation: &mut Evaluation) {
    let median = |pick: fn(&Initialisation) -> f64| {
        quantile(&these.iter().map(|one| pick(one)).collect::<Vec<f64>>(), 0.5)
    };
    let count = these.len();
    let begin = median(|one| one.begin);
    let (end, share) = (median(|one| one.end), median(|one| one.end / one.begin));
    evaluation.say(&format!(
        "set off {name}: {}, median loss {begin:.2e} before, {end:.2e} after, share {share:.4}",
        counted(count, "seed")
    ));
    for (measure, value) in
        [("seeds", count as f64), ("begin", begin), ("end", end), ("share", share)]
    {
        if value.is_finite() {
            evaluation.scalar(&format!("init/{measure}/{tag}"), vec![value]);
        }
    }
}
