//! The table and the figures of docs/selector_mnist.md, from the runs that
//! `scripts/docs_selector_mnist` makes. Prints the table as Markdown.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{LineFigure, Panels, Series};
use neuron_lab::lab::log::mean_and_sd;
use serde_json::Value;

/// Steps of an epoch: 60 000 images in batches of 64.
const EPOCH: u64 = 938;
const EPOCHS: u64 = 5;
const PRESETS: [&str; 13] = [
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
    "selected-only-k2",
    "selected-only-k5",
    "switch-k5",
];
/// The notebook's run with cosines: loss, accuracy, cosine of the layers, by epoch.
const NOTEBOOK: [[f64; 4]; 5] = [
    [1.3620, 0.8458, 0.1199, 0.1024],
    [0.4422, 0.9007, 0.1649, 0.1469],
    [0.3377, 0.9108, 0.1879, 0.1668],
    [0.3006, 0.9186, 0.2068, 0.1854],
    [0.2669, 0.9312, 0.2201, 0.1991],
];

/// Every seed's value of a tag at the end of an epoch: (epoch, tag) to one value a seed.
struct Run {
    values: BTreeMap<(u64, String), Vec<f64>>,
}

impl Run {
    fn read(preset: &str) -> Result<Self> {
        let path = Path::new("runs/selector_mnist").join(format!("docs-{preset}/metrics.jsonl"));
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let mut values = BTreeMap::new();
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let step = entry["step"].as_u64().context("step")?;
            let Some(map) = entry["values"].as_object().filter(|_| step % EPOCH == 0) else {
                continue;
            };
            for tag in map.keys().filter_map(|key| key.strip_suffix("/r0")) {
                let each = (0..).map_while(|r| map.get(&format!("{tag}/r{r}"))?.as_f64());
                values.insert((step / EPOCH, tag.to_string()), each.collect::<Vec<f64>>());
            }
        }
        let last = (EPOCHS, "eval/accuracy".to_string());
        anyhow::ensure!(values.contains_key(&last), "{} has not ended", path.display());
        Ok(Self { values })
    }

    fn each(&self, epoch: u64, tag: &str) -> Result<&[f64]> {
        let values = self.values.get(&(epoch, tag.to_string()));
        Ok(values.with_context(|| format!("no {tag} in epoch {epoch}"))?)
    }

    /// Mean ± standard deviation, with the range of the seeds in brackets.
    fn cell(&self, epoch: u64, tag: &str, scale: f64, decimals: usize) -> Result<String> {
        let values: Vec<f64> = self.each(epoch, tag)?.iter().map(|value| scale * value).collect();
        let (mean, sd) = mean_and_sd(&values);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(format!("{mean:.decimals$} ± {sd:.decimals$} ({low:.decimals$}..{high:.decimals$})"))
    }

    /// The curve of a tag over epochs, with a band of one standard deviation.
    fn curve(&self, tag: &str, label: &str) -> Result<Series> {
        let (mut x, mut y, mut low, mut high) = (vec![], vec![], vec![], vec![]);
        for epoch in 1..=EPOCHS {
            let (mean, sd) = mean_and_sd(self.each(epoch, tag)?);
            x.push(epoch as f64);
            y.push(mean);
            low.push(mean - sd);
            high.push(mean + sd);
        }
        Ok(Series { marker: true, ..Series::new(label, x, y).with_band(low, high) })
    }
}

fn notebook(column: usize) -> Series {
    let x = (1..=EPOCHS).map(|epoch| epoch as f64).collect();
    let y = NOTEBOOK.iter().map(|row| row[column]).collect();
    Series { dashed: true, marker: true, ..Series::new("the notebook's run", x, y) }
}

fn panel(title: &str, y_label: &str, series: Vec<Series>) -> LineFigure {
    LineFigure {
        title: title.into(),
        x_label: "epoch".into(),
        y_label: y_label.into(),
        series,
        ..LineFigure::default()
    }
}

/// What the sign of the straight-through gradient does.
fn sign_figure(runs: &BTreeMap<&str, Run>) -> Result<Panels> {
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
fn choices_figure(runs: &BTreeMap<&str, Run>) -> Result<Panels> {
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
            let whats = [
                "entropy/test",
                "neuron_entropy/test",
                "dominance/test",
                "never_used/test",
                "cosine",
            ];
            let cells = whats.map(|what| cell(what, 3)).into_iter().collect::<Result<Vec<_>>>()?;
            println!("| `{preset}` | {layer} | {} |", cells.join(" | "));
        }
    }
    println!("\nTest accuracy as printed, epoch by epoch, beside the notebook's:");
    for (epoch, row) in (1..=EPOCHS).zip(NOTEBOOK) {
        let cell = runs["as-printed"].cell(epoch, "eval/accuracy", 100.0, 2)?;
        println!("epoch {epoch}: {cell}; the notebook {:.2}", 100.0 * row[1]);
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
    for preset in PRESETS {
        match Run::read(preset) {
            Ok(run) => _ = runs.insert(preset, run),
            Err(error) => println!("{preset} is left out: {error:#}"),
        }
    }
    let presets: Vec<&str> =
        PRESETS.into_iter().filter(|preset| runs.contains_key(preset)).collect();
    print_tables(&runs, &presets)?;
    print_expected(&runs)?;
    let folder = Path::new("docs/figures");
    fs::create_dir_all(folder)?;
    for (name, figure) in [
        ("selector_mnist_sign", sign_figure(&runs)?),
        ("selector_mnist_choices", choices_figure(&runs)?),
    ] {
        fs::write(folder.join(name).with_extension("png"), figure.render()?.to_png()?)?;
        fs::write(folder.join(name).with_extension("csv"), figure.to_csv())?;
    }
    Ok(())
}
