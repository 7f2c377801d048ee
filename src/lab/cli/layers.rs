//! The layers of a configuration: defaults, then the preset, then the configuration file (or the
//! resumed run's own), then the flags that were typed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::command::Invocation;
use super::config::{Config, Settings};
use super::spec::Spec;
use crate::lab::error::{closest, refuse};
use crate::lab::refusals::Refusals;

/// Puts `layer` over `base`.
///
/// # Errors
/// Exit code 2 for keys that `base` lacks, naming the closest ones, and for values of the wrong
/// kind, all on one line; `origin` says where the layer is from.
pub fn overlay<C: Config>(
    base: &mut Map<String, Value>,
    layer: &Map<String, Value>,
    origin: &str,
) -> Result<()> {
    let mut refusals = Refusals::default();
    for (key, value) in layer {
        if !base.contains_key(key) {
            let hint = closest(key, base.keys().map(String::as_str));
            refusals.add(format!("{origin}: unknown key \"{key}\"{hint}"));
            continue;
        }
        let old = base.insert(key.clone(), value.clone());
        if let Err(error) = Settings::<C>::from_map(base) {
            base.extend(old.map(|old| (key.clone(), old)));
            refusals.add(format!("{origin}: {key} = {value}: {error}"));
        }
    }
    refusals.finish()
}

/// The layers of a new run: defaults, preset, configuration file, typed flags.
///
/// # Errors
/// As [`overlay`]; exit code 2 for an unknown preset, naming the closest; exit code 1 for a
/// configuration file that can't be read.
pub fn layers<C: Config>(invocation: &Invocation, spec: &Spec) -> Result<Map<String, Value>> {
    let mut map = invocation.defaults.clone();
    if let Some(name) = &invocation.actions.preset {
        let Some(preset) = spec.presets.iter().find(|preset| preset.name == name) else {
            let names: Vec<&str> = spec.presets.iter().map(|preset| preset.name).collect();
            let hint = closest(name, names.iter().copied());
            let all = names.join(", ");
            return Err(refuse(format!("--preset {name}: unknown{hint} (there are {all})")));
        };
        overlay::<C>(&mut map, &serde_json::from_str(preset.values)?, preset.name)?;
    }
    if let Some(path) = &invocation.actions.config {
        let origin = path.display().to_string();
        match read_config(path)? {
            Value::Object(mut layer) => {
                // So that another run's config.json repeats that run under a name of its own.
                layer.shift_remove("name");
                forget_unused_data(spec, &mut layer);
                refuse_absent(spec, &invocation.defaults, &layer, &origin)?;
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

/// The byte-order mark that some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The JSON in the file of `--config`, which may be a pipe from another program.
fn read_config(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    serde_json::from_slice(text).with_context(|| format!("{} is not valid JSON", path.display()))
}

/// Takes from a saved configuration where data are from, if the experiment uses none: older
/// versions named a data set all the same.
pub fn forget_unused_data(spec: &Spec, saved: &mut Map<String, Value>) {
    let unused = |key: &str| spec.absent.iter().any(|absent| absent.key == key);
    saved.retain(|key, _| !(["data", "data_dir"].contains(&key.as_str()) && unused(key)));
}

/// Refuses the keys of a configuration file that mean nothing to the experiment, unless they have
/// their defaults.
fn refuse_absent(
    spec: &Spec,
    defaults: &Map<String, Value>,
    layer: &Map<String, Value>,
    origin: &str,
) -> Result<()> {
    let mut refusals = Refusals::default();
    for absent in spec.absent {
        let (key, reason) = (absent.key, absent.reason);
        if let Some(value) = layer.get(key).filter(|value| defaults.get(key) != Some(value)) {
            refusals.add(format!("{origin}: {key} = {value} does not apply: {reason}"));
        }
    }
    refusals.finish()
}

/// A map of keys with those at their defaults again that stand for the same there: the `config.json` of
/// another run has what was filled in for it, which nobody chose.
///
/// # Errors
/// As [`resolve`].
pub fn without_implied<C: Config>(
    map: Map<String, Value>,
    defaults: &Map<String, Value>,
) -> Result<Map<String, Value>> {
    let whole = resolve::<C>(&map)?.to_map()?;
    let empty = defaults.iter().filter(|(key, value)| value.is_null() && map[*key] != **value);
    let keys: Vec<&String> = empty.map(|(key, _)| key).collect();
    Ok(keys.into_iter().fold(map, |map, key| {
        let mut without = map.clone();
        without.insert(key.clone(), Value::Null);
        let same = resolve::<C>(&without).and_then(|settings| settings.to_map());
        if same.is_ok_and(|same| same == whole) { without } else { map }
    }))
}

/// The settings that a complete map of keys stands for, with everything filled in and checked.
///
/// # Errors
/// Exit code 2 with everything that can't be used, on one line.
pub fn resolve<C: Config>(map: &Map<String, Value>) -> Result<Settings<C>> {
    let mut settings = Settings::<C>::from_map(map)?;
    let mut refusals = Refusals::default();
    settings.run.validate(&mut refusals);
    settings.experiment.resolve(&settings.run, &mut refusals);
    refusals.finish()?;
    Ok(settings)
}
