//! What a run logged.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuron_lab::lab::figure::Series;
use neuron_lab::lab::statistics::mean_and_sd;
use serde_json::Value;

/// The most seeds of a row.
const SEEDS: u64 = 100;

pub struct Run {
    entries: Vec<Value>,
    pub summary: Value,
}

pub fn folder(name: &str) -> PathBuf {
    Path::new("runs/selector_transformer").join(format!("docs-{name}"))
}

impl Run {
    /// The run of this name; none where it was not made, or has not ended.
    pub fn read(name: &str) -> Result<Option<Self>> {
        let path = folder(name);
        let Ok(summary) = fs::read(path.join("summary.json")) else { return Ok(None) };
        let summary: Value = serde_json::from_slice(&summary)?;
        if summary["status"] != "done" {
            return Ok(None);
        }
        let text = fs::read_to_string(path.join("metrics.jsonl"))?;
        let entries = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Some(Self { entries, summary }))
    }

    /// The runs of this name with the seeds 0, 1, ...: `<name>-s0`, `<name>-s1`, ...
    pub fn seeds(name: &str) -> Result<Vec<Self>> {
        let runs = (0..SEEDS).map(|seed| Self::read(&format!("{name}-s{seed}")));
        runs.take_while(|run| !matches!(run, Ok(None))).filter_map(Result::transpose).collect()
    }

    /// Every value of a tag, with its step.
    pub fn history(&self, tag: &str) -> Vec<(f64, f64)> {
        let point = |entry: &Value| Some((entry["step"].as_f64()?, entry["values"][tag].as_f64()?));
        self.entries.iter().filter_map(point).collect()
    }

    pub fn last(&self, tag: &str) -> Result<f64> {
        self.summary["metrics"][tag].as_f64().with_context(|| format!("no {tag}"))
    }

    pub fn steps(&self) -> f64 {
        self.summary["steps"].as_f64().unwrap_or(f64::NAN)
    }

    /// Mean training loss from after one step to another: log entries are at equal distances.
    pub fn loss(&self, after: f64, to: f64) -> f64 {
        let within = |(step, _): &(f64, f64)| *step > after && *step <= to;
        let losses: Vec<f64> =
            self.history("train/loss").into_iter().filter(within).map(|(_, loss)| loss).collect();
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    /// The gradient of a layer at the last evaluation, mean over its computation neurons.
    pub fn gradient(&self, layer: &str) -> f64 {
        let tag = format!("gradient/{layer}");
        let metrics = self.summary["metrics"].as_object().into_iter().flatten();
        let values: Vec<f64> = metrics
            .filter(|(key, _)| key.rsplit_once('/').is_some_and(|(head, _)| head == tag))
            .filter_map(|(_, value)| value.as_f64())
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// A tag's value at a step.
    pub fn at(&self, tag: &str, step: f64) -> f64 {
        let found = self.history(tag).into_iter().find(|(at, _)| *at == step);
        found.map_or(f64::NAN, |(_, value)| value)
    }
}

/// The training loss in so many equal parts of the steps up to `to`, mean over the seeds with a band
/// of one standard deviation.
pub fn curve(runs: &[Run], label: &str, to: f64, parts: u32) -> Series {
    let (mut x, mut y, mut low, mut high) = (vec![], vec![], vec![], vec![]);
    for part in 0..parts {
        let edge = |part: u32| to * f64::from(part) / f64::from(parts);
        let each: Vec<f64> = runs.iter().map(|run| run.loss(edge(part), edge(part + 1))).collect();
        let (mean, sd) = mean_and_sd(&each);
        x.push(f64::midpoint(edge(part), edge(part + 1)));
        y.push(mean);
        low.push(mean - sd);
        high.push(mean + sd);
    }
    let series = Series::new(label, x, y);
    if runs.len() > 1 { series.with_band(low, high) } else { series }
}
