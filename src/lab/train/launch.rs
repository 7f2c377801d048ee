//! From a command line to an exit code: what every experiment's binary does.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Termination};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use tch::Device;

use super::experiment::{Evaluation, Experiment};
use super::session::Session;
use super::signals::StopSignal;
use super::summary;
use super::{check, resume};
use crate::lab::cli::parse::{self, Invocation, Program, Settings};
use crate::lab::cli::settings::Actions;
use crate::lab::error::{Failure, backtrace, exit_code, exit_status, one_line};
use crate::lab::log::console::Console;
use crate::lab::log::run_log::Log;
use crate::lab::panic::{from_panic, install_hook};
use crate::lab::store::checkpoint::{self, Checkpoint, Manifest};
use crate::lab::store::folder::{self, RunFolder};
use crate::lab::store::record::{
    Configuration, InitFrom, Package, Process, Provenance, RecordFile, changed,
};
use crate::lab::tensor::device;

/// Whose environment a run is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Environment {
    /// That of the experiment's own program: ours to set.
    Own,
    /// That of a test, a benchmark or another program: it stays as it is.
    Shared,
}

/// The `main` of an experiment's binary. It sets environment variables, so `main` must do nothing
/// before it that starts a thread; [`run`] is for everyone else.
pub fn launch<E: Experiment>() -> ExitCode {
    launch_action(|words| run_in::<E>(words, Environment::Own))
}

/// The `main` of a binary whose command line asks for something else than the experiment itself:
/// `action` gets the words of the command line, the program's name first, and may give an exit code.
pub fn launch_action<T: Termination>(
    action: impl FnOnce(std::env::ArgsOs) -> Result<T>,
) -> ExitCode {
    let quiet = std::env::args_os().any(|argument| argument == "--quiet");
    let console = Console::new(quiet, false);
    // A panic is a mistake of ours: one line, and a backtrace only for who asks for one.
    install_hook();
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| action(std::env::args_os())));
    let error = match ran.unwrap_or_else(|payload| Err(from_panic(&*payload))) {
        Ok(ended) => return ended.report(),
        Err(error) => error,
    };
    if let Some(help) = error.downcast_ref::<clap::Error>() {
        console.print(help.to_string().trim_end());
        return ExitCode::SUCCESS;
    }
    console.fail(&one_line(&error));
    if let Some(frames) = backtrace(&error) {
        console.detail(frames.trim_end());
    }
    exit_code(&error)
}

pub(super) fn program<E: Experiment>() -> Program {
    Program { name: E::NAME, about: E::ABOUT, defaults: E::DEFAULTS, presets: E::PRESETS }
}

/// Does what a command line asks for, in a process with threads of its own: it leaves the
/// environment alone, so that `--tf32 on` needs one that allows it ([`device::check_tf32`]).
///
/// # Errors
/// See [`Failure`] for their exit codes.
pub fn run<E: Experiment>(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    run_in::<E>(arguments, Environment::Shared)
}

fn run_in<E: Experiment>(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
) -> Result<()> {
    let invocation = parse::parse::<E::Config>(&program::<E>(), arguments)?;
    let actions = invocation.actions.clone();
    if let Some(path) = &actions.eval {
        return evaluate_only::<E>(&invocation, path, environment);
    }
    if let Some(path) = &actions.check {
        return check::check::<E>(path);
    }
    match &actions.resume {
        Some(asked) => resume::resume::<E>(&invocation, asked, environment),
        None => start::<E>(&invocation, environment),
    }
}

/// The settings that a command line stands for, without doing anything: for benchmarks and tests.
///
/// # Errors
/// As [`run`], for the command line.
pub fn configure<E: Experiment>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Settings<E::Config>> {
    let invocation = parse::parse::<E::Config>(&program::<E>(), arguments)?;
    let map = parse::layers::<E::Config>(&invocation, E::PRESETS)?;
    resolve::<E>(&map)
}

fn resolve<E: Experiment>(map: &Map<String, Value>) -> Result<Settings<E::Config>> {
    let mut settings = parse::typed::<E::Config>(map)?;
    settings.run.validate()?;
    E::resolve(&mut settings)?;
    Ok(settings)
}

/// Resolves a map of keys into settings and a device, and makes the process ready to compute there.
pub(super) fn prepare<E: Experiment>(
    map: &Map<String, Value>,
    environment: Environment,
) -> Result<(Settings<E::Config>, Device)> {
    let settings = resolve::<E>(map)?;
    if environment == Environment::Own {
        // SAFETY: this is the only thread. `main` has called `launch` and nothing else, and on the
        // way here only the command line and JSON files were read. libtorch, whose first tensors
        // may start its threads, has not been asked for anything.
        unsafe { device::set_tf32(settings.run.tf32) };
    }
    tch::set_num_threads(i32::from(settings.run.threads));
    let device = device::parse(&settings.run.device)?;
    device::check_tf32(settings.run.tf32, device)?;
    Ok((settings, device))
}

