//! From a command line to an exit code: what every experiment's binary does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use tch::Device;

use super::checkpoint::{self, Checkpoint};
use super::cli::{self, Invocation, Settings};
use super::console::Console;
use super::error::{Failure, exit_code, exit_status, one_line, refuse};
use super::experiment::{Evaluation, Experiment};
use super::folder::{self, RunFolder};
use super::log::Log;
use super::session::Session;
use super::settings::{Actions, RESUMABLE};
use super::signals::StopSignal;
use super::{device, durable, provenance, summary};

/// The `main` of an experiment's binary.
pub fn launch<E: Experiment>() -> ExitCode {
    let quiet = std::env::args().any(|argument| argument == "--quiet");
    let console = Console::new(quiet, false);
    // A panic is a mistake of ours: one line, and no backtrace of libtorch's.
    std::panic::set_hook(Box::new(|_| ()));
    let ran = std::panic::catch_unwind(|| run::<E>(std::env::args_os()));
    match ran {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => match error.downcast_ref::<clap::Error>() {
            Some(help) => {
                console.print(help.to_string().trim_end());
                ExitCode::SUCCESS
            }
            None => {
                console.fail(&one_line(&error));
                exit_code(&error)
            }
        },
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("unknown");
            let line = text.lines().next().unwrap_or_default();
            console.fail(&format!("internal error, please report it: {line}"));
            ExitCode::FAILURE
        }
    }
}

/// Does what a command line asks for.
///
/// # Errors
/// See [`Failure`] for their exit codes.
pub fn run<E: Experiment>(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let invocation = cli::parse::<E::Config>(E::NAME, E::ABOUT, E::PRESETS, arguments)?;
    let actions = invocation.actions.clone();
    if let Some(path) = &actions.eval {
        return evaluate_only::<E>(&invocation, path);
    }
    match &actions.resume {
        Some(asked) => resume::<E>(&invocation, asked),
        None => start::<E>(&invocation),
    }
}

/// The settings that a command line stands for, without doing anything: for benchmarks and tests.
///
/// # Errors
/// As [`run`], for the command line.
pub fn configure<E: Experiment>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Settings<E::Config>> {
    let invocation = cli::parse::<E::Config>(E::NAME, E::ABOUT, E::PRESETS, arguments)?;
    let map = cli::layers::<E::Config>(&invocation, E::DEFAULTS, E::PRESETS)?;
    let mut settings = cli::typed::<E::Config>(&map)?;
    E::resolve(&mut settings)?;
    Ok(settings)
}

/// Resolves a map of keys into settings, a device and the experiment's place to compute.
fn prepare<E: Experiment>(map: &Map<String, Value>) -> Result<(Settings<E::Config>, Device)> {
    let mut settings = cli::typed::<E::Config>(map)?;
    E::resolve(&mut settings)?;
    // SAFETY: no thread has been started yet; signal handlers do not read the environment.
    unsafe { device::configure(settings.run.tf32, i32::from(settings.run.threads)) };
    let device = device::parse(&settings.run.device)?;
    Ok((settings, device))
}

fn start<E: Experiment>(invocation: &Invocation) -> Result<()> {
    let actions = &invocation.actions;
    let map = cli::layers::<E::Config>(invocation, E::DEFAULTS, E::PRESETS)?;
    let (mut settings, device) = prepare::<E>(&map)?;
    let run = &mut settings.run;
    let default = || folder::default_name(actions.preset.as_deref(), run.seed);
    let name = run.name.clone().unwrap_or_else(default);
    run.name = Some(name.clone());
    let stop = StopSignal::install()?;
    let experiment = E::build(&settings, device)?;
    if let Some(path) = &actions.init_from {
        let checkpoint = Checkpoint::read(&checkpoint::find(path, false)?)?;
        checkpoint.restore(&experiment.state(), checkpoint::is_model)?;
    }
    let run = &settings.run;
    let folder = RunFolder::create(&run.runs, &run.checkpoints, E::NAME, &name)?;
    durable::write_json(&folder.path.join("config.json"), &settings.to_map()?)?;
    let mut record = provenance::record(device, i32::from(run.threads));
    record["data"] = experiment.source();
    durable::write_json(&folder.path.join("provenance.json"), &record)?;
    let console = Console::new(actions.quiet, actions.json);
    let session = Session::new(settings, experiment, folder, None, (console, stop, device))?;
    train(session, actions, true)
}

