//! What an evaluation of two-phase training says and logs.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::experiment::ApicalTrain;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss", "loss of phase 2's batches before each step, mean over batches and live runs"),
    ("eval/loss", "loss on D_test, mean over live runs"),
    ("eval/accuracy", "share of D_test that is classified correctly, mean over live runs"),
    ("eval/loss_w", "loss on D_W, mean over live runs"),
    ("eval/accuracy_w", "share of D_W that is classified correctly, mean over live runs"),
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
    ("run*/*", "the same of one run, until it explodes"),
    ("run*/exploded_at", "passes of phase 2 until this run exploded"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts that put related curves together.
pub fn charts(runs: usize) -> Vec<Chart> {
    let mut charts = vec![
        Chart::lines("loss", "mean over live runs", &["eval/loss", "eval/loss_w", "eval/constant"]),
        Chart::pattern("apical", "variance", "^apical/layer[0-9]+/variance$"),
        Chart::pattern("rates", "power in neurons above 1", "^rates/layer[0-9]+/power_above_one$"),
        Chart::pattern("rates", "power", "^rates/layer[0-9]+/power$"),
        Chart::pattern("apical", "share above 1", "^apical/layer[0-9]+/above_one$"),
    ];
    if runs > 1 {
        charts.push(Chart::pattern("loss", "every run, D_test", "^run[0-9]+/loss$"));
        charts.push(Chart::pattern("loss", "every run, accuracy", "^run[0-9]+/accuracy$"));
    }
    charts.push(Chart::pattern("time", "milliseconds a step", "^time/.*_ms$"));
    charts
}

const RESULTS: [&str; 4] = ["loss_w", "accuracy_w", "loss", "accuracy"];
const POWER: [&str; 2] = ["power", "power_above_one"];
const MULTIPLIERS: [&str; 5] = ["variance", "mean", "min", "max", "above_one"];

/// Numbers of every run that are to be logged.
struct Rows<'a, 'b> {
    alive: Vec<bool>,
    evaluation: &'a mut Evaluation<'b>,
}

impl Rows<'_, '_> {
    /// Logs the mean over live runs, and where there are several runs each live one's.
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

/// Evaluates and logs. The score is the lowest loss on D_test among the live runs.
pub fn report(run: &mut ApicalTrain, evaluation: &mut Evaluation) -> Result<Option<Score>> {
    let step = evaluation.step;
    let at_end = step.is_multiple_of(run.cycle.steps) && evaluation.number > 0;
    let results = run.results();
    let place = run.cycle.place(step.saturating_sub(1));
    if at_end {
        let passes = place.passes as f64 + f64::from(u8::from(!place.first));
        for row in [0, 2] {
            run.trainer.check(&results.get(row), passes);
        }
    }
    let loss_a = &run.loss_a / run.split.a.samples() as f64;
    let alive = run.trainer.alive.to_kind(Kind::Double);
    let parts = [
        &alive.unsqueeze(0),
        &run.trainer.exploded_at.unsqueeze(0),
        &loss_a.unsqueeze(0),
        &results,
        &run.before,
        &run.trainer.multipliers(),
        &run.trainer.power(&run.split.test, run.trainer.modulated()),
    ];
    let numbers = to_host::values(&Tensor::cat(&parts, 0))?;
    let rows: Vec<&[f64]> = numbers.chunks(run.rates.len()).collect();
    let layers = run.trainer.network.layers.len();
    let alive: Vec<bool> = rows[0].iter().map(|live| *live == 1.0).collect();
    let live = alive.iter().filter(|live| **live).count();
    if at_end {
        run.before.copy_(&results);
        run.over = !run.trainer.know(alive.clone());
    }
    let (results, before) = (&rows[3..7], &rows[7..11]);
    let mut log = Rows { alive, evaluation };
    let means: Vec<f64> = RESULTS
        .iter()
        .zip(results)
        .map(|(what, values)| log.log(&format!("eval/{what}"), values))
        .collect();
    if at_end && place.first {
        log_first_phase(&mut log, results, before, rows[2]);
    }
    let (apical, power) = rows[11..].split_at(MULTIPLIERS.len() * layers);
    for (i, values) in apical.iter().enumerate() {
        let (layer, what) = (i / MULTIPLIERS.len(), MULTIPLIERS[i % MULTIPLIERS.len()]);
        log.log(&format!("apical/layer{layer}/{what}"), values);
    }
    for (i, values) in power.iter().enumerate() {
        log.log(&format!("rates/layer{}/{}", i / POWER.len(), POWER[i % POWER.len()]), values);
    }
    for (i, at) in rows[1].iter().enumerate().filter(|(_, at)| at.is_finite()) {
        log.evaluation.scalar(&format!("run{i}/exploded_at"), vec![*at]);
    }
    let pairs = results[2].iter().zip(&log.alive).filter(|(_, alive)| **alive);
    let best = pairs.map(|(loss, _)| *loss).fold(f64::NAN, f64::min);
    say(evaluation, run, (live, best), &means, place.first);
    evaluation.scalar("eval/live_runs", vec![live as f64]);
    evaluation.scalar("eval/constant", vec![run.constant]);
    if live == 0 {
        return Ok(None);
    }
    evaluation.scalar("eval/best_loss", vec![best]);
    Ok(Some(Score { tag: "eval/best_loss".into(), value: best, higher_is_better: false }))
}

fn log_first_phase(log: &mut Rows, results: &[&[f64]], before: &[&[f64]], loss_a: &[f64]) {
    let drop = |row: usize| -> Vec<f64> {
        before[row].iter().zip(results[row]).map(|(before, after)| before - after).collect()
    };
    for (what, values) in RESULTS.iter().zip(before) {
        log.log(&format!("phase1/{what}_before"), values);
    }
    log.log("phase1/drop", &drop(2));
    log.log("phase1/drop_w", &drop(0));
    log.log("phase1/loss_a", loss_a);
}

fn say(
    evaluation: &Evaluation,
    run: &ApicalTrain,
    (live, best): (usize, f64),
    means: &[f64],
    first: bool,
) {
    let phase = if first { "phase 1" } else { "phase 2" };
    let number = evaluation.step.div_ceil(run.cycle.steps);
    let runs = run.rates.len();
    let [loss_w, _, loss, accuracy] = means else { return };
    let text = format!("phase {number} ({phase}): test loss {loss:.4}");
    let rest = format!("D_W {loss_w:.4}, accuracy {:.1} %", 100.0 * accuracy);
    let constant = run.constant;
    evaluation.say(&match runs {
        1 if live == 0 => format!("phase {number} ({phase}): exploded"),
        1 => format!("{text} (constant: {constant:.4}), {rest}"),
        _ => format!("{text}, best {best:.4}, {rest}, {live} of {runs} runs live"),
    });
}
