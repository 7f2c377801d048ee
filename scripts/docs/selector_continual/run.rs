//! What a run found after each task, seed by seed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::Series;
use neuron_lab::lab::statistics::mean_and_sd;
use serde_json::Value;

pub const TASKS: usize = 5;
pub const AVERAGE: &str = "eval/average_accuracy";
pub const FORGETTING: &str = "eval/forgetting";
/// 97.5 % quantiles of Student's t, from 1 degree of freedom on.
const STUDENT: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/// What was found after every task: (task, tag) to one value a seed.
pub struct Run {
    values: BTreeMap<(usize, String), Vec<f64>>,
    pub finite: bool,
}

impl Run {
    /// A run that has ended, or none.
    pub fn read(name: &str) -> Result<Option<Self>> {
        let folder = Path::new("runs/selector_continual").join(format!("docs-{name}"));
        let Ok(summary) = fs::read_to_string(folder.join("summary.json")) else { return Ok(None) };
        let summary: Value = serde_json::from_str(&summary)?;
        if summary["status"] != "done" && summary["status"] != "non-finite" {
            return Ok(None);
        }
        let text = fs::read_to_string(folder.join("metrics.jsonl"))?;
        let mut values = BTreeMap::new();
        let mut task = 0;
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let map = entry["values"].as_object().context("no values")?;
            if !map.contains_key(AVERAGE) {
                continue;
            }
            task += 1;
            for tag in map.keys().filter_map(|key| key.strip_suffix("/r0")) {
                let each = (0..).map_while(|r| map.get(&format!("{tag}/r{r}"))?.as_f64());
                values.insert((task, tag.to_string()), each.map(|v| 100.0 * v).collect());
            }
        }
        Ok(Some(Self { values, finite: summary["status"] == "done" }))
    }

    /// The values of a tag after a task, in percent; empty where there are none.
    pub fn at(&self, task: usize, tag: &str) -> &[f64] {
        self.values.get(&(task, tag.to_string())).map(Vec::as_slice).unwrap_or_default()
    }

    /// The values of a tag at the end, in percent.
    pub fn end(&self, tag: &str) -> &[f64] {
        self.at(TASKS, tag)
    }

    /// Mean over the tasks of a tag of each, `<tag>/task<i>`, after the task that `after` says.
    pub fn mean(&self, tag: &str, after: impl Fn(usize) -> usize) -> Vec<f64> {
        let row = |task: usize| self.at(after(task), &format!("{tag}/task{task}"));
        let of = |seed: usize| (1..=TASKS).map(|task| row(task)[seed]).sum::<f64>() / TASKS as f64;
        (0..self.end(AVERAGE).len()).map(of).collect()
    }

    /// Mean accuracy of each seed on a task when it has just been learnt.
    pub fn when_learnt(&self) -> Vec<f64> {
        self.mean("eval/accuracy", |task| task)
    }

    /// Mean accuracy of each seed at the end on all tasks but the last.
    pub fn earlier(&self) -> Vec<f64> {
        let all = self.mean("eval/accuracy", |_| TASKS);
        let last = self.end(&format!("eval/accuracy/task{TASKS}"));
        let tasks = TASKS as f64;
        all.iter().zip(last).map(|(all, last)| (tasks * all - last) / (tasks - 1.0)).collect()
    }

    /// Mean and standard deviation of the final accuracy on each task.
    pub fn row(&self) -> String {
        let of = |task: usize| cell(self.end(&format!("eval/accuracy/task{task}")));
        (1..=TASKS).map(of).collect::<Vec<_>>().join(" | ")
    }
}

/// Mean and standard deviation.
pub fn cell(values: &[f64]) -> String {
    let (mean, sd) = mean_and_sd(values);
    if values.is_empty() { "-".into() } else { format!("{mean:.2} ± {sd:.2}") }
}

/// The mean of paired differences with its 95 % interval, and in how many seeds it is above 0.
pub fn difference(a: &[f64], b: &[f64]) -> Result<String> {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (mean, sd) = mean_and_sd(&differences);
    let seeds = differences.len();
    let quantile = STUDENT.get(seeds.wrapping_sub(2)).context("2 to 10 seeds")?;
    let half = quantile * sd / (seeds as f64).sqrt();
    let above = differences.iter().filter(|difference| **difference > 0.0).count();
    Ok(format!("{mean:.2} ± {half:.2}, above 0 in {above} of {seeds}"))
}

/// Means with a band of one standard deviation, over x.
pub fn curve<'a>(label: &str, points: impl Iterator<Item = (f64, &'a [f64])>) -> Series {
    let (mut x, mut y, mut low, mut high) = (vec![], vec![], vec![], vec![]);
    for (at, values) in points {
        let (mean, sd) = mean_and_sd(values);
        x.push(at);
        y.push(mean);
        low.push(mean - sd);
        high.push(mean + sd);
    }
    Series { marker: true, ..Series::new(label, x, y).with_band(low, high) }
}
