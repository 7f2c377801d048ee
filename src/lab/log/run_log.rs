//! Where a run writes its numbers and pictures: `metrics.jsonl`, TensorBoard events, `figures/`.
//!
//! A disk that is full or gone never costs the run: the first failure is one warning, and the numbers
//! wait until the disk takes them, which every log entry tries anew. What can't be encoded, such as a
//! picture without a pixel, costs itself alone: one warning for its tag, and the log goes on.

mod board;
mod disk;
mod figures;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::metrics::{Reading, is_replicate};
use super::recall::{Entry, leave_damage_out, recall, set_aside};
use super::tags::edges;
use super::tensorboard::EventWriter;
use super::whole_lines::WholeLines;
use crate::lab::counts::counted;
use crate::lab::figure::{Format, Series};
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::regular;
use crate::lab::train::signals::StopSignal;

/// Most bytes of `metrics.jsonl` that wait for a disk that takes nothing.
const MOST_WAITING: usize = 64 << 20;

/// A run's log; or a silent one, for an evaluation that writes nothing.
pub struct Log {
    silent: bool,
    /// None where they could not be opened yet.
    files: Option<Files>,
    folder: PathBuf,
    resumed_at: Option<u64>,
    /// Lines that are not in `metrics.jsonl` yet.
    lines: Vec<u8>,
    /// The same numbers, as far as they are not in the event file yet.
    points: Vec<Points>,
    /// Tags that a chart shows with a band around them.
    banded: HashSet<String>,
    /// Explanations of tags.
    meanings: &'static [(&'static str, &'static str)],
    /// The signal after which nothing is drawn.
    stop: StopSignal,
    /// The formats of figures.
    formats: Vec<Format>,
    /// Whether nothing goes to TensorBoard besides numbers.
    muted: bool,
    /// Why the disk takes nothing now.
    failure: Option<String>,
    /// Whether a failure of the disk has been said.
    warned: bool,
    warnings: Vec<String>,
    /// The figures that an earlier process drew at the step that the run goes on from; none until
    /// that is asked.
    pictured: Option<HashSet<String>>,
    /// What was left out and why, by its tag.
    left_out: BTreeMap<String, String>,
    /// The last value of every tag.
    latest: Map<String, Value>,
    /// Every logged value by tag, as (step, value), for the figures at the end.
    history: Vec<(String, Vec<(u64, f64)>)>,
}

struct Files {
    events: EventWriter,
    lines: WholeLines,
}

/// The numbers of one log entry, by tag.
struct Points {
    step: u64,
    values: Vec<(String, f64)>,
}

impl Log {
    /// A log that keeps values in memory only.
    pub fn silent() -> Self {
        Self {
            silent: true,
            files: None,
            folder: PathBuf::new(),
            resumed_at: None,
            lines: Vec::new(),
            points: Vec::new(),
            banded: HashSet::new(),
            meanings: &[],
            stop: StopSignal::default(),
            formats: vec![Format::Png],
            muted: false,
            failure: None,
            warned: false,
            warnings: Vec::new(),
            pictured: None,
            left_out: BTreeMap::new(),
            latest: Map::new(),
            history: Vec::new(),
        }
    }

    /// Opens the log of a run folder. `resumed_at` is the step of the checkpoint that the run
    /// continues from: what was logged after it is forgotten, since it will be logged again.
    pub fn open(folder: &Path, resumed_at: Option<u64>) -> Self {
        let folder = folder.into();
        let mut log = Self { silent: false, folder, resumed_at, ..Self::silent() };
        if let Err(error) = log.open_again() {
            log.fail(&error);
        }
        log
    }

    fn open_files(&mut self, resumed_at: Option<u64>) -> Result<Files> {
        if resumed_at.is_none()
            && let Some(kept) = set_aside(&self.folder)?
        {
            let (folder, kept) = (self.folder.display(), kept.display());
            self.warnings.push(format!("{folder} begins again: its log so far is kept as {kept}"));
        }
        let path = self.folder.join("metrics.jsonl");
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        regular::open_with(&path, &mut options)?;
        let kept = match resumed_at {
            Some(step) => self.recall(&path, step)?,
            None => 0,
        };
        let lines = WholeLines::new(regular::open_with(&path, &mut options)?, kept)?;
        let mut events = EventWriter::create(&self.folder).context("creating the event file")?;
        // TensorBoard's loader in Python acts on the second start that it sees, not on the first.
        events.session_start(resumed_at.map_or(0, |step| step as i64 + 1))?;
        events.explain(self.meanings);
        Ok(Files { events, lines })
    }

