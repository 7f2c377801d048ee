//! Figures of a selector network.

use anyhow::Result;
use tch::Tensor;

use super::state::SelectorMnist;
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{
    Cells, ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, Reference, Series, Tile,
    TilesFigure,
};
use crate::lab::log::run_log::Log;
use crate::lab::tensor::to_host;
use crate::selector::network::layer_name;
use crate::selector::presentation::{LETTERS, letter};

/// Neurons whose weights are shown.
const SHOWN: i64 = 8;

/// Draws the figures of a run's end: `learning`, `selection_layer<i>` and `weights`.
///
/// # Errors
/// Weights that can't be read from the device, or a figure that can't be rendered.
pub fn draw(run: &SelectorMnist, log: &mut Log, step: u64) -> Result<()> {
    let learning = learning(run, log);
    log.draw("learning", step, &learning);
    for (i, usage) in run.last_usage.iter().enumerate() {
        let figure = selection(run, i, &usage.shares());
        let name = format!("selection_{}", layer_name(i));
        log.draw(&name, step, &figure);
    }
    let weights = weights(run)?;
    log.draw("weights", step, &weights);
    Ok(())
}

/// Losses, accuracy, and how even and how alike the computation neurons are, over the run.
fn learning(run: &SelectorMnist, log: &Log) -> Panels {
    let panel = |title: &str, y_label: &str, series: Vec<Series>| {
        LineFigure::new(title, "step", y_label, series)
    };
    let marked = |tag: &str, label: &str| Series { marker: true, ..log.curve(tag, label) };
    let layers = |what: &str| -> Vec<Series> {
        let count = run.network.layers.len();
        let shade = |i: usize| i as f64 / (count - 1).max(1) as f64;
        let one = |i: usize| {
            let (name, shade) = (layer_name(i), Some(shade(i)));
            Series { shade, ..marked(&format!("{what}/{name}"), &name) }
        };
        (0..count).map(one).collect()
    };
    let loss = vec![log.curve("train/loss", "train"), marked("eval/loss", "test")];
    let mut panels = vec![
        panel("Loss", "cross-entropy (nats)", loss),
        panel("Test accuracy", "share correct", vec![marked("eval/accuracy", "")]),
    ];
    let choices = run.choices();
    if choices > 1 {
        let mut entropy =
            panel("Entropy of the selection ratios", "nats, test set", layers("entropy/test"));
        let even =
            Reference { label: format!("ln {choices}: even use"), value: (choices as f64).ln() };
        entropy.references.push(even);
        panels.push(panel("Cosine between computation neurons", "cosine", layers("cosine")));
        panels.push(entropy);
    }
    let seeds = summary_of("mean and standard deviation", run.seeds.count, "seed");
    let name = &run.data.name;
    Panels {
        title: format!("Selector network on {name}"),
        subtitle: format!("K = {choices}, {seeds}"),
        columns: 2,
        panels,
    }
}

/// Which computation neuron each neuron of a layer takes, neurons in the order of their share of A.
fn selection(run: &SelectorMnist, i: usize, shares: &[Vec<f64>]) -> MatrixFigure {
    let mut order: Vec<usize> = (0..shares[0].len()).collect();
    order.sort_by(|a, b| shares[0][*b].total_cmp(&shares[0][*a]));
    let row = |shares: &Vec<f64>| order.iter().map(|neuron| shares[*neuron]).collect();
    let named = shares.len() as i64 <= LETTERS;
    let labels = (0..shares.len() as i64).map(|k| letter(k).to_string());
    let samples = run.data.test.len();
    MatrixFigure {
        title: format!("Layer {}: which computation neuron answers", i + 1),
        subtitle: format!(
            "share of {samples} test images, neurons sorted by their share of A, one seed"
        ),
        row_axis: "computation".into(),
        column_axis: "neuron, sorted".into(),
        rows: if named { Cells::Named(labels.collect()) } else { Cells::Numbered },
        columns: Cells::Numbered,
        values: shares.iter().map(row).collect(),
        scale: ColourScale::new(ColourMap::Sequential, (0.0, 1.0), "share of inputs"),
    }
}

/// The first layer's weights of some neurons as images: selection (threshold), A, B, ...
fn weights(run: &SelectorMnist) -> Result<TilesFigure> {
    let params = run.learner.params.named();
    let kind = run.network_config.selection.kind();
    let shown = SHOWN.min(run.network_config.hidden[0]);
    let mut tiles = Vec::new();
    let mut add = |label: &dyn Fn(i64) -> String, weight: &Tensor| -> Result<()> {
        for neuron in 0..shown {
            let values = to_host::values(&weight.get(neuron))?;
            tiles.push(Tile { label: label(neuron), values });
        }
        Ok(())
    };
    for (name, weight) in &params {
        let weight = if run.seeds.count > 1 { weight.get(0) } else { weight.shallow_clone() };
        match name.as_str() {
            "layer1.selection.weight" if kind.selects_by_one_image() => {
                add(&|neuron| format!("{}: selects", neuron + 1), &weight)?;
            }
            "layer1.computation.weight" => {
                for k in 0..run.choices().min(5) {
                    add(&|neuron| format!("{}: {}", neuron + 1, letter(k)), &weight.get(k))?;
                }
            }
            _ => {}
        }
    }
    Ok(TilesFigure {
        title: "Weights of the first layer".into(),
        subtitle: format!("{}, one seed; one scale for all", counted(shown, "neuron")),
        size: (run.data.height as usize, run.data.width as usize),
        columns: shown as usize,
        scale: ColourScale::symmetric(tiles.iter().flat_map(|tile| &tile.values), "weight"),
        tiles,
    })
}
