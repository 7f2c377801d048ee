//! Runs that differ only in their seed belong together: their mean and spread.

use serde_json::{Map, Value};

use crate::lab::log::console::printable;
use crate::lab::measured::{number, with_spread};
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::checkpoint::Score;
use crate::lab_program::find::run::Run;
use crate::lab_program::text::table::{Table, plain};

/// Runs of equal settings, but for the seed.
#[derive(Debug)]
pub struct Group {
    /// The settings in which the groups differ: empty where there is one group.
    pub settings: Map<String, Value>,
    /// The runs.
    pub runs: Vec<Run>,
}

impl Group {
    /// The settings in which the groups differ, in one line.
    pub fn label(&self) -> String {
        let words: Vec<String> =
            self.settings.iter().map(|(key, value)| format!("{key} {}", plain(value))).collect();
        printable(&words.join(", "))
    }

    /// The last values of a result, one a network that has it.
    pub fn values(&self, tag: &str) -> Vec<f64> {
        let of = |run: &Run| -> Vec<f64> {
            run.tags_of(tag).iter().filter_map(|tag| run.last.get(tag)?.as_f64()).collect()
        };
        self.runs.iter().flat_map(of).collect()
    }
}

/// Puts runs together that differ only in their seed; groups and the settings that set them apart
/// are in the order of their first run.
pub fn group_runs(runs: Vec<Run>) -> Vec<Group> {
    let mut keys: Vec<String> = Vec::new();
    for run in &runs {
        let swept = run.changed.keys().filter(|key| *key != "seed");
        let new: Vec<String> = swept.filter(|key| !keys.contains(key)).cloned().collect();
        keys.extend(new);
    }
    let configs: Vec<Map<String, Value>> = runs.iter().map(Run::config).collect();
    keys.retain(|key| configs.iter().any(|config| config.get(key) != configs[0].get(key)));
    let mut groups: Vec<Group> = Vec::new();
    for (run, config) in runs.into_iter().zip(configs) {
        let value = |key: &String| (key.clone(), config.get(key).cloned().unwrap_or_default());
        let settings: Map<String, Value> = keys.iter().map(value).collect();
        match groups.iter_mut().find(|group| group.settings == settings) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group { settings, runs: vec![run] }),
        }
    }
    groups
}

/// The numbers of the groups to show where there is room for so many: all where they fit, or else
/// the best by the result that their checkpoints are compared by, and the first where nothing says
/// which are. In the order of the groups.
pub fn foremost(groups: &[Group], most: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..groups.len()).collect();
    if groups.len() <= most {
        return numbers;
    }
    let score = groups.iter().flat_map(|group| &group.runs).find_map(Run::score);
    if let Some(Score { tag, higher_is_better, .. }) = score {
        let loss = |number: &usize| {
            let mean = mean_and_sd(&groups[*number].values(&tag)).0;
            let loss = if higher_is_better { -mean } else { mean };
            if loss.is_finite() { loss } else { f64::INFINITY }
        };
        numbers.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
    }
    numbers.truncate(most);
    numbers.sort_unstable();
    numbers
}

/// The results that any run has, in the experiment's order.
pub fn result_tags(groups: &[Group]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for run in groups.iter().flat_map(|group| &group.runs) {
        let new: Vec<String> = run
            .results
            .iter()
            .filter(|tag| run.last.contains_key(*tag) && !tags.contains(tag))
            .cloned()
            .collect();
        tags.extend(new);
    }
    tags
}

/// A row for each group: its settings, how many runs are done, mean and spread of each result.
pub fn groups_table(groups: &[Group], tags: &[String]) -> Table {
    let keys: Vec<&str> = groups
        .first()
        .map(|group| group.settings.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let header = keys.into_iter().chain(["runs done"]).chain(tags.iter().map(String::as_str));
    let mut table = Table::new(&header.collect::<Vec<_>>());
    for group in groups {
        let done = group.runs.iter().filter(|run| run.status.is_done()).count();
        let mut row: Vec<String> = group.settings.values().map(plain).collect();
        let stopped = group.runs.iter().filter(|run| run.stopped.is_some()).count();
        let stopped = if stopped > 0 { format!(", {stopped} stopped") } else { String::new() };
        row.push(format!("{done} of {}{stopped}", group.runs.len()));
        row.extend(tags.iter().map(|tag| spread(&group.values(tag))));
        table.rows.push(row);
    }
    table
}

/// Mean and standard deviation, or the one value.
pub fn spread(values: &[f64]) -> String {
    match values {
        [] => String::new(),
        [one] => number(*one),
        _ => {
            let (mean, sd) = mean_and_sd(values);
            with_spread(mean, sd)
        }
    }
}
