//! What came of a sweep: a table, and figures of mean and spread over seeds.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::manifest::Sweep;
use super::response::{response, scatter};
use crate::lab::figure::RgbImage;
use crate::lab::log::tensorboard::EventWriter;
use crate::lab::store::durable;
use crate::lab_program::compare::figure::read_panels;
use crate::lab_program::compare::groups::{group_runs, groups_table, result_tags};
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
        keep(&mut events, &figures, "curves", &panels.render()?, &panels.to_csv())?;
    }
    let over_settings = if sweep.search.is_some() { scatter } else { response };
    if let Some(panels) = over_settings(&title, &groups, &tags) {
        keep(&mut events, &figures, "response", &panels.render()?, &panels.to_csv())?;
    }
    events.sync()?;
    Ok(table)
}

fn keep(
    events: &mut EventWriter,
    folder: &Path,
    name: &str,
    image: &RgbImage,
    csv: &str,
) -> Result<()> {
    let png = image.to_png()?;
    durable::write(&folder.join(format!("{name}.png")), &png)?;
    durable::write(&folder.join(format!("{name}.csv")), csv.as_bytes())?;
    Ok(events.png(&format!("figures/{name}"), 0, (image.width, image.height), &png)?)
}
