//! The figures.

use std::collections::BTreeMap;

use anyhow::Result;
use neuron_lab::lab::figure::{LineFigure, Panels, Series};

use super::NOTEBOOK;
use super::run::{EPOCHS, Run};

fn notebook(column: usize) -> Series {
    let x = (1..=EPOCHS).map(|epoch| epoch as f64).collect();
    let y = NOTEBOOK.iter().map(|row| row[column]).collect();
    Series { dashed: true, marker: true, ..Series::new("the notebook's run", x, y) }
}

fn panel(title: &str, y_label: &str, series: Vec<Series>) -> LineFigure {
    LineFigure::new(title, "epoch", y_label, series)
}

/// What the sign of the straight-through gradient does.
pub fn sign_figure(runs: &BTreeMap<&str, Run>) -> Result<Panels> {
    let compared =
        [("consistent", "consistent sign"), ("as-printed", "as printed"), ("k1", "plain MLP")];
    let curves = |tag: &str, count: usize, column: Option<usize>| -> Result<Vec<Series>> {
        let each = compared[..count].iter().map(|(preset, label)| runs[preset].curve(tag, label));
        let mut series = each.collect::<Result<Vec<_>>>()?;
        series.extend(column.map(|column| Series { colour: Some(6), ..notebook(column) }));
        Ok(series)
    };
    let cosine = |i: usize| -> Result<LineFigure> {
        let curves = curves(&format!("cosine/layer{i}"), 2, Some(1 + i))?;
        Ok(panel(&format!("Cosine between A and B, layer {i}"), "mean over neurons", curves))
    };
    let dominance = curves("dominance/test/layer2", 2, None)?;
    Ok(Panels {
        title: "The sign of the straight-through gradient".into(),
        subtitle: "selector_mnist, K = 2, MNIST: mean and standard deviation of 8 seeds".into(),
        columns: 2,
        panels: vec![
            panel("Test accuracy", "share correct", curves("eval/accuracy", 3, Some(1))?),
            panel("Dominated neurons, layer 2", "share of neurons", dominance),
            cosine(1)?,
            cosine(2)?,
        ],
    })
}

/// What more computation neurons do.
pub fn choices_figure(runs: &BTreeMap<&str, Run>) -> Result<Panels> {
    let curves = |tag: &str, from: u64| -> Result<Vec<Series>> {
        let curve = |k: u64| -> Result<Series> {
            let series = runs[format!("k{k}").as_str()].curve(tag, &format!("K = {k}"))?;
            Ok(Series { colour: Some(k as usize - 1), ..series })
        };
        let made = |k: &u64| runs.contains_key(format!("k{k}").as_str());
        (from..=5).filter(made).map(curve).collect()
    };
    Ok(Panels {
        title: "One to five computation neurons".into(),
        subtitle:
            "selector_mnist, softmax selector, MNIST: mean and standard deviation over the seeds"
                .into(),
        columns: 2,
        panels: vec![
            panel("Training loss", "cross-entropy (nats)", curves("train/epoch_loss", 1)?),
            panel("Test accuracy", "share correct", curves("eval/accuracy", 1)?),
            panel(
                "Pairs never used, layer 2",
                "share of (neuron, k)",
                curves("never_used/test/layer2", 2)?,
            ),
            panel(
                "Dominated neurons, layer 2",
                "share of neurons",
                curves("dominance/test/layer2", 2)?,
            ),
        ],
    })
}

/// What exploration, balance and growth do.
pub fn options_figure(runs: &BTreeMap<&str, Run>) -> Result<Panels> {
    let curves = |tag: &str, which: &[(&str, &str, usize)]| -> Result<Vec<Series>> {
        let made = which.iter().filter(|(run, ..)| runs.contains_key(run));
        made.map(|(run, label, colour)| {
            Ok(Series { colour: Some(*colour), ..runs[run].curve(tag, label)? })
        })
        .collect()
    };
    let plain = ("k5", "K = 5", 4);
    let noise = [plain, ("gumbel", "Gumbel noise", 1), ("gaussian", "Gaussian noise", 2)];
    let even = [
        plain,
        ("balance-loss", "loss, 0.01", 0),
        ("balance-loss-strong", "loss, 1", 3),
        ("balance-bias-weak", "bias, 0.001", 2),
        ("balance-bias", "bias, 0.01", 5),
    ];
    // Three of them use every pair: one curve at 0.
    let zero = [plain, even[1], ("balance-bias", "loss, 1, and bias", 5)];
    let grown = [("k2", "K = 2", 1), ("grow", "2, from epoch 3 on 5", 0), plain];
    let (loss, accuracy) = ("train/epoch_loss", "eval/accuracy");
    let unused = "never_used/test/layer2";
    Ok(Panels {
        title: "Exploration, balance and growth".into(),
        subtitle:
            "selector_mnist, softmax selector, MNIST: mean and standard deviation over the seeds"
                .into(),
        columns: 2,
        panels: vec![
            panel("Exploration: training loss", "cross-entropy (nats)", curves(loss, &noise)?),
            panel(
                "Exploration: pairs never used, layer 2",
                "share of (neuron, k)",
                curves(unused, &noise)?,
            ),
            panel("Balance: test accuracy", "share correct", curves(accuracy, &even)?),
            panel(
                "Balance: pairs never used, layer 2",
                "share of (neuron, k)",
                curves(unused, &zero)?,
            ),
            panel("Growth: test accuracy", "share correct", curves(accuracy, &grown)?),
            panel(
                "Growth: pairs never used, layer 2",
                "share of (neuron, k)",
                curves(unused, &grown)?,
            ),
        ],
    })
}
