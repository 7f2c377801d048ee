//! The text of a report, in Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::page::link;
use crate::lab::store::durable;
use crate::lab_program::compare::figure::curve_panels;
use crate::lab_program::compare::groups::{group_runs, groups_table, result_tags};
use crate::lab_program::find::run::Run;
use crate::lab_program::show::details::Details;
use crate::lab_program::show::list::runs_table;
use crate::lab_program::text::table::{Table, escaped, plain};

/// The report on `runs`, with the figures of the newest `figures` of them; the figures that compare
/// runs are written into the folder `assets`.
///
/// # Errors
/// Where a log can't be read, or a figure can't be written.
pub fn markdown(title: &str, runs: Vec<Run>, figures: usize, assets: &Path) -> Result<String> {
    let newest: Vec<Run> = runs.iter().rev().take(figures).rev().cloned().collect();
    let (count, now) = (runs.len(), jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"));
    let mut text = format!("# {}\n\n{count} runs, {now}.\n", escaped(title));
    let every = runs_table(&runs);
    let mut experiments: Vec<String> = runs.iter().map(|run| run.experiment.clone()).collect();
    experiments.sort();
    experiments.dedup();
    for experiment in &experiments {
        let these = runs.iter().filter(|run| run.experiment == *experiment).cloned().collect();
        comparison(&mut text, experiment, these, assets)?;
    }
    let _ = write!(text, "\n## Runs\n\n{}", every.markdown());
    for run in newest {
        run_section(&mut text, Details::read(run));
    }
    Ok(text)
}

/// The table and the figure that compare the runs of an experiment.
fn comparison(text: &mut String, experiment: &str, runs: Vec<Run>, assets: &Path) -> Result<()> {
    let groups = group_runs(runs);
    let tags = result_tags(&groups);
    let table = groups_table(&groups, &tags).markdown();
    let _ = write!(text, "\n## {}\n\n{table}", escaped(experiment));
    if let Some(figure) = curve_panels(experiment, &groups, &tags)? {
        fs::create_dir_all(assets).with_context(|| format!("making {}", assets.display()))?;
        let path = assets.join(format!("{experiment}.png"));
        durable::write(&path, &figure.render()?.to_png()?)?;
        durable::write(&path.with_extension("csv"), figure.to_csv().as_bytes())?;
        let _ = write!(text, "\n![results over the steps]({})\n", link(&path));
    }
    Ok(())
}

/// All of one run.
fn run_section(text: &mut String, details: Details) {
    let run = &details.run;
    let _ = write!(text, "\n## {}\n\n", escaped(&run.id()));
    let mut origin = Table::new(&["", ""]);
    origin.rows = details.origin().into_iter().map(|(key, value)| vec![key, value]).collect();
    origin.rows.push(vec!["settings".into(), run.settings()]);
    text.push_str(&origin.markdown());
    let _ = write!(text, "\nRepeat it with\n\n```\n{}\n```\n", details.repeat());
    for figure in &details.figures {
        let name = figure.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ");
        let path = fs::canonicalize(figure).unwrap_or_else(|_| figure.clone());
        let _ = write!(text, "\n![{}]({})\n", escaped(&name), link(&path));
    }
    let mut config = Table::new(&["setting", "value"]);
    config.rows =
        details.config.iter().map(|(key, value)| vec![key.clone(), plain(value)]).collect();
    let table = config.markdown();
    let _ = write!(text, "\n<details><summary>All settings</summary>\n\n{table}\n</details>\n");
}
