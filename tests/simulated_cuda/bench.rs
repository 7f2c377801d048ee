//! Programs under test on the CPU and on the simulated device, each in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::common::{Bench, Outcome, words};
use crate::library;

/// Where a run computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Cpu,
    /// The simulated device.
    Cuda,
}

/// What a run asked of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub launches: i64,
    pub reads: i64,
    pub blocking_uploads: i64,
    /// How often the host waited for the device without taking anything from it.
    pub waits: i64,
}

/// The binary of an experiment.
pub fn program(experiment: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_selector_mnist")).with_file_name(experiment)
}

/// Makes libtorch see the simulated device in a process.
pub fn simulate(command: &mut Command) {
    command.env("LD_PRELOAD", library::path()).env_remove("CUDA_VISIBLE_DEVICES");
}

/// One thread a process, and no backtrace in what it says.
pub fn quietly(command: &mut Command) {
    command.env("OMP_NUM_THREADS", "1").env("MKL_NUM_THREADS", "1").env_remove("LD_PRELOAD");
    command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE").stdin(Stdio::null());
}

/// A folder in which runs of both devices lie.
pub struct Trial {
    pub bench: Bench,
}

impl Trial {
    pub fn new() -> Self {
        Self { bench: Bench::new() }
    }

    /// The command of an experiment without a device: for lines that name one, or none.
    pub fn command(&self, experiment: &str, line: &str) -> Command {
        let mut command = Command::new(program(experiment));
        quietly(&mut command);
        command.args(words(line)).current_dir(self.bench.path(""));
        command
    }

    fn command_on(&self, on: On, experiment: &str, line: &str) -> Command {
        let mut command = self.command(experiment, line);
        match on {
            On::Cpu => command.args(["--device", "cpu"]),
            On::Cuda => {
                simulate(&mut command);
                command.env("SIMULATED_CUDA_COUNTS", self.bench.path("counts.json"));
                command.args(["--device", "cuda:0"])
            }
        };
        command
    }

    /// Runs an experiment with some flags.
    pub fn run(&self, on: On, experiment: &str, line: &str) -> Outcome {
        finish(self.command_on(on, experiment, &format!("{line} --quiet")))
    }

    /// Starts an experiment; what it says is thrown away.
    pub fn spawn(&self, on: On, experiment: &str, line: &str) -> Child {
        let mut command = self.command_on(on, experiment, line);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What the last run on the simulated device asked of it.
    pub fn counts(&self) -> Counts {
        let found = self.bench.json("counts.json");
        let count = |name: &str| found[name].as_i64().unwrap();
        Counts {
            launches: count("launches"),
            reads: count("reads"),
            blocking_uploads: count("blocking_uploads"),
            waits: count("synchronisations"),
        }
    }

    /// The folder of a run.
    pub fn run_folder(&self, experiment: &str, run: &str) -> PathBuf {
        self.bench.path("runs").join(experiment).join(run)
    }

    /// The summary of a run.
    pub fn summary(&self, experiment: &str, run: &str) -> Value {
        self.bench.json(self.run_folder(experiment, run).join("summary.json"))
    }

    /// How many lines a run that is under way has logged.
    pub fn entries_so_far(&self, experiment: &str, run: &str) -> usize {
        let path = self.run_folder(experiment, run).join("metrics.jsonl");
        fs::read_to_string(path).unwrap_or_default().lines().count()
    }

    /// The lines of a run's `metrics.jsonl`; none where it has not come so far.
    pub fn entries(&self, experiment: &str, run: &str) -> Vec<Value> {
        let path = self.run_folder(experiment, run).join("metrics.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Outcome {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The answers of a function for all of some things, as many at a time as there are processors.
pub fn in_parallel<T: Sync, R: Send>(of: &[T], function: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let answers: Vec<Mutex<Option<R>>> = of.iter().map(|_| Mutex::new(None)).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = of.get(i) else { return };
                    *answers[i].lock().unwrap() = Some(function(thing));
                }
            });
        }
    });
    answers.into_iter().map(|answer| answer.into_inner().unwrap().unwrap()).collect()
}
