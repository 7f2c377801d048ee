//! What came of a sweep: a table, and figures of mean and spread over seeds.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::super::groups::{self, Group};
use super::super::record::Run;
use super::super::table::Table;
use super::manifest::Sweep;
use crate::lab::figure::{LineFigure, Panels, RgbImage, Series};
use crate::lab::log::tensorboard::EventWriter;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::durable;

/// Settings by name, and the points of a line: (value of the swept setting, values over the seeds).
type Lines = Vec<(Map<String, Value>, Vec<(f64, Vec<f64>)>)>;

/// The runs of a sweep that have begun, in the order of its points.
pub fn runs(sweep: &Sweep) -> Vec<Run> {
    sweep.points.iter().filter_map(|point| sweep.run(point)).collect()
}

/// Writes `table.md`, `table.csv` and the figures into the sweep's folder, and gives the table.
///
/// # Errors
/// Where a log can't be read or a file can't be written.
pub fn write(sweep: &Sweep) -> Result<Table> {
    let groups = groups::of(runs(sweep));
    let tags = groups::tags(&groups);
    let (table, home) = (groups::table(&groups, &tags), sweep.home());
    durable::write(&home.join("table.md"), table.markdown().as_bytes())?;
    durable::write(&home.join("table.csv"), table.csv().as_bytes())?;
    let title = format!("{}: {}", sweep.experiment, sweep.name);
    let mut events = EventWriter::create(&home)?;
    events.text("sweep", 0, &table.markdown())?;
    let figures = home.join("figures");
    fs::create_dir_all(&figures)?;
    if let Some(panels) = groups::figure(&title, &groups, &tags)? {
        keep(&mut events, &figures, "curves", &panels.render()?, &panels.to_csv())?;
    }
    if let Some(panels) = response(&title, &groups, &tags) {
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

/// The last value of each result over the first swept setting that is a number, a line for each
/// combination of the others. None where there is no such setting.
fn response(title: &str, groups: &[Group], tags: &[String]) -> Option<Panels> {
    let is_number = |key: &String| groups.iter().all(|group| group.settings[key].is_number());
    let key = groups.first()?.settings.keys().find(|key| is_number(key))?.clone();
    let panels: Vec<LineFigure> =
        tags.iter().map(|tag| panel(&key, tag, groups)).filter(|p| !p.series.is_empty()).collect();
    let subtitle = "last value: mean and standard deviation over the seeds".into();
    (!panels.is_empty()).then(|| Panels { title: title.into(), subtitle, columns: 2, panels })
}

fn lines(key: &str, tag: &str, groups: &[Group]) -> Lines {
    let mut lines: Lines = Vec::new();
    for group in groups {
        let mut others = group.settings.clone();
        let at = others.shift_remove(key).and_then(|value| value.as_f64());
        let (Some(at), values) = (at, group.values(tag)) else { continue };
        if values.is_empty() {
            continue;
        }
        match lines.iter_mut().find(|(known, _)| *known == others) {
            Some((_, points)) => points.push((at, values)),
            None => lines.push((others, vec![(at, values)])),
        }
    }
    lines
}

fn panel(key: &str, tag: &str, groups: &[Group]) -> LineFigure {
    let mut positive = true;
    let (mut least, mut most) = (f64::INFINITY, 0.0f64);
    let mut series = Vec::new();
    for (others, mut points) in lines(key, tag, groups) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let x: Vec<f64> = points.iter().map(|(x, _)| *x).collect();
        positive &= x.iter().all(|x| *x > 0.0);
        least = x.iter().copied().fold(least, f64::min);
        most = x.iter().copied().fold(most, f64::max);
        let spread: Vec<(f64, f64)> =
            points.iter().map(|(_, values)| mean_and_sd(values)).collect();
        let edge = |sign: f64| spread.iter().map(|(mean, sd)| mean + sign * sd).collect();
        let label = Group { settings: others, runs: Vec::new() }.label();
        let y = spread.iter().map(|(mean, _)| *mean).collect();
        let line = Series { label, x, y, marker: true, ..Series::default() };
        series.push(line.with_band(edge(-1.0), edge(1.0)));
    }
    let (x_label, y_label) = (key.into(), tag.into());
    let x_log = positive && most > 20.0 * least;
    LineFigure { x_label, y_label, series, x_log, ..Default::default() }
}
