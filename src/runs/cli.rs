//! The command line of `lab`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::TypedValueParser;
use clap::{Args, Parser, Subcommand};

use super::{board, diff, list, report, show, sweep, tensors};

/// Finds runs again, compares them, sweeps over settings, and shows the results.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
pub struct Lab {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// List runs: status, seed, settings that differ from the defaults, last and best result
    Runs(list::ListArgs),
    /// Show all of a run, with the commands that repeat and resume it
    Show {
        /// A run: its folder, EXPERIMENT/NAME, its name, or a part of it that no other run has
        run: String,
        /// Folder of run folders
        #[arg(long, default_value = "runs")]
        runs: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare two runs: settings, code, last values
    Diff {
        /// A run, as for show
        a: String,
        /// Another
        b: String,
        /// Folder of run folders
        #[arg(long, default_value = "runs")]
        runs: PathBuf,
        /// Every value but times, not the results alone
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the tensors of a checkpoint, verify it, write it for PyTorch or NumPy
    Checkpoint(tensors::CheckpointArgs),
    /// Run an experiment at every point of a grid, each with a run folder of its own
    #[command(after_help = SWEEP_HELP)]
    Sweep(SweepArgs),
    /// How the points of a sweep stand, with what Slurm says of them: lab sweep status NAME
    #[command(hide = true)]
    SweepStatus {
        /// The sweep: its name or folder
        sweep: String,
        /// Folder of run folders
        #[arg(long, default_value = "runs")]
        runs: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Become the process of one point of a sweep: for a cluster's job script
    #[command(hide = true)]
    Member {
        /// The sweep's folder
        sweep: PathBuf,
        /// The number of the point, from 0
        index: usize,
    },
    /// Write a page with the figures, tables and provenance of runs, for any browser, offline
    Report(report::ReportArgs),
    /// Open TensorBoard on runs, on this machine alone
    Tensorboard {
        /// A folder of runs, an experiment, a sweep or a run
        #[arg(default_value = "runs")]
        folder: PathBuf,
        /// The port
        #[arg(long, default_value_t = 6006)]
        port: u16,
        /// Options of TensorBoard, after --
        #[arg(last = true)]
        rest: Vec<String>,
    },
}

const SWEEP_HELP: &str = "Every other flag is the experiment's, for all points:\n  \
    lab sweep selector_mnist --data digits --grid lr=0.01,0.1 --grid seed=0..4\n\
How a sweep stands, also on a cluster:\n  lab sweep status NAME";

/// Flags of `lab sweep` of its own.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// The experiment: the name of its binary
    pub experiment: Option<String>,
    /// A setting and its values: lr=1e-3,1e-2 or seed=0..9 (both included); values that have commas
    /// are separated by semicolons. May be repeated: every combination is a point
    #[arg(long, value_name = "KEY=VALUES")]
    pub grid: Vec<String>,
    /// Name of the sweep; by default <experiment>-<UTC time>
    #[arg(long)]
    pub name: Option<String>,
    /// Go on with a sweep: its name or folder
    #[arg(long, value_name = "NAME|PATH", num_args = 0..=1, default_missing_value = "")]
    pub resume: Option<String>,
    /// Points that run at a time; by default as many as there are cores for, or places on GPUs
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    pub jobs: Option<usize>,
    /// GPUs to use, separated by commas; by default all, unless the device is cpu
    #[arg(long, value_delimiter = ',')]
    pub gpus: Vec<String>,
    /// Points that share a GPU
    #[arg(long, default_value_t = 1)]
    pub per_gpu: usize,
    /// Where the points run: on this machine, or as a job array of a Slurm cluster
    #[arg(long, value_enum, default_value = "local")]
    pub launcher: Launcher,
    /// The script to submit instead of scripts/sweep.sbatch
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// Train the seeds of a setting as one batch, in one run with --replicates
    #[arg(long)]
    pub together: bool,
    /// Check every point, say which there are, and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Folder of checkpoint folders
    #[arg(long, default_value = "checkpoints")]
    pub checkpoints: PathBuf,
    /// No progress and no table; warnings and errors only
    #[arg(long)]
    pub quiet: bool,
}

/// Where the points of a sweep run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Launcher {
    /// As processes on this machine.
    Local,
    /// As a job array.
    Slurm,
}

/// The command line, and the words that a sweep passes on to its experiment.
///
/// # Errors
/// clap's own.
pub fn parse(words: Vec<String>) -> Result<(Lab, Vec<String>), clap::Error> {
    let mut words = words;
    let mut passed = Vec::new();
    let is = |place: usize, word: &str| words.get(place).is_some_and(|own| own == word);
    if is(1, "sweep") && is(2, "status") {
        words.splice(1..3, ["sweep-status".to_string()]);
    } else if is(1, "sweep") {
        let (own, rest) = sweep::split(words.split_off(2));
        words.extend(own);
        passed = rest;
    }
    Ok((Lab::try_parse_from(words)?, passed))
}

/// Does what the command line asks for.
///
/// # Errors
/// Whatever goes wrong in it.
pub fn run(cli: Lab, passed: Vec<String>) -> Result<ExitCode> {
    match cli.task {
        Task::Runs(args) => list::list(&args)?,
        Task::Show { run, runs, json } => show::show(&runs, &run, json)?,
        Task::Diff { a, b, runs, all, json } => diff::diff(&runs, [&a, &b], all, json)?,
        Task::Checkpoint(args) => tensors::show(&args)?,
        Task::SweepStatus { sweep, runs, json } => sweep::status(&runs, &sweep, json)?,
        Task::Member { sweep, index } => sweep::member(&sweep, index)?,
        Task::Sweep(args) => return sweep::sweep(&args, passed),
        Task::Report(args) => report::report(&args)?,
        Task::Tensorboard { folder, port, rest } => board::open(&folder, port, &rest)?,
    }
    Ok(ExitCode::SUCCESS)
}
