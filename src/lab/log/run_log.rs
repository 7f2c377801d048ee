//! Where a run writes its numbers and pictures: `metrics.jsonl`, TensorBoard events, `figures/`.
//!
//! A disk that is full or gone costs the log, never the run: the first failure is one warning, and
//! from then on the log is silent. What can't be encoded, such as a picture without a pixel, costs
//! itself alone: one warning for its tag, and the log goes on.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::metrics::{Reading, is_replicate};
use super::tensorboard::{Chart, EventWriter, Histogram};
use crate::lab::error::one_line;
use crate::lab::figure::{Drawing, RgbImage};
use crate::lab::store::NamedTensors;
use crate::lab::store::checkpoint::serialize;
use crate::lab::store::durable;

/// The open files of a run's log; or none, for an evaluation that writes nothing.
pub struct Log {
    files: Option<Files>,
    folder: PathBuf,
    failure: Option<String>,
    warnings: Vec<String>,
    /// Tags of what was left out.
    left_out: HashSet<String>,
    /// The last value of every tag.
    latest: Map<String, Value>,
    /// Every logged value by tag, as (step, value), for the figures at the end.
    history: Vec<(String, Vec<(u64, f64)>)>,
}

struct Files {
    events: EventWriter,
    lines: BufWriter<File>,
}

impl Log {
    /// A log that keeps values in memory only.
    pub fn silent() -> Self {
        Self {
            files: None,
            folder: PathBuf::new(),
            failure: None,
            warnings: Vec::new(),
            left_out: HashSet::new(),
            latest: Map::new(),
            history: Vec::new(),
        }
    }

    /// Opens the log of a run folder. `resumed_at` is the step of the checkpoint that the run
    /// continues from: what was logged after it is forgotten, since it will be logged again.
    pub fn open(folder: &Path, resumed_at: Option<u64>) -> Self {
        let mut log = Self::silent();
        log.folder = folder.into();
        match log.open_files(resumed_at) {
            Ok(files) => log.files = Some(files),
            Err(error) => log.fail(&error),
        }
        log
    }

    fn open_files(&mut self, resumed_at: Option<u64>) -> Result<Files> {
        let mut events = EventWriter::create(&self.folder).context("creating the event file")?;
        let path = self.folder.join("metrics.jsonl");
        let mut lines =
            File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        let kept = match resumed_at {
            Some(step) => self.recall(&lines, step)?,
            None => 0,
        };
        lines.set_len(kept)?;
        lines.seek(SeekFrom::End(0))?;
        // TensorBoard's loader in Python acts on the second start that it sees, not on the first.
        events.session_start(resumed_at.map_or(0, |step| step as i64 + 1))?;
        Ok(Files { events, lines: BufWriter::new(lines) })
    }

