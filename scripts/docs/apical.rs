//! The figure and the table of docs/apical.md on bounds of the multipliers, from the runs that
//! `scripts/docs_apical` makes. Prints the table as Markdown.

#![allow(clippy::print_stdout)]

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{Format, LineFigure, Panels, Reference, Series, files};
use serde_json::{Map, Value};

/// The bounds that were tried, by what follows `docs-bound-` in the names of the runs.
const BOUNDS: [&str; 7] = ["1", "1.02", "1.05", "1.1", "1.2", "1.3", "1.5"];
/// Mean squared error of the best predictor that ignores its input, ten classes alike.
const CONSTANT: f64 = 0.09;

/// What is known of the runs of one bound.
struct Outcome {
    /// Runs that exploded, for each seed.
    exploded: Vec<f64>,
    /// The pairs of one seed.
    pairs: usize,
    /// The last loss on the test images of each run that lives, for each seed.
    last: Vec<Vec<f64>>,
    /// Passes until the first explosion, if there is one.
    first: Option<f64>,
    /// Share of the hidden neurons above 1 after the last phase 1, mean over the live runs.
    above: f64,
}

impl Outcome {
    fn read(name: &str) -> Result<Self> {
        let folder = Path::new("runs/apical_train").join(format!("docs-bound-{name}"));
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
        };
        let summary: Value = serde_json::from_str(&read("summary.json")?)?;
        anyhow::ensure!(summary["status"] == "done", "docs-bound-{name} has not ended");
        let config: Value = serde_json::from_str(&read("config.json")?)?;
        let length = |key: &str| config[key].as_array().map_or(0, Vec::len);
        let pairs = length("lr_a") * length("lr_w");
        let seeds = config["replicates"].as_u64().context("replicates")? as usize;
        let mut last = Map::new();
        for line in read("metrics.jsonl")?.lines() {
            let mut entry: Value = serde_json::from_str(line)?;
            let values = entry["values"].as_object_mut().context("values")?;
            last.extend(std::mem::take(values).into_iter().filter(|(_, value)| !value.is_null()));
        }
        let of = |run: usize, what: &str| last.get(&format!("run{run}/{what}"))?.as_f64();
        let (mut exploded, mut losses) = (Vec::new(), Vec::new());
        for seed in 0..seeds {
            let runs = seed * pairs..(seed + 1) * pairs;
            let (dead, live): (Vec<usize>, Vec<usize>) =
                runs.partition(|run| of(*run, "exploded_at").is_some());
            exploded.push(dead.len() as f64);
            losses.push(live.into_iter().filter_map(|run| of(run, "loss")).collect());
        }
        let first = (0..seeds * pairs).filter_map(|run| of(run, "exploded_at")).reduce(f64::min);
        let above = (0..3)
            .map(|layer| {
                last.get(&format!("apical/layer{layer}/above_one")).and_then(Value::as_f64)
            })
            .sum::<Option<f64>>()
            .context("above_one")?;
        Ok(Self { exploded, pairs, last: losses, first, above: above / 3.0 })
    }

    /// The lowest last loss of each seed.
    fn lowest(&self) -> Vec<f64> {
        let lowest = |losses: &Vec<f64>| losses.iter().copied().fold(f64::NAN, f64::min);
        self.last.iter().map(lowest).collect()
    }

    /// The median last loss of each seed.
    fn median(&self) -> Vec<f64> {
        let median = |losses: &Vec<f64>| {
            let mut sorted = losses.clone();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted.len() / 2;
            if sorted.len() % 2 == 1 {
                sorted[middle]
            } else {
                (sorted[middle - 1] + sorted[middle]) / 2.0
            }
        };
        self.last.iter().map(median).collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn ends(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// Mean over the seeds with the range in brackets.
fn cell(values: &[f64], decimals: usize) -> String {
    let (low, high) = ends(values);
    format!("{:.decimals$} ({low:.decimals$}..{high:.decimals$})", mean(values))
}

/// One curve over the bounds: the mean over the seeds, with bars over their range.
fn curve(label: &str, bounds: &[f64], each: &[Vec<f64>]) -> Series {
    let y = each.iter().map(|values| mean(values)).collect();
    let (low, high) = each.iter().map(|values| ends(values)).unzip();
    Series { marker: true, ..Series::new(label, bounds.to_vec(), y).with_bars(low, high) }
}

fn figure(free: &Outcome, bounded: &[Outcome]) -> Result<Panels> {
    let bounds: Vec<f64> = BOUNDS.iter().map(|b| b.parse()).collect::<Result<_, _>>()?;
    let of = |what: fn(&Outcome) -> Vec<f64>| bounded.iter().map(what).collect::<Vec<_>>();
    let reference = |label: &str, value: f64| Reference { label: label.into(), value };
    let label = "largest multiplier allowed";
    let exploded = vec![curve("", &bounds, &of(|one| one.exploded.clone()))];
    let losses = vec![
        curve("lowest of the live runs", &bounds, &of(Outcome::lowest)),
        curve("median of the live runs", &bounds, &of(Outcome::median)),
    ];
    Ok(Panels {
        title: "Bounds of the multipliers".into(),
        subtitle: format!(
            "digits, {} pairs of learning rates, 40 epochs: mean and range of {} seeds",
            free.pairs,
            free.exploded.len()
        ),
        columns: 2,
        panels: vec![
            LineFigure {
                y_range: Some((0.0, free.pairs as f64)),
                references: vec![reference("no bound", mean(&free.exploded))],
                ..LineFigure::new(
                    "Runs that explode",
                    label,
                    &format!("runs of {}", free.pairs),
                    exploded,
                )
            },
            LineFigure {
                y_log: true,
                references: vec![reference("constant predictor", CONSTANT)],
                ..LineFigure::new("Loss after 40 epochs", label, "loss on D_test", losses)
            },
        ],
    })
}

fn print_table(free: &Outcome, bounded: &[Outcome]) {
    println!(
        "| largest multiplier | exploded of {} | first after | lowest loss | median loss | hidden \
         neurons above 1 |",
        free.pairs
    );
    println!("|---|---|---|---|---|---|");
    for (name, one) in BOUNDS.iter().zip(bounded).chain([(&"none", free)]) {
        let first = one.first.map_or("-".into(), |passes| format!("{passes:.1}"));
        println!(
            "| {name} | {} | {first} | {} | {} | {:.0} % |",
            cell(&one.exploded, 1),
            cell(&one.lowest(), 3),
            cell(&one.median(), 3),
            100.0 * one.above
        );
    }
}

fn main() -> Result<()> {
    let free = Outcome::read("free")?;
    let bounded = BOUNDS.iter().map(|name| Outcome::read(name)).collect::<Result<Vec<_>>>()?;
    print_table(&free, &bounded);
    let (figure, folder) = (figure(&free, &bounded)?, Path::new("docs/figures"));
    files::write(folder, "apical-bounds", &figure, &figure.to_csv(), &[Format::Png])
}
