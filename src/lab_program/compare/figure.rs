//! The curves of groups of runs in one figure.

use std::collections::BTreeMap;

use super::curves::{self, Curve, MeanCurve};
use super::groups::Group;
use crate::lab::error::one_line;
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::log::console::Console;
use crate::lab_program::find::run::Run;

/// Curves in one picture, beyond which they can't be told apart.
const MOST_CURVES: usize = 7;

/// A panel for each result: its curve over the steps, mean over the runs of a group, with a band of
/// one standard deviation. None where there is no curve. What can't be read of a log is said, and
/// left out.
pub fn curve_panels(title: &str, groups: &[Group], tags: &[String]) -> Option<Panels> {
    let shown = &groups[..groups.len().min(MOST_CURVES)];
    let mut panels = Vec::new();
    let mut read = Vec::new();
    for group in shown {
        let mut curves: BTreeMap<&String, Vec<Curve>> = BTreeMap::new();
        for run in group.runs.iter().filter(|run| run.path.join("metrics.jsonl").is_file()) {
            let results: Vec<(&String, Vec<String>)> =
                tags.iter().map(|tag| (tag, run.tags_of(tag))).collect();
            let all: Vec<String> = results.iter().flat_map(|(_, tags)| tags.clone()).collect();
            let mut found = known_curves(run, &all);
            for (tag, tags) in &results {
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
            let MeanCurve { steps, means, spreads } = curves::mean(curves);
            if steps.is_empty() {
                continue;
            }
            let edge = |sign: f64| means.iter().zip(&spreads).map(|(m, s)| m + sign * s).collect();
            let (low, high) = (edge(-1.0), edge(1.0));
            let line = Series { marker: steps.len() < 2, colour: Some(index), ..Series::default() };
            let line = Series { label: group.label(), x: steps, y: means, ..line };
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
    (!panels.is_empty()).then_some(Panels { title, subtitle, columns: 2, panels })
}

/// The curves of a run, as far as its log can be read.
fn known_curves(run: &Run, tags: &[String]) -> BTreeMap<String, Curve> {
    let console = Console::new(false, false);
    match curves::read(&run.path, tags) {
        Ok((curves, 0)) => curves,
        Ok((curves, damaged)) => {
            let path = run.path.join("metrics.jsonl");
            console.warn(&format!("{}: {damaged} damaged lines are left out", path.display()));
            curves
        }
        Err(error) => {
            console.warn(&one_line(&error));
            BTreeMap::new()
        }
    }
}
