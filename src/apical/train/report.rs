//! What an evaluation of two-phase training says and logs.

use super::readings::{MULTIPLIERS, POWER, RESULTS, Readings};
use super::state::ApicalTrain;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::Evaluation;

/// Tags of the metrics that runs are compared by.
pub const METRICS: &[&str] = &["eval/loss", "eval/accuracy", "eval/best_loss"];

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss", "loss of phase 2's batches before each step, mean over batches and live runs"),
    ("eval/loss", "loss on D_test, mean over live runs"),
    ("eval/accuracy", "share of D_test that is classified correctly, mean over live runs"),
    ("eval/loss_w", "loss on D_W, mean over live runs"),
    ("eval/accuracy_w", "share of D_W that is classified correctly, mean over live runs"),
    (
        "eval/median_loss",
        "loss on D_test, median over all runs, of which those that have exploded have the largest; \
         none once half have exploded, nor of a single run",
    ),
    ("eval/median_loss_w", "the same of the loss on D_W"),
    ("eval/best_loss", "lowest loss on D_test among the live runs"),
    ("eval/constant", "loss on D_test of the best predictor that ignores its input"),
    ("eval/live_runs", "runs that have not exploded"),
    ("phase1/loss_before", "loss on D_test before a phase 1, mean over live runs"),
    ("phase1/accuracy_before", "accuracy on D_test before a phase 1, mean over live runs"),
    ("phase1/loss_w_before", "loss on D_W before a phase 1, mean over live runs"),
    ("phase1/accuracy_w_before", "accuracy on D_W before a phase 1, mean over live runs"),
    ("phase1/drop", "by how much a phase 1 lowered the loss on D_test, mean over live runs"),
    ("phase1/drop_w", "by how much a phase 1 lowered the loss on D_W, mean over live runs"),
    ("phase1/loss_a", "loss on D_A where phase 1 took its gradient, mean over live runs"),
    ("apical/layer*/variance", "unbiased variance of a layer's multipliers, mean over live runs"),
    ("apical/layer*/mean", "mean of a layer's multipliers, mean over live runs"),
    ("apical/layer*/min", "smallest multiplier of a layer, mean over live runs"),
    ("apical/layer*/max", "largest multiplier of a layer, mean over live runs"),
    ("apical/layer*/above_one", "share of a layer's multipliers above 1, mean over live runs"),
    (
        "rates/layer*/power",
        "mean square of the rates without their multipliers, over the layer's neurons and 1000 \
         images of D_test, mean over live runs",
    ),
    (
        "rates/layer*/power_above_one",
        "share of that in neurons whose multiplier is above 1, mean over live runs",
    ),
    (
        "rule/layer*/cosine",
        "cosine of the rule's change of a layer's weights with the steepest descent of the loss, over \
         the first 1000 images of D_W, mean over live runs; above 0 the rule lowers the loss",
    ),
    ("run*/*", "the same of one run, until it explodes"),
    ("run*/exploded_at", "passes of phase 2 until this run exploded"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts that put related curves together.
///
/// - layers: of the network
/// - runs: networks that are trained together
pub fn charts(layers: usize, runs: usize) -> Vec<Chart> {
    let of = |count: usize, tag: &dyn Fn(usize) -> String| (0..count).map(tag).collect::<Vec<_>>();
    // A mean falls when the run with the largest loss dies; a median does not.
    let (title, losses) = match runs {
        0 | 1 => ("of the run", ["eval/loss", "eval/loss_w", "eval/constant"]),
        _ => ("median over runs", ["eval/median_loss", "eval/median_loss_w", "eval/constant"]),
    };
    let mut charts = vec![Chart::lines("loss", title, &losses)];
    for (category, title, what) in [
        ("multipliers", "variance", "apical/layer*/variance"),
        ("multipliers", "share above 1", "apical/layer*/above_one"),
        ("rates", "power", "rates/layer*/power"),
        ("rates", "power in neurons above 1", "rates/layer*/power_above_one"),
        ("rule", "cosine with the descent", "rule/layer*/cosine"),
    ] {
        let tags = of(layers, &|layer| what.replace('*', &layer.to_string()));
        charts.extend(Chart::several(category, title, &tags));
    }
    if runs > 1 {
        for (title, what) in [("loss on D_test", "loss"), ("accuracy on D_test", "accuracy")] {
            let tags = of(runs, &|run| format!("run{run}/{what}"));
            charts.extend(Chart::several("every run", title, &tags));
        }
    }
    charts
}

/// Logs numbers of every run, of which those that have exploded are left out.
struct RunLogger<'a, 'b> {
    alive: &'a [bool],
    evaluation: &'a mut Evaluation<'b>,
}

impl RunLogger<'_, '_> {
    /// Logs the mean over live runs, and where there are several runs that of each live one;
    /// returns the mean, or NaN where no run is live.
    fn log(&mut self, tag: &str, values: &[f64]) -> f64 {
        let live: Vec<(usize, f64)> = values
            .iter()
            .enumerate()
            .filter(|(run, _)| self.alive[*run])
            .map(|(run, value)| (run, *value))
            .collect();
        if live.is_empty() {
            return f64::NAN;
        }
        let mean = live.iter().map(|(_, value)| value).sum::<f64>() / live.len() as f64;
        self.evaluation.scalar(tag, vec![mean]);
        if values.len() > 1 {
            let short = tag.strip_prefix("eval/").unwrap_or(tag);
            for (run, value) in live {
                self.evaluation.scalar(&format!("run{run}/{short}"), vec![value]);
            }
        }
        mean
    }
}

/// Says and logs the readings. The score is the lowest loss on D_test among the live runs.
pub fn report(
    run: &ApicalTrain,
    evaluation: &mut Evaluation,
    readings: &Readings,
) -> Option<Score> {
    let mut logger = RunLogger { alive: &readings.alive, evaluation };
    let results = RESULTS.iter().zip(&readings.results);
    let means: Vec<f64> =
        results.map(|(what, values)| logger.log(&format!("eval/{what}"), values)).collect();
    for (what, values) in RESULTS.iter().zip(&readings.results) {
        let median = readings.median(values);
        if what.starts_with("loss") && values.len() > 1 && median.is_finite() {
            logger.evaluation.scalar(&format!("eval/median_{what}"), vec![median]);
        }
    }
    if readings.at_end_of_phase && readings.position.is_phase1 {
        log_phase1(&mut logger, readings);
    }
    for (i, values) in readings.multipliers.iter().enumerate() {
        let (layer, what) = (i / MULTIPLIERS.len(), MULTIPLIERS[i % MULTIPLIERS.len()]);
        logger.log(&format!("apical/layer{layer}/{what}"), values);
    }
    for (i, values) in readings.power.iter().enumerate() {
        logger.log(&format!("rates/layer{}/{}", i / POWER.len(), POWER[i % POWER.len()]), values);
    }
    for (layer, values) in readings.rule_cosine.iter().enumerate() {
        logger.log(&format!("rule/layer{layer}/cosine"), values);
    }
    for (i, at) in readings.exploded_at.iter().enumerate().filter(|(_, at)| at.is_finite()) {
        evaluation.scalar(&format!("run{i}/exploded_at"), vec![*at]);
    }
    let (live, best) = (readings.live_runs(), readings.best_loss());
    say(run, evaluation, readings, &means);
    evaluation.scalar("eval/live_runs", vec![live as f64]);
    evaluation.scalar("eval/constant", vec![run.constant_loss]);
    if live == 0 {
        return None;
    }
    evaluation.scalar("eval/best_loss", vec![best]);
    Some(Score { tag: "eval/best_loss".into(), value: best, higher_is_better: false })
}

/// Logs what a phase 1 has done.
fn log_phase1(logger: &mut RunLogger, readings: &Readings) {
    for (what, values) in RESULTS.iter().zip(&readings.previous) {
        logger.log(&format!("phase1/{what}_before"), values);
    }
    logger.log("phase1/drop", &readings.drop(2));
    logger.log("phase1/drop_w", &readings.drop(0));
    logger.log("phase1/loss_a", &readings.loss_a);
}

/// Says the results in one line, from the means of [`RESULTS`] over live runs.
fn say(run: &ApicalTrain, evaluation: &Evaluation, readings: &Readings, means: &[f64]) {
    let phase = if readings.position.is_phase1 { "phase 1" } else { "phase 2" };
    let number = evaluation.step.div_ceil(run.cycle.steps_per_phase);
    let (runs, live, best) = (run.rates.len(), readings.live_runs(), readings.best_loss());
    let [loss_w, _, loss, accuracy] = means else { return };
    let text = format!("phase {number} ({phase}): test loss {loss:.4}");
    let rest = format!("D_W {loss_w:.4}, accuracy {:.1} %", 100.0 * accuracy);
    let constant = run.constant_loss;
    evaluation.say(&match runs {
        1 if live == 0 => format!("phase {number} ({phase}): exploded"),
        1 => format!("{text} (constant: {constant:.4}), {rest}"),
        _ => format!("{text}, best {best:.4}, {rest}, {live} of {runs} runs live"),
    });
}
