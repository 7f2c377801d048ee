//! `--resume`: a run goes on from its newest checkpoint that is whole and fits it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use tch::Device;

use super::beginning::Beginning;
use super::drive::drive;
use super::experiment::Experiment;
use super::prepare::{Environment, Prepared, prepare};
use super::same_run::{self, DATA};
use super::session::{RunContext, Session};
use super::signals::StopSignal;
use crate::lab::cli::settings::changed;
use crate::lab::cli::{Invocation, layers};
use crate::lab::counts::counted;
use crate::lab::error::{one_line, refuse};
use crate::lab::figure::files;
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::{self, Checkpoint, Skipped};
use crate::lab::store::durable;
use crate::lab::store::folder::RunFolder;
use crate::lab::store::locate::locate;
use crate::lab::store::record::{
    Configuration, EarlyStop, Labels, Process, Provenance, RecordFile, Resumption, Summary,
    libtorch_version,
};
use crate::lab::tensor::device;

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
    let Asked { path, map, record, moved_from, missing } = merged::<E>(invocation, asked)?;
    let Prepared { settings, device, stays_on_cpu } = prepare::<E>(&map, environment)?;
    let run = &settings.run;
    let home = run.checkpoints.join(E::SPEC.name).join(path.file_name().unwrap_or_default());
    ensure!(
        home.is_dir(),
        "no checkpoint folder {}: say where it is with --checkpoints",
        home.display()
    );
    let stop = StopSignal::install()?;
    let folder = RunFolder::open(&path, &run.checkpoints, E::SPEC.name)?;
    if actions.note.is_some() || !actions.tag.is_empty() {
        let mut labels = Labels::of(&path)?;
        actions.label(&mut labels)?;
        labels.write(&path)?;
    }
    let console = Console::new(actions.quiet, actions.json);
    let experiment = E::build(&settings, device).map_err(|error| match &missing {
        Some(data) => {
            error.context(format!("the data were at {data}: say with --data where they are now"))
        }
        None => error,
    })?;
    let config = settings.to_map()?;
    let mut begin = Beginning::new(experiment, settings.run.replicates, device);
    let data = begin.experiment.data_provenance();
    let then = record.as_ref().map(|record| &record.data).filter(|data| !data.is_null());
    let same_data = then.map(|then| same_run::same_content(then, &data));
    // The files of a data set that is known by name may be prepared in another way.
    let is_at_path = config.get(DATA).is_some_and(|path| same_run::are_at(&data, path));
    let same_files = (same_data == Some(true) && is_at_path).then_some(folder.name.as_str());
    if let Some(old) = moved_from.as_ref().filter(|_| same_files.is_none()) {
        return Err(refuse(format!(
            "--resume can't change data from {old} to {}: these are not the files that the run \
             began with",
            config[DATA]
        )));
    }
    let (checkpoint, skipped) = Checkpoint::newest(&folder.checkpoints, |checkpoint| {
        same_run::is_of_run(checkpoint, &E::SPEC, &config, same_files)?;
        begin.load(checkpoint)
    })?;
    let alone = checkpoint::without_manifest(&folder.checkpoints);
    if checkpoint.is_none() {
        same_run::refuse_where_lost(&folder, record.as_ref(), &alone)?;
    }
    let init = record.as_ref().and_then(|record| record.init_from.as_ref());
    if let (None, Some(init)) = (&checkpoint, init) {
        return Err(refuse(format!(
            "{} was to start from {} and has no checkpoint yet: start it anew under another --name",
            path.display(),
            init.file.display()
        )));
    }
    tidy(&console, &folder, settings.run.keep, (skipped, alone));
    if same_data == Some(false) {
        console.warn("the data are not those that the run began with: other numbers will follow");
    }
    warn_of_differences(&console, checkpoint.as_ref(), device);
    let (at, patience) = (begin.progress.step, settings.run.patience);
    let out_of_patience = begin.progress.out_of_patience(patience);
    if begin.progress.is_over(begin.experiment.schedule().steps, patience)
        && let Some(summary) = summary_of_end(&path, at)
    {
        let finished = format!("{} is finished after {}", folder.name, counted(at, "step"));
        console.report(&match &begin.progress.ended {
            Some(reason) => format!("{finished}: {reason}"),
            None if out_of_patience => format!("{finished}; for more, raise --patience"),
            None => format!("{finished}; for more, raise --epochs or --steps"),
        });
        if actions.json {
            console.print(&json!(summary).to_string());
        }
        return Ok(());
    }
    EarlyStop::forget(&path)?;
    console.report(&format!("continuing {} at step {at}", folder.name));
    stays_on_cpu.iter().for_each(|reason| console.report(reason));
    Configuration(config).write(&path)?;
    let process = Process::current(device, tch::get_num_threads(), &E::SPEC.package);
    let resumption = Resumption { process, step: at };
    let mut record = with_resumption(record, resumption, invocation, E::SPEC.metrics);
    if moved_from.is_some() {
        record.data = data;
    }
    // A record that can't be written is no reason not to go on.
    let _ = record.write(&path);
    let session = Session::new(settings, begin, folder, RunContext { console, stop, device })?;
    drive(session, actions, (at == 0).then_some(&record.changed))
}