    /// Takes in the lines up to `step`, and says how many bytes they are. The first line that is
    /// later, or torn, ends them.
    fn recall(&mut self, lines: &File, step: u64) -> Result<u64> {
        let mut kept = 0;
        let mut reader = BufReader::new(lines);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let Ok(entry) = serde_json::from_slice::<Value>(&line) else { break };
            let Some(at) = entry["step"].as_u64().filter(|at| *at <= step) else { break };
            let values = entry["values"].as_object().into_iter().flatten();
            for (tag, value) in values.filter(|(tag, _)| !is_replicate(tag)) {
                self.remember(tag, at, value.as_f64().unwrap_or(f64::NAN));
            }
            kept += line.len() as u64;
            line.clear();
        }
        Ok(kept)
    }

    fn remember(&mut self, tag: &str, step: u64, value: f64) {
        self.latest.insert(tag.into(), json!(value));
        match self.history.iter_mut().find(|(known, _)| known == tag) {
            Some((_, points)) => points.push((step, value)),
            None => self.history.push((tag.into(), vec![(step, value)])),
        }
    }

    /// Writes the values of one step: to TensorBoard their mean over replicates, and to
    /// `<tag>/sd` their standard deviation; to `metrics.jsonl` also each as `<tag>/r<i>`.
    ///
    /// - time: seconds since the run began
    pub fn scalars(&mut self, step: u64, time: f64, readings: &[Reading]) {
        let mut values = Map::new();
        let mut written = Vec::new();
        for (tag, value) in readings.iter().flat_map(Reading::tagged) {
            values.insert(tag.clone(), json!(value));
            if !is_replicate(&tag) {
                self.remember(&tag, step, value);
                written.push((tag, value));
            }
        }
        values.sort_keys();
        let line = json!({ "step": step, "time": time, "values": values }).to_string();
        self.attempt(|files| {
            writeln!(files.lines, "{line}")?;
            for (tag, value) in &written {
                files.events.scalar(tag, step as i64, *value)?;
            }
            Ok(())
        });
    }

    /// Writes a histogram of the finite ones among some values.
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) {
        self.entry(tag, |events| {
            Ok(events.histogram(tag, step as i64, &Histogram::from_values(values))?)
        });
    }

    /// Writes a picture to TensorBoard and to `figures/<name>.png`, with the numbers behind it in
    /// `figures/<name>.csv`. Where one of the three can't be written, the others still are.
    pub fn figure(&mut self, name: &str, step: u64, image: &RgbImage, csv: &str) {
        let path = self.folder.join("figures").join(name);
        let tag = format!("figures/{name}");
        self.entry(&tag, |events| {
            let numbers = write_whole(&path.with_extension("csv"), csv.as_bytes());
            let png = image.to_png()?;
            let picture = write_whole(&path.with_extension("png"), &png);
            events.png(&tag, step as i64, (image.width, image.height), &png)?;
            numbers.and(picture)
        });
    }

    /// Draws a figure and writes it as [`Log::figure`] does. One that can't be drawn is left out.
    pub fn draw(&mut self, name: &str, step: u64, figure: &dyn Drawing) {
        match figure.draw() {
            Ok(image) => self.figure(name, step, &image, &figure.numbers()),
            Err(error) => self.leave_out(&format!("figures/{name}"), &error),
        }
    }

    /// Writes tensors to `figures/<name>.safetensors`.
    pub fn tensors(&mut self, name: &str, tensors: &NamedTensors) {
        let path = self.folder.join("figures").join(name).with_extension("safetensors");
        self.entry(&format!("figures/{name}"), |_| durable::write(&path, &serialize(tensors)?));
    }

    /// Writes a matrix as a picture to TensorBoard alone.
    pub fn image(&mut self, tag: &str, step: u64, image: &RgbImage) {
        self.entry(tag, |events| Ok(events.image(tag, step as i64, image)?));
    }

    /// Writes text in Markdown to TensorBoard.
    pub fn text(&mut self, tag: &str, step: u64, markdown: &str) {
        self.entry(tag, |events| Ok(events.text(tag, step as i64, markdown)?));
    }

    /// Writes the configuration as hyper-parameters, with the tags of the metrics to compare.
    pub fn hparams(&mut self, config: &Map<String, Value>, metric_tags: &[&str]) {
        self.entry("the hyper-parameters", |events| Ok(events.hparams_start(config, metric_tags)?));
    }

    /// Explains the tags that are written from now on in TensorBoard.
    pub fn explain(&mut self, patterns: &'static [(&'static str, &'static str)]) {
        if let Some(files) = &mut self.files {
            files.events.explain(patterns);
        }
    }

    /// Writes the layout of TensorBoard's custom scalars.
    pub fn charts(&mut self, charts: &[Chart]) {
        self.entry("the layout of charts", |events| Ok(events.custom_scalars(charts)?));
    }

    /// Hands what is buffered to the operating system.
    pub fn flush(&mut self) {
        self.attempt(|files| {
            files.lines.flush()?;
            Ok(files.events.flush()?)
        });
    }

    /// Ends the event file, everything on the disk: whether the run ended well, or none if it is to
    /// be resumed, since TensorBoard keeps the first end that it reads.
    pub fn close(&mut self, success: Option<bool>) {
        self.attempt(|files| {
            if let Some(success) = success {
                files.events.hparams_end(success)?;
            }
            files.events.sync()?;
            files.lines.flush()?;
            Ok(files.lines.get_ref().sync_data()?)
        });
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

    /// Why the log is incomplete, if it is.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What was left out since the last call, and, once, that nothing is logged any more.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Writes an entry that the log can do without: what can't be encoded, or a file of its own that
    /// can't be written, costs itself, and only an event file that takes no more ends the log.
    fn entry(&mut self, tag: &str, work: impl FnOnce(&mut EventWriter) -> Result<()>) {
        let Some(files) = &mut self.files else { return };
        let Err(error) = work(&mut files.events) else { return };
        if files.events.is_intact() {
            self.leave_out(tag, &error);
        } else {
            self.fail(&error);
        }
    }

    fn leave_out(&mut self, tag: &str, error: &anyhow::Error) {
        if !self.left_out.insert(tag.into()) {
            return;
        }
        let missing = format!("{tag} is not in the log: {}", one_line(error));
        self.warnings.push(format!("{missing}; the run goes on"));
        self.failure.get_or_insert(missing);
    }

    fn attempt(&mut self, work: impl FnOnce(&mut Files) -> Result<()>) {
        if let Some(files) = &mut self.files
            && let Err(error) = work(files)
        {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        let failure = format!("writing the log in {}: {}", self.folder.display(), one_line(error));
        self.warnings.push(format!("{failure}; the run goes on without a log"));
        self.failure = Some(failure);
        self.files = None;
    }
}

/// Writes a file, of which nothing is left where it can't be written to its end.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = fs::write(path, bytes);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests;
