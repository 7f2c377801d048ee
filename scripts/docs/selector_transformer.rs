//! The tables and the figures of docs/selector_transformer.md, from the runs that
//! `scripts/docs_selector_transformer` makes. Prints the tables as Markdown.

#![allow(clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{LineFigure, Panels, Series};
use serde_json::Value;

const FIGURES: &str = "docs/figures";
const CHOICES: [i64; 5] = [1, 2, 5, 50, 75];
const DEPTHS: [i64; 2] = [2, 16];
/// The notebook's losses of two layers by K; K = 1 is its standard model.
const NOTEBOOK: [f64; 5] = [8.1562, 8.2926, 8.3156, 8.3408, 8.3711];
/// The notebook's average entropies at K = 5 and two layers, and the means of its gradient norms.
const ENTROPIES: [f64; 13] = [
    0.1973, 0.1855, 0.1774, 0.1594, 1.4446, 1.2696, 1.3825, 1.2469, 1.2617, 1.4093, 1.4803, 1.5308,
    0.2563,
];
const GRADIENTS: [f64; 13] =
    [247.67, 83.95, 9.40, 5.07, 14.87, 4.01, 0.21, 0.24, 3.85, 3.54, 5.36, 6.50, 76.63];

struct Run {
    entries: Vec<Value>,
    summary: Value,
}

fn folder(name: &str) -> PathBuf {
    Path::new("runs/selector_transformer").join(format!("docs-{name}"))
}

impl Run {
    /// The run of this name; none where it was not made, or has not ended.
    fn read(name: &str) -> Result<Option<Self>> {
        let path = folder(name);
        let Ok(summary) = fs::read(path.join("summary.json")) else { return Ok(None) };
        let summary: Value = serde_json::from_slice(&summary)?;
        if summary["status"] == "running" {
            return Ok(None);
        }
        let text = fs::read_to_string(path.join("metrics.jsonl"))?;
        let entries = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Some(Self { entries, summary }))
    }

    /// The runs of this name with every seed: `<name>`, `<name>-s1`, `<name>-s2`, ...
    fn seeds(name: &str) -> Result<Vec<Self>> {
        let mut runs: Vec<Self> = Self::read(name)?.into_iter().collect();
        for seed in 1.. {
            match Self::read(&format!("{name}-s{seed}"))? {
                Some(run) => runs.push(run),
                None => break,
            }
        }
        Ok(runs)
    }

    /// Every value of a tag, with its step.
    fn history(&self, tag: &str) -> (Vec<f64>, Vec<f64>) {
        let point = |entry: &Value| Some((entry["step"].as_f64()?, entry["values"][tag].as_f64()?));
        self.entries.iter().filter_map(point).unzip()
    }

    fn last(&self, tag: &str) -> Result<f64> {
        self.summary["metrics"][tag].as_f64().with_context(|| format!("no {tag}"))
    }

    /// Mean training loss of the whole run: log entries are at equal distances.
    fn average(&self) -> f64 {
        let (_, losses) = self.history("train/loss");
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    /// Mean over computation neurons of a tag's last values.
    fn mean(&self, tag: &str) -> f64 {
        let metrics = self.summary["metrics"].as_object();
        let values: Vec<f64> = metrics
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.rsplit_once('/').is_some_and(|(head, _)| head == tag))
            .filter_map(|(_, value)| value.as_f64())
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    }
}

fn name(choices: i64, layers: i64) -> String {
    format!("k{choices}-l{layers}")
}

/// A mean, with the smallest and the largest where there are several.
fn cell(values: &[f64]) -> String {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() == 1 {
        format!("{mean:.3}")
    } else {
        format!("{mean:.3} ({low:.3}..{high:.3})")
    }
}

fn row(label: &str, name: &str, notebook: &str) -> Result<()> {
    let runs = Run::seeds(name)?;
    let Some(first) = runs.first() else { return Ok(()) };
    let of = |tag: &str| -> Result<String> {
        Ok(cell(&runs.iter().map(|run| run.last(tag)).collect::<Result<Vec<f64>>>()?))
    };
    let average: Vec<f64> = runs.iter().map(Run::average).collect();
    println!(
        "| {label} | {} | {} | {} | {} | {} | {} | {} | {notebook} |",
        runs.len(),
        first.summary["steps"],
        cell(&average),
        of("train/loss")?,
        of("eval/loss")?,
        of("eval/below_uniform")?,
        of("eval/below_unigram")?,
    );
    Ok(())
}

