//! `--resume`: a run goes on from its newest checkpoint that is whole and fits it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tch::Device;

use super::beginning::Beginning;
use super::drive::drive;
use super::experiment::Experiment;
use super::prepare::{Environment, prepare};
use super::session::{RunContext, Session};
use super::signals::StopSignal;
use crate::lab::cli::settings::{RESUMABLE, changed};
use crate::lab::cli::{Invocation, Spec, layers};
use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::Checkpoint;
use crate::lab::store::folder::{self, RunFolder};
use crate::lab::store::record::{
    Configuration, Process, Provenance, RecordFile, Resumption, Summary, libtorch_version,
};
use crate::lab::tensor::device;
use crate::lab::tensor::optim::schedule::ScheduleKind;

/// Goes on with the run that `asked` names.
///
/// # Errors
/// Exit code 2 where there is no such run, it is in use, or a flag changes what it computes;
/// otherwise where no checkpoint can be used, and as training itself.
pub(super) fn resume<E: Experiment>(
    invocation: &Invocation,
    asked: &str,
    environment: Environment,
) -> Result<()> {
    let actions = &invocation.actions;
    let (path, map) = merged::<E>(invocation, asked)?;
    let (settings, device) = prepare::<E>(&map, environment)?;
    let run = &settings.run;
    let home = run.checkpoints.join(E::SPEC.name).join(path.file_name().unwrap_or_default());
    ensure!(
        home.is_dir(),
        "no checkpoint folder {}: say where it is with --checkpoints",
        home.display()
    );
    let stop = StopSignal::install()?;
    let folder = RunFolder::open(&path, &run.checkpoints, E::SPEC.name)?;
    let console = Console::new(actions.quiet, actions.json);
    let experiment = E::build(&settings, device)?;
    let config = settings.to_map()?;
    let mut begin = Beginning::new(experiment, settings.run.replicates, device);
    let (checkpoint, skipped) = Checkpoint::newest(&folder.checkpoints, |checkpoint| {
        is_of_run(checkpoint, &E::SPEC, &config)?;
        begin.load(checkpoint)
    })?;
    for (manifest, reason) in skipped {
        set_aside(&manifest);
        console.warn(&format!("{reason}: set aside as damaged-step-..., an older one is used"));
    }
    // A record that can't be read is no reason not to go on.
    let record = Provenance::read(&path).ok();
    let init = record.as_ref().and_then(|record| record.init_from.as_ref());
    if let (None, Some(init)) = (&checkpoint, init) {
        return Err(refuse(format!(
            "{} was to start from {} and has no checkpoint yet: start it anew under another --name",
            path.display(),
            init.file.display()
        )));
    }
    let then = record.as_ref().map(|record| &record.data).filter(|data| !data.is_null());
    if then.is_some_and(|then| *then != begin.experiment.data_provenance()) {
        console.warn("the data are not those that the run began with: other numbers will follow");
    }
    warn_of_differences(&console, checkpoint.as_ref(), device);
    let (at, patience) = (begin.progress.step, settings.run.patience);
    let out_of_patience = begin.progress.out_of_patience(patience);
    if begin.progress.is_over(begin.experiment.schedule().steps, patience)
        && let Some(summary) = summary_of_end(&path, at)
    {
        let name = &folder.name;
        console.report(&match &begin.progress.ended {
            Some(reason) => format!("{name} is finished after {at} steps: {reason}"),
            None => {
                let more = if out_of_patience { "--patience" } else { "--epochs or --steps" };
                format!("{name} is finished after {at} steps; for more, raise {more}")
            }
        });
        if actions.json {
            console.print(&json!(summary).to_string());
        }
        return Ok(());
    }
    console.report(&format!("continuing {} at step {at}", folder.name));
    Configuration(config).write(&path)?;
    let process = Process::current(device, tch::get_num_threads(), &E::SPEC.package);
    let resumption = Resumption { process, step: at };
    let record = with_resumption(record, resumption, invocation, E::SPEC.metrics);
    // A record that can't be written is no reason not to go on.
    let _ = record.write(&path);
    let session = Session::new(settings, begin, folder, RunContext { console, stop, device })?;
    drive(session, actions, at == 0)
}

