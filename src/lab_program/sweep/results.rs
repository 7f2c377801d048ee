//! What came of a sweep: a table, and figures of mean and spread over seeds.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::manifest::Sweep;
use super::response::{response, scatter};
use crate::lab::figure::{Format, Panels, files};
use crate::lab::log::tensorboard::EventWriter;
use crate::lab::store::durable;
use crate::lab_program::compare::figure::read_panels;
use crate::lab_program::compare::groups::{
    foremost, group_runs, groups_table, result_tags, spread,
};
use crate::lab_program::find::run::Run;
use crate::lab_program::text::table::Table;

/// The runs of a sweep that have begun, in the order of its points.
pub fn runs(sweep: &Sweep) -> Vec<Run> {
    sweep.points.iter().filter_map(|point| sweep.run(point)).collect()
}

/// Writes `table.md`, `table.csv` and the figures into the sweep's folder, and gives the table.
///
/// # Errors
/// Where a file can't be written.
pub fn write(sweep: &Sweep) -> Result<Table> {
    let groups = group_runs(runs(sweep));
    let tags = result_tags(&groups);
    let (table, home) = (groups_table(&groups, &tags), sweep.home());
    durable::write(&home.join("table.md"), table.markdown().as_bytes())?;
    durable::write(&home.join("table.csv"), table.csv().as_bytes())?;
    let title = format!("{}: {}", sweep.experiment, sweep.name);
    let mut events = EventWriter::create(&home)?;
    events.text("sweep", 0, &table.markdown())?;
    let figures = home.join("figures");
    fs::create_dir_all(&figures)?;
    if let Some(panels) = read_panels(&title, &groups, &tags) {
        keep(&mut events, &figures, "curves", &panels)?;
    }
    let over_settings = if sweep.search.is_some() { scatter } else { response };
    if let Some(panels) = over_settings(&title, &groups, &tags) {
        keep(&mut events, &figures, "response", &panels)?;
    }
    events.sync()?;
    Ok(table)
}

/// The settings of which the result that checkpoints are compared by is the best in the end, with that
/// result; none where there is nothing to choose from, or nothing to compare by.
pub fn best(sweep: &Sweep) -> Option<String> {
    let groups = group_runs(runs(sweep));
    let score = groups.iter().flat_map(|group| &group.runs).find_map(Run::score)?;
    let first = groups.get(*foremost(&groups, 1).first()?)?;
    let value = spread(&first.values(&score.tag));
    (groups.len() > 1).then(|| format!("{}: {} {value}", first.label(), score.tag))
}

/// Writes a figure, in the formats that are there already as well, and into TensorBoard.
fn keep(events: &mut EventWriter, folder: &Path, name: &str, figure: &Panels) -> Result<()> {
    let there = |format: &Format| files::path(folder, name, format.extension()).exists();
    let formats = Format::ALL.into_iter().filter(|format| *format == Format::Png || there(format));
    let formats: Vec<Format> = formats.collect();
    files::write(folder, name, figure, &figure.to_csv(), &formats)?;
    Ok(events.image(&format!("figures/{name}"), 0, &figure.render()?)?)
}
