//! The table and the figures of docs/selector_mnist.md, from the runs that
//! `scripts/docs_selector_mnist` makes. Prints the table as Markdown.

#![allow(clippy::print_stdout)]

mod figures;
mod run;
mod sizes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use neuron_lab::lab::figure::{Format, files};
use neuron_lab::lab::statistics::mean_and_sd;

use figures::{choices_figure, options_figure, sign_figure};
use run::{EPOCHS, Run};
use sizes::print_sizes;

/// The runs, by what follows `docs-` in their names.
const RUNS: [&str; 28] = [
    "as-printed",
    "hidden-as-printed",
    "consistent",
    "frozen",
    "k1",
    "mlp-equal",
    "k2",
    "k3",
    "k4",
    "k5",
    "k2-as-printed",
    "k3-as-printed",
    "k4-as-printed",
    "k5-as-printed",
    "selected-only-k2",
    "selected-only-k5",
    "switch-k2",
    "switch-k5",
    "soft",
    "low-rank",
    "tree",
    "gumbel",
    "gaussian",
    "balance-loss",
    "balance-loss-strong",
    "balance-bias",
    "balance-bias-weak",
    "grow",
];
/// The notebook's run with cosines, by epoch: loss, accuracy, cosine of both layers, loss on the test set.
const NOTEBOOK: [[f64; 5]; 5] = [
    [1.3620, 0.8458, 0.1199, 0.1024, 0.5612],
    [0.4422, 0.9007, 0.1649, 0.1469, 0.3588],
    [0.3377, 0.9108, 0.1879, 0.1668, 0.3097],
    [0.3006, 0.9186, 0.2068, 0.1854, 0.2814],
    [0.2669, 0.9312, 0.2201, 0.1991, 0.2449],
];

fn print_tables(runs: &BTreeMap<&str, Run>, presets: &[&str]) -> Result<()> {
    println!(
        "| preset | seeds | loss, epoch 1 | accuracy %, epoch 1 | loss, epoch 5 | accuracy %, epoch 5 |"
    );
    println!("|---|---|---|---|---|---|");
    for preset in presets {
        let run = &runs[preset];
        let cells = [
            run.cell(1, "train/epoch_loss", 1.0, 3)?,
            run.cell(1, "eval/accuracy", 100.0, 2)?,
            run.cell(EPOCHS, "train/epoch_loss", 1.0, 4)?,
            run.cell(EPOCHS, "eval/accuracy", 100.0, 2)?,
        ];
        let seeds = run.each(1, "eval/accuracy")?.len();
        println!("| `{preset}` | {seeds} | {} |", cells.join(" | "));
    }
    println!(
        "\n| preset, epoch 5, test | layer | entropy of ratios | neuron entropy | dominated | never used | cosine |"
    );
    println!("|---|---|---|---|---|---|---|");
    for preset in presets.iter().filter(|preset| !["k1", "mlp-equal"].contains(preset)) {
        for layer in ["layer1", "layer2"] {
            let cell = |what: &str, decimals: usize| -> Result<String> {
                let (mean, sd) =
                    mean_and_sd(runs[preset].each(EPOCHS, &format!("{what}/{layer}"))?);
                Ok(format!("{mean:.decimals$} ± {sd:.decimals$}"))
            };
            let measures = [
                "entropy/test",
                "neuron_entropy/test",
                "dominance/test",
                "never_used/test",
                "cosine",
            ];
            let cells =
                measures.map(|what| cell(what, 3)).into_iter().collect::<Result<Vec<_>>>()?;
            println!("| `{preset}` | {layer} | {} |", cells.join(" | "));
        }
    }
    println!("\nAs printed, epoch by epoch, beside the notebook's run:");
    for (tag, scale, decimals, column) in [
        ("eval/accuracy", 100.0, 2, 1),
        ("train/epoch_loss", 1.0, 4, 0),
        ("eval/loss", 1.0, 4, 4),
        ("cosine/layer1", 1.0, 4, 2),
        ("cosine/layer2", 1.0, 4, 3),
    ] {
        for (epoch, row) in (1..=EPOCHS).zip(NOTEBOOK) {
            let cell = runs["as-printed"].cell(epoch, tag, scale, decimals)?;
            let notebook = scale * row[column];
            println!("{tag}, epoch {epoch}: {cell}; the notebook {notebook:.decimals$}");
        }
    }
    let triples = (0..8).map(|r| -> Result<bool> {
        let at =
            |preset: &str| Ok::<f64, anyhow::Error>(runs[preset].each(EPOCHS, "eval/accuracy")?[r]);
        Ok(at("consistent")? > at("k1")? && at("k1")? > at("as-printed")?)
    });
    let ordered =
        triples.collect::<Result<Vec<_>>>()?.into_iter().filter(|ordered| *ordered).count();
    println!("consistent > plain MLP > as printed in {ordered} of 8 seeds");
    Ok(())
}

