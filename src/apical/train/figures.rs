//! Figures of two-phase training.

use anyhow::Result;

use super::experiment::ApicalTrain;
use crate::lab::figure::{LineFigure, Panels, Reference, Series};
use crate::lab::log::Log;

/// Draws `training`: loss, accuracy, variance of the multipliers, drop in phase 1.
///
/// # Errors
/// Where a figure has nothing to show.
pub fn draw(run: &ApicalTrain, log: &mut Log, step: u64) -> Result<()> {
    let panels = training(run, log);
    log.figure("training", step, &panels.render()?, &panels.to_csv());
    Ok(())
}

/// Epochs in a training step.
fn epochs(run: &ApicalTrain) -> f64 {
    let config = &run.config;
    let phases = if config.single_phase1 { 1 } else { config.phase2_per_phase1 + 1 };
    1.0 / (run.cycle.steps * phases) as f64
}

/// One curve for each run; the value before the first phase 1 is its first point.
fn curves(run: &ApicalTrain, log: &Log, what: &str) -> Vec<Series> {
    let (several, scale) = (run.rates.len() > 1, epochs(run));
    let tag = |i: usize, what: &str| match (several, what.strip_prefix("eval/")) {
        (true, Some(short)) => format!("run{i}/{short}"),
        (true, None) => format!("run{i}/{what}"),
        (false, _) => what.to_string(),
    };
    let curve = |(i, (lr_a, _)): (usize, &(f64, f64))| {
        let points = log.history(&tag(i, what)).iter();
        let mut points: Vec<(f64, f64)> = points.map(|(t, v)| (*t as f64 * scale, *v)).collect();
        if what == "eval/loss"
            && let Some((_, first)) = log.history(&tag(i, "phase1/loss_before")).first()
        {
            points.insert(0, (0.0, *first));
        }
        let (x, y) = points.into_iter().unzip();
        // One colour for each lr_a; the legend names its first curve.
        let colour = run.config.lr_a.iter().position(|lr| lr == lr_a);
        let first = run.rates.iter().position(|(lr, _)| lr == lr_a) == Some(i);
        let label = if several && first { format!("lr_a {lr_a}") } else { String::new() };
        Series { colour, ..Series::new(&label, x, y) }
    };
    run.rates.iter().enumerate().map(curve).collect()
}

fn training(run: &ApicalTrain, log: &Log) -> Panels {
    let panel = |title: &str, y_label: &str, series: Vec<Series>| LineFigure {
        title: title.into(),
        x_label: "epoch".into(),
        y_label: y_label.into(),
        series,
        ..LineFigure::default()
    };
    let losses = curves(run, log, "eval/loss");
    let starts = losses.iter().filter_map(|series| series.y.first());
    let top = 1.1 * starts.copied().fold(run.constant, f64::max);
    let constant = Reference { label: "constant predictor".into(), value: run.constant };
    let loss = LineFigure {
        y_range: Some((0.0, top)),
        references: vec![constant],
        ..panel("Loss on D_test", "loss", losses)
    };
    let scale = epochs(run);
    let layers = (0..run.trainer.network.layers.len()).map(|k| {
        let history = log.history(&format!("apical/layer{k}/variance"));
        let points = history.iter().map(|(t, v)| (*t as f64 * scale, *v));
        let (x, y) = points.unzip();
        Series::new(&format!("layer {k}"), x, y)
    });
    let variance = LineFigure {
        y_log: true,
        ..panel("Variance of the multipliers", "variance, mean over live runs", layers.collect())
    };
    let drop = panel("Drop of the loss in phase 1", "loss", curves(run, log, "phase1/drop"));
    let accuracy = panel("Accuracy on D_test", "share correct", curves(run, log, "eval/accuracy"));
    let config = &run.config;
    let what = match run.rates.as_slice() {
        [(lr_a, lr_w)] => format!("lr_a {lr_a}, lr_w {lr_w:e}"),
        many => format!("{} runs", many.len()),
    };
    Panels {
        title: format!("Apical multipliers on {}", run.name),
        subtitle: format!("{what}; batch size {}, {}", config.batch_size, config.a_update),
        columns: 2,
        panels: vec![loss, accuracy, variance, drop],
    }
}
