//! How far a run has come, and how it ended.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RecordFile;
use super::provenance::host;
use super::status::Status;

/// `summary.json`: written when a process begins to compute the run, and again at its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// The experiment's name.
    #[serde(default)]
    pub experiment: String,
    /// The run's name.
    #[serde(default)]
    pub run: String,
    /// How the run stands.
    pub status: Status,
    /// The exit code of the process; none while it runs.
    #[serde(default)]
    pub exit_code: Option<u8>,
    /// Steps done.
    #[serde(default)]
    pub steps: u64,
    /// Seconds in which a process computed the run, those of earlier processes included.
    #[serde(default)]
    pub wall_seconds: f64,
    /// Seconds of each phase in the last process, by name.
    #[serde(default)]
    pub phase_seconds: Map<String, Value>,
    /// The last value of every metric by its tag; null for one that was not finite.
    #[serde(default)]
    pub metrics: Map<String, Value>,
    /// The best result, where the experiment has one.
    #[serde(default)]
    pub best: Option<Best>,
    /// The run folder.
    #[serde(default, serialize_with = "super::lossy")]
    pub folder: PathBuf,
    /// The tensors' file of the newest checkpoint.
    #[serde(default, serialize_with = "super::lossy_or_none")]
    pub checkpoint: Option<PathBuf>,
    /// The tensors' file of the best checkpoint.
    #[serde(default, serialize_with = "super::lossy_or_none")]
    pub best_checkpoint: Option<PathBuf>,
    /// Why the log ended before the run, where it did.
    #[serde(default)]
    pub log_failure: Option<String>,
    /// The process that wrote this. None in a file of a version that wrote it at the end of a run
    /// alone, so that it can be of an earlier process than the run's last.
    #[serde(default)]
    pub process: Option<ProcessStamp>,
}

impl RecordFile for Summary {
    const FILE: &'static str = "summary.json";
}

/// The best result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The tag of the metric.
    pub tag: String,
    /// Its value; none if it was not finite.
    pub value: Option<f64>,
    /// The step of the evaluation.
    pub step: u64,
}

/// What tells the process that wrote a summary from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStamp {
    /// Its number on its machine.
    pub id: u32,
    /// The name of the machine.
    pub host: String,
    /// When it began to compute the run, in UTC.
    pub started: String,
}

impl ProcessStamp {
    /// This process, which begins to compute a run now.
    pub fn beginning() -> Self {
        let started = jiff::Timestamp::now().to_string();
        Self { id: std::process::id(), host: host(), started }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_older_summary_opens() {
        let old = json!({"status": "non-finite", "steps": 3, "best": null, "later": 1});
        let read: Summary = serde_json::from_value(old).unwrap();
        assert_eq!((read.status, read.steps, read.process), (Status::NonFinite, 3, None));
        assert!(serde_json::from_value::<Summary>(json!({"steps": 3})).is_err());
    }
}
