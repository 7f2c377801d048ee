//! What a report on some runs says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::comparison;
use super::document::{Block, Document, Grid, Mark, Picture, Section};
use super::markdown::link;
use crate::lab::error::one_line;
use crate::lab::figure::{Drawing, Format, Sheet, files};
use crate::lab::store::folder::check_name;
use crate::lab::store::regular;
use crate::lab_program::find::run::Run;
use crate::lab_program::show::details::{Details, is_of};
use crate::lab_program::show::list::runs_table;
use crate::lab_program::text::table::{Table, plain};

/// The most bytes of a figure's SVG; of a larger one the page has the PNG.
const MOST_VECTORS: usize = 500_000;

/// The bytes that every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The report on `runs`, with the figures of the newest `figures` of them; the figures that compare
/// runs are written into the folder `assets`.
///
/// # Errors
/// Where a figure can't be written.
pub fn document(title: &str, runs: Vec<Run>, figures: usize, assets: &Path) -> Result<Document> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let many = if runs.len() == 1 { "run" } else { "runs" };
    let about = format!("{} {many}, {now}.", runs.len());
    let first = runs.len().saturating_sub(figures);
    let listed = listed(&runs, first);
    let newest: Vec<Run> = runs[first..].to_vec();
    let mut document = Document { title: title.into(), about, ..Document::default() };
    let parts = by_data(runs);
    let names: Vec<String> = parts.iter().map(|(experiment, ..)| experiment.clone()).collect();
    for (number, (experiment, data, runs)) in parts.into_iter().enumerate() {
        let heading = match &data {
            Some(data) => format!("{experiment} on {data}"),
            None => experiment.clone(),
        };
        let stem = match names[..number].iter().filter(|known| **known == experiment).count() {
            0 => experiment,
            earlier => format!("{experiment}-{}", earlier + 1),
        };
        let stem = if check_name(&stem).is_ok() { stem } else { format!("experiment-{number}") };
        let id = format!("experiment-{number}");
        document.sections.push(comparison::section(&heading, &id, runs, (assets, &stem))?);
    }
    document.sections.push(listed);
    let one = |(number, run)| run_section(first + number, &Details::read(run));
    let sections = newest.into_iter().enumerate().map(one).collect::<Vec<_>>();
    if !sections.is_empty() {
        let (id, title) = ("figures".into(), "Figures and settings of the newest runs".into());
        document.sections.push(Section { id, title, sections, ..Section::default() });
    }
    Ok(document)
}

/// The runs of each experiment on each data set, in alphabetical order. Where all runs of an
/// experiment are without data, or their settings can't be read, none is named.
fn by_data(runs: Vec<Run>) -> Vec<(String, Option<String>, Vec<Run>)> {
    let mut parts: Vec<(String, Option<String>, Vec<Run>)> = Vec::new();
    for run in runs {
        let config = run.config();
        let data = config.get("data").filter(|data| !data.is_null()).map(plain);
        let data = data.filter(|data| data != "none");
        let fits = |part: &&mut (String, Option<String>, Vec<Run>)| {
            part.0 == run.experiment && part.1 == data
        };
        match parts.iter_mut().find(fits) {
            Some(part) => part.2.push(run),
            None => parts.push((run.experiment.clone(), data, vec![run])),
        }
    }
    parts.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    parts
}

/// Every run in a table; those from the number `first` on have sections of their own.
fn listed(runs: &[Run], first: usize) -> Section {
    let mark = |number: usize| match number >= first {
        true => Mark::Link(format!("run-{number}")),
        false => Mark::Plain,
    };
    let marks = (0..runs.len()).map(mark).collect();
    let mut table = runs_table(runs);
    // What people wrote and chose is in view, however narrow the page.
    table.put_first(&["run", "status", "settings", "tags", "note"]);
    let grid = Grid { name: "every run".into(), table, marks };
    let blocks = vec![Block::Grid(grid)];
    Section { id: "runs".into(), title: "Runs".into(), blocks, ..Section::default() }
}

