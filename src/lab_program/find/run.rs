//! What one run folder says: status, settings, results, size.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::layout;
use crate::lab::error::one_line;
use crate::lab::log::metrics::is_replicate;
use crate::lab::store::folder;
use crate::lab_program::text::table::plain;

/// Bytes at the end of `metrics.jsonl` in which the last values are looked for.
const TAIL: u64 = 1 << 16;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A process has the folder locked.
    Running,
    /// It came to its end.
    Done,
    /// It was asked to stop, and saved first.
    Interrupted,
    /// It stopped at a loss or a gradient that was not finite.
    NonFinite,
    /// It ended on another error.
    Failed,
    /// It ended without a word: killed, or the machine went down.
    Crashed,
}

impl Status {
    /// As it is written in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Done => "done",
            Status::Interrupted => "interrupted",
            Status::NonFinite => "non-finite",
            Status::Failed => "failed",
            Status::Crashed => "crashed",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let known = [Status::Done, Status::Interrupted, Status::NonFinite, Status::Failed];
        known.into_iter().find(|status| status.name() == name)
    }
}

/// The best result of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Best {
    /// The tag of the metric.
    pub tag: String,
    /// Its value; none if it was not finite.
    pub value: Option<f64>,
    /// The step of the evaluation.
    pub step: u64,
}

/// A run, as far as its folder can be read.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The experiment's name.
    pub experiment: String,
    /// The run's name.
    pub name: String,
    /// The sweep that it is a point of.
    pub sweep: Option<String>,
    /// The run folder.
    pub path: PathBuf,
    /// The folder of its checkpoints.
    pub checkpoints: PathBuf,
    /// How it stands.
    pub status: Status,
    /// Its seed.
    pub seed: Option<u64>,
    /// The settings that differ from the experiment's defaults.
    pub changed: Map<String, Value>,
    /// Steps done, as far as they were logged.
    pub steps: Option<u64>,
    /// The tags of its results.
    pub results: Vec<String>,
    /// Their last values.
    pub last: Map<String, Value>,
    /// The best result.
    pub best: Option<Best>,
    /// When it began, in UTC.
    pub started: Option<String>,
    /// Seconds that it took.
    pub seconds: Option<f64>,
    /// Bytes of the run folder and of the checkpoints.
    pub bytes: u64,
    /// What couldn't be read.
    pub problems: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    seed: Option<u64>,
    replicates: Option<u64>,
    checkpoints: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
struct Origin {
    started: Option<String>,
    folder: Option<PathBuf>,
    #[serde(default)]
    changed: Map<String, Value>,
    #[serde(default)]
    results: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Summary {
    status: Option<String>,
    steps: Option<u64>,
    wall_seconds: Option<f64>,
    #[serde(default)]
    metrics: Map<String, Value>,
    best: Option<Best>,
}

/// A JSON file of a run folder; nothing and a problem where it is damaged, nothing where it is not
/// there.
fn part<T: DeserializeOwned + Default>(
    folder: &Path,
    name: &str,
    needed: bool,
    problems: &mut Vec<String>,
) -> Option<T> {
    let path = folder.join(name);
    let read = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).context("damaged"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed => return None,
        Err(error) => Err(error.into()),
    };
    read.map_err(|error| problems.push(format!("{}: {}", path.display(), one_line(&error)))).ok()
}

