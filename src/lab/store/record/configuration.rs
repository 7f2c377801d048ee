//! What a run was asked to compute.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RecordFile;
use crate::lab::cli::settings::is_bookkeeping;

/// `config.json`: the value of every setting by its key, the experiment's own and those that all
/// experiments share, defaults included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Configuration(pub Map<String, Value>);

impl RecordFile for Configuration {
    const FILE: &'static str = "config.json";
}

impl Configuration {
    /// The seed of everything random in the run.
    pub fn seed(&self) -> Option<u64> {
        self.0.get("seed")?.as_u64()
    }

    /// How many networks are trained together.
    pub fn replicates(&self) -> u64 {
        self.0.get("replicates").and_then(Value::as_u64).unwrap_or(1)
    }

    /// The folder of checkpoint folders, as the run was told it.
    pub fn checkpoints(&self) -> PathBuf {
        let told = self.0.get("checkpoints").and_then(Value::as_str);
        told.unwrap_or("checkpoints").into()
    }
}

/// The settings that differ from the experiment's defaults, but for bookkeeping.
pub fn changed(defaults: &Map<String, Value>, config: &Map<String, Value>) -> Map<String, Value> {
    let differs =
        |key: &str, value: &Value| !is_bookkeeping(key) && defaults.get(key) != Some(value);
    let pairs = config.iter().filter(|(key, value)| differs(key, value));
    pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_from_the_defaults() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let defaults = map(json!({"lr": 0.1, "seed": 0, "log_every": 100, "steps": null}));
        let config = map(json!({"lr": 0.2, "seed": 0, "log_every": 10, "steps": 5}));
        assert_eq!(changed(&defaults, &config), map(json!({"lr": 0.2, "steps": 5})));
    }
}
