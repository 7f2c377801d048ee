//! What one run folder says: status, settings, results, size.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{layout, tail};
use crate::lab::counts::counted;
use crate::lab::error::one_line;
use crate::lab::log::metrics::is_replicate;
use crate::lab::store::checkpoint::{Manifest, Score};
use crate::lab::store::folder;
use crate::lab::store::record::{
    Best, Configuration, EarlyStop, InitFrom, Labels, Provenance, RecordFile, Status, Summary,
};
use crate::lab_program::text::table::plain;

/// What the flag `--init-from` is called among settings; `config.json` does not have it.
const INIT_FROM: &str = "init_from";

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
    #[serde(serialize_with = "layout::serialize_path")]
    pub path: PathBuf,
    /// The folder of its checkpoints.
    #[serde(serialize_with = "layout::serialize_path")]
    pub checkpoints: PathBuf,
    /// How it stands.
    pub status: Status,
    /// Why it was stopped early, where it was.
    pub stopped: Option<EarlyStop>,
    /// Its seed.
    pub seed: Option<u64>,
    /// What people say of it.
    pub labels: Labels,
    /// The settings that differ from the experiment's defaults, and `init_from` where the run began
    /// with a model of another.
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

/// A file of the record; nothing and a problem where it is damaged, nothing where it is not there.
fn part<T: RecordFile>(folder: &Path, needed: bool, problems: &mut Vec<String>) -> Option<T> {
    if !needed && !folder.join(T::FILE).exists() {
        return None;
    }
    T::read(folder).map_err(|error| problems.push(one_line(&error))).ok()
}

impl Run {
    /// Reads a run folder `…/<experiment>/<name>`. None where it is not one.
    pub fn read(path: &Path, sweep: Option<&str>) -> Option<Self> {
        let known = ["config.json", "summary.json", "metrics.jsonl", ".lock"];
        known.iter().find(|name| path.join(name).exists())?;
        let mut problems = Vec::new();
        let locked = folder::is_locked(path);
        let config: Configuration = part(path, !locked, &mut problems).unwrap_or_default();
        let origin: Provenance = part(path, !locked, &mut problems).unwrap_or_default();
        let summary: Option<Summary> = part(path, false, &mut problems);
        let labels: Option<Labels> = part(path, false, &mut problems);
        let stopped: Option<EarlyStop> = part(path, false, &mut problems);
        let status = match status(path, locked, summary.as_ref()) {
            // Told to stop, and killed before it said so itself.
            Status::Interrupted | Status::Crashed if stopped.is_some() => Status::Stopped,
            status => status,
        };
        let (experiment, name) =
            (path.parent().map(layout::name).unwrap_or_default(), layout::name(path));
        let checkpoints = checkpoints(path, &config, origin.process.folder);
        let mut run = Self {
            bytes: size(path) + size(&checkpoints),
            experiment,
            name,
            sweep: sweep.map(str::to_string),
            path: path.into(),
            checkpoints,
            status,
            stopped: stopped.filter(|_| status == Status::Stopped),
            seed: config.seed(),
            labels: labels.unwrap_or_default(),
            changed: origin.changed.into_iter().chain(begun_with(origin.init_from)).collect(),
            steps: summary.as_ref().map(|summary| summary.steps),
            results: origin.results,
            best: summary.as_ref().and_then(|summary| summary.best.clone()),
            started: origin.process.started,
            seconds: summary.as_ref().map(|summary| summary.wall_seconds),
            last: summary.map(|summary| summary.metrics).unwrap_or_default(),
            problems,
        };
        if run.results.is_empty() {
            run.results.extend(run.best.as_ref().map(|best| best.tag.clone()));
        }
        // A summary has the means of networks that were trained together, not each.
        if !status.is_end() || config.replicates() > 1 {
            run.follow_metrics();
        }
        let results = &run.results;
        run.last.retain(|tag, _| is_result(results, tag));
        Some(run)
    }

