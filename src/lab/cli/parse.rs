//! From the command line to a configuration: defaults, then the preset, then the configuration
//! file (or the resumed run's own), then the flags that were typed.

use std::ffi::OsString;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{Args, Command, FromArgMatches, Parser};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::settings::{Actions, RunConfig};
use crate::lab::error::{closest, refuse};

/// The flags and keys of an experiment's own.
pub trait Config: Args + Serialize + DeserializeOwned + Clone + std::fmt::Debug {}
impl<T: Args + Serialize + DeserializeOwned + Clone + std::fmt::Debug> Config for T {}

/// A named set of values that reproduces one figure or table: only what differs from the
/// defaults, with the reason.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// What `--preset` takes.
    pub name: &'static str,
    /// What it reproduces, and why its values differ.
    pub reason: &'static str,
    /// Keys and values as a JSON object.
    pub values: &'static str,
}

#[derive(Debug, Clone, Parser)]
#[command(version)]
struct Cli<C: Config> {
    #[command(flatten)]
    experiment: C,
    #[command(flatten)]
    run: RunConfig,
    #[command(flatten)]
    actions: Actions,
}

/// A command line as typed, before the layers below it are known.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub actions: Actions,
    /// Every key with its default.
    pub defaults: Map<String, Value>,
    /// The keys that were typed, with their values.
    pub typed: Map<String, Value>,
}

/// A complete configuration.
#[derive(Debug, Clone)]
pub struct Settings<C> {
    /// What every experiment has.
    pub run: RunConfig,
    /// The experiment's own.
    pub experiment: C,
}

/// What a binary's command line needs to know of its experiment.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The experiment's name.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Defaults of shared settings that differ, as a JSON object.
    pub defaults: &'static str,
    /// Named sets of values.
    pub presets: &'static [Preset],
}

impl Program {
    fn command<C: Config>(&self) -> Result<Command> {
        let line = |preset: &Preset| format!("  {}: {}", preset.name, preset.reason);
        let presets: Vec<String> = self.presets.iter().map(line).collect();
        let mut command = <Cli<C> as clap::CommandFactory>::command()
            .name(self.name)
            .about(self.about)
            .after_help(format!("Presets:\n{}", presets.join("\n")));
        let defaults: Map<String, Value> = serde_json::from_str(self.defaults)?;
        for (key, value) in defaults {
            let word =
                |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
            let words: Vec<String> = match &value {
                Value::Array(list) => list.iter().map(word).collect(),
                one => vec![word(one)],
            };
            command = command.mut_arg(key, |argument| argument.default_values(words));
        }
        Ok(command)
    }
}

/// Parses a command line.
///
/// # Errors
/// Exit code 2 with one line for a flag or a value that can't be; `--help` and `--version` come
/// back as a [`clap::Error`] to print.
pub fn parse<C: Config>(
    program: &Program,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Invocation> {
    let command = program.command::<C>()?;
    let matches = match command.clone().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Err(error.into()),
        Err(error) => return Err(refuse(one_line(&error))),
    };
    let given = Cli::<C>::from_arg_matches(&matches)?;
    let actions = given.actions.clone();
    // A path that is not UTF-8 could not be written to config.json.
    let all = to_map(&given).map_err(|error| refuse(crate::lab::error::one_line(&error)))?;
    for key in all.keys() {
        let known = command.get_arguments().any(|argument| argument.get_id() == key.as_str());
        anyhow::ensure!(known, "key {key} has no flag of the same name");
    }
    let mut typed = all;
    typed.retain(|key, _| matches.value_source(key) == Some(ValueSource::CommandLine));
    // JSON has no word for what is not finite: it became null, or "not given".
    let lost = |value: &Value| match value {
        Value::Array(list) => list.iter().any(Value::is_null),
        other => other.is_null(),
    };
    if let Some((key, _)) = typed.iter().find(|(_, value)| lost(value)) {
        let raw = matches.get_raw(key).into_iter().flatten();
        let raw: Vec<_> = raw.map(|word| word.to_string_lossy()).collect();
        let (flag, raw) = (key.replace('_', "-"), raw.join(","));
        return Err(refuse(format!("--{flag} {raw}: expected a finite number")));
    }
    let plain = command.try_get_matches_from([program.name])?;
    let defaults = to_map(&Cli::<C>::from_arg_matches(&plain)?)?;
    Ok(Invocation { actions, defaults, typed })
}

