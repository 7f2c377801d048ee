//! The runs of one experiment on the same data, side by side.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::chart::{Chart, Curve};
use super::document::{Block, Grid, Mark, Picture, Section};
use super::markdown::link;
use crate::lab::figure::{Format, files};
use crate::lab::store::regular;
use crate::lab_program::compare::curves;
use crate::lab_program::compare::figure::{curve_panels, seeds};
use crate::lab_program::compare::grouped::{self, GroupCurves};
use crate::lab_program::compare::groups::{Group, foremost, group_runs, groups_table, result_tags};
use crate::lab_program::find::run::Run;

/// Colours of curves; the page's style has as many.
const COLOURS: usize = 8;

/// Points along the axis of all curves of a chart together, and the least and most of one.
const COLUMNS: usize = 4000;
const LEAST_COLUMNS: usize = 24;
const MOST_COLUMNS: usize = 400;

/// Runs of which what the machine says is shown, the newest of each group first.
const MACHINES: usize = 24;

/// Networks of a group beyond which they are not named one by one.
const MOST_MEMBERS: usize = 16;

/// The part of a report on the runs of one experiment on the same data. Its figures as pictures, and
/// the numbers behind them, go into the folder `assets` under a name.
///
/// # Errors
/// Where they can't be written.
pub fn section(title: &str, id: &str, runs: Vec<Run>, assets: (&Path, &str)) -> Result<Section> {
    let mut blocks = vec![Block::Paragraph(standing(&runs))];
    let comparison = Comparison::of(runs);
    blocks.push(Block::Grid(comparison.table()));
    if let Some(seeds) = seeds(&comparison.groups, &comparison.tags) {
        blocks.push(Block::Paragraph(format!("Curves: {seeds}.")));
    }
    blocks.extend(comparison.legend());
    blocks.extend(comparison.charts());
    blocks.extend(comparison.still(title, assets)?);
    let sections = comparison.machine(&format!("{id}-machine")).into_iter().collect();
    let (id, title) = (id.into(), title.into());
    Ok(Section { id, title, folded: false, blocks, sections })
}

/// Groups of runs with what their logs say.
struct Comparison {
    groups: Vec<Group>,
    /// What the curve of each group is called.
    names: Vec<String>,
    /// The results.
    tags: Vec<String>,
    /// The numbers of the groups that have colours, in the order of these.
    coloured: Vec<usize>,
    read: Vec<GroupCurves>,
    /// Columns that a curve is thinned to.
    columns: usize,
}

