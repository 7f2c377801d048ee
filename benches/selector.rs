//! The training step of `selector_mnist` and where its time goes, and what logging and checkpoints
//! cost a default run. One libtorch thread on the CPU; MNIST where it has been fetched, else the
//! 8x8 digits.
//!
//! ```text
//! cargo bench --bench selector
//! ```

#![allow(clippy::print_stdout)]

mod selector_parts;

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::run;
use neuron_lab::lab::store::durable;
use neuron_lab::lab::train::phase::PHASES;
use neuron_lab::lab::train::session::Session;
use neuron_lab::selector::SelectorMnist;
use selector_parts::{cpu_seconds, session};

/// Runs of each row; the median counts.
const TURNS: usize = 7;

/// Microseconds of CPU time of a step, and the share of each phase in percent.
fn step_time(hidden: &str, steps: usize, data: &str) -> Result<(f64, Vec<f64>)> {
    let (mut session, _home) = session(&format!("--hidden {hidden} --data {data}"))?;
    let totals = |session: &Session<SelectorMnist>| -> Vec<f64> {
        let phases = session.phase_seconds();
        PHASES.iter().map(|(_, name)| phases[*name].as_f64().unwrap_or(f64::NAN)).collect()
    };
    (0..steps / 4 + 1).try_for_each(|_| session.one_step())?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let (start, before) = (cpu_seconds(), totals(&session));
        (0..steps).try_for_each(|_| session.one_step())?;
        let time = 1e6 * (cpu_seconds() - start) / steps as f64;
        let spent: Vec<f64> = totals(&session).iter().zip(before).map(|(t, b)| t - b).collect();
        let whole: f64 = spent.iter().sum();
        turns.push((time, spent.iter().map(|part| 100.0 * part / whole).collect::<Vec<_>>()));
    }
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(turns.swap_remove(TURNS / 2))
}

/// Seconds of a run with default settings, and the shares of logging, checkpoints and the figures
/// at its end in percent.
fn overhead(data: &str) -> Result<(f64, [f64; 3])> {
    let home = tempfile::tempdir()?;
    let path = |name: &str| home.path().join(name).into_os_string();
    let words = ["selector_mnist", "--quiet", "--device", "cpu", "--name", "bench", "--data", data];
    let mut arguments: Vec<OsString> = words.map(OsString::from).into();
    arguments.extend(["--runs".into(), path("runs"), "--checkpoints".into(), path("checkpoints")]);
    run::<SelectorMnist>(arguments)?;
    let file = home.path().join("runs/selector_mnist/bench/summary.json");
    let summary = durable::read_json(&file)?;
    let wall = summary["wall_seconds"].as_f64().context("wall_seconds")?;
    let share = |phase: &str| {
        Ok::<f64, anyhow::Error>(
            100.0 * summary["phase_seconds"][phase].as_f64().context("phase")? / wall,
        )
    };
    Ok((wall, [share("logging")?, share("checkpoint")?, share("figures")?]))
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    let data = if Path::new("data/mnist").is_dir() { "mnist" } else { "digits" };
    println!("selector_mnist, K = 2, batch 64, {data}, 1 thread; median of {TURNS} turns");
    println!(
        "| hidden | CPU us a step | data % | forward % | backward % | optimizer % | logging % |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (hidden, steps) in [("64,64", 400), ("128,128", 300), ("1024,1024", 20)] {
        let (time, shares) = step_time(hidden, steps, data)?;
        let shares: Vec<String> = shares[..5].iter().map(|share| format!("{share:.1}")).collect();
        println!("| {hidden} | {time:.0} | {} |", shares.join(" | "));
    }
    let (wall, [logging, checkpoint, figures]) = overhead(data)?;
    println!(
        "default run: {wall:.1} s, logging {logging:.2} % and checkpoints {checkpoint:.2} %, \
         together {:.2} %; figures at the end {figures:.2} %",
        logging + checkpoint
    );
    Ok(())
}
