//! The curves of groups of runs in one figure.

use super::grouped::{self, GroupCurves};
use super::groups::{Group, foremost};
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{LineFigure, Panels, Series};

/// Curves in one picture, beyond which they can't be told apart.
const MOST_CURVES: usize = 7;

/// The figure of [`curve_panels`], from the logs of the groups that it shows.
pub fn read_panels(title: &str, groups: &[Group], tags: &[String]) -> Option<Panels> {
    let shown = foremost(groups, MOST_CURVES);
    let read = |index: &usize| grouped::read(&groups[*index], tags, false);
    let read: Vec<GroupCurves> = shown.iter().map(read).collect();
    let shown: Vec<(usize, &GroupCurves)> = shown.into_iter().zip(&read).collect();
    curve_panels(title, groups, &shown, tags)
}

/// A panel for each result: its curve over the steps, mean over the runs of a group, with a band of
/// one standard deviation, for the first of the groups that are `shown`, by their numbers. None
/// where there is no curve.
pub fn curve_panels(
    title: &str,
    groups: &[Group],
    shown: &[(usize, &GroupCurves)],
    tags: &[String],
) -> Option<Panels> {
    let shown = &shown[..shown.len().min(MOST_CURVES)];
    let mut panels = Vec::new();
    for tag in tags {
        let mut series = Vec::new();
        for (colour, (index, curves)) in shown.iter().enumerate() {
            let Some(curve) = curves.results.get(tag).filter(|c| !c.mean.steps.is_empty()) else {
                continue;
            };
            let mean = &curve.mean;
            let edges = mean.means.iter().zip(&mean.spreads);
            let edge = |sign: f64| edges.clone().map(|(m, s)| m + sign * s).collect();
            let (low, high) = (edge(-1.0), edge(1.0));
            let line = Series {
                label: groups[*index].label(),
                x: mean.steps.clone(),
                y: mean.means.clone(),
                marker: mean.steps.len() < 2,
                colour: Some(colour),
                ..Series::default()
            };
            series.push(if curve.members.is_empty() { line } else { line.with_band(low, high) });
        }
        if !series.is_empty() {
            let (x_label, y_label) = ("step".into(), tag.clone());
            panels.push(LineFigure { x_label, y_label, series, ..Default::default() });
        }
    }
    let more = groups.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!("{} more in the table", counted(more, "setting"))
    } else {
        String::new()
    };
    let subtitle: Vec<String> =
        seeds(groups, tags).into_iter().chain(Some(more)).filter(|part| !part.is_empty()).collect();
    let (title, subtitle) = (title.to_string(), subtitle.join("; "));
    (!panels.is_empty()).then_some(Panels { title, subtitle, columns: 2, panels })
}

/// Of how many seeds the curves are a mean; nothing where each is of one.
pub fn seeds(groups: &[Group], tags: &[String]) -> Option<String> {
    let most = |group: &Group| tags.iter().map(|tag| group.values(tag).len()).max();
    let counts: Vec<usize> = groups.iter().filter_map(most).filter(|count| *count > 0).collect();
    let (least, most) = (*counts.iter().min()?, *counts.iter().max()?);
    match (least, most) {
        (_, 1) => None,
        (a, b) if a == b => Some(summary_of("mean and standard deviation", b, "seed")),
        (a, b) => Some(format!("mean and standard deviation over the seeds, {a} to {b} a setting")),
    }
}
