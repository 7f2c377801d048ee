//! What the lab itself costs: an experiment that does nothing, by itself and with logs and evaluations,
//! and how long programs take to begin and to end.
//!
//! ```text
//! cargo bench --bench lab
//! ```

#![allow(clippy::print_stdout)]

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use neuron_lab::lab::statistics::quantile;
use neuron_lab::lab::{
    Absent, Chart, Config, Evaluation, Experiment, Figures, Log, Persist, Phase, Refusals,
    RunConfig, RunSchedule, Score, Settings, Spec, StateReader, StateWriter, Step, StepWork,
    open_session,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Turns of each; the median counts.
const TURNS: usize = 5;

/// An experiment that does nothing.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
struct NothingConfig {
    /// Steps that a call may take
    #[arg(long, default_value_t = 1)]
    block: u64,
    /// Numbers that a step gives to the log
    #[arg(long, default_value_t = 0)]
    numbers: usize,
    /// Steps between two evaluations
    #[arg(long, default_value_t = 1_000_000_000)]
    evaluate_every: u64,
}

impl Config for NothingConfig {
    fn resolve(&mut self, _run: &RunConfig, _refusals: &mut Refusals) {}
}

struct Nothing {
    config: NothingConfig,
    steps: u64,
    tags: Vec<String>,
    value: Tensor,
}

impl Experiment for Nothing {
    type Config = NothingConfig;

    const SPEC: Spec = Spec {
        name: "nothing",
        about: "Does nothing",
        defaults: r#"{"steps": 1}"#,
        tags: &[("number/*", "one")],
        absent: &[
            Absent { key: "replicates", reason: "there is no model" },
            Absent { key: "epochs", reason: "there are no data" },
            Absent { key: "data", reason: "there are no data" },
            Absent { key: "data_dir", reason: "there are no data" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(_settings: &Settings<NothingConfig>) -> StepWork {
        StepWork::OnHost("a step does nothing")
    }

    fn build(settings: &Settings<NothingConfig>, _device: Device) -> Result<Self> {
        let config = settings.experiment.clone();
        Ok(Self {
            steps: settings.run.steps.unwrap_or(1),
            tags: (0..config.numbers).map(|i| format!("number/{i}")).collect(),
            value: Tensor::ones([], (Kind::Double, Device::Cpu)),
            config,
        })
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, self.config.evaluate_every)
    }

    fn steps_per_call(&self, _step: u64) -> u64 {
        self.config.block
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        step.time(Phase::Forward, || ());
        if step.logging {
            self.tags.iter().for_each(|tag| step.last(tag, &self.value));
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        self.tags.iter().for_each(|tag| evaluation.scalar(tag, vec![1.0]));
        Ok(None)
    }
}

impl Persist for Nothing {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.model("value", &self.value);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        reader.model("value", &self.value)
    }
}

impl Figures for Nothing {
    fn charts(&self) -> Vec<Chart> {
        Vec::new()
    }

    fn figures(&mut self, _log: &mut Log, _step: u64) -> Result<()> {
        Ok(())
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds of a run with these flags.
fn run(flags: &str, steps: u64) -> Result<f64> {
    let home = tempfile::tempdir()?;
    let mut words: Vec<OsString> = vec!["bench".into(), "--quiet".into()];
    for folder in ["runs", "checkpoints"] {
        words.extend([format!("--{folder}").into(), home.path().join(folder).into()]);
    }
    words.extend(format!("{flags} --steps {steps}").split_whitespace().map(OsString::from));
    let mut session = open_session::<Nothing>(words)?;
    let start = cpu_seconds();
    session.train()?;
    Ok(cpu_seconds() - start)
}

/// CPU seconds of a step: of a long run less a short one.
fn step(flags: &str, steps: u64) -> Result<f64> {
    let turn = || Ok((run(flags, steps)? - run(flags, steps / 10)?) / (steps - steps / 10) as f64);
    let turns: Vec<f64> = (0..TURNS).map(|_| turn()).collect::<Result<_>>()?;
    Ok(quantile(&turns, 0.5))
}

/// Seconds on the clock that a program takes.
fn program(path: &str, words: &str) -> Result<f64> {
    let home = tempfile::tempdir()?;
    let turn = |turn: usize| -> Result<f64> {
        let mut command = Command::new(path);
        command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
        if words.contains("--steps") {
            for folder in ["runs", "checkpoints"] {
                command.arg(format!("--{folder}")).arg(home.path().join(folder));
            }
            command.args(["--name", &turn.to_string()]);
        }
        let start = Instant::now();
        let status = command.status()?;
        ensure!(status.success(), "{path} {words}: {status}");
        Ok(start.elapsed().as_secs_f64())
    };
    let turns: Vec<f64> = (0..TURNS).map(turn).collect::<Result<_>>()?;
    Ok(quantile(&turns, 0.5))
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    println!("| what | CPU time |\n|---|---|");
    let rare = "--log-every 1000000000";
    let block = step(&format!("--block 1000 {rare}"), 100_000_000)?;
    println!("| a call of a thousand steps | {:.2} µs |", 1e9 * block);
    let single = step(rare, 2_000_000)?;
    println!("| a step, one in a call | {:.3} µs |", 1e6 * single);
    for numbers in [1, 10] {
        let logged = step(&format!("--numbers {numbers} --log-every 1"), 20_000)?;
        println!("| a log entry of {numbers} tags | {:.1} µs |", 1e6 * (logged - single));
    }
    let often = format!("--numbers 10 --evaluate-every 1 {rare}");
    println!("| an evaluation of ten numbers | {:.1} µs |", 1e6 * (step(&often, 5000)? - single));
    println!("\n| program | seconds on the clock |\n|---|---|");
    let mnist = env!("CARGO_BIN_EXE_selector_mnist");
    for (path, name, words) in [
        (mnist, "selector_mnist", "--version"),
        (mnist, "selector_mnist", "--help"),
        (env!("CARGO_BIN_EXE_lab"), "lab", "--version"),
        (mnist, "selector_mnist", "--data digits --steps 1 --quiet"),
        (env!("CARGO_BIN_EXE_two_loss_toy"), "two_loss_toy", "--steps 1 --map-size 0 --quiet"),
    ] {
        println!("| `{name} {words}` | {:.3} |", program(path, words)?);
    }
    Ok(())
}