fn resume<E: Experiment>(invocation: &Invocation, asked: &str) -> Result<()> {
    let actions = &invocation.actions;
    let home = PathBuf::from(invocation_path(invocation, "runs"));
    let name = invocation.typed.get("name").and_then(Value::as_str);
    let path = folder::locate(&home, E::NAME, asked, name)?;
    let saved = folder::read_config(&path)?;
    let mut map = invocation.defaults.clone();
    cli::overlay::<E::Config>(&mut map, &saved, &path.join("config.json").display().to_string())?;
    let mut changes = invocation.typed.clone();
    changes.shift_remove("name");
    cli::overlay::<E::Config>(&mut map, &changes, "command line")?;
    refuse_changes(&saved, &map)?;
    let (settings, device) = prepare::<E>(&map)?;
    let checkpoints = settings.run.checkpoints.join(E::NAME).join(run_name(&path));
    ensure!(
        checkpoints.is_dir(),
        "no checkpoint folder {}: say where it is with --checkpoints",
        checkpoints.display()
    );
    let stop = StopSignal::install()?;
    let folder = RunFolder::open(&path, &settings.run.checkpoints, E::NAME)?;
    let (checkpoint, skipped) = Checkpoint::newest(&folder.checkpoints)?;
    let console = Console::new(actions.quiet, actions.json);
    for line in skipped {
        console.warn(&format!("skipped a checkpoint: {line}"));
    }
    warn_of_differences(&console, checkpoint.as_ref(), device);
    let experiment = E::build(&settings, device)?;
    let at = checkpoint.as_ref().map_or(0, |found| found.manifest.step);
    if at >= experiment.plan().steps {
        let name = &folder.name;
        console.report(&format!(
            "{name} is finished after {at} steps; for more, raise --epochs or --steps"
        ));
        return Ok(());
    }
    console.report(&format!("continuing {} at step {at}", folder.name));
    durable::write_json(&folder.path.join("config.json"), &settings.to_map()?)?;
    record_resumption(&folder.path, device, at);
    let parts = (console, stop, device);
    let session = Session::new(settings, experiment, folder, checkpoint.as_ref(), parts)?;
    train(session, actions, at == 0)
}

fn invocation_path(invocation: &Invocation, key: &str) -> String {
    let value = invocation.typed.get(key).or(invocation.defaults.get(key));
    value.and_then(Value::as_str).unwrap_or_default().to_string()
}

fn run_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A resumed run computes what it would have computed: only keys that change no number may differ.
fn refuse_changes(saved: &Map<String, Value>, asked: &Map<String, Value>) -> Result<()> {
    for (key, old) in saved {
        let new = asked.get(key).unwrap_or(old);
        if new != old && !RESUMABLE.contains(&key.as_str()) {
            return Err(refuse(format!(
                "--resume can't change {key} from {old} to {new}: start a new run (--init-from \
                 takes over the weights)"
            )));
        }
    }
    Ok(())
}

fn warn_of_differences(console: &Console, checkpoint: Option<&Checkpoint>, device: Device) {
    let Some(manifest) = checkpoint.map(|found| &found.manifest) else { return };
    let now = [
        ("device", manifest.device.clone(), device::name(device)),
        ("threads", manifest.threads.to_string(), tch::get_num_threads().to_string()),
        ("libtorch", manifest.libtorch.clone(), provenance::libtorch_version()),
    ];
    for (what, then, now) in now.iter().filter(|(_, then, now)| then != now) {
        console.warn(&format!("{what} was {then} and is {now}: not bit for bit the same numbers"));
    }
}

fn record_resumption(folder: &Path, device: Device, step: u64) {
    let path = folder.join("provenance.json");
    let record = provenance::record(device, tch::get_num_threads());
    let mut whole = durable::read_json(&path).unwrap_or_else(|_| record.clone());
    let mut entry = record;
    entry["step"] = json!(step);
    match whole["resumed"].as_array_mut() {
        Some(entries) => entries.push(entry),
        None => whole["resumed"] = json!([entry]),
    }
    // A record that can't be written is no reason not to go on.
    let _ = durable::write_json(&path, &whole);
}

fn train<E: Experiment>(mut session: Session<E>, actions: &Actions, first: bool) -> Result<()> {
    if first {
        session.introduce();
    }
    let ended = session.train();
    let status = summary::status(&ended);
    let summary = session.finish(status, ended.as_ref().err().map_or(0, exit_status));
    if actions.json {
        session.console.print(&summary.to_string());
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

/// `--eval`: the evaluation of a checkpoint, without a run folder.
fn evaluate_only<E: Experiment>(invocation: &Invocation, path: &Path) -> Result<()> {
    let actions = &invocation.actions;
    let checkpoint = Checkpoint::read(&checkpoint::find(path, true)?)?;
    let manifest = &checkpoint.manifest;
    let (found, expected) = (&manifest.experiment, E::NAME);
    ensure!(found == expected, "{} is a checkpoint of {found}, not of {expected}", path.display());
    let mut map = invocation.defaults.clone();
    cli::overlay::<E::Config>(&mut map, &manifest.config, &path.display().to_string())?;
    cli::overlay::<E::Config>(&mut map, &invocation.typed, "command line")?;
    let (settings, device) = prepare::<E>(&map)?;
    let mut experiment = E::build(&settings, device)?;
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
