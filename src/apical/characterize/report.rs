//! What an evaluation of `apical_characterize` says and logs.

use anyhow::Result;

use super::state::Characterize;
use crate::apical::analysis::sample_gradients::{GradientRecord, Statistics};
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;

/// Tags of the metrics that runs are compared by.
pub const METRICS: &[&str] = &["map/largest_drop", "eval/loss"];

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss", "loss of each batch of phase 2, before its step"),
    ("rule/norm/layer*", "Frobenius norm of the change that the rule asks of a layer, over lr"),
    (
        "rule/cosine/layer*",
        "cosine between the rule's change and the negative gradient of the batch loss",
    ),
    ("map/largest_drop", "largest drop of the loss on D_W over the map"),
    ("map/drop/*", "drop of the loss on D_W in phase 1 at a batch size and learning rate"),
    (
        "gradient/sd/layer*",
        "standard deviation over samples and neurons of a network's gradients in the multipliers, \
         those of `--gradients`",
    ),
    ("gradient/skewness/layer*", "third standardised moment of the same"),
    ("gradient/negative/layer*", "share of the same below 0"),
    ("eval/loss_start", "loss on D_W with all multipliers 1"),
    ("eval/loss", "loss on D_test after phase 2, mean over live networks"),
    ("train/live_networks", "networks that have not diverged in phase 2"),
    ("network*/diverged_at", "batch of phase 2, from 1, in which a network diverged"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts that put related curves together.
///
/// - layers: of the network
pub fn charts(layers: usize) -> Vec<Chart> {
    let of = |what: &str| -> Vec<String> {
        (0..layers).map(|layer| format!("rule/{what}/layer{layer}")).collect()
    };
    let section = "phase 2, a batch a step";
    let mut charts = vec![Chart::lines(section, "loss of the batch", &["train/loss"])];
    charts.extend(Chart::several(section, "cosine with -dL/dW", &of("cosine")));
    charts.extend(Chart::several(section, "norm of the change over lr", &of("norm")));
    charts
}

/// Says and logs the loss after phase 2, the map of phase 1 and the per-sample gradients.
///
/// # Errors
/// If the device can't be read.
pub fn report(run: &Characterize, evaluation: &mut Evaluation) -> Result<()> {
    evaluation.scalar("eval/loss", vec![to_host::scalar(&run.test_loss())?]);
    for (i, at) in to_host::values(&run.live.ended_at)?.into_iter().enumerate() {
        if at.is_finite() {
            evaluation.scalar(&format!("network{i}/diverged_at"), vec![at]);
            evaluation.say(&format!("network {i} diverged in batch {at} of phase 2: frozen"));
        }
    }
    evaluation.scalar("eval/loss_start", run.start_loss.clone());
    report_map(run, evaluation);
    report_gradients(run, evaluation);
    Ok(())
}

fn report_map(run: &Characterize, evaluation: &mut Evaluation) {
    let largest = |drops: &Vec<f64>| drops.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    evaluation.scalar("map/largest_drop", run.drops.iter().map(largest).collect());
    let columns = run.config.grid_lr.len();
    for (i, batch) in run.config.grid_batch.iter().enumerate() {
        for (j, lr) in run.config.grid_lr.iter().enumerate() {
            let drops = run.drops.iter().map(|drops| drops[i * columns + j]).collect();
            evaluation.scalar(&format!("map/drop/bs{batch}_lr{lr:e}"), drops);
        }
    }
}

fn report_gradients(run: &Characterize, evaluation: &mut Evaluation) {
    for (k, networks) in run.statistics.iter().enumerate() {
        let mut log = |what: &str, value: fn(&Statistics) -> f64| -> f64 {
            let values: Vec<f64> = networks.iter().map(value).collect();
            let (mean, _) = mean_and_sd(&values);
            evaluation.scalar(&format!("gradient/{what}/layer{k}"), values);
            mean
        };
        let sd = log("sd", |one| one.sd);
        let skewness = log("skewness", |one| one.skewness);
        let negative = 100.0 * log("negative", |one| one.negative);
        let what = match run.config.gradients {
            GradientRecord::Single => "per-sample ∂l/∂a",
            GradientRecord::Uncleared => "uncleared ∂l/∂a",
        };
        evaluation.say(&format!(
            "layer {k}: {what}: sd {sd:.4}, skewness {skewness:.2}, negative {negative:.1} %"
        ));
    }
}