    /// The numbers of a run whose summary is not there, or is of its beginning: the last of each.
    fn follow_metrics(&mut self) {
        let path = self.path.join("metrics.jsonl");
        let Ok(entries) = tail::entries(&path) else { return };
        let mut missing = self.results.clone();
        let (mut steps, mut seconds, mut last) = (None, None, Map::new());
        let mut damaged = 0;
        for entry in entries {
            let Some(entry) = entry else {
                damaged += 1;
                continue;
            };
            steps = steps.or(entry["step"].as_u64());
            seconds = seconds.or(entry["time"].as_f64());
            let values = entry["values"].as_object().into_iter().flatten();
            for (tag, value) in values.filter(|(tag, _)| is_result(&self.results, tag)) {
                last.entry(tag).or_insert(value.clone());
                missing.retain(|result| result != tag);
            }
            if missing.is_empty() {
                break;
            }
        }
        self.steps = steps.or(self.steps);
        self.seconds = seconds.or(self.seconds);
        self.last.extend(last);
        if damaged > 0 {
            let path = path.display();
            self.problems.push(format!("{path}: {} left out", counted(damaged, "damaged line")));
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

    /// The score of an evaluation of the run, which says by what its checkpoints are compared; none
    /// where it has no checkpoint with one.
    pub fn score(&self) -> Option<Score> {
        let manifests = Manifest::list(&self.checkpoints);
        manifests.iter().find_map(|path| Manifest::read(path).ok()?.score)
    }

    /// `<experiment>/<name>`, with the sweep before it where it is a point of one.
    pub fn id(&self) -> String {
        layout::id(&self.path, self.sweep.as_deref())
    }

    /// All of its settings, and `init_from` as in [`Run::changed`]; none where they can't be read.
    pub fn config(&self) -> Map<String, Value> {
        let mut config = Configuration::read(&self.path).unwrap_or_default().0;
        let init = self.changed.get(INIT_FROM);
        config.extend(init.map(|file| (INIT_FROM.into(), file.clone())));
        config
    }

    /// The settings that differ from the defaults, in one line.
    pub fn settings(&self) -> String {
        let shown = self.changed.iter().filter(|(key, _)| *key != "seed");
        let words: Vec<String> =
            shown.map(|(key, value)| format!("{key}={}", plain(value))).collect();
        words.join(" ")
    }
}

/// The model that a run began with, as if it were a setting: runs that began with others are no seeds
/// of one another.
fn begun_with(init: Option<InitFrom>) -> Option<(String, Value)> {
    init.map(|init| (INIT_FROM.into(), init.file.display().to_string().into()))
}

/// The folder of a run's checkpoints: beside the runs, which may have been moved or copied with it,
/// or else where the run was started.
fn checkpoints(path: &Path, config: &Configuration, started: Option<PathBuf>) -> PathBuf {
    let own: PathBuf =
        [path.parent(), Some(path)].into_iter().flatten().map(layout::name).collect();
    let runs = config.0.get("runs").and_then(Value::as_str).unwrap_or("runs");
    let whole = std::path::absolute(path).ok();
    let beside = whole.and_then(|whole| layout::start_of(&whole, &Path::new(runs).join(&own)));
    let inside = config.checkpoints().join(own);
    let started = started.unwrap_or_default().join(&inside);
    beside.map(|home| home.join(inside)).filter(|path| path.is_dir()).unwrap_or(started)
}

fn is_result(results: &[String], tag: &str) -> bool {
    let whole =
        if is_replicate(tag) { tag.rsplit_once('/').map_or(tag, |(whole, _)| whole) } else { tag };
    results.iter().any(|result| result == whole)
}

/// How a run stands, by its lock and its summary.
fn status(path: &Path, locked: bool, summary: Option<&Summary>) -> Status {
    let Some(summary) = summary.filter(|_| !locked) else {
        return if locked { Status::Running } else { Status::Crashed };
    };
    match summary.status {
        Status::Running | Status::Crashed => Status::Crashed,
        Status::Done
        | Status::Interrupted
        | Status::Stopped
        | Status::NonFinite
        | Status::Failed => {
            // A process that resumed a run did not always say so: then the log goes further than
            // the summary of the process before it.
            let silent = summary.process.is_none();
            let went_on = silent && last_step(path).is_some_and(|step| step > summary.steps);
            if went_on { Status::Crashed } else { summary.status }
        }
    }
}

/// The step of the last whole entry of `metrics.jsonl`.
fn last_step(path: &Path) -> Option<u64> {
    let mut entries = tail::entries(&path.join("metrics.jsonl")).ok()?;
    entries.find_map(|entry| entry?["step"].as_u64())
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