impl Run {
    /// Reads a run folder `…/<experiment>/<name>`. None where it is not one.
    pub fn read(path: &Path, sweep: Option<&str>) -> Option<Self> {
        let known = ["config.json", "summary.json", "metrics.jsonl", ".lock"];
        known.iter().find(|name| path.join(name).exists())?;
        let mut problems = Vec::new();
        let running = folder::is_locked(path);
        let config: Config = part(path, "config.json", !running, &mut problems).unwrap_or_default();
        let origin: Origin =
            part(path, "provenance.json", !running, &mut problems).unwrap_or_default();
        let read: Option<Summary> = part(path, "summary.json", false, &mut problems);
        let status = status(path, running, read.as_ref());
        let summary = read.unwrap_or_default();
        let (experiment, own) =
            (path.parent().map(layout::name).unwrap_or_default(), layout::name(path));
        let home = origin.folder.clone().unwrap_or_default();
        let checkpoints = home.join(config.checkpoints.unwrap_or("checkpoints".into()));
        let checkpoints = checkpoints.join(&experiment).join(&own);
        let mut run = Self {
            bytes: size(path) + size(&checkpoints),
            experiment,
            name: own,
            sweep: sweep.map(str::to_string),
            path: path.into(),
            checkpoints,
            status,
            seed: config.seed,
            changed: origin.changed,
            steps: summary.steps,
            results: origin.results,
            last: summary.metrics,
            best: summary.best,
            started: origin.started,
            seconds: summary.wall_seconds,
            problems,
        };
        if run.results.is_empty() {
            run.results.extend(run.best.as_ref().map(|best| best.tag.clone()));
        }
        // A summary has the means of networks that were trained together, not each.
        if matches!(status, Status::Running | Status::Crashed) || config.replicates > Some(1) {
            run.follow_metrics();
        }
        let results = &run.results;
        run.last.retain(|tag, _| is_result(results, tag));
        Some(run)
    }

    /// The numbers of a run whose summary is not there, or is of an earlier process.
    fn follow_metrics(&mut self) {
        let path = self.path.join("metrics.jsonl");
        let Ok(lines) = tail(&path) else { return };
        for line in &lines {
            self.steps = line["step"].as_u64().or(self.steps);
            self.seconds = line["time"].as_f64().or(self.seconds);
            let values = line["values"].as_object().into_iter().flatten();
            for (tag, value) in values.filter(|(tag, _)| is_result(&self.results, tag)) {
                self.last.insert(tag.clone(), value.clone());
            }
        }
    }

    /// The tags of a result's values: its own, or one for each network that was trained with others.
    pub fn tags_of(&self, result: &str) -> Vec<String> {
        let each = (0..).map(|i| format!("{result}/r{i}"));
        let each: Vec<String> = each.take_while(|tag| self.last.contains_key(tag)).collect();
        if each.is_empty() { vec![result.into()] } else { each }
    }

    /// The first result and its last value.
    pub fn headline(&self) -> Option<(&str, f64)> {
        let tag = self.results.iter().find(|tag| self.last.contains_key(*tag))?;
        Some((tag, self.last[tag].as_f64().unwrap_or(f64::NAN)))
    }

    /// `<experiment>/<name>`, with the sweep before it where it is a point of one.
    pub fn id(&self) -> String {
        layout::id(&self.path, self.sweep.as_deref())
    }

    /// The settings that differ from the defaults, in one line.
    pub fn settings(&self) -> String {
        let shown = self.changed.iter().filter(|(key, _)| *key != "seed");
        let words: Vec<String> =
            shown.map(|(key, value)| format!("{key}={}", plain(value))).collect();
        words.join(" ")
    }
}

fn is_result(results: &[String], tag: &str) -> bool {
    let own =
        if is_replicate(tag) { tag.rsplit_once('/').map_or(tag, |(own, _)| own) } else { tag };
    results.iter().any(|result| result == own)
}

/// By the lock, the summary, and whether something was logged after it.
fn status(path: &Path, running: bool, summary: Option<&Summary>) -> Status {
    if running {
        return Status::Running;
    }
    let named = summary.and_then(|summary| Status::from_name(summary.status.as_deref()?));
    let modified = |name: &str| fs::metadata(path.join(name)).and_then(|file| file.modified()).ok();
    let later = match (modified("metrics.jsonl"), modified("summary.json")) {
        (Some(metrics), Some(summary)) => metrics > summary,
        _ => false,
    };
    named.filter(|_| !later).unwrap_or(Status::Crashed)
}

/// The whole lines at the end of a file of JSON lines.
fn tail(path: &Path) -> Result<Vec<Value>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let skipped = usize::from(from > 0);
    Ok(text.lines().skip(skipped).filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Bytes of the files in a folder and the folders in it.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let length = |entry: fs::DirEntry| match entry.metadata() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(file) => file.len(),
        Err(_) => 0,
    };
    entries.flatten().map(length).sum()
}
