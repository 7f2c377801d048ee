//! The text of a report, in Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::page::{FOLDED, Pictures, link};
use crate::lab::error::one_line;
use crate::lab::store::{durable, regular};
use crate::lab_program::compare::figure::curve_panels;
use crate::lab_program::compare::groups::{group_runs, groups_table, result_tags};
use crate::lab_program::find::run::Run;
use crate::lab_program::show::details::Details;
use crate::lab_program::show::list::runs_table;
use crate::lab_program::text::table::{Table, escaped, plain};

/// The bytes that every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The text of a report and the pictures that it shows.
#[derive(Debug, Default)]
pub struct Report {
    /// The Markdown.
    pub text: String,
    /// The pictures by their links.
    pub pictures: Pictures,
}

/// The report on `runs`, with the figures of the newest `figures` of them; the figures that compare
/// runs are written into the folder `assets`.
///
/// # Errors
/// Where a figure can't be written.
pub fn markdown(title: &str, runs: Vec<Run>, figures: usize, assets: &Path) -> Result<Report> {
    let newest: Vec<Run> = runs.iter().rev().take(figures).rev().cloned().collect();
    let (count, now) = (runs.len(), jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"));
    let text = format!("# {}\n\n{count} runs, {now}.\n", escaped(title));
    let mut report = Report { text, ..Report::default() };
    let every = runs_table(&runs);
    let mut experiments: Vec<String> = runs.iter().map(|run| run.experiment.clone()).collect();
    experiments.sort();
    experiments.dedup();
    for experiment in &experiments {
        let these = runs.iter().filter(|run| run.experiment == *experiment).cloned().collect();
        report.comparison(experiment, these, assets)?;
    }
    let _ = write!(report.text, "\n## Runs\n\n{}", every.markdown());
    for run in newest {
        report.run_section(&Details::read(run));
    }
    Ok(report)
}

impl Report {
    /// The table and the figure that compare the runs of an experiment.
    fn comparison(&mut self, experiment: &str, runs: Vec<Run>, assets: &Path) -> Result<()> {
        let groups = group_runs(runs);
        let tags = result_tags(&groups);
        let table = groups_table(&groups, &tags).markdown();
        let _ = write!(self.text, "\n## {}\n\n{table}", escaped(experiment));
        if let Some(figure) = curve_panels(experiment, &groups, &tags) {
            fs::create_dir_all(assets).with_context(|| format!("making {}", assets.display()))?;
            let path = assets.join(format!("{experiment}.png"));
            let png = figure.render()?.to_png()?;
            durable::write(&path, &png)?;
            durable::write(&path.with_extension("csv"), figure.to_csv().as_bytes())?;
            self.picture("results over the steps", &path, png);
        }
        Ok(())
    }

    /// All of one run.
    fn run_section(&mut self, details: &Details) {
        let run = &details.run;
        let _ = write!(self.text, "\n## {}\n\n", escaped(&run.id()));
        let mut origin = Table::new(&["", ""]);
        origin.rows = details.origin().into_iter().map(|(key, value)| vec![key, value]).collect();
        origin.rows.push(vec!["settings".into(), run.settings()]);
        if let Some(note) = &run.labels.note {
            origin.rows.push(vec!["note".into(), note.clone()]);
        }
        if !run.labels.tags.is_empty() {
            origin.rows.push(vec!["tags".into(), run.labels.tags.join(", ")]);
        }
        self.text.push_str(&origin.markdown());
        let _ = write!(self.text, "\nRepeat it with\n\n{}", code(&details.repeat()));
        for figure in &details.figures {
            let name = figure.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ");
            match own_png(&run.path, figure) {
                Ok(png) => {
                    let path = fs::canonicalize(figure).unwrap_or_else(|_| figure.clone());
                    self.picture(&name, &path, png);
                }
                Err(error) => {
                    let _ = writeln!(self.text, "\n{}", escaped(&one_line(&error)));
                }
            }
        }
        let mut config = Table::new(&["setting", "value"]);
        config.rows =
            details.config.iter().map(|(key, value)| vec![key.clone(), plain(value)]).collect();
        let ((begin, end), table) = (FOLDED, config.markdown());
        let _ = write!(self.text, "\n{begin}\n\n{table}\n{end}\n");
    }

    fn picture(&mut self, name: &str, path: &Path, png: Vec<u8>) {
        let link = link(path);
        let _ = write!(self.text, "\n![{}]({link})\n", escaped(name));
        self.pictures.insert(link, png);
    }
}

/// A block of code, between fences that are longer than any in it.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}\n{text}\n{fence}\n")
}

/// A picture in a run's own folder of figures: a link may lead to any file.
fn own_png(run: &Path, figure: &Path) -> Result<Vec<u8>> {
    let path = figure.display();
    let home = fs::canonicalize(run).with_context(|| format!("reading {path}"))?.join("figures");
    let whole = fs::canonicalize(figure).with_context(|| format!("reading {path}"))?;
    ensure!(whole.starts_with(home), "{path} is not among the run's own figures");
    let png = regular::read(&whole).with_context(|| format!("reading {path}"))?;
    ensure!(png.starts_with(PNG), "{path} is not a PNG");
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_does_not_end_its_own_block() {
        assert_eq!(code("a"), "```\na\n```\n");
        assert_eq!(code("a\n````\n<b>"), "`````\na\n````\n<b>\n`````\n");
    }
}
