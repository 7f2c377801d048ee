//! The command line of an experiment: its own flags, the shared ones that it takes, its actions.

use std::ffi::OsString;

use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, FromArgMatches, Parser};
use serde_json::{Map, Value};

use super::config::{Config, to_map};
use super::settings::{Actions, RunConfig};
use super::spec::{Absent, Action, ActionRequest, Preset, Spec};
use crate::lab::error::{nearest, refuse};
use crate::lab::refusals::Refusals;

/// Characters in a line of `--help` at most; a narrower terminal has fewer.
const HELP_WIDTH: usize = 100;

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
    /// What else the experiment can do, where that was asked for.
    pub asked: Option<(&'static Action, ActionRequest)>,
    /// Every key with its default.
    pub defaults: Map<String, Value>,
    /// The keys that were typed, with their values.
    pub typed: Map<String, Value>,
}

/// The flags of an experiment.
fn command<C: Config>(spec: &Spec) -> Result<Command> {
    let mut command = <Cli<C> as clap::CommandFactory>::command()
        .name(spec.name)
        .about(spec.about)
        .version(spec.package.version)
        .max_term_width(HELP_WIDTH);
    if !spec.presets.is_empty() {
        let presets = spec.presets.iter().map(describe).collect::<Result<Vec<String>>>()?;
        command = command.after_help(format!("Presets:\n{}", presets.join("\n")));
    }
    for (key, value) in spec.defaults()? {
        command = command.mut_arg(key, |argument| argument.default_values(words(&value)));
    }
    for absent in spec.absent {
        command = command.mut_arg(absent.key, |argument| argument.hide(true));
    }
    if !spec.absent.iter().any(|absent| ["steps", "epochs"].contains(&absent.key)) {
        let help = "Training steps; without it --epochs counts";
        command = command.mut_arg("steps", |argument| argument.help(help));
    }
    for action in spec.actions {
        let flag = Arg::new(action.flag).long(action.flag).value_name(action.value_name);
        let others = ["resume", "init_from", "eval", "check", "print_config", "preset", "config"];
        let flag = flag.help(action.help).help_heading("Actions").conflicts_with_all(others);
        command = command.arg(flag);
        for option in action.options {
            let flag = Arg::new(option.flag).long(option.flag).value_name(option.value_name);
            let flag = flag.help(option.help).help_heading("Actions").requires(action.flag);
            command = command.arg(flag.value_parser(NonEmptyStringValueParser::new()));
        }
    }
    Ok(command)
}

/// A value as the words of a flag.
fn words(value: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    match value {
        Value::Array(list) => list.iter().map(word).collect(),
        one => vec![word(one)],
    }
}

/// A preset for `--help`: what it is for, and what it sets as the flags that would do the same.
fn describe(preset: &Preset) -> Result<String> {
    let values: Map<String, Value> = serde_json::from_str(preset.values)?;
    let flag = |(key, value): (&String, &Value)| match value {
        Value::Bool(true) => format!("--{}", key.replace('_', "-")),
        value => format!("--{} {}", key.replace('_', "-"), words(value).join(",")),
    };
    let flags: Vec<String> = values.iter().map(flag).collect();
    let flags = if flags.is_empty() { "the defaults".into() } else { flags.join(" ") };
    Ok(format!("  {}: {}\n      {flags}", preset.name, preset.reason))
}

/// Parses a command line.
///
/// # Errors
/// Exit code 2 with one line for a flag or a value that can't be; `--help` and `--version` come
/// back as a [`clap::Error`] to print.
pub fn parse<C: Config>(
    spec: &Spec,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Invocation> {
    let command = command::<C>(spec)?;
    let matches = match command.clone().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Err(error.into()),
        Err(mut error) => {
            return Err(refuse(match absent_in(spec, &error) {
                Some(absent) => format!("{} does not apply: {}", flag(absent), absent.reason),
                None => {
                    suggest_what_applies(spec, &command, &mut error);
                    message_of(&error) + stray_word(&error)
                }
            }));
        }
    };
    let typed_here = |key: &str| matches.value_source(key) == Some(ValueSource::CommandLine);
    let mut refusals = Refusals::default();
    for absent in spec.absent.iter().filter(|absent| typed_here(absent.key)) {
        let raw = matches.get_raw(absent.key).into_iter().flatten();
        let words = raw.map(|word| word.to_string_lossy().into_owned());
        let typed: Vec<String> = std::iter::once(flag(absent)).chain(words).collect();
        refusals.add(format!("{} does not apply: {}", typed.join(" "), absent.reason));
    }
    refusals.finish()?;
    let given = Cli::<C>::from_arg_matches(&matches)?;
    let actions = given.actions.clone();
    // A path that is not UTF-8 could not be written to config.json.
    let all = to_map(&given.experiment, &given.run)
        .map_err(|error| refuse(crate::lab::error::one_line(&error)))?;
    for key in all.keys() {
        let known = command.get_arguments().any(|argument| argument.get_id() == key.as_str());
        anyhow::ensure!(known, "key {key} has no flag of the same name");
    }
    let mut typed = all.clone();
    typed.retain(|key, _| typed_here(key));
    refuse_lost_numbers(&typed, &matches)?;
    let asked = asked(spec, &matches, &all, &typed)?;
    let plain = Cli::<C>::from_arg_matches(&command.try_get_matches_from([spec.name])?)?;
    let defaults = to_map(&plain.experiment, &plain.run)?;
    Ok(Invocation { actions, asked, defaults, typed })
}

