//! Everything that a run folder holds, and the commands that repeat and resume the run.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::lab::store::checkpoint::Manifest;
use crate::lab::store::{durable, folder};
use crate::lab::train::summary::quoted;
use crate::lab_program::find::run::Run;
use crate::lab_program::text::table::plain;

/// Everything of a run that `lab show` shows.
#[derive(Debug)]
pub struct Details {
    /// The run.
    pub run: Run,
    /// Its configuration; empty where it can't be read.
    pub config: Map<String, Value>,
    /// Its `provenance.json`; null where it can't be read.
    pub provenance: Value,
    /// Its `summary.json`; null where there is none.
    pub summary: Value,
    /// The pictures.
    pub figures: Vec<PathBuf>,
    /// The manifests of its checkpoints, the newest first.
    pub checkpoints: Vec<PathBuf>,
}

impl Details {
    /// Reads what there is.
    pub fn read(run: Run) -> Self {
        let json = |name: &str| durable::read_json(&run.path.join(name)).unwrap_or_default();
        let mut figures = files(&run.path.join("figures"));
        figures.retain(|path| path.extension().is_some_and(|kind| kind == "png"));
        Self {
            config: folder::read_config(&run.path).unwrap_or_default(),
            provenance: json("provenance.json"),
            summary: json("summary.json"),
            figures,
            checkpoints: Manifest::list(&run.checkpoints),
            run,
        }
    }

    fn program(&self) -> String {
        let first = self.provenance["command"][0].as_str();
        quoted(first.unwrap_or(&self.run.experiment))
    }

    /// The command that repeats the run under another name.
    pub fn repeat(&self) -> String {
        let config = quoted(&self.run.path.join("config.json").display().to_string());
        let init = self.provenance["init_from"]["file"].as_str();
        let init = init.map(|file| format!(" --init-from {}", quoted(file))).unwrap_or_default();
        format!("{} --config {config}{init}", self.program())
    }

    /// The command that goes on with the run.
    pub fn resume(&self) -> String {
        let path = quoted(&self.run.path.display().to_string());
        format!("{} --resume {path}", self.program())
    }

    /// Commit, library, device and host in a line each.
    pub fn origin(&self) -> Vec<(String, String)> {
        let text = |key: &str| plain(&self.provenance[key]);
        let commit = match (&self.provenance["git_commit"], &self.provenance["git_dirty"]) {
            (Value::String(commit), Value::Bool(true)) => format!("{commit} with changes"),
            (Value::String(commit), _) => commit.clone(),
            _ => "unknown".into(),
        };
        let mut rows: Vec<(String, String)> = vec![
            ("code".into(), format!("neuron_lab {}, commit {commit}", text("neuron_lab"))),
            ("libtorch".into(), text("libtorch")),
            ("device".into(), format!("{}, {} threads", text("device"), text("threads"))),
            ("host".into(), text("host")),
            ("started".into(), text("started")),
            ("folder".into(), text("folder")),
            ("command".into(), words(&self.provenance["command"])),
        ];
        if !self.provenance["data"].is_null() {
            rows.push(("data".into(), self.provenance["data"].to_string()));
        }
        let resumed = self.provenance["resumed"].as_array().into_iter().flatten();
        rows.extend(resumed.map(|entry| {
            let (at, when) = (plain(&entry["step"]), plain(&entry["started"]));
            ("resumed".into(), format!("at step {at}, {when}"))
        }));
        rows
    }
}

fn words(command: &Value) -> String {
    let words = command.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
