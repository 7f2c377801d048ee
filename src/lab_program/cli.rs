//! The command line of `lab`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::compare::diff;
use super::keep::{archive, export, label, remove};
use super::redraw;
use super::report::command as report;
use super::show::run::show_run;
use super::show::{checkpoint, list};
use super::sweep::args::{SweepArgs, split};
use super::sweep::command as sweep;
use super::sweep::status as sweep_status;
use super::tensorboard;
use crate::lab::cli::command::message_of;
use crate::lab::error::refuse;

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
    /// Show or change the note of a run
    Note(label::NoteArgs),
    /// Show or change the tags of a run
    Tag(label::TagArgs),
    /// Write runs, or their logs, as comma-separated values
    Export(export::ExportArgs),
    /// Pack runs with their checkpoints into archives
    Archive(archive::ArchiveArgs),
    /// Remove runs with their checkpoints
    Rm(remove::RemoveArgs),
    /// Show the tensors of a checkpoint, verify it, write it for PyTorch or NumPy
    Checkpoint(checkpoint::CheckpointArgs),
    /// Run an experiment at every point of a grid, or at random ones, each with a run folder of its own
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
    /// Draw the figures of a run or a sweep again, in another format or size
    Figures(redraw::FiguresArgs),
    /// Write a page with the figures, tables and provenance of runs, for any browser, offline
    Report(report::ReportArgs),
    /// Open TensorBoard on runs, on this machine alone
    Tensorboard {
        /// A folder of runs, an experiment, a sweep or a run
        #[arg(default_value = "runs")]
        folder: PathBuf,
        /// The port; by default the first from 6006 on that is free
        #[arg(long)]
        port: Option<u16>,
        /// Options of TensorBoard, after --
        #[arg(last = true)]
        rest: Vec<String>,
    },
}

const SWEEP_HELP: &str = "Every other flag is the experiment's, for all points:\n  \
    lab sweep selector_mnist --data digits --grid lr=0.01,0.1 --grid seed=0..4\n\
Random points, of which those that are worse than the median are stopped early:\n  \
    lab sweep selector_mnist --search random:50 --set lr=log:1e-3..1 --stop median\n\
How a sweep stands, also on a cluster:\n  lab sweep status NAME";

/// The command line, and the words that a sweep passes on to its experiment.
///
/// # Errors
/// Where a word is unknown or a value can't be; `--help` and `--version` come back so too, to be
/// printed.
pub fn parse(words: Vec<String>) -> Result<(Lab, Vec<String>), clap::Error> {
    let mut words = words;
    let mut passed = Vec::new();
    let is = |place: usize, word: &str| words.get(place).is_some_and(|found| found == word);
    if is(1, "sweep") && is(2, "status") {
        words.splice(1..3, ["sweep-status".to_string()]);
    } else if is(1, "sweep") {
        let (own_args, rest) = split(words.split_off(2));
        words.extend(own_args);
        passed = rest;
    }
    Ok((Lab::try_parse_from(words)?, passed))
}

/// The error of a command line that can't be understood, with exit code 2. Help and the version are
/// printed at once, and end the program.
pub fn refusal(error: clap::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => error.exit(),
        _ => refuse(message_of(&error)),
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// Those of the task that was asked for, with their exit codes.
pub fn run(cli: Lab, passed: Vec<String>) -> Result<ExitCode> {
    match cli.task {
        Task::Runs(args) => list::list(&args)?,
        Task::Show { run, runs, json } => show_run(&runs, &run, json)?,
        Task::Diff { a, b, runs, all, json } => diff::diff(&runs, [&a, &b], all, json)?,
        Task::Note(args) => label::note(&args)?,
        Task::Tag(args) => label::tag(&args)?,
        Task::Export(args) => export::export(&args)?,
        Task::Archive(args) => archive::archive(&args)?,
        Task::Rm(args) => remove::remove(&args)?,
        Task::Checkpoint(args) => checkpoint::show(&args)?,
        Task::SweepStatus { sweep, runs, json } => sweep_status::status(&runs, &sweep, json)?,
        Task::Member { sweep, index } => sweep_status::member(&sweep, index)?,
        Task::Sweep(args) => return sweep::sweep(&args, passed),
        Task::Figures(args) => redraw::redraw(&args)?,
        Task::Report(args) => report::report(&args)?,
        Task::Tensorboard { folder, port, rest } => tensorboard::open(&folder, port, &rest)?,
    }
    Ok(ExitCode::SUCCESS)
}
