//! Bounds of the multipliers on the digits: how many runs explode, and the losses of the others.

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{LineFigure, Panels, Reference, Series};
use neuron_lab::lab::statistics::{mean, quantile};

use super::run::Run;
use super::{CONSTANT, save};

/// The bounds that were tried, by what follows `docs-bound-` in the names of the runs.
const BOUNDS: [&str; 7] = ["1", "1.02", "1.05", "1.1", "1.2", "1.3", "1.5"];
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
        let run = Run::docs(&format!("bound-{name}"))?;
        let (pairs, seeds) = (run.pairs(), run.seeds());
        let exploded_at = |network: usize| run.last(network, "exploded_at");
        let (mut exploded, mut losses) = (Vec::new(), Vec::new());
        for seed in 0..seeds {
            let networks = seed * pairs..(seed + 1) * pairs;
            let (dead, live): (Vec<usize>, Vec<usize>) =
                networks.partition(|network| exploded_at(*network).is_some());
            exploded.push(dead.len() as f64);
            losses.push(live.into_iter().filter_map(|n| run.last(n, "eval/loss")).collect());
        }
        let first = (0..seeds * pairs).filter_map(exploded_at).reduce(f64::min);
        let above = (0..3).map(|layer| run.last_mean(&format!("apical/layer{layer}/above_one")));
        let above = above.sum::<Option<f64>>().context("above_one")?;
        Ok(Self { exploded, pairs, last: losses, first, above: above / 3.0 })
    }

    /// The lowest last loss of each seed.
    fn lowest(&self) -> Vec<f64> {
        let lowest = |losses: &Vec<f64>| losses.iter().copied().fold(f64::NAN, f64::min);
        self.last.iter().map(lowest).collect()
    }

    /// The median last loss of each seed.
    fn median(&self) -> Vec<f64> {
        self.last.iter().map(|losses| quantile(losses, 0.5)).collect()
    }
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

/// Prints the table, and draws `apical-bounds`.
pub fn show() -> Result<()> {
    let free = Outcome::read("free")?;
    let bounded = BOUNDS.iter().map(|name| Outcome::read(name)).collect::<Result<Vec<_>>>()?;
    print_table(&free, &bounded);
    let figure = figure(&free, &bounded)?;
    save("apical-bounds", &figure, &figure.to_csv())
}