    /// Takes in the lines of `metrics.jsonl` up to `step`, and says how many bytes they are. What is
    /// damaged is left out, and kept beside.
    fn recall(&mut self, path: &Path, step: u64) -> Result<u64> {
        let recalled = recall(regular::open(path)?, step, |Entry { step, values }| {
            for (tag, value) in values.iter().filter(|(tag, _)| !is_replicate(tag)) {
                self.remember(tag, *step, value.as_f64().unwrap_or(f64::NAN));
            }
        })?;
        if recalled.damaged > 0 {
            let kept = leave_damage_out(path, &recalled)?;
            let (count, path, kept) = (recalled.damaged, path.display(), kept.display());
            let what = format!("{path}: {} left out", counted(count, "damaged line"));
            self.warnings.push(format!("{what}: the damaged file is kept as {kept}"));
        }
        Ok(recalled.length())
    }

    fn remember(&mut self, tag: &str, step: u64, value: f64) {
        // JSON has no infinity: a figure shows the same whether its run was resumed or not.
        let value = if value.is_finite() { value } else { f64::NAN };
        self.latest.insert(tag.into(), json!(value));
        match self.history.iter_mut().find(|(known, _)| known == tag) {
            Some((_, points)) => points.push((step, value)),
            None => self.history.push((tag.into(), vec![(step, value)])),
        }
    }

    /// Logs the values of one step: in TensorBoard their mean over replicates, as `<tag>/sd` their
    /// standard deviation, and the edges of the band that a chart shows; in `metrics.jsonl` no edges,
    /// but also each as `<tag>/r<i>`. [`Log::flush`] writes them.
    ///
    /// - time: seconds since the run began
    pub fn scalars(&mut self, step: u64, time: f64, readings: &[Reading]) {
        let mut values = Map::new();
        let mut points = Vec::new();
        for (tag, value) in readings.iter().flat_map(Reading::tagged) {
            values.insert(tag.clone(), json!(value));
            if !is_replicate(&tag) {
                self.remember(&tag, step, value);
                points.push((tag, value));
            }
        }
        values.sort_keys();
        if self.silent {
            return;
        }
        for reading in readings.iter().filter(|reading| self.banded.contains(&reading.tag)) {
            let (mean, sd) = mean_and_sd(&reading.values);
            points.extend(edges(&reading.tag).into_iter().zip([mean - sd, mean + sd]));
        }
        if self.lines.len() > MOST_WAITING {
            let full = anyhow::anyhow!("more than {} MiB wait for the disk", MOST_WAITING >> 20);
            self.leave_out("metrics.jsonl", &full);
            return;
        }
        let line = json!({ "step": step, "time": time, "values": values }).to_string();
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
        self.points.push(Points { step, values: points });
    }

    /// Explains the tags that are written from now on in TensorBoard.
    pub fn explain(&mut self, patterns: &'static [(&'static str, &'static str)]) {
        self.meanings = patterns;
        if let Some(files) = &mut self.files {
            files.events.explain(patterns);
        }
    }

    /// The last value of every tag.
    pub fn latest(&self) -> &Map<String, Value> {
        &self.latest
    }

    /// Every logged value of a tag, as (step, value).
    pub fn history(&self, tag: &str) -> &[(u64, f64)] {
        let known = self.history.iter().find(|(known, _)| known == tag);
        known.map(|(_, points)| points.as_slice()).unwrap_or_default()
    }

    /// The curve of a tag over steps, with a band of one standard deviation where the tag has one, as
    /// that of several replicates does.
    pub fn curve(&self, tag: &str, label: &str) -> Series {
        let numbers = |tag: &str| self.history(tag).iter().map(|(_, value)| *value).collect();
        let x = self.history(tag).iter().map(|(step, _)| *step as f64).collect();
        let (y, sd): (Vec<f64>, Vec<f64>) = (numbers(tag), numbers(&format!("{tag}/sd")));
        let edge = |sign: f64| y.iter().zip(&sd).map(|(y, sd)| y + sign * sd).collect();
        let (low, high) = (edge(-1.0), edge(1.0));
        let banded = !y.is_empty() && sd.len() == y.len();
        let series = Series::new(label, x, y);
        if banded { series.with_band(low, high) } else { series }
    }

    /// Why the log is incomplete, if it is.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().or(self.left_out.values().next()).map(String::as_str)
    }

    /// What was left out since the last call, and, once, that the disk takes nothing.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }
}

#[cfg(test)]
mod tests;
