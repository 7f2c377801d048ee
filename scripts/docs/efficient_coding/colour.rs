//! The colour model with a learning rate that stays and with one that falls.

use anyhow::Result;
use neuron_lab::lab::figure::{LineFigure, Panels, Series};

use super::run::Run;

/// Constraints, with what the page calls them.
const METHODS: [(&str, [&str; 2]); 3] = [
    ("lagrange", ["lagrange", "lagrange, falling"]),
    ("exact", ["exact", "exact, falling"]),
    ("two-losses", ["two-losses", "two-losses, falling"]),
];
const RATES: [&str; 2] = ["constant", "falling"];

/// The runs that are there, with the place of their constraint and of their learning rate.
fn runs() -> Result<Vec<(usize, usize, Run)>> {
    let mut found = Vec::new();
    for (place, (name, labels)) in METHODS.iter().enumerate() {
        for (rate, (of_rate, label)) in RATES.iter().zip(labels).enumerate() {
            let run = Run::docs(&format!("colour-{name}-{of_rate}"), label)?;
            found.extend(run.map(|run| (place, rate, run)));
        }
    }
    Ok(found)
}

/// Prints where every run gets to, and how far the model of 300 neurons comes.
pub fn print() -> Result<()> {
    let runs = runs()?;
    let mut whole = Vec::new();
    for (name, [label, _]) in METHODS {
        whole.extend(Run::docs(&format!("colour-{name}-whole"), label)?);
    }
    if runs.is_empty() && whole.is_empty() {
        return Ok(());
    }
    println!(
        "\n| neurons, inputs | constraint | steps | KL at the start | half way | at the end | rms h \
         | KKT residual |\n|---|---|---|---|---|---|---|---|"
    );
    let small = runs.iter().map(|(_, _, run)| ("100, 432", run));
    for (size, run) in small.chain(whole.iter().map(|run| ("300, 972", run))) {
        println!(
            "| {size} | {} | {} | {:.2} | {:.2} | {:.2} | {:.3} | {:.3} |",
            run.label,
            run.steps(),
            run.at("eval/KL", 0.0).0,
            run.at("eval/KL", 0.5).0,
            run.at("eval/KL", 1.0).0,
            run.at("eval/rate_rms", 1.0).0,
            run.at("eval/kkt_residual", 1.0).0
        );
    }
    Ok(())
}

/// KL and the rates over steps; none where there are no runs.
pub fn figure() -> Result<Option<Panels>> {
    let runs = runs()?;
    if runs.is_empty() {
        return Ok(None);
    }
    let panel = |title: &str, y_label: &str, tag: &str| {
        let series = runs.iter().map(|(place, rate, run)| Series {
            colour: Some(*place),
            dashed: *rate == 1,
            ..run.curve(tag, |step, _| step as f64)
        });
        LineFigure::new(title, "step", y_label, series.collect())
    };
    Ok(Some(Panels {
        title: "The colour model with constant and falling learning rates".into(),
        subtitle:
            "photographs, 12x12 pixels of three colours, 100 differences of Gaussians, SGD 0.01, \
                   halved every quarter where it falls; seed 0"
                .into(),
        columns: 2,
        panels: vec![
            panel("KL at the target rates", "bits, held-out patches", "eval/KL"),
            LineFigure {
                y_log: true,
                ..panel("Distance of the rates from the target", "rms h", "eval/rate_rms")
            },
        ],
    }))
}
