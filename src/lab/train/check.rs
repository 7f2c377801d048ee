//! `--check` and `--print-config`: what command lines stand for, without running them.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use tch::Device;

use super::experiment::Experiment;
use super::prepare::{configure, stays_on_cpu};
use crate::lab::cli::settings::is_bookkeeping;
use crate::lab::cli::{Invocation, command, layers};
use crate::lab::error::{exit_status, one_line};
use crate::lab::log::console::Console;
use crate::lab::panic::from_panic;
use crate::lab::store::durable;

/// Time after which no more experiments are built: the rest is checked by its flags alone.
const BUILD_FOR: Duration = Duration::from_secs(30);

/// Checks the command lines in a file, a JSON list of lists of words, and prints the experiment's
/// name, metrics and defaults, and of each line either its configuration and its steps, or what is
/// wrong with it. The experiment is built, data and all, once for all lines that differ only in
/// their seed.
///
/// # Errors
/// Where the file can't be read; what is wrong with a line is a part of the answer.
pub(super) fn check<E: Experiment>(path: &Path) -> Result<()> {
    let lines: Vec<Vec<String>> = serde_json::from_value(durable::read_json(path)?)
        .with_context(|| format!("{}: expected a list of lists of words", path.display()))?;
    let begun = Instant::now();
    let mut built = Vec::new();
    let answers: Vec<Value> =
        lines.iter().map(|words| answer::<E>(words, &mut built, begun)).collect();
    let plain = command::parse::<E::Config>(&E::SPEC, [OsString::from(E::SPEC.name)])?;
    let whole = json!({
        "experiment": E::SPEC.name,
        "about": E::SPEC.about,
        "metrics": E::SPEC.metrics,
        "defaults": plain.defaults,
        "points": answers,
    });
    Console::new(false, false).print(&whole.to_string());
    Ok(())
}

/// Prints the settings of a new run, as its `config.json` would have them but for a default name.
///
/// # Errors
/// Exit code 2 for settings that can't be; exit code 1 where the file of `--config` can't be read.
pub(super) fn print_config<E: Experiment>(invocation: &Invocation) -> Result<()> {
    let map = layers::layers::<E::Config>(invocation, &E::SPEC)?;
    let config = layers::resolve::<E::Config>(&map)?.to_map()?;
    Console::new(false, false).print(&serde_json::to_string_pretty(&config)?);
    Ok(())
}

/// What was built, without its seed, and its steps.
type Built = Vec<(Map<String, Value>, u64)>;

fn answer<E: Experiment>(words: &[String], built: &mut Built, begun: Instant) -> Value {
    let refused =
        |error: &anyhow::Error| json!({"error": one_line(error), "exit_code": exit_status(error)});
    let line = std::iter::once(E::SPEC.name.into()).chain(words.iter().map(OsString::from));
    let settings = match configure::<E>(line) {
        Ok(settings) => settings,
        Err(error) => return refused(&error),
    };
    let config = match settings.to_map() {
        Ok(config) => config,
        Err(error) => return refused(&error),
    };
    // Which device a point needs is known where it is submitted from, GPU or not.
    let on_cpu = settings.run.device == "cpu" || stays_on_cpu::<E>(&settings).is_some();
    let mut key = config.clone();
    key.retain(|key, _| key != "seed" && !is_bookkeeping(key));
    let known = built.iter().find(|(other, _)| *other == key).map(|(_, steps)| *steps);
    if known.is_some() || begun.elapsed() > BUILD_FOR {
        return json!({"config": config, "steps": known, "on_cpu": on_cpu});
    }
    tch::set_num_threads(i32::from(settings.run.threads));
    let made = std::panic::catch_unwind(AssertUnwindSafe(|| E::build(&settings, Device::Cpu)));
    match made.unwrap_or_else(|payload| Err(from_panic(&*payload))) {
        Ok(experiment) => {
            let steps = experiment.schedule().steps;
            built.push((key, steps));
            json!({"config": config, "steps": steps, "on_cpu": on_cpu})
        }
        Err(error) => refused(&error),
    }
}