/// The flag of a key that does not apply.
fn flag(absent: &Absent) -> String {
    format!("--{}", absent.key.replace('_', "-"))
}

/// The flag that a parse error is about, where it does not apply: then no value of it would do.
fn absent_in<'a>(spec: &'a Spec, error: &clap::Error) -> Option<&'a Absent> {
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else { return None };
    let named = named.split([' ', '=']).next()?;
    spec.absent.iter().find(|absent| flag(absent) == named)
}

/// How a value is written that was taken for a word of its own.
fn stray_word(error: &clap::Error) -> &'static str {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return "" };
    if error.kind() != ErrorKind::UnknownArgument {
        ""
    } else if word.starts_with('-') && word.parse::<f64>().is_ok() {
        "; a negative value follows an equals sign: --flag=-1"
    } else if !word.starts_with('-') {
        "; several values of one flag are separated by commas: --flag 1,2"
    } else {
        ""
    }
}

/// Where an unknown flag's error suggests one that does not apply, puts the closest of those that
/// do in its place, if there is one.
fn suggest_what_applies(spec: &Spec, command: &Command, error: &mut clap::Error) {
    let named = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(flag)) => flag.clone(),
        _ => String::new(),
    };
    let is_absent = |name: &str| spec.absent.iter().any(|absent| flag(absent) == name);
    if !is_absent(&named(error, ContextKind::SuggestedArg)) {
        return;
    }
    error.remove(ContextKind::SuggestedArg);
    let flags = command.get_arguments().filter_map(Arg::get_long);
    let applying = flags.filter(|name| !is_absent(&format!("--{name}")));
    let typed = named(error, ContextKind::InvalidArg);
    if let Some(name) = nearest(typed.trim_start_matches('-'), applying) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{name}")));
    }
}

/// What was asked of the experiment besides training.
fn asked(
    spec: &Spec,
    matches: &ArgMatches,
    all: &Map<String, Value>,
    typed: &Map<String, Value>,
) -> Result<Option<(&'static Action, ActionRequest)>> {
    let value = |flag: &str| matches.get_one::<String>(flag).cloned();
    let found = spec.actions.iter().find_map(|action| Some((action, value(action.flag)?)));
    let Some((action, asked)) = found else { return Ok(None) };
    if let Some(key) = typed.keys().find(|key| !action.takes.contains(&key.as_str())) {
        let (flag, of) = (key.replace('_', "-"), action.flag);
        return Err(refuse(format!("--{flag} does not go with --{of}: leave it out")));
    }
    let options = action.options.iter();
    let options = options.filter_map(|option| Some((option.flag, value(option.flag)?)));
    let mut settings = all.clone();
    settings.retain(|key, _| action.takes.contains(&key.as_str()));
    let (quiet, json) = (matches.get_flag("quiet"), matches.get_flag("json"));
    let request = ActionRequest { value: asked, options: options.collect(), settings, quiet, json };
    Ok(Some((action, request)))
}

/// Refuses numbers that are not finite: JSON has no word for them, and they became null, which
/// means "not given".
fn refuse_lost_numbers(typed: &Map<String, Value>, matches: &ArgMatches) -> Result<()> {
    let lost = |value: &Value| match value {
        Value::Array(list) => list.iter().any(Value::is_null),
        other => other.is_null(),
    };
    let Some((key, _)) = typed.iter().find(|(_, value)| lost(value)) else { return Ok(()) };
    let raw = matches.get_raw(key).into_iter().flatten();
    let raw: Vec<_> = raw.map(|word| word.to_string_lossy()).collect();
    let (flag, raw) = (key.replace('_', "-"), raw.join(","));
    Err(refuse(format!("--{flag} {raw}: expected a finite number")))
}

/// What Rust says of a word that is no number, and what a person is told.
const NO_NUMBERS: [(&str, &str); 2] = [
    ("invalid float literal", "expected a number"),
    ("invalid digit found in string", "expected a whole number"),
];

/// clap's message without its usage lines, on one line.
pub fn message_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let joined = lines.fold(String::new(), |before, line| match before.chars().last() {
        None => line.into(),
        Some(':') => format!("{before} {line}"),
        Some(_) => format!("{before}; {line}"),
    });
    let plain = |text: String, (rust, said): &(&str, &str)| text.replace(rust, said);
    NO_NUMBERS.iter().fold(joined.trim_start_matches("error: ").into(), plain)
}