impl Comparison {
    fn of(runs: Vec<Run>) -> Self {
        let groups = group_runs(runs);
        let tags = result_tags(&groups);
        let coloured = foremost(&groups, COLOURS);
        let columns = (COLUMNS / groups.len().max(1)).clamp(LEAST_COLUMNS, MOST_COLUMNS);
        let mut read = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let mut curves = grouped::read(group, &tags, true);
            if !coloured.contains(&index) {
                // Many of them, of which each is a thin line.
                curves.results.values_mut().for_each(|curve| *curve = curve.thinned(columns));
            }
            read.push(curves);
        }
        let names = groups.iter().map(name).collect();
        Self { groups, names, tags, coloured, read, columns }
    }

    fn colour(&self, index: usize) -> Option<usize> {
        self.coloured.iter().position(|known| *known == index)
    }

    /// The settings that differ and the results, a row for each group.
    fn table(&self) -> Grid {
        let marks = (0..self.groups.len()).map(|index| Mark::Colour(self.colour(index))).collect();
        let name = "settings that differ, and results".into();
        Grid { name, table: groups_table(&self.groups, &self.tags), marks }
    }

    /// What the colours are, where there is more than one curve.
    fn legend(&self) -> Option<Block> {
        if self.names.len() < 2 {
            return None;
        }
        let entries = self.coloured.iter().enumerate();
        let mut entries: Vec<(Option<usize>, String)> =
            entries.map(|(colour, index)| (Some(colour), self.names[*index].clone())).collect();
        let others = self.names.len() - self.coloured.len();
        if others > 0 {
            entries.push((None, format!("{others} others")));
        }
        Some(Block::Legend(entries))
    }

    /// A chart for each result that has a curve.
    fn charts(&self) -> Option<Block> {
        let chart = |tag: &String| {
            let curves = (0..self.groups.len()).filter_map(|index| self.curve(index, tag));
            Chart { title: tag.clone(), curves: curves.collect() }
        };
        let charts = self.tags.iter().map(chart).filter(|chart| !chart.curves.is_empty());
        let charts: Vec<Chart> = charts.collect();
        (!charts.is_empty()).then_some(Block::Charts(charts))
    }

    /// A group's curve of a result.
    fn curve(&self, index: usize, tag: &str) -> Option<Curve> {
        let curve = self.read[index].results.get(tag)?.thinned(self.columns);
        let few = curve.members.len() <= MOST_MEMBERS;
        let spread = if curve.members.is_empty() { Vec::new() } else { curve.mean.spreads };
        let members = curve.members.into_iter().filter(|_| few);
        let members = members.map(|member| (member.name, member.values)).collect();
        let (name, colour) = (self.names[index].clone(), self.colour(index));
        let (x, y) = (curve.mean.steps, curve.mean.means);
        (!x.is_empty()).then_some(Curve { name, colour, x, y, spread, members })
    }

    /// The curves as a picture, which is written with its numbers.
    fn still(&self, title: &str, (folder, stem): (&Path, &str)) -> Result<Option<Block>> {
        let shown: Vec<(usize, &GroupCurves)> =
            self.coloured.iter().map(|index| (*index, &self.read[*index])).collect();
        let Some(panels) = curve_panels(title, &self.groups, &shown, &self.tags) else {
            return Ok(None);
        };
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        files::write(folder, stem, &panels, &panels.to_csv(), &[Format::Png])?;
        let path = files::path(folder, stem, Format::Png.extension());
        let png = regular::read(&path)?;
        let (name, link) = ("results over the steps".into(), link(&path));
        Ok(Some(Block::Still(Picture { name, link, png, svg: None })))
    }

    /// What the machine says of the runs, closed until it is asked for.
    fn machine(&self, id: &str) -> Option<Section> {
        let mut runs: Vec<_> = (0..self.read.len())
            .flat_map(|index| {
                let newest = self.read[index].machine.iter().rev().enumerate();
                newest.map(move |(place, (run, tags))| (place, index, run, tags))
            })
            .collect();
        let all = runs.len();
        let columns = (COLUMNS / all.clamp(1, MACHINES)).clamp(LEAST_COLUMNS, MOST_COLUMNS);
        // One of every group before a second of any.
        runs.sort_by_key(|(place, index, ..)| (*place, *index));
        let mut charts: BTreeMap<&String, Vec<Curve>> = BTreeMap::new();
        for (_, index, run, tags) in runs.into_iter().take(MACHINES) {
            let group = &self.names[index];
            let name = if group == run { run.clone() } else { format!("{group}: {run}") };
            for (tag, points) in tags {
                let (x, y): (Vec<f64>, Vec<f64>) =
                    points.iter().map(|(step, value)| (*step as f64, *value)).unzip();
                let kept = curves::thinned(&x, &y, columns);
                let some = |all: &[f64]| kept.iter().map(|index| all[*index]).collect();
                let (name, colour) = (name.clone(), self.colour(index));
                let curve = Curve { name, colour, x: some(&x), y: some(&y), ..Curve::default() };
                charts.entry(tag).or_default().push(curve);
            }
        }
        let charts: Vec<Chart> =
            charts.into_iter().map(|(tag, curves)| Chart { title: tag.clone(), curves }).collect();
        let about = match all {
            0 => return None,
            _ if all > MACHINES => format!("{MACHINES} of {all} runs, a curve each."),
            _ => "A curve for each run.".into(),
        };
        let blocks = vec![Block::Paragraph(about), Block::Charts(charts)];
        let (id, title) = (id.into(), "Time and memory".into());
        Some(Section { id, title, folded: true, blocks, sections: Vec::new() })
    }
}

/// How many runs there are of each status.
fn standing(runs: &[Run]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    runs.iter().for_each(|run| *counts.entry(run.status.name()).or_default() += 1);
    let counts: Vec<String> =
        counts.into_iter().map(|(status, count)| format!("{count} {status}")).collect();
    let many = if runs.len() == 1 { "run" } else { "runs" };
    format!("{} {many}: {}.", runs.len(), counts.join(", "))
}

/// What a group's curve is called: what sets it apart, or the run where there is one alone.
fn name(group: &Group) -> String {
    let label = group.label();
    match &group.runs[..] {
        _ if !label.is_empty() => label,
        [only] => only.name.clone(),
        several => format!("{} runs", several.len()),
    }
}
