//! A new run.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use super::beginning::Beginning;
use super::drive::drive;
use super::evaluate::{load, open_checkpoint};
use super::experiment::Experiment;
use super::prepare::{Environment, Prepared, configure, place, prepare};
use super::session::{RunContext, Session};
use super::signals::StopSignal;
use crate::lab::cli::settings::{RunConfig, changed};
use crate::lab::cli::{Invocation, layers, naming};
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::StateDict;
use crate::lab::store::folder::RunFolder;
use crate::lab::store::record::{Configuration, InitFrom, Labels, Process, Provenance, RecordFile};
use crate::lab::store::{Purpose, StateReader};

/// Begins a run under a name of its own, and takes it to its end.
///
/// # Errors
/// Exit code 2 before anything is written, where the settings can't be or the run exists; 1 where
/// data are missing or the folders can't be written; and as training itself.
pub(super) fn start<E: Experiment>(
    invocation: &Invocation,
    environment: Environment,
) -> Result<()> {
    let actions = &invocation.actions;
    let mut labels = Labels::default();
    actions.label(&mut labels)?;
    let mut map = layers::layers::<E::Config>(invocation, &E::SPEC)?;
    if actions.config.is_some() {
        map = layers::without_implied::<E::Config>(map, &invocation.defaults)?;
    }
    let prepared = prepare::<E>(&map, environment)?;
    let Prepared { mut settings, device, stays_on_cpu } = prepared;
    let stop = StopSignal::install()?;
    let mut experiment = E::build(&settings, device)?;
    let init_from = match &actions.init_from {
        Some(path) => Some(initialise(&mut experiment, path)?),
        None => None,
    };
    let RunConfig { runs, checkpoints, seed, .. } = &settings.run;
    let folder = match &settings.run.name {
        Some(name) => RunFolder::create(runs, checkpoints, E::SPEC.name, name),
        None => {
            let what = naming::describe(&E::SPEC, invocation, &map);
            RunFolder::create_unnamed(runs, checkpoints, E::SPEC.name, &what, *seed)
        }
    }?;
    settings.run.name = Some(folder.name.clone());
    let record = Provenance {
        process: Process::current(device, i32::from(settings.run.threads), &E::SPEC.package),
        data: experiment.data_provenance(),
        init_from,
        changed: changed(&invocation.defaults, &map),
        results: E::SPEC.metrics.iter().map(ToString::to_string).collect(),
        resumed: Vec::new(),
    };
    let written = record
        .write(&folder.path)
        .and_then(|()| if labels.is_empty() { Ok(()) } else { labels.write(&folder.path) })
        .and_then(|()| Configuration(settings.to_map()?).write(&folder.path));
    if let Err(error) = written {
        folder.abandon();
        return Err(error);
    }
    let console = Console::new(actions.quiet, actions.json);
    stays_on_cpu.iter().for_each(|reason| console.report(reason));
    let begin = Beginning::new(experiment, settings.run.replicates, device);
    let session = Session::new(settings, begin, folder, RunContext { console, stop, device })?;
    drive(session, actions, Some(&record.changed))
}

/// Gives an experiment the model of a checkpoint, or of a plain state dict, and says which file it was.
///
/// # Errors
/// A file that is neither, or whose model is another one; each difference is named.
fn initialise<E: Experiment>(experiment: &mut E, path: &Path) -> Result<InitFrom> {
    if StateDict::is_at(path) {
        let dict = StateDict::read(path)?;
        let mut reader = StateReader::of_state_dict(&dict);
        experiment.load(&mut reader)?;
        reader.finish()?;
        return Ok(InitFrom { file: dict.path, sha256: dict.sha256 });
    }
    let checkpoint = open_checkpoint::<E>(path, false)?;
    load(experiment, &checkpoint, Purpose::Initialise)?;
    Ok(InitFrom { file: checkpoint.path, sha256: checkpoint.manifest.sha256 })
}

/// A run before its first step, in the run folder that its command line names: for benchmarks and
/// tests, which take its steps one by one.
///
/// # Errors
/// As a run begins, but for signals, which it does not listen to.
pub fn open_session<E: Experiment>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Session<E>> {
    let settings = configure::<E>(arguments)?;
    let run = &settings.run;
    tch::set_num_threads(i32::from(run.threads));
    let (device, _) = place::<E>(&settings)?;
    let begin = Beginning::new(E::build(&settings, device)?, run.replicates, device);
    let name = run.name.as_deref().unwrap_or("session");
    let folder = RunFolder::create(&run.runs, &run.checkpoints, E::SPEC.name, name)?;
    let (console, stop) = (Console::new(true, false), StopSignal::default());
    Session::new(settings, begin, folder, RunContext { console, stop, device })
}