fn start<E: Experiment>(invocation: &Invocation, environment: Environment) -> Result<()> {
    let actions = &invocation.actions;
    let map = parse::layers::<E::Config>(invocation, E::PRESETS)?;
    let (mut settings, device) = prepare::<E>(&map, environment)?;
    let run = &mut settings.run;
    let default = || folder::default_name(actions.preset.as_deref(), run.seed);
    let name = run.name.clone().unwrap_or_else(default);
    run.name = Some(name.clone());
    let stop = StopSignal::install()?;
    let experiment = E::build(&settings, device)?;
    let mut init = None;
    if let Some(path) = &actions.init_from {
        let checkpoint = Checkpoint::read(&find_checkpoint::<E>(path, false)?.0)?;
        checkpoint.restore(&experiment.state(), checkpoint::is_model)?;
        init = Some(InitFrom { file: checkpoint.path, sha256: checkpoint.manifest.sha256 });
    }
    let run = &settings.run;
    let folder = RunFolder::create(&run.runs, &run.checkpoints, E::NAME, &name)?;
    let record = Provenance {
        process: Process::current(device, i32::from(run.threads), &Package::lab()),
        data: experiment.source(),
        init_from: init,
        changed: changed(&invocation.defaults, &map),
        results: E::METRICS.iter().map(ToString::to_string).collect(),
        resumed: Vec::new(),
    };
    record.write(&folder.path)?;
    Configuration(settings.to_map()?).write(&folder.path)?;
    let console = Console::new(actions.quiet, actions.json);
    let session = Session::new(settings, experiment, folder, None, (console, stop, device))?;
    train(session, actions, true)
}

/// Makes an error of a panic, so that the log and the summary of a run are written all the same.
pub(super) fn guard(work: impl FnOnce() -> Result<()>) -> Result<()> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(from_panic(&*payload)))
}

/// Trains to the end, and says how it ended. `first`: no step has been taken yet.
pub(super) fn train<E: Experiment>(
    mut session: Session<E>,
    actions: &Actions,
    first: bool,
) -> Result<()> {
    session.record_start();
    let ended = guard(|| {
        if first {
            session.introduce();
        }
        // Weights that came from elsewhere could not be made again from the configuration.
        if first && actions.init_from.is_some() {
            session.save(true)?;
        }
        session.train()
    });
    let status = summary::status(&ended);
    let summary = session.finish(status, ended.as_ref().err().map_or(0, exit_status));
    if actions.json {
        session.console.print(&json!(summary).to_string());
    }
    match &ended {
        Err(error) => match error.downcast_ref::<Failure>() {
            Some(Failure::Interrupted { .. }) => session.say_how_to_resume(),
            _ => session.say_where_checkpoint_is(),
        },
        Ok(()) => session.say_where_everything_is(),
    }
    ended
}

/// The manifest of a checkpoint of this experiment, and its path: of a folder, its best or its newest.
fn find_checkpoint<E: Experiment>(path: &Path, best: bool) -> Result<(PathBuf, Manifest)> {
    let file = checkpoint::find(path, best)?;
    let manifest = Manifest::read(&file)?;
    let (found, expected) = (&manifest.experiment, E::NAME);
    ensure!(found == expected, "{} is a checkpoint of {found}, not of {expected}", path.display());
    Ok((file, manifest))
}

/// `--eval`: the evaluation of a checkpoint, without a run folder.
fn evaluate_only<E: Experiment>(
    invocation: &Invocation,
    path: &Path,
    environment: Environment,
) -> Result<()> {
    let actions = &invocation.actions;
    let (file, manifest) = find_checkpoint::<E>(path, true)?;
    let mut map = invocation.defaults.clone();
    parse::overlay::<E::Config>(&mut map, &manifest.config, &path.display().to_string())?;
    parse::overlay::<E::Config>(&mut map, &invocation.typed, "command line")?;
    let (settings, device) = prepare::<E>(&map, environment)?;
    let checkpoint = Checkpoint::read(&file)?;
    let mut experiment = E::build(&settings, device)?;
    experiment.reach(manifest.step)?;
    checkpoint.restore(&experiment.state(), checkpoint::is_model)?;
    let (console, mut log) = (Console::new(actions.quiet, actions.json), Log::silent());
    let mut evaluation = Evaluation {
        step: manifest.step,
        number: 0,
        train: Vec::new(),
        readings: Vec::new(),
        logging: Duration::ZERO,
        log: &mut log,
        console: &console,
    };
    experiment.evaluate(&mut evaluation).context("evaluating the checkpoint")?;
    if actions.json {
        let values: Map<String, Value> = evaluation
            .readings
            .iter()
            .flat_map(|reading| reading.tagged())
            .map(|(tag, value)| (tag, json!(value)))
            .collect();
        let step = manifest.step;
        let file = checkpoint.path.display().to_string();
        console.print(&json!({"checkpoint": file, "step": step, "metrics": values}).to_string());
    }
    Ok(())
}
