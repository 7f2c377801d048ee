//! What a run of `apical_train` logged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A run, with the curves of its networks.
pub struct Run {
    /// Its settings.
    pub config: Value,
    /// By tag: steps and values, in order.
    curves: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Run {
    /// The run `runs/apical_train/docs-NAME`.
    pub fn docs(name: &str) -> Result<Self> {
        Self::read(&Path::new("runs/apical_train").join(format!("docs-{name}")))
    }

    /// The run in a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let summary: Value = serde_json::from_str(&read("summary.json")?)?;
        ensure!(summary["status"] == "done", "{} has not ended", folder.display());
        let config = serde_json::from_str(&read("config.json")?)?;
        let mut curves: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for line in read("metrics.jsonl")?.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let step = entry["step"].as_f64().context("a step")?;
            for (tag, value) in entry["values"].as_object().context("values")? {
                if let Some(value) = value.as_f64() {
                    curves.entry(tag.clone()).or_default().push((step, value));
                }
            }
        }
        Ok(Self { config, curves })
    }

    /// The learning rates of a flag.
    pub fn rates(&self, key: &str) -> Vec<f64> {
        self.config[key].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    /// Pairs of learning rates.
    pub fn pairs(&self) -> usize {
        self.rates("lr_a").len() * self.rates("lr_w").len()
    }

    /// Networks under each pair.
    pub fn seeds(&self) -> usize {
        self.config["replicates"].as_u64().unwrap_or(1) as usize
    }

    /// Training steps in the phases 1 of an epoch, of which an older run has one.
    fn steps_of_phases1(&self) -> f64 {
        let of = |key: &str| self.config[key].as_f64();
        of("steps_per_phase").unwrap_or(f64::NAN) * of("phase1_per_epoch").unwrap_or(1.0)
    }

    /// Training steps in an epoch.
    pub fn steps_per_epoch(&self) -> f64 {
        let of = |key: &str| self.config[key].as_f64().unwrap_or(f64::NAN);
        self.steps_of_phases1() + of("steps_per_phase") * of("phase2_per_phase1")
    }

    /// A curve of one network, until it explodes: steps and values.
    pub fn curve(&self, network: usize, what: &str) -> &[(f64, f64)] {
        let tag = match self.pairs() * self.seeds() {
            1 => what.to_string(),
            _ => format!("run{network}/{}", what.strip_prefix("eval/").unwrap_or(what)),
        };
        self.curves.get(&tag).map_or(&[], Vec::as_slice)
    }

    /// The part of a curve that is at the ends of epochs, after the last phase 2 of each.
    pub fn epochs(&self, network: usize, what: &str) -> Vec<(f64, f64)> {
        let each = self.curve(network, what).iter().copied();
        each.filter(|(step, _)| step % self.steps_per_epoch() == 0.0).collect()
    }

    /// The part of a curve that is at the ends of phases 1, of several in a row at that of the last.
    pub fn phases1(&self, network: usize, what: &str) -> Vec<(f64, f64)> {
        let each = self.curve(network, what).iter().copied();
        each.filter(|(step, _)| step % self.steps_per_epoch() == self.steps_of_phases1()).collect()
    }

    /// The last value of a curve of one network.
    pub fn last(&self, network: usize, what: &str) -> Option<f64> {
        self.curve(network, what).last().map(|(_, value)| *value)
    }

    /// The last value of a curve over all networks.
    pub fn last_mean(&self, tag: &str) -> Option<f64> {
        self.curves.get(tag)?.last().map(|(_, value)| *value)
    }
}
