//! Runs that differ only in their seed belong together: their mean and spread.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value};

use super::curves::{self, Curve};
use super::record::{Run, Status};
use super::table::{Table, number, plain};
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::folder;

/// Curves in one picture, beyond which they can't be told apart.
const MOST_CURVES: usize = 7;

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
        words.join(", ")
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
pub fn of(runs: Vec<Run>) -> Vec<Group> {
    let mut keys: Vec<String> = Vec::new();
    for run in &runs {
        let own = run.changed.keys().filter(|key| *key != "seed");
        let new: Vec<String> = own.filter(|key| !keys.contains(key)).cloned().collect();
        keys.extend(new);
    }
    let configs: Vec<Map<String, Value>> =
        runs.iter().map(|run| folder::read_config(&run.path).unwrap_or_default()).collect();
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

/// The results that any run has, in the experiment's order.
pub fn tags(groups: &[Group]) -> Vec<String> {
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
pub fn table(groups: &[Group], tags: &[String]) -> Table {
    let keys: Vec<&str> = groups
        .first()
        .map(|group| group.settings.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let header = keys.into_iter().chain(["runs done"]).chain(tags.iter().map(String::as_str));
    let mut table = Table::new(&header.collect::<Vec<_>>());
    for group in groups {
        let done = group.runs.iter().filter(|run| run.status == Status::Done).count();
        let mut row: Vec<String> = group.settings.values().map(plain).collect();
        row.push(format!("{done} of {}", group.runs.len()));
        row.extend(tags.iter().map(|tag| spread(&group.values(tag))));
        table.rows.push(row);
    }
    table
}

/// Mean and standard deviation, or the one value.
fn spread(values: &[f64]) -> String {
    match values {
        [] => String::new(),
        [one] => number(*one),
        _ => {
            let (mean, sd) = mean_and_sd(values);
            format!("{} ± {}", number(mean), number(sd))
        }
    }
}

/// A panel for each result: its curve over the steps, mean over the runs of a group, with a band of
/// one standard deviation. None where there is no curve.
///
/// # Errors
/// Where a log can't be read.
pub fn figure(title: &str, groups: &[Group], tags: &[String]) -> Result<Option<Panels>> {
    let shown = &groups[..groups.len().min(MOST_CURVES)];
    let mut panels = Vec::new();
    let mut read = Vec::new();
    for group in shown {
        let mut curves: BTreeMap<&String, Vec<Curve>> = BTreeMap::new();
        for run in group.runs.iter().filter(|run| run.path.join("metrics.jsonl").is_file()) {
            let own: Vec<(&String, Vec<String>)> =
                tags.iter().map(|tag| (tag, run.tags_of(tag))).collect();
            let all: Vec<String> = own.iter().flat_map(|(_, tags)| tags.clone()).collect();
            let mut found = curves::read(&run.path, &all)?;
            for (tag, tags) in &own {
                let known = tags.iter().filter_map(|tag| found.remove(tag));
                curves.entry(*tag).or_default().extend(known);
            }
        }
        read.push(curves);
    }
    for tag in tags {
        let mut series = Vec::new();
        for (index, (group, curves)) in shown.iter().zip(&read).enumerate() {
            let Some(curves) = curves.get(tag) else { continue };
            let (x, mean, sd) = curves::mean(curves);
            if x.is_empty() {
                continue;
            }
            let edge = |sign: f64| mean.iter().zip(&sd).map(|(m, s)| m + sign * s).collect();
            let (low, high) = (edge(-1.0), edge(1.0));
            let line = Series { marker: x.len() < 2, colour: Some(index), ..Series::default() };
            let line = Series { label: group.label(), x, y: mean, ..line };
            series.push(if curves.len() > 1 { line.with_band(low, high) } else { line });
        }
        if !series.is_empty() {
            let (x_label, y_label) = ("step".into(), tag.clone());
            panels.push(LineFigure { x_label, y_label, series, ..Default::default() });
        }
    }
    let most = tags.iter().flat_map(|tag| groups.iter().map(|group| group.values(tag).len()));
    let most = most.max().unwrap_or(0);
    let seeds = if most > 1 {
        format!("mean and standard deviation of {most} seeds")
    } else {
        String::new()
    };
    let more = groups.len().saturating_sub(shown.len());
    let more =
        if more > 0 { format!("; {more} more settings are in the table") } else { String::new() };
    let subtitle = format!("{seeds}{more}").trim_start_matches("; ").to_string();
    let title = title.to_string();
    Ok((!panels.is_empty()).then_some(Panels { title, subtitle, columns: 2, panels }))
}
