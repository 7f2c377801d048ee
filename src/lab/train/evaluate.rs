//! `--eval`: the evaluation of a checkpoint, without a run folder.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::experiment::{Evaluation, Experiment};
use super::prepare::{Environment, Prepared, prepare};
use crate::lab::cli::{Invocation, Settings, layers};
use crate::lab::log::console::Console;
use crate::lab::log::run_log::Log;
use crate::lab::store::checkpoint::{self, Checkpoint, Manifest};
use crate::lab::store::{Purpose, StateReader};

/// Reads a checkpoint of this experiment: of a folder, its best or its newest.
///
/// # Errors
/// Where there is none, it is damaged, or it is of another experiment.
pub(super) fn open_checkpoint<E: Experiment>(path: &Path, best: bool) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::open(path, best)?;
    check_experiment::<E>(&checkpoint.manifest, path)?;
    Ok(checkpoint)
}

fn check_experiment<E: Experiment>(manifest: &Manifest, path: &Path) -> Result<()> {
    let (found, expected) = (&manifest.experiment, E::SPEC.name);
    ensure!(found == expected, "{} is a checkpoint of {found}, not of {expected}", path.display());
    Ok(())
}

/// Loads a checkpoint for `purpose` into an experiment that was just built.
///
/// # Errors
/// Where the checkpoint lacks a part that is needed, has it in another shape or kind, or has a
/// tensor of the model that this one lacks.
pub(super) fn load<E: Experiment>(
    experiment: &mut E,
    checkpoint: &Checkpoint,
    purpose: Purpose,
) -> Result<()> {
    let mut reader = StateReader::new(checkpoint, purpose);
    experiment.load(&mut reader)?;
    reader.finish()
}

/// Evaluates a checkpoint: everything that its evaluation needs is loaded.
///
/// # Errors
/// As [`open_checkpoint`] and [`load`]; exit code 2 for settings that can't be.
pub(super) fn evaluate_only<E: Experiment>(
    invocation: &Invocation,
    path: &Path,
    environment: Environment,
) -> Result<()> {
    let actions = &invocation.actions;
    let settings_of = |manifest: &Manifest| -> Result<Map<String, Value>> {
        let mut map = invocation.defaults.clone();
        layers::overlay::<E::Config>(&mut map, &manifest.config, &path.display().to_string())?;
        layers::overlay::<E::Config>(&mut map, &invocation.typed, "command line")?;
        Ok(map)
    };
    // The process is made ready before the first tensor is read, by settings that are in a manifest.
    let first = checkpoint::find_manifest(path, true)?;
    check_experiment::<E>(&first, path)?;
    let Prepared { device, stays_on_cpu, .. } = prepare::<E>(&settings_of(&first)?, environment)?;
    // A run that goes on may have deleted that one by now.
    let checkpoint = open_checkpoint::<E>(path, true)?;
    let manifest = &checkpoint.manifest;
    let settings: Settings<E::Config> = layers::resolve(&settings_of(manifest)?)?;
    let mut experiment = E::build(&settings, device)?;
    load(&mut experiment, &checkpoint, Purpose::Evaluate)?;
    let (console, mut log) = (Console::new(actions.quiet, actions.json), Log::silent());
    stays_on_cpu.iter().for_each(|reason| console.report(reason));
    let mut evaluation = Evaluation::of_checkpoint(manifest.step, &mut log, &console);
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
