//! Figures of one phase 1 and one phase 2.

use super::state::Characterize;
use crate::apical::analysis::sample_gradients::{BINS, GradientRecord};
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{
    Cells, ColourScale, LineFigure, MatrixFigure, Panels, Reference, Series, Stroke,
};
use crate::lab::log::run_log::Log;

/// Decades of the drop that have colours of their own.
const DECADES: f64 = 4.0;

/// Draws `loss_drop`, `gradient_histogram` and `phase2`.
pub fn draw(run: &Characterize, log: &mut Log, step: u64) {
    let map = map(run);
    log.draw("loss_drop", step, &map);
    let histogram = histogram(run);
    log.draw("gradient_histogram", step, &histogram);
    let phase2 = phase2(run, log);
    log.draw("phase2", step, &phase2);
}

/// The drop of the loss in phase 1, over learning rates and batch sizes.
fn map(run: &Characterize) -> MatrixFigure {
    let columns = run.config.grid_lr.len();
    let count = run.drops.len();
    let mean = |i: usize| run.drops.iter().map(|drops| drops[i]).sum::<f64>() / count as f64;
    let value = |i: usize| if mean(i) >= 0.0 { mean(i) } else { f64::NAN };
    let values: Vec<Vec<f64>> = (0..run.config.grid_batch.len())
        .map(|row| (0..columns).map(|column| value(row * columns + column)).collect())
        .collect();
    let all = values.iter().flatten();
    MatrixFigure {
        title: format!("Drop of the loss in phase 1 on {}", run.data_name),
        subtitle: format!(
            "loss on D_W at a = 1 minus at the moved a, {}; grey: the loss rose",
            summary_of("mean", count, "network")
        ),
        row_axis: "batch size".into(),
        column_axis: "learning rate".into(),
        // Batch sizes are a few that were picked, far apart here and close there.
        rows: Cells::Named(run.config.grid_batch.iter().map(i64::to_string).collect()),
        columns: Cells::Log(run.config.grid_lr.clone()),
        scale: ColourScale::logarithmic(all, DECADES, "drop of the loss"),
        values,
    }
}

/// How the per-sample gradients of each layer are distributed.
fn histogram(run: &Characterize) -> LineFigure {
    let range = run.config.range;
    let x: Vec<f64> =
        (0..BINS).map(|i| range * (2.0 * (i as f64 + 0.5) / BINS as f64 - 1.0)).collect();
    let first = run.statistics.iter().filter_map(|networks| networks.first());
    let series = first.enumerate().map(|(k, s)| {
        let label = format!("layer {k}: sd {:.3}", s.sd);
        Series { stroke: Stroke::Steps, ..Series::new(&label, x.clone(), s.counts.clone()) }
    });
    let samples = counted(run.split.a.len(), "sample");
    let (title, x_label) = match run.config.gradients {
        GradientRecord::Single => ("Gradients of single samples in the multipliers", "∂l/∂a"),
        GradientRecord::Uncleared => {
            ("Gradients in the multipliers, never cleared", "sum of ∂l/∂a over samples so far")
        }
    };
    LineFigure {
        title: title.into(),
        subtitle: format!("∂l/∂a at a = 1 of {samples}, the first network"),
        x_label: x_label.into(),
        y_label: "sample-neuron pairs in a bin".into(),
        y_log: true,
        series: series.collect(),
        ..LineFigure::default()
    }
}

/// What the batches of phase 2 do.
fn phase2(run: &Characterize, log: &Log) -> Panels {
    let curve = |tag: &str, label: &str| {
        let (x, y) = log.history(tag).iter().map(|(t, v)| (*t as f64, *v)).unzip();
        Series::new(label, x, y)
    };
    let layers = |what: &str| -> Vec<Series> {
        let count = run.network.layers.len();
        let one = |k: usize| {
            let shade = Some(k as f64 / (count - 1).max(1) as f64);
            Series { shade, ..curve(&format!("rule/{what}/layer{k}"), &format!("layer {k}")) }
        };
        (0..count).map(one).collect()
    };
    let panel = |title: &str, y_label: &str, series: Vec<Series>| {
        LineFigure::new(title, "batch", y_label, series)
    };
    let config = &run.config;
    let constant = Reference { label: "constant predictor".into(), value: run.constant_loss };
    Panels {
        title: format!("One pass of phase 2 on {}", run.data_name),
        subtitle: format!(
            "lr_a {}, lr_w {}, batch size {}, {}",
            config.lr_a,
            config.lr_w,
            config.batch_size,
            summary_of("mean", run.drops.len(), "network")
        ),
        columns: 3,
        panels: vec![
            LineFigure {
                references: vec![constant],
                ..panel("Batch loss", "loss", vec![curve("train/loss", "")])
            },
            panel("Cosine of ΔW and −∂L/∂W", "cosine", layers("cosine")),
            panel("Size of ΔW / lr_w", "Frobenius norm", layers("norm")),
        ],
    }
}
