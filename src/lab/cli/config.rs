//! The typed configuration of a run, and the map of keys that it is written as.

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::settings::RunConfig;
use crate::lab::refusals::Refusals;

/// The flags and keys of an experiment's own.
pub trait Config: Args + Serialize + DeserializeOwned + Clone + std::fmt::Debug {
    /// Fills in what depends on other settings, and notes every value that can't be used or does
    /// not fit the others: the flag, its value and what to do.
    fn resolve(&mut self, run: &RunConfig, refusals: &mut Refusals);
}

/// A complete configuration.
#[derive(Debug, Clone)]
pub struct Settings<C> {
    /// What every experiment has.
    pub run: RunConfig,
    /// The experiment's own.
    pub experiment: C,
}

impl<C: Config> Settings<C> {
    /// The configuration that a complete map of keys stands for, as it is there.
    ///
    /// # Errors
    /// Where a value is of the wrong kind.
    pub fn from_map(map: &Map<String, Value>) -> Result<Self> {
        let value = Value::Object(map.clone());
        let run = serde_json::from_value(value.clone())?;
        Ok(Self { run, experiment: serde_json::from_value(value)? })
    }

    /// Every key with its value, as `config.json` has them.
    ///
    /// # Errors
    /// Where a path is not UTF-8.
    pub fn to_map(&self) -> Result<Map<String, Value>> {
        to_map(&self.experiment, &self.run)
    }
}

/// The keys of an experiment's own settings, then the shared ones.
pub(super) fn to_map(experiment: &impl Serialize, run: &RunConfig) -> Result<Map<String, Value>> {
    let mut map = object(experiment)?;
    map.extend(object(run)?);
    Ok(map)
}

fn object(value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value)? {
        Value::Object(map) => Ok(map),
        other => anyhow::bail!("a configuration must be a JSON object, not {other}"),
    }
}
