//! Figures of a transformer's run.

use anyhow::Result;

use super::eval::{Held, hold_out};
use super::layout::PER_LAYER;
use super::monitor::Selection;
use super::train::SelectorTransformer;
use crate::lab::figure::{ColourScale, LineFigure, MatrixFigure, Panels, Reference, Series};
use crate::lab::log::run_log::Log;
use crate::selector::figures::curve;
use crate::selector::report::{NAMED, letter};

/// The six linear layers of a transformer layer, and the last one.
const PARTS: [&str; PER_LAYER + 1] =
    ["q_linear", "k_linear", "v_linear", "out_proj", "linear1", "linear2", "linear_out"];

/// Draws the figures of a run's end: `learning`, and where there are selector layers `monitoring`
/// and `frequency`.
///
/// # Errors
/// Where the device can't be read, or a figure has nothing to show.
pub fn draw(run: &mut SelectorTransformer, log: &mut Log, step: u64) -> Result<()> {
    let learning = learning(run, log);
    log.figure("learning", step, &learning.render()?, &learning.to_csv());
    let (held, gradients) = match run.last.take() {
        Some(last) => last,
        // A run that was resumed at its very end has not evaluated in this process.
        None => {
            let sizes = (run.config.eval_sequences, run.config.batch_size);
            let params = &run.learner.params;
            let held = hold_out(&run.model, &run.rows, params, &run.corpus, sizes)?;
            (held, vec![Vec::new(); run.rows.len()])
        }
    };
    let monitoring = monitoring(run, &held, &gradients);
    log.figure("monitoring", step, &monitoring.render()?, &monitoring.to_csv());
    if let Some(frequency) = frequency(run, &held) {
        log.figure("frequency", step, &frequency.render()?, &frequency.to_csv());
    }
    Ok(())
}

fn learning(run: &SelectorTransformer, log: &Log) -> LineFigure {
    let size = run.text.vocabulary.len();
    let reference = |label: String, value: f64| Reference { label, value };
    LineFigure {
        title: format!("A transformer learns {}", run.text.name),
        subtitle: subtitle(run),
        x_label: "step".into(),
        y_label: "cross-entropy (nats a word)".into(),
        series: vec![
            curve(log, "train/loss", "train"),
            Series { marker: true, ..curve(log, "eval/loss", "held out") },
        ],
        references: vec![
            reference(format!("ln {size}"), run.baselines.uniform),
            reference("unigram entropy".into(), run.baselines.unigram),
        ],
        ..LineFigure::default()
    }
}

fn subtitle(run: &SelectorTransformer) -> String {
    let config = &run.config;
    format!(
        "L = {}, d = {}, K = {}, seed {}",
        config.layers, config.d_model, config.selection.num_computation, run.seed
    )
}

/// Entropy, dominance and gradients over the linear layers, a curve for each of the six linear layers.
fn monitoring(run: &SelectorTransformer, held: &Held, gradients: &[Vec<f64>]) -> Panels {
    let choices = run.config.selection.num_computation;
    let of = |measure: &dyn Fn(&Selection) -> f64| -> Vec<f64> {
        let value = |found: &Option<Selection>| found.as_ref().map_or(f64::NAN, measure);
        held.selections.iter().map(value).collect()
    };
    let mean = |norms: &Vec<f64>| norms.iter().sum::<f64>() / norms.len() as f64;
    let even = Reference { label: format!("ln {choices}"), value: (choices as f64).ln() };
    let entropy = of(&|found| found.entropy);
    let dominance = of(&|found| found.usage.dominance()[0]);
    let mut panels = Vec::new();
    if held.selections.iter().any(Option::is_some) {
        let mut panel = by_row("Entropy of the selectors", "nats", &entropy);
        panel.references.push(even);
        panels.push(panel);
        let mut panel = by_row("Dominated neurons", "share of the neurons", &dominance);
        panel.y_range = Some((0.0, 1.0));
        panels.push(panel);
    }
    let norms: Vec<f64> = gradients.iter().map(mean).collect();
    let title = "Gradient of a computation neuron";
    panels.push(LineFigure { y_log: true, ..by_row(title, "norm over the layer", &norms) });
    Panels {
        title: format!("What the selection neurons do, step {}", run.plan.steps),
        subtitle: format!("{}, {} held-out words", subtitle(run), held.words),
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
fn frequency(run: &SelectorTransformer, held: &Held) -> Option<MatrixFigure> {
    let choices = run.config.selection.num_computation;
    let rows = run.rows.iter().zip(&held.selections);
    let shares = |found: &Selection| -> Vec<f64> {
        (0..choices as usize).map(|k| 100.0 * found.usage.ratio(k)[0]).collect()
    };
    let (row_labels, values): (Vec<String>, Vec<Vec<f64>>) =
        rows.filter_map(|(row, found)| Some((row.name.clone(), shares(found.as_ref()?)))).unzip();
    let named = choices <= NAMED;
    (!values.is_empty()).then(|| MatrixFigure {
        title: "Selection frequency".into(),
        subtitle: format!("{}, {} held-out words", subtitle(run), held.words),
        row_axis: "layer".into(),
        column_axis: "computation neuron".into(),
        row_labels,
        column_labels: (0..choices).filter(|_| named).map(|k| letter(k).into()).collect(),
        values,
        scale: ColourScale {
            map: Default::default(),
            range: (0.0, 200.0 / choices as f64),
            label: "% of selections; even is the middle".into(),
        },
    })
}
