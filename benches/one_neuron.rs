//! The time of `one_neuron`, run folder, log, evaluations, figures and checkpoints included,
//! start-up of the process excluded: one curve of 40000 steps, and `--preset table`, 360 of them.
//! One libtorch thread on the CPU. With the seconds that the original package takes for a curve, as
//! `scripts/reference/one_neuron compare` measures them, also how many times faster.
//!
//! ```text
//! cargo bench --bench one_neuron -- [SECONDS]
//! ```

#![allow(clippy::print_stdout)]

use std::ffi::OsString;
use std::time::Instant;

use anyhow::Result;
use neuron_lab::lab::run;
use neuron_lab::one_neuron::OneNeuron;
use rustix::time::{ClockId, clock_gettime};

/// Runs of each row; the median counts.
const TURNS: usize = 5;

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Wall and CPU seconds of a run, medians.
fn time(line: &str) -> Result<(f64, f64)> {
    let mut turns = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let home = tempfile::tempdir()?;
        let path = |name: &str| home.path().join(name).into_os_string();
        let mut arguments: Vec<OsString> =
            ["one_neuron", "--quiet", "--device", "cpu", "--name", "bench"].map(Into::into).into();
        arguments.extend(["--runs".into(), path("runs")]);
        arguments.extend(["--checkpoints".into(), path("checkpoints")]);
        arguments.extend(line.split_whitespace().map(Into::into));
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        run::<OneNeuron>(arguments)?;
        turns.0.push(wall.elapsed().as_secs_f64());
        turns.1.push(cpu_seconds() - cpu);
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[TURNS / 2]
    };
    Ok((median(turns.0), median(turns.1)))
}

fn main() -> Result<()> {
    let package: Option<f64> = std::env::args().find_map(|argument| argument.parse().ok());
    println!("one_neuron, 1 thread, 40000 steps a curve; median of {TURNS} turns");
    println!("| run | curves | wall s | CPU s | times the package's speed |");
    println!("|---|---|---|---|---|");
    for (line, curves) in [
        ("--rng package --columns hash0 --first-record-quirk --gradient averaged", 1.0),
        ("--gradient averaged", 1.0),
        ("--preset table", 360.0),
    ] {
        let (wall, cpu) = time(line)?;
        let speed = package.map_or("-".into(), |one| format!("{:.0}", one * curves / wall));
        println!("| {line} | {curves} | {wall:.3} | {cpu:.3} | {speed} |");
    }
    Ok(())
}