/// The range that every seed was expected in, by preset, epoch and tag: from runs of a PyTorch
/// program with the same network.
const EXPECTED: [(&str, u64, &str, f64, f64); 29] = [
    ("as-printed", 1, "train/epoch_loss", 1.20, 1.42),
    ("as-printed", 1, "eval/accuracy", 0.835, 0.87),
    ("as-printed", 2, "train/epoch_loss", 0.41, 0.46),
    ("as-printed", 2, "eval/accuracy", 0.89, 0.907),
    ("as-printed", 3, "train/epoch_loss", 0.325, 0.355),
    ("as-printed", 3, "eval/accuracy", 0.905, 0.916),
    ("as-printed", 4, "train/epoch_loss", 0.288, 0.315),
    ("as-printed", 4, "eval/accuracy", 0.912, 0.925),
    ("as-printed", 5, "train/epoch_loss", 0.260, 0.290),
    ("as-printed", 5, "eval/accuracy", 0.917, 0.933),
    ("as-printed", 5, "cosine/layer1", 0.20, 0.24),
    ("as-printed", 5, "cosine/layer2", 0.14, 0.24),
    ("as-printed", 5, "entropy/test/layer1", 0.65, 0.6932),
    ("as-printed", 5, "entropy/test/layer2", 0.65, 0.6932),
    ("consistent", 1, "train/epoch_loss", 0.80, 0.93),
    ("consistent", 1, "eval/accuracy", 0.89, 0.91),
    ("consistent", 5, "train/epoch_loss", 0.155, 0.178),
    ("consistent", 5, "eval/accuracy", 0.947, 0.956),
    ("consistent", 5, "cosine/layer1", -0.06, 0.06),
    ("consistent", 5, "cosine/layer2", -0.06, 0.06),
    ("k1", 1, "train/epoch_loss", 0.80, 0.88),
    ("k1", 5, "train/epoch_loss", 0.193, 0.210),
    ("k1", 5, "eval/accuracy", 0.940, 0.948),
    ("k5", 5, "train/epoch_loss", 0.140, 0.160),
    ("k5", 5, "eval/accuracy", 0.951, 0.958),
    ("k5", 5, "entropy/test/layer2", 1.5772, 1.6095),
    ("k5", 5, "never_used/test/layer2", 0.15, 1.0),
    ("selected-only-k2", 5, "eval/accuracy", 0.944, 0.953),
    ("selected-only-k5", 5, "eval/accuracy", 0.944, 0.953),
];

fn print_expected(runs: &BTreeMap<&str, Run>) -> Result<()> {
    println!("\nSeeds within the range expected of them:");
    for (preset, epoch, tag, low, high) in EXPECTED {
        if !runs.contains_key(preset) {
            continue;
        }
        let values = runs[preset].each(epoch, tag)?;
        let within = values.iter().filter(|value| (low..=high).contains(value)).count();
        let (mean, _) = mean_and_sd(values);
        let count = values.len();
        println!(
            "{preset}, epoch {epoch}, {tag}: {within} of {count} in {low}..{high}, mean {mean:.4}"
        );
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut runs = BTreeMap::new();
    for preset in RUNS {
        match Run::read(preset) {
            Ok(run) => _ = runs.insert(preset, run),
            Err(error) => println!("{preset} is left out: {error:#}"),
        }
    }
    print_sizes()?;
    print_expected(&runs)?;
    if runs.len() < RUNS.len() {
        println!("The tables and figures of all presets are left out: they need every run.");
        return Ok(());
    }
    print_tables(&runs, &RUNS)?;
    let folder = Path::new("docs/figures");
    fs::create_dir_all(folder)?;
    for (name, figure) in [
        ("selector_mnist_sign", sign_figure(&runs)?),
        ("selector_mnist_choices", choices_figure(&runs)?),
        ("selector_mnist_options", options_figure(&runs)?),
    ] {
        files::write(folder, name, &figure, &figure.to_csv(), &[Format::Png])?;
    }
    Ok(())
}