/// The run's folder, and its own configuration under the flags that were typed.
fn merged<E: Experiment>(
    invocation: &Invocation,
    asked: &str,
) -> Result<(PathBuf, Map<String, Value>)> {
    let text = |key: &str| {
        let value = invocation.typed.get(key).or(invocation.defaults.get(key));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let name = invocation.typed.get("name").and_then(Value::as_str);
    let path = folder::locate(Path::new(text("runs")), E::SPEC.name, asked, name)?;
    let mut saved = Configuration::read(&path)?.0;
    layers::forget_unused_data(&E::SPEC, &mut saved);
    let mut map = invocation.defaults.clone();
    layers::overlay::<E::Config>(
        &mut map,
        &saved,
        &path.join("config.json").display().to_string(),
    )?;
    let mut changes = invocation.typed.clone();
    changes.shift_remove("name");
    layers::overlay::<E::Config>(&mut map, &changes, "command line")?;
    let length = ["steps", "epochs"].iter().any(|key| saved.get(*key) != map.get(*key));
    if length && let Some(schedule) = schedule_to_the_end(&saved) {
        return Err(refuse(format!(
            "--resume can't change the length of a run whose {schedule} schedule ends with it: \
             start a new run (--init-from takes over the weights), and set --decay-steps"
        )));
    }
    if let Some((key, old, new)) = difference(&saved, &map) {
        return Err(refuse(format!(
            "--resume can't change {key} from {old} to {new}: start a new run (--init-from takes \
             over the weights)"
        )));
    }
    Ok((path, map))
}

/// The learning-rate schedule of a configuration, in a word, where the end of the run sets it. An
/// experiment without the lab's schedule has none.
fn schedule_to_the_end(saved: &Map<String, Value>) -> Option<&str> {
    let schedule = saved.get("schedule")?;
    let kind = ScheduleKind::deserialize(schedule).ok()?;
    let decay_steps = saved.get("decay_steps").and_then(Value::as_u64);
    kind.ends_with_the_run(decay_steps).then(|| schedule.as_str()).flatten()
}

/// The first key that two configurations do not agree in, and that changes what is computed.
fn difference<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
) -> Option<(&'a str, &'a Value, &'a Value)> {
    old.iter()
        .filter(|(key, _)| !RESUMABLE.contains(&key.as_str()))
        .filter_map(|(key, old)| Some((key.as_str(), old, new.get(key)?)))
        .find(|(_, old, new)| old != new)
}

/// Checks that a checkpoint is of a run of this experiment with this configuration.
///
/// # Errors
/// Where it is of another one, with what differs.
fn is_of_run(checkpoint: &Checkpoint, spec: &Spec, config: &Map<String, Value>) -> Result<()> {
    let (manifest, name) = (&checkpoint.manifest, checkpoint.path.display());
    let (found, expected) = (&manifest.experiment, spec.name);
    ensure!(found == expected, "{name} is a checkpoint of {found}, not of {expected}");
    let mut saved = manifest.config.clone();
    layers::forget_unused_data(spec, &mut saved);
    if let Some((key, old, new)) = difference(&saved, config) {
        anyhow::bail!("{name} is of another run: {key} is {old} there and {new} here");
    }
    Ok(())
}

/// Renames a checkpoint that can't be used, so that it neither counts nor is lost.
fn set_aside(manifest: &Path) {
    for path in [manifest.to_path_buf(), manifest.with_extension("safetensors")] {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // One that can't be renamed is skipped again the next time.
        let _ = fs::rename(&path, path.with_file_name(format!("damaged-{name}")));
    }
}

/// The summary of a run that has come to its end at this step, figures and all.
fn summary_of_end(run: &Path, step: u64) -> Option<Summary> {
    let summary = Summary::read(run).ok()?;
    (summary.status.is_done() && summary.steps == step).then_some(summary)
}

fn warn_of_differences(console: &Console, checkpoint: Option<&Checkpoint>, device: Device) {
    let Some(manifest) = checkpoint.map(|found| &found.manifest) else { return };
    let now = [
        ("device", manifest.device.clone(), device::name(device)),
        ("threads", manifest.threads.to_string(), tch::get_num_threads().to_string()),
        ("libtorch", manifest.libtorch.clone(), libtorch_version()),
    ];
    for (what, then, now) in now.iter().filter(|(_, then, now)| then != now) {
        console.warn(&format!("{what} was {then} and is {now}: not bit for bit the same numbers"));
    }
}

/// The run's record with one more process in it, and with the settings that differ from the
/// defaults brought up to what was typed now, which may be a default again.
fn with_resumption(
    record: Option<Provenance>,
    resumption: Resumption,
    invocation: &Invocation,
    results: &[&str],
) -> Provenance {
    let begun = || Provenance { process: resumption.process.clone(), ..Provenance::default() };
    let mut record = record.unwrap_or_else(begun);
    record.resumed.push(resumption);
    let Invocation { defaults, typed, .. } = invocation;
    record.changed.retain(|key, _| !typed.contains_key(key));
    record.changed.extend(changed(defaults, typed));
    record.results = results.iter().map(ToString::to_string).collect();
    record
}
