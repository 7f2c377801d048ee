//! The comparison of constraints to where they stand still, each at a learning rate of its own.

use std::fs;
use std::path::Path;

use anyhow::Result;
use neuron_lab::lab::figure::{LineFigure, Panels, Series};

use super::run::Run;

/// Runs by the name in their folders, with what the page calls them.
const METHODS: [(&str, &str); 8] = [
    ("exact", "exact, gains smoothed"),
    ("lagrange", "lagrange"),
    ("pi", "pi"),
    ("total-derivative", "total-derivative"),
    ("project", "project"),
    ("two-losses", "two-losses, alternate"),
    ("gamma-v1", "gamma-v1"),
    ("gamma-v2", "gamma-v2"),
];
const SWEEPS: &str = "runs/sweeps";

/// What `scripts/docs_efficient_coding_time` has measured.
const TIMES: &str = "runs/efficient_coding/docs-step-times.csv";

/// The runs that are there.
fn runs() -> Result<Vec<Run>> {
    let read = |(name, label)| Run::docs(&format!("still-{name}"), label);
    METHODS.into_iter().filter_map(|method| read(method).transpose()).collect()
}

/// CPU milliseconds of a step under a constraint, the least of some turns; none that was not measured.
fn step_time(label: &str) -> Option<f64> {
    let table = fs::read_to_string(TIMES).ok()?;
    let (name, _) = METHODS.iter().find(|(_, known)| *known == label)?;
    let row = table.lines().find(|row| row.split(',').next() == Some(name))?;
    row.split(',').nth(2)?.parse().ok()
}

fn spread((mean, sd): (f64, f64), decimals: usize) -> String {
    format!("{mean:.decimals$} ± {sd:.decimals$}")
}

/// KL at the end of every learning rate of the sweeps, one seed.
pub fn print_rates() -> Result<()> {
    println!("\n| constraint | KL at the end by learning rate (rms h) |\n|---|---|");
    for (name, label) in METHODS {
        let folder = Path::new(SWEEPS).join(format!("docs-lr-{name}/efficient_coding"));
        let Ok(points) = fs::read_dir(&folder) else { continue };
        let mut found = Vec::new();
        for point in points {
            found.extend(Run::read(&point?.path(), label)?);
        }
        found.sort_by(|a, b| a.lr.total_cmp(&b.lr));
        let cells = found.iter().map(|run| {
            let (kl, rms) = (run.at("eval/KL", 1.0).0, run.at("eval/rate_rms", 1.0).0);
            format!("{}: {kl:.2} ({rms:.3})", run.lr)
        });
        println!("| {label} | {} |", cells.collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

/// Where every constraint gets to.
pub fn print() -> Result<()> {
    let runs = runs()?;
    if runs.is_empty() {
        return Ok(());
    }
    println!(
        "\n| constraint | learning rate | KL after a tenth | after three quarters | at the end \
         | own KL | rms h | KKT residual | CPU ms of a step |\n|---|---|---|---|---|---|---|---|---|"
    );
    for run in runs {
        let kl = |share: f64| spread(run.at("eval/KL", share), 2);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {:.2} |",
            run.label,
            run.lr,
            kl(0.1),
            kl(0.75),
            kl(1.0),
            spread(run.at("eval/own_KL", 1.0), 2),
            spread(run.at("eval/rate_rms", 1.0), 3),
            spread(run.at("eval/kkt_residual", 1.0), 3),
            step_time(run.label).unwrap_or(f64::NAN)
        );
    }
    Ok(())
}

/// KL over steps, over time and over the distance from the budget; none where there are no runs.
pub fn figure() -> Result<Option<Panels>> {
    let runs = runs()?;
    let Some(first) = runs.first() else { return Ok(None) };
    let steps = first.steps();
    let panel = |title: &str, x_label: &str, series: Vec<Series>| {
        LineFigure::new(title, x_label, "KL on fresh patches, bits", series)
    };
    // The palette has a colour less than there are constraints.
    let of_each = |curve: &dyn Fn(&Run) -> Series| -> Vec<Series> {
        let dashed = |(place, run)| Series { dashed: place + 1 == METHODS.len(), ..curve(run) };
        runs.iter().enumerate().map(dashed).collect()
    };
    let by_steps = of_each(&|run| run.curve("eval/KL", |step, _| step as f64));
    let by_time = of_each(&|run| {
        let seconds = step_time(run.label).unwrap_or(f64::NAN) * 1e-3;
        run.curve("eval/KL", |step, _| step as f64 * seconds)
    });
    let by_distance = of_each(&|run| {
        let rms = run.points("eval/rate_rms");
        run.curve("eval/KL", |_, place| rms[place].1)
    });
    Ok(Some(Panels {
        title: "Ways to keep the rates, to where they stand still".into(),
        subtitle: format!(
            "8x8 Gaussian 1/f^2 patches, 32 neurons, SGD, each at its own learning rate: mean and \
             standard deviation of 5 seeds, {steps} steps"
        ),
        columns: 3,
        panels: vec![
            panel("Over steps", "step", by_steps),
            panel("Over time", "CPU seconds of a seed", by_time),
            LineFigure {
                x_log: true,
                ..panel("Over the distance from the budget", "rms h on fresh patches", by_distance)
            },
        ],
    }))
}