/// clap's message without its usage lines, on one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("; ").trim_start_matches("error: ").to_string()
}

fn to_map<C: Config>(cli: &Cli<C>) -> Result<Map<String, Value>> {
    let mut map = object(&cli.experiment)?;
    map.extend(object(&cli.run)?);
    Ok(map)
}

fn object(value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value)? {
        Value::Object(map) => Ok(map),
        other => anyhow::bail!("a configuration must be a JSON object, not {other}"),
    }
}

/// Puts `layer` over `base`.
///
/// # Errors
/// Exit code 2 for a key that `base` lacks, naming the closest one, and for a value of the wrong
/// kind; `origin` says where the layer is from.
pub fn overlay<C: Config>(
    base: &mut Map<String, Value>,
    layer: &Map<String, Value>,
    origin: &str,
) -> Result<()> {
    for (key, value) in layer {
        if !base.contains_key(key) {
            let hint = closest(key, base.keys().map(String::as_str));
            return Err(refuse(format!("{origin}: unknown key \"{key}\"{hint}")));
        }
        let old = base.insert(key.clone(), value.clone());
        if let Err(error) = typed::<C>(base) {
            base.extend(old.map(|old| (key.clone(), old)));
            return Err(refuse(format!("{origin}: {key} = {value}: {error}")));
        }
    }
    Ok(())
}

/// The configuration that a complete map of keys stands for.
///
/// # Errors
/// Where a value is of the wrong kind.
pub fn typed<C: Config>(map: &Map<String, Value>) -> Result<Settings<C>> {
    let value = Value::Object(map.clone());
    let run = serde_json::from_value(value.clone())?;
    Ok(Settings { run, experiment: serde_json::from_value(value)? })
}

impl<C: Config> Settings<C> {
    /// Every key with its value, as `config.json` has them.
    pub fn to_map(&self) -> Result<Map<String, Value>> {
        let mut map = object(&self.experiment)?;
        map.extend(object(&self.run)?);
        Ok(map)
    }
}

/// The layers of a new run: defaults, preset, configuration file, typed flags.
///
/// # Errors
/// As [`overlay`]; exit code 2 for an unknown preset, naming the closest; exit code 1 for a
/// configuration file that can't be read.
pub fn layers<C: Config>(
    invocation: &Invocation,
    presets: &[Preset],
) -> Result<Map<String, Value>> {
    let mut map = invocation.defaults.clone();
    if let Some(name) = &invocation.actions.preset {
        let Some(preset) = presets.iter().find(|preset| preset.name == name) else {
            let names: Vec<&str> = presets.iter().map(|preset| preset.name).collect();
            let hint = closest(name, names.iter().copied());
            let all = names.join(", ");
            return Err(refuse(format!("--preset {name}: unknown{hint} (there are {all})")));
        };
        overlay::<C>(&mut map, &serde_json::from_str(preset.values)?, preset.name)?;
    }
    if let Some(path) = &invocation.actions.config {
        let origin = path.display().to_string();
        match crate::lab::store::durable::read_json(path)? {
            Value::Object(mut layer) => {
                // So that another run's config.json repeats that run under a name of its own.
                layer.shift_remove("name");
                overlay::<C>(&mut map, &layer, &origin)?;
            }
            other => {
                return Err(refuse(format!("{origin}: expected a JSON object, found {other}")));
            }
        }
    }
    overlay::<C>(&mut map, &invocation.typed, "command line")?;
    Ok(map)
}
