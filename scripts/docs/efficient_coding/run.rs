//! What a run of `efficient_coding` logged.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuron_lab::lab::figure::Series;
use serde_json::{Map, Value};

/// The folder of the runs.
pub const RUNS: &str = "runs/efficient_coding";

/// A run of several seeds, or of one.
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// What the page calls it.
    pub label: &'static str,
    /// The learning rate of the filters.
    pub lr: f64,
    /// What was logged after which step.
    entries: Vec<(u64, Map<String, Value>)>,
}

impl Run {
    /// The run `docs-NAME`; none where it isn't there or not at its end.
    pub fn docs(name: &str, label: &'static str) -> Result<Option<Self>> {
        Self::read(&Path::new(RUNS).join(format!("docs-{name}")), label)
    }

    /// The run in a folder; none where it isn't there or not at its end.
    pub fn read(folder: &Path, label: &'static str) -> Result<Option<Self>> {
        let Ok(summary) = fs::read_to_string(folder.join("summary.json")) else { return Ok(None) };
        let summary: Value = serde_json::from_str(&summary)?;
        if summary["status"] != "done" {
            return Ok(None);
        }
        let config: Value = serde_json::from_str(&fs::read_to_string(folder.join("config.json"))?)?;
        let lr = config["lr"].as_f64().context("lr")?;
        let text = fs::read_to_string(folder.join("metrics.jsonl"))?;
        let of_line = |line: &str| {
            let mut entry: Value = serde_json::from_str(line)?;
            let values = entry["values"].as_object_mut().map(std::mem::take);
            Ok((entry["step"].as_u64().context("step")?, values.unwrap_or_default()))
        };
        let entries = text.lines().map(of_line).collect::<Result<_>>()?;
        Ok(Some(Self { folder: folder.to_owned(), label, lr, entries }))
    }

    /// Every value of a tag with its step and its spread over seeds.
    pub fn points(&self, tag: &str) -> Vec<(u64, f64, f64)> {
        let value =
            |values: &Map<String, Value>, tag: &str| values.get(tag).and_then(Value::as_f64);
        let each = self.entries.iter().filter_map(|(step, values)| {
            let spread = value(values, &format!("{tag}/sd")).unwrap_or_default();
            Some((*step, value(values, tag)?, spread))
        });
        each.collect()
    }

    /// Steps that it has taken, up to its last evaluation.
    pub fn steps(&self) -> u64 {
        self.points("eval/KL").last().map_or(0, |(step, ..)| *step)
    }

    /// What `value` makes of every entry that has it.
    pub fn values(&self, value: impl Fn(&Map<String, Value>) -> Option<f64>) -> Vec<f64> {
        self.entries.iter().filter_map(|(_, values)| value(values)).collect()
    }

    /// The value of a tag after `share` of the steps, or the first, with its spread.
    pub fn at(&self, tag: &str, share: f64) -> (f64, f64) {
        let points = self.points(tag);
        let end = points.last().map_or(0, |(step, ..)| *step) as f64 * share;
        let found = points.iter().rfind(|(step, ..)| *step as f64 <= end + 0.5);
        let found = found.or_else(|| points.first());
        found.map_or((f64::NAN, f64::NAN), |(_, value, spread)| (*value, *spread))
    }

    /// The curve of a tag over what `x` makes of a step and its place among the values, with its spread
    /// over seeds.
    pub fn curve(&self, tag: &str, x: impl Fn(u64, usize) -> f64) -> Series {
        let points = self.points(tag);
        let over = points.iter().enumerate().map(|(place, (step, ..))| x(*step, place)).collect();
        let edge = |sign: f64| points.iter().map(|(_, y, sd)| y + sign * sd).collect();
        let y = points.iter().map(|(_, value, _)| *value).collect();
        Series::new(self.label, over, y).with_band(edge(-1.0), edge(1.0))
    }

    /// The mean of what `value` makes of the logged values over `parts` equal parts of the run, over the
    /// step at the end of each.
    pub fn means(
        &self,
        parts: usize,
        value: impl Fn(&Map<String, Value>) -> Option<f64>,
    ) -> Series {
        let each: Vec<(u64, f64)> = self
            .entries
            .iter()
            .filter_map(|(step, values)| Some((*step, value(values)?)))
            .collect();
        let of_part = |part: &[(u64, f64)]| {
            let sum: f64 = part.iter().map(|(_, value)| value).sum();
            (part[part.len() - 1].0 as f64, sum / part.len() as f64)
        };
        let (x, y) = each.chunks(each.len().div_ceil(parts).max(1)).map(of_part).unzip();
        Series::new(self.label, x, y)
    }
}
