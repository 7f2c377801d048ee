//! What a run was asked to compute.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RecordFile;

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
