//! Runs of `one_neuron` in a folder of their own, and what they logged.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::fs;

use neuron_lab::lab::run;
use neuron_lab::one_neuron::OneNeuron;
use serde_json::Value;

/// The lines of a run's `metrics.jsonl`.
pub struct Run {
    lines: Vec<Value>,
}

/// Runs the experiment with some arguments, separated by blanks, on one libtorch thread.
pub fn train(line: &str) -> Run {
    let memory = std::path::Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
    let home = tempfile::tempdir_in(parent).unwrap();
    let path = |name: &str| home.path().join(name).into_os_string();
    let mut arguments = vec!["one_neuron".into(), "--quiet".into(), "--name".into(), "a".into()];
    arguments.extend(["--runs".into(), path("runs"), "--checkpoints".into(), path("checkpoints")]);
    arguments.extend(line.split_whitespace().map(Into::into));
    run::<OneNeuron>(arguments).unwrap();
    let text = fs::read_to_string(home.path().join("runs/one_neuron/a/metrics.jsonl")).unwrap();
    Run { lines: text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() }
}

impl Run {
    /// Every logged value of a tag, with its step.
    pub fn history(&self, tag: &str) -> Vec<(u64, f64)> {
        let value = |line: &Value| Some((line["step"].as_u64()?, line["values"][tag].as_f64()?));
        self.lines.iter().filter_map(value).collect()
    }

    /// The last value of a tag.
    #[track_caller]
    pub fn last(&self, tag: &str) -> f64 {
        self.history(tag).last().unwrap_or_else(|| panic!("no {tag}")).1
    }

    /// The last values of a tag's replicates.
    pub fn each(&self, tag: &str) -> Vec<f64> {
        (0..).map_while(|r| Some(self.history(&format!("{tag}/r{r}")).last()?.1)).collect()
    }

    /// Record number `j`: with `--log-every` and `--record-every` both 100, each log entry has the
    /// record that was made last before it.
    #[track_caller]
    pub fn record(&self, tag: &str, j: u64) -> f64 {
        let history = self.history(tag);
        history.iter().find(|(step, _)| *step == 100 * (j + 1)).unwrap().1
    }
}

/// Asserts that a number is within `distance` of another.
#[track_caller]
pub fn close(what: &str, found: f64, expected: f64, distance: f64) {
    assert!((found - expected).abs() <= distance, "{what}: {found} is not {expected}");
}

/// Asserts that a number is in a range.
#[track_caller]
pub fn within(what: &str, found: f64, low: f64, high: f64) {
    assert!((low..=high).contains(&found), "{what}: {found} is not in [{low}, {high}]");
}
