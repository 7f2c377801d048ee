//! The tables and the comparisons of docs/efficient_coding.md, from the runs that
//! `scripts/docs_efficient_coding` makes. Prints the tables as Markdown; runs that
//! are not there are left out.

#![allow(clippy::print_stdout)]

mod colour;
mod convergence;
mod long;
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{Drawing, Format, LineFigure, Panels, Series, files};
use neuron_lab::lab::statistics::mean_and_sd;
use serde_json::Value;

use long::Made;
use run::RUNS;

const SEEDS: u64 = 5;
const STEPS: u64 = 2000;
const NEURONS: f64 = 32.0;
const TARGET_RATE: f64 = 1.0;
/// Runs by the name in their folders, with what the table calls them.
const METHODS: [(&str, &str); 14] = [
    ("exact", "exact"),
    ("lagrange", "lagrange"),
    ("pi", "pi"),
    ("total-derivative", "total-derivative"),
    ("project", "project"),
    ("two-losses", "two-losses, alternate"),
    ("leak", "two-losses, leak"),
    ("clean", "two-losses, clean"),
    ("x10", "two-losses, rates x 10"),
    ("x100", "two-losses, rates x 100"),
    ("gamma-v1", "gamma-v1"),
    ("gamma-v2", "gamma-v2"),
    ("none", "none"),
    ("exact-smoothed", "exact, gains smoothed"),
];
/// Those that the figure shows.
const SHOWN: usize = 6;

/// Every seed's value of a tag at a step.
type Values = BTreeMap<(String, u64), Vec<f64>>;

/// The runs of a method; none where they are not there.
fn read(method: &str) -> Result<Option<Values>> {
    let mut values = Values::new();
    for seed in 0..SEEDS {
        let path = Path::new(RUNS).join(format!("docs-small-{method}-s{seed}/metrics.jsonl"));
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let step = entry["step"].as_u64().context("step")?;
            for (tag, value) in entry["values"].as_object().into_iter().flatten() {
                let value = value.as_f64().unwrap_or(f64::NAN);
                values.entry((tag.clone(), step)).or_default().push(value);
            }
        }
    }
    Ok(Some(values))
}

fn cell(values: &Values, tag: &str, step: u64, decimals: usize) -> Result<String> {
    let each = values.get(&(tag.into(), step)).with_context(|| format!("no {tag}"))?;
    let (mean, sd) = mean_and_sd(each);
    Ok(format!("{mean:.decimals$} ± {sd:.decimals$}"))
}

/// Adds the mean of the neurons' mean rates and its standard deviation over neurons, from what an
/// evaluation logs: bits a spike has the mean, and rms h holds both.
fn add_spread(values: &mut Values) -> Result<()> {
    let last = |tag: &str| values.get(&(tag.into(), STEPS)).with_context(|| format!("no {tag}"));
    let (kl, bits) = (last("eval/own_KL")?, last("eval/own_bits_per_spike")?);
    let mean: Vec<f64> = kl.iter().zip(bits).map(|(kl, bits)| kl / 2.0 / bits / NEURONS).collect();
    let spread = |(rms, mean): (&f64, &f64)| (rms.powi(2) - (mean - TARGET_RATE).powi(2)).sqrt();
    let spread = last("eval/rate_rms")?.iter().zip(&mean).map(spread).collect();
    values.insert(("mean rate".into(), STEPS), mean);
    values.insert(("spread".into(), STEPS), spread);
    Ok(())
}

fn curve(values: &Values, tag: &str, label: &str) -> Series {
    let (mut x, mut y, mut low, mut high) = (vec![], vec![], vec![], vec![]);
    for ((_, step), each) in values.iter().filter(|((known, _), _)| known == tag) {
        let (mean, sd) = mean_and_sd(each);
        x.push(*step as f64);
        y.push(mean);
        low.push(mean - sd);
        high.push(mean + sd);
    }
    Series::new(label, x, y).with_band(low, high)
}

fn print_table(all: &[(&str, Values)]) -> Result<()> {
    println!(
        "| constraint | KL, bits | MI, bits | own KL, bits | rms h | mean rate | sd of rates | DC | \
         KKT residual |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let (_, first) = all.first().context("no method")?;
    let at = |tag: &str| cell(first, tag, 1, 2);
    println!(
        "| start | {} | {} | | | | | {} | {} |",
        at("eval/KL")?,
        at("eval/MI")?,
        at("eval/dc")?,
        at("eval/kkt_residual")?
    );
    for (label, values) in all {
        let at = |tag: &str, decimals| cell(values, tag, STEPS, decimals);
        println!(
            "| {label} | {} | {} | {} | {} | {} | {} | {} | {} |",
            at("eval/KL", 2)?,
            at("eval/MI", 2)?,
            at("eval/own_KL", 2)?,
            at("eval/rate_rms", 3)?,
            at("mean rate", 3)?,
            at("spread", 3)?,
            at("eval/dc", 2)?,
            at("eval/kkt_residual", 2)?,
        );
    }
    Ok(())
}

fn save(name: &str, figure: &dyn Drawing) -> Result<()> {
    let name = format!("efficient_coding_{name}");
    files::write(Path::new("docs/figures"), &name, figure, &figure.numbers(), &[Format::Png])
}

fn main() -> Result<()> {
    let mut all: Vec<(&str, Values)> = Vec::new();
    for (method, label) in METHODS {
        if let Some(mut values) = read(method)? {
            add_spread(&mut values)?;
            all.push((label, values));
        }
    }
    if !all.is_empty() {
        print_table(&all)?;
        save("constraints", &constraints(&all))?;
    }
    convergence::print_rates()?;
    convergence::print()?;
    if let Some(figure) = convergence::figure()? {
        save("convergence", &figure)?;
    }
    colour::print()?;
    if let Some(figure) = colour::figure()? {
        save("colour", &figure)?;
    }
    long::print()?;
    long::figures()?.into_iter().try_for_each(|made| match made {
        Made::Panels(name, figure) => save(name, &figure),
        Made::Tiles(name, figure) => save(&name, &figure),
    })
}

/// The curves of the first constraints.
fn constraints(all: &[(&str, Values)]) -> Panels {
    let panel = |title: &str, y_label: &str, tag: &str| LineFigure {
        title: title.into(),
        x_label: "step".into(),
        y_label: y_label.into(),
        series: all.iter().take(SHOWN).map(|(label, values)| curve(values, tag, label)).collect(),
        ..LineFigure::default()
    };
    Panels {
        title: "Ways to keep the rates".into(),
        subtitle: format!(
            "8x8 Gaussian 1/f^2 patches, 32 neurons, SGD 0.01: mean and standard deviation of {SEEDS} seeds"
        ),
        columns: 2,
        panels: vec![
            panel("KL of the training batch", "bits", "terms/KL"),
            panel("Excess of the rates in a batch", "rms over neurons", "terms/h_rms"),
        ],
    }
}