/// All of one run.
fn run_section(number: usize, details: &Details) -> Section {
    let run = &details.run;
    let mut origin = Table::new(&["", ""]);
    origin.rows.push(vec!["status".into(), run.status.name().into()]);
    origin.rows.extend(details.origin().into_iter().map(|(key, value)| vec![key, value]));
    origin.rows.push(vec!["settings".into(), run.settings()]);
    if let Some(note) = &run.labels.note {
        origin.rows.push(vec!["note".into(), note.clone()]);
    }
    if !run.labels.tags.is_empty() {
        origin.rows.push(vec!["tags".into(), run.labels.tags.join(", ")]);
    }
    let mut blocks = Vec::new();
    let (mut pictures, mut problems) = (Vec::new(), Vec::new());
    let is_shown = |path: &&PathBuf| is_of(path, Format::Png);
    if !details.figures.is_empty() && !details.figures.iter().any(|path| is_shown(&path)) {
        let draw = format!("lab figures {} --figure-format png", run.id());
        blocks.extend([Block::Paragraph("For its figures, first".into()), Block::Code(draw)]);
    }
    for figure in details.figures.iter().filter(is_shown) {
        match own_picture(&run.path, figure) {
            Ok(picture) => pictures.push(picture),
            Err(error) => problems.push(Block::Paragraph(one_line(&error))),
        }
    }
    if !pictures.is_empty() {
        blocks.push(Block::Pictures(pictures));
    }
    blocks.append(&mut problems);
    blocks.push(Block::Grid(Grid {
        name: "what made the run".into(),
        table: origin,
        ..Grid::default()
    }));
    blocks.push(Block::Paragraph("Repeat it with".into()));
    blocks.push(Block::Code(details.repeat()));
    let id = format!("run-{number}");
    let settings = Section {
        id: format!("{id}-settings"),
        title: "All settings".into(),
        folded: true,
        blocks: vec![Block::Grid(settings(details))],
        sections: Vec::new(),
    };
    Section { id, title: run.id(), folded: true, blocks, sections: vec![settings] }
}

fn settings(details: &Details) -> Grid {
    let mut table = Table::new(&["setting", "value"]);
    let row = |(key, value): (&String, &Value)| vec![key.clone(), plain(value)];
    table.rows = details.config.iter().map(row).collect();
    Grid { name: "all settings".into(), table, ..Grid::default() }
}

/// A picture in a run's own folder of figures.
fn own_picture(run: &Path, figure: &Path) -> Result<Picture> {
    let path = figure.display();
    let whole = own_file(run, figure)?;
    let png = regular::read(&whole).with_context(|| format!("reading {path}"))?;
    ensure!(png.starts_with(PNG), "{path} is not a PNG");
    let name = figure.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ");
    Ok(Picture { name, link: link(&whole), png, svg: vectors(run, figure) })
}

/// The figure of a picture as SVG, drawn from what the run keeps of it; none where that can't be
/// drawn, or the vectors would make the page large.
fn vectors(run: &Path, figure: &Path) -> Option<Vec<u8>> {
    let description = own_file(run, &figure.with_extension(files::DESCRIPTION)).ok()?;
    let picture = files::read(&description).ok()?.picture(&Sheet::SCREEN).ok()?;
    picture.encode(Format::Svg).ok().filter(|svg| svg.len() <= MOST_VECTORS)
}

/// A file in a run's own folder of figures: a link may lead to any file.
fn own_file(run: &Path, file: &Path) -> Result<PathBuf> {
    let path = file.display();
    let home = fs::canonicalize(run).with_context(|| format!("reading {path}"))?.join("figures");
    let whole = fs::canonicalize(file).with_context(|| format!("reading {path}"))?;
    ensure!(whole.starts_with(home), "{path} is not among the run's own figures");
    Ok(whole)
}
