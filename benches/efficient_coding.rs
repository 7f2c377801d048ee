//! The training step of `efficient_coding` beside the original's formulation in PyTorch eager, and
//! where its time goes. CPU time at one thread, turn about, so that both meet the same machine.
//!
//! ```text
//! scripts/reference/setup && cargo bench --bench efficient_coding
//! ```

#![allow(clippy::print_stdout)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::lab::open_session;
use neuron_lab::lab::train::phase::PHASES;
use neuron_lab::lab::train::session::Session;
use rustix::time::{ClockId, clock_gettime};

/// Turns of each; the median counts.
const TURNS: usize = 5;
const PYTHON: &str = ".reference/bin/python";
const SCRIPT: &str = "scripts/reference/efficient_coding_step.py";

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The original's formulation, in a process of its own.
struct Original {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    version: String,
}

impl Original {
    fn start(size: [i64; 3]) -> Result<Self> {
        let mut process = Command::new(PYTHON)
            .arg(SCRIPT)
            .args(size.map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{PYTHON}: run scripts/reference/setup first"))?;
        let input = process.stdin.take().context("standard input")?;
        let output = BufReader::new(process.stdout.take().context("standard output")?);
        let mut original = Self { process, input, output, version: String::new() };
        original.version = original.line()?;
        Ok(original)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_string())
    }

    /// Milliseconds of CPU time a step.
    fn turn(&mut self, steps: usize) -> Result<f64> {
        writeln!(self.input, "{steps}")?;
        Ok(1e3 * self.line()?.parse::<f64>()? / steps as f64)
    }

    fn end(self) -> Result<()> {
        let Self { mut process, input, .. } = self;
        drop(input);
        process.wait()?;
        Ok(())
    }
}

/// Ours, ready for its first step; evaluations and log entries are further apart than the turns.
fn session(size: [i64; 3]) -> Result<(tempfile::TempDir, Session<EfficientCoding>)> {
    let home = tempfile::tempdir()?;
    let mut words: Vec<OsString> = vec!["bench".into(), "--device".into(), "cpu".into()];
    for folder in ["runs", "checkpoints"] {
        words.extend([format!("--{folder}").into(), home.path().join(folder).into()]);
    }
    let line = format!(
        "--neurons {} --kernel-size {} --colours {} --log-every 10",
        size[0], size[1], size[2]
    );
    words.extend(line.split_whitespace().map(OsString::from));
    Ok((home, open_session(words)?))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(size: [i64; 3], steps: usize, slower: usize) -> Result<()> {
    let (_home, mut session) = session(size)?;
    let mut original = Original::start(size)?;
    (0..steps / 4 + 1).try_for_each(|_| session.one_step())?;
    original.turn(1)?;
    let totals = |session: &Session<EfficientCoding>| -> Vec<f64> {
        let phases = session.phase_seconds();
        PHASES.iter().map(|(_, name)| phases[*name].as_f64().unwrap_or(f64::NAN)).collect()
    };
    let (mut ours, mut theirs, before) = (Vec::new(), Vec::new(), totals(&session));
    for _ in 0..TURNS {
        let start = cpu_seconds();
        (0..steps).try_for_each(|_| session.one_step())?;
        ours.push(1e3 * (cpu_seconds() - start) / steps as f64);
        theirs.push(original.turn(slower)?);
    }
    let spent: Vec<f64> = totals(&session).iter().zip(before).map(|(t, b)| t - b).collect();
    let whole: f64 = spent.iter().sum();
    let shares: Vec<String> = PHASES
        .iter()
        .zip(&spent)
        .filter(|(_, time)| **time > 0.0)
        .map(|((_, name), time)| format!("{name} {:.0}", 100.0 * time / whole))
        .collect();
    let (ours, theirs) = (median(ours), median(theirs));
    let inputs = size[1] * size[1] * size[2];
    let version = original.version.clone();
    original.end()?;
    println!(
        "| {} | {inputs} | {theirs:.1} | {ours:.2} | {:.1} | {:.1} | {:.1} | {} |",
        size[0],
        1e3 / theirs,
        1e3 / ours,
        theirs / ours,
        shares.join(", ")
    );
    println!("<!-- PyTorch {version} -->");
    Ok(())
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    println!("lagrange, batch 128, 1 thread; CPU time a step, median of {TURNS} turns");
    println!(
        "| J | inputs | PyTorch eager ms | ours ms | eager steps/s | ours steps/s | ratio | our time, % |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    row([100, 18, 1], 60, 10)?;
    row([300, 18, 3], 6, 1)
}