fn losses() -> Result<()> {
    println!(
        "| run | seeds | steps | average loss | last 20 steps | held out | below ln V | \
         below unigrams | the notebook |\n|---|---|---|---|---|---|---|---|---|"
    );
    for layers in DEPTHS {
        for (choices, loss) in CHOICES.iter().zip(NOTEBOOK) {
            let notebook = match (layers, choices) {
                (2, _) => format!("{loss:.4}"),
                (_, 5) => "8.2488".into(),
                _ => String::new(),
            };
            row(&format!("L = {layers}, K = {choices}"), &name(*choices, layers), &notebook)?;
        }
    }
    row("L = 2, K = 100", "k100-l2", "")?;
    row("L = 2, K = 2, linear layers only", "linear-k2-l2", "8.3382")?;
    row("L = 2, K = 5, embeddings not scaled", "unscaled-l2", "")?;
    row("`large`: d = 256, V = 5000, K = 75", "large", "")
}

/// The notebook's table beside the run with K = 5 and two layers.
fn table() -> Result<()> {
    let Some(run) = Run::read(&name(5, 2))? else { return Ok(()) };
    let parts = ["self_attn.q_linear", "self_attn.k_linear", "self_attn.v_linear"];
    let parts = parts.into_iter().chain(["self_attn.out_proj", "linear1", "linear2"]);
    let of = |i: i64| parts.clone().map(move |part| format!("layers.{i}.{part}"));
    let rows: Vec<String> = of(0).chain(of(1)).chain(["linear_out".to_string()]).collect();
    println!(
        "\n| layer | frequency, % | entropy | the notebook's | dominated | never used | gradient | \
         the notebook's |\n|---|---|---|---|---|---|---|---|"
    );
    for ((layer, entropy), gradient) in rows.iter().zip(ENTROPIES).zip(GRADIENTS) {
        let shares: Vec<String> = ('A'..='E')
            .map(|k| Ok(format!("{:.1}", run.last(&format!("frequency/{layer}/{k}"))?)))
            .collect::<Result<_>>()?;
        println!(
            "| `{layer}` | {} | {:.3} | {entropy:.3} | {:.2} | {:.2} | {:.4} | {gradient:.2} |",
            shares.join(", "),
            run.last(&format!("entropy/{layer}"))?,
            run.last(&format!("dominance/{layer}"))?,
            run.last(&format!("never_used/{layer}"))?,
            run.mean(&format!("gradient/{layer}")),
        );
    }
    Ok(())
}

/// Training loss over steps, a curve for each K.
fn curves() -> Result<()> {
    let mut panels = Vec::new();
    for layers in DEPTHS {
        let mut series = Vec::new();
        for choices in CHOICES {
            if let Some(run) = Run::read(&name(choices, layers))? {
                let (x, y) = run.history("train/loss");
                series.push(Series::new(&format!("K = {choices}"), x, y));
            }
        }
        panels.push(LineFigure {
            title: format!("{layers} layers"),
            x_label: "step".into(),
            y_label: "cross-entropy (nats a word)".into(),
            series,
            // The first steps, from ln 1000 = 6.9 on, would hide the differences.
            y_range: Some((4.1, 5.1)),
            ..LineFigure::default()
        });
    }
    let figure = Panels {
        title: "Training loss by the number of computation neurons".into(),
        subtitle: "d = 64, V = 1000, means of 20 steps, seed 0".into(),
        columns: 2,
        panels,
    };
    let file = Path::new(FIGURES).join("selector_transformer_choices");
    fs::write(file.with_extension("png"), figure.render()?.to_png()?)?;
    Ok(fs::write(file.with_extension("csv"), figure.to_csv())?)
}

fn main() -> Result<()> {
    losses()?;
    table()?;
    curves()?;
    for (run, figure, copy) in
        [(name(5, 16), "monitoring", "depth"), ("unscaled-l2".into(), "monitoring", "unscaled")]
    {
        for extension in ["png", "csv"] {
            let from = folder(&run).join("figures").join(figure).with_extension(extension);
            let to = Path::new(FIGURES).join(format!("selector_transformer_{copy}.{extension}"));
            if from.is_file() {
                fs::copy(&from, &to).with_context(|| format!("{}", from.display()))?;
            }
        }
    }
    Ok(())
}
