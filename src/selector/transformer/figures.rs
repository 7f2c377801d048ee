//! Figures of a transformer's run.

use anyhow::Result;

use super::state::SelectorTransformer;
use crate::lab::counts::counted;
use crate::lab::figure::{
    Cells, ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, Reference, Series,
};
use crate::lab::log::run_log::Log;
use crate::selector::language_model::evaluation::HeldOutResult;
use crate::selector::language_model::layout::PER_LAYER;
use crate::selector::language_model::monitor::SelectionStatistics;
use crate::selector::presentation::{LETTERS, letter};

/// The six linear layers of a transformer layer, and the last one.
const PARTS: [&str; PER_LAYER + 1] =
    ["q_linear", "k_linear", "v_linear", "out_proj", "linear1", "linear2", "linear_out"];

/// Draws the figures of a run's end: `learning`, `monitoring`, and where there are selector layers
/// `frequency`.
///
/// # Errors
/// A figure that can't be rendered.
pub fn draw(
    run: &SelectorTransformer,
    held_out: &HeldOutResult,
    log: &mut Log,
    step: u64,
) -> Result<()> {
    let learning = learning(run, log);
    log.draw("learning", step, &learning);
    let monitoring = monitoring(run, held_out, step);
    log.draw("monitoring", step, &monitoring);
    if let Some(frequency) = frequency(run, held_out) {
        log.draw("frequency", step, &frequency);
    }
    Ok(())
}

/// The losses over the run.
fn learning(run: &SelectorTransformer, log: &Log) -> LineFigure {
    let size = run.text.vocabulary.len();
    let reference = |label: String, value: f64| Reference { label, value };
    LineFigure {
        title: format!("A transformer learns {}", run.text.name),
        subtitle: subtitle(run),
        x_label: "step".into(),
        y_label: "cross-entropy (nats a word)".into(),
        series: vec![
            log.curve("train/loss", "train"),
            Series { marker: true, ..log.curve("eval/loss", "held out") },
        ],
        references: vec![
            reference(format!("ln {size}"), run.baselines.uniform),
            reference("unigram entropy".into(), run.baselines.unigram),
        ],
        ..LineFigure::default()
    }
}

/// The sizes of the model and the seed.
fn subtitle(run: &SelectorTransformer) -> String {
    let config = &run.config;
    format!(
        "L = {}, d = {}, K = {}, seed {}",
        config.layers, config.d_model, config.selection.num_computation, run.seed
    )
}

/// Entropy, dominance and gradients over the linear layers, a curve for each of the six linear
/// layers that a transformer layer has.
fn monitoring(run: &SelectorTransformer, held_out: &HeldOutResult, step: u64) -> Panels {
    let choices = run.config.selection.num_computation;
    let of = |measure: &dyn Fn(&SelectionStatistics) -> f64| -> Vec<f64> {
        let value = |found: &Option<SelectionStatistics>| found.as_ref().map_or(f64::NAN, measure);
        held_out.selections.iter().map(value).collect()
    };
    let even = Reference { label: format!("ln {choices}"), value: (choices as f64).ln() };
    let entropy = of(&|found| found.entropy);
    let dominance = of(&|found| found.usage.dominance()[0]);
    let mut panels = Vec::new();
    if held_out.selections.iter().any(Option::is_some) {
        let mut panel = by_row("Entropy of the selectors", "nats", &entropy);
        panel.references.push(even);
        panels.push(panel);
        let mut panel = by_row("Dominated neurons", "share of the neurons", &dominance);
        panel.y_range = Some((0.0, 1.0));
        panels.push(panel);
    }
    let (title, norms) = ("Gradient of a computation neuron", &run.gradient_means);
    panels.push(LineFigure { y_log: true, ..by_row(title, "norm over the layer", norms) });
    Panels {
        title: format!("What the selection neurons do, step {step}"),
        subtitle: format!("{}, {}", subtitle(run), counted(held_out.words, "held-out word")),
        columns: 2,
        panels,
    }
}

/// Values of the linear layers by their row in the table, a curve for each of the six that a layer
/// has.
fn by_row(title: &str, y_label: &str, values: &[f64]) -> LineFigure {
    let last = values.len() - 1;
    let series = |(part, name): (usize, &&str)| {
        let rows = if part == PER_LAYER { last..last + 1 } else { part..last };
        let finite = rows.step_by(PER_LAYER).filter(|row| values[*row].is_finite());
        let (x, y) = finite.map(|row| (row as f64 + 1.0, values[row])).unzip();
        Series { marker: true, colour: Some(part), ..Series::new(name, x, y) }
    };
    LineFigure {
        title: title.into(),
        x_label: "row of the table, six a layer".into(),
        y_label: y_label.into(),
        series: PARTS.iter().enumerate().map(series).collect(),
        ..LineFigure::default()
    }
}

/// How often each computation neuron of each layer was selected.
fn frequency(run: &SelectorTransformer, held_out: &HeldOutResult) -> Option<MatrixFigure> {
    let choices = run.config.selection.num_computation;
    let rows = run.linears.iter().zip(&held_out.selections);
    let shares = |found: &SelectionStatistics| -> Vec<f64> {
        (0..choices as usize).map(|k| 100.0 * found.usage.ratio(k)[0]).collect()
    };
    let (row_labels, values): (Vec<String>, Vec<Vec<f64>>) = rows
        .filter_map(|(linear, found)| Some((linear.name.clone(), shares(found.as_ref()?))))
        .unzip();
    (!values.is_empty()).then(|| MatrixFigure {
        title: "Selection frequency".into(),
        subtitle: format!("{}, {}", subtitle(run), counted(held_out.words, "held-out word")),
        row_axis: "layer".into(),
        column_axis: "computation neuron".into(),
        rows: Cells::Named(row_labels),
        columns: match choices <= LETTERS {
            true => Cells::Named((0..choices).map(|k| letter(k).into()).collect()),
            false => Cells::Numbered,
        },
        values,
        scale: ColourScale::new(
            ColourMap::Sequential,
            (0.0, 200.0 / choices as f64),
            "% of selections; even is the middle",
        ),
    })
}