/// A run that is to go on.
struct Asked {
    /// Its folder.
    path: PathBuf,
    /// Its own configuration under the flags that were typed.
    map: Map<String, Value>,
    /// Its record; none where that can't be read, which is no reason not to go on.
    record: Option<Provenance>,
    /// Where its data were, if the command line says that they are at another path now.
    moved_from: Option<Value>,
    /// Where its data were, if nothing is there any more.
    missing: Option<String>,
}

/// The run that is meant, and what the command line changes.
fn merged<E: Experiment>(invocation: &Invocation, asked: &str) -> Result<Asked> {
    let text = |key: &str| {
        let value = invocation.typed.get(key).or(invocation.defaults.get(key));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let name = invocation.typed.get("name").and_then(Value::as_str);
    let path = locate(Path::new(text("runs")), E::SPEC.name, asked, name)?;
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
    if length && let Some(schedule) = same_run::schedule_to_the_end(&saved) {
        return Err(refuse(format!(
            "--resume can't change the length of a run whose {schedule} schedule ends with it: \
             start a new run (--init-from takes over the weights), and set --decay-steps"
        )));
    }
    let record = Provenance::read(&path).ok();
    let own = saved.get(DATA).zip(record.as_ref());
    let own = own.filter(|(data, record)| same_run::are_at(&record.data, data));
    let own = own.map(|(data, _)| data);
    if let Some((key, old, new)) = same_run::difference(&saved, &map, own.is_none()) {
        return Err(refuse(format!(
            "--resume can't change {key} from {old} to {new}: start a new run (--init-from takes \
             over the weights)"
        )));
    }
    let moved_from = own.filter(|old| map.get(DATA) != Some(*old)).cloned();
    let missing = own.and_then(Value::as_str).filter(|data| !Path::new(data).exists());
    let missing = missing.filter(|_| moved_from.is_none()).map(str::to_string);
    Ok(Asked { path, map, record, moved_from, missing })
}

/// Renames the checkpoints that can't be used, and the tensors that are alone, so that they neither
/// count nor are lost; then deletes what a killed process has left beyond those that are to be kept.
fn tidy(
    console: &Console,
    folder: &RunFolder,
    keep: u32,
    (skipped, alone): (Vec<Skipped>, Vec<PathBuf>),
) {
    // One that can't be renamed is skipped again the next time.
    let set_aside = |path: &Path| drop(fs::rename(path, durable::free_name(path, "damaged")));
    for (manifest, reason) in skipped {
        set_aside(&manifest);
        set_aside(&manifest.with_extension("safetensors"));
        console.warn(&format!("{reason}: set aside as damaged-step-..., an older one is used"));
    }
    for path in alone {
        set_aside(&path);
        console.warn(&format!("{} has no manifest: set aside as damaged-step-...", path.display()));
    }
    if let Err(error) = checkpoint::prune(&folder.checkpoints, keep as usize) {
        console.warn(&format!("deleting old checkpoints: {}", one_line(&error)));
    }
}

/// The summary of a run that has come to its end at this step, figures and all. Where the log or
/// the figures are incomplete, since a disk was full, a picture could not be drawn, or an older version
/// drew them, they are drawn again.
fn summary_of_end(run: &Path, step: u64) -> Option<Summary> {
    let summary = Summary::read(run).ok()?;
    let whole = !files::lacks_descriptions(&run.join("figures"));
    let complete = summary.log_failure.is_none() && whole;
    (summary.status.is_done() && summary.steps == step && complete).then_some(summary)
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
