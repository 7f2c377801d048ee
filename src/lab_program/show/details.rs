//! Everything that a run folder holds, and the commands that repeat and resume the run.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::lab::counts::counted;
use crate::lab::figure::Format;
use crate::lab::store::checkpoint::Manifest;
use crate::lab::store::record::{
    Configuration, Process, Provenance, RecordFile, Resumption, Summary,
};
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
    /// What made it; with nothing in it where that can't be read.
    pub provenance: Provenance,
    /// How far it came; none where that can't be read.
    pub summary: Option<Summary>,
    /// The pictures.
    pub figures: Vec<PathBuf>,
    /// The manifests of its checkpoints, the newest first.
    pub checkpoints: Vec<PathBuf>,
}

impl Details {
    /// Reads what there is.
    pub fn read(run: Run) -> Self {
        let mut figures = files(&run.path.join("figures"));
        let is_picture = |path: &PathBuf| Format::ALL.iter().any(|format| is_of(path, *format));
        // Hidden ones are no figures of the run: half-written, or a desktop's own.
        figures.retain(|path| is_picture(path) && !is_hidden(path) && path.is_file());
        Self {
            config: Configuration::read(&run.path).unwrap_or_default().0,
            provenance: Provenance::read(&run.path).unwrap_or_default(),
            summary: Summary::read(&run.path).ok(),
            figures,
            checkpoints: Manifest::list(&run.checkpoints),
            run,
        }
    }

    /// The last value of every metric; of a run without an end, those of its results.
    pub fn last_values(&self) -> &Map<String, Value> {
        let ended = self.summary.as_ref().filter(|_| self.run.status.is_end());
        ended.map_or(&self.run.last, |summary| &summary.metrics)
    }

    fn program(&self) -> String {
        quoted(self.provenance.process.command.first().unwrap_or(&self.run.experiment))
    }

    /// The command that repeats the run under another name.
    pub fn repeat(&self) -> String {
        let word = |path: &Path| quoted(&path.display().to_string());
        let config = word(&self.run.path.join(Configuration::FILE));
        let init = self.provenance.init_from.as_ref();
        let init = init.map(|init| format!(" --init-from {}", word(&init.file)));
        format!("{} --config {config}{}", self.program(), init.unwrap_or_default())
    }

    /// The command that goes on with the run.
    pub fn resume(&self) -> String {
        let path = quoted(&self.run.path.display().to_string());
        format!("{} --resume {path}", self.program())
    }

    /// Commit, library, device and host in a line each.
    pub fn origin(&self) -> Vec<(String, String)> {
        let Provenance { process, data, init_from, resumed, .. } = &self.provenance;
        let command: Vec<String> = process.command.iter().map(|word| quoted(word)).collect();
        let threads = process.threads.map(|threads| counted(threads, "thread"));
        let device = format!("{}, {}", known(&process.device), known(&threads));
        let folder = process.folder.as_ref().map(|path| path.display());
        let mut rows: Vec<(&str, String)> = vec![
            ("code", code(process)),
            ("libtorch", known(&process.libtorch)),
            ("device", device),
            ("host", known(&process.host)),
            ("started", known(&process.started)),
            ("folder", known(&folder)),
            ("command", command.join(" ")),
        ];
        rows.extend(data_lines(data).into_iter().map(|line| ("data", line)));
        rows.extend(init_from.iter().map(|init| {
            ("init from", format!("{}, SHA-256 {}", init.file.display(), init.sha256))
        }));
        rows.extend(resumed.iter().map(|Resumption { process, step }| {
            ("resumed", format!("at step {step}, {}", known(&process.started)))
        }));
        rows.into_iter().map(|(key, value)| (key.into(), value)).collect()
    }
}

/// Whether a file has the ending of a format.
pub fn is_of(path: &Path, format: Format) -> bool {
    path.extension().is_some_and(|ending| ending == format.extension())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// What a run says of its data: the name, a line for each file, and for whatever else there is.
fn data_lines(data: &Value) -> Vec<String> {
    let Some(parts) = data.as_object() else {
        return if data.is_null() { Vec::new() } else { vec![plain(data)] };
    };
    let lines = |(key, value): (&String, &Value)| match (key.as_str(), value.as_array()) {
        ("name", _) => vec![plain(value)],
        ("files", Some(files)) => files.iter().map(file_line).collect(),
        _ => vec![format!("{key}: {}", plain(value))],
    };
    parts.iter().flat_map(lines).collect()
}

/// A file with its hash, as far as that is what is said of it.
fn file_line(file: &Value) -> String {
    match (&file["file"], &file["sha256"]) {
        (Value::String(name), Value::String(hash)) => format!("{name}, SHA-256 {hash}"),
        _ => file.to_string(),
    }
}

fn known(value: &Option<impl Display>) -> String {
    value.as_ref().map_or("none".into(), ToString::to_string)
}

/// The package that computed a run, its commit, and the version of the lab where that is another
/// package.
fn code(process: &Process) -> String {
    let commit = process.git_commit.as_deref().unwrap_or("unknown");
    let changes = if process.git_dirty == Some(true) { " with changes" } else { "" };
    let lab = format!("neuron_lab {}", known(&process.neuron_lab));
    let package = match (&process.package, &process.package_version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        _ => lab.clone(),
    };
    let lab = if package == lab { String::new() } else { format!(", {lab}") };
    format!("{package}, commit {commit}{changes}{lab}")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
