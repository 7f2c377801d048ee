//! Figures of one phase 1 and one phase 2.

use super::state::Characterize;
use crate::apical::analysis::sample_gradients::BINS;
use crate::lab::figure::{
    ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, Reference, Series,
};
use crate::lab::log::run_log::Log;

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
    let count = run.drops.len() as f64;
    let mean = |i: usize| run.drops.iter().map(|drops| drops[i]).sum::<f64>() / count;
    let value = |i: usize| if mean(i) >= 0.0 { mean(i) } else { f64::NAN };
    let values: Vec<Vec<f64>> = (0..run.config.grid_batch.len())
        .map(|row| (0..columns).map(|column| value(row * columns + column)).collect())
        .collect();
    let all = values.iter().flatten();
    MatrixFigure {
        title: format!("Drop of the loss in phase 1 on {}", run.data_name),
        subtitle: format!(
            "loss on D_W at a = 1 minus at the moved a, mean of {count} networks; grey: the loss \
             rose"
        ),
        row_axis: "batch size".into(),
        column_axis: "learning rate".into(),
        row_labels: run.config.grid_batch.iter().map(i64::to_string).collect(),
        column_labels: run.config.grid_lr.iter().map(|lr| format!("{lr:e}")).collect(),
        scale: ColourScale {
            map: ColourMap::Sequential,
            ..ColourScale::up_to_largest(all, "drop of the loss")
        },
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
        Series::new(&format!("layer {k}: sd {:.3}", s.sd), x.clone(), s.counts.clone())
    });
    LineFigure {
        title: "Gradients of single samples in the multipliers".into(),
        subtitle: format!("∂l/∂a at a = 1 of {} samples, the first network", run.split.a.len()),
        x_label: "∂l/∂a".into(),
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
        let names = (0..run.network.layers.len()).map(|k| format!("layer {k}")).enumerate();
        names.map(|(k, name)| curve(&format!("rule/{what}/layer{k}"), &name)).collect()
    };
    let panel = |title: &str, y_label: &str, series: Vec<Series>| {
        LineFigure::new(title, "batch", y_label, series)
    };
    let config = &run.config;
    let constant = Reference { label: "constant predictor".into(), value: run.constant_loss };
    Panels {
        title: format!("One pass of phase 2 on {}", run.data_name),
        subtitle: format!(
            "lr_a {}, lr_w {}, batch size {}, mean of {} networks",
            config.lr_a,
            config.lr_w,
            config.batch_size,
            run.drops.len()
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
