//! `lab report`: one page with the figures, tables and provenance of runs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::list::{self, Chosen};
use super::record::Run;
use super::show::Details;
use super::table::{Table, plain};
use super::{groups, page};
use crate::lab::log::console::Console;
use crate::lab::store::durable;

/// Which runs, and where the page goes.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Which runs
    #[command(flatten)]
    pub chosen: Chosen,
    /// The page; its Markdown goes beside it, and the comparing figure into a folder beside it
    #[arg(long, default_value = "report.html")]
    pub out: PathBuf,
    /// Show the figures of so many runs at most, the newest ones
    #[arg(long, default_value_t = 6)]
    pub figures: usize,
}

/// Writes the page and the Markdown behind it.
///
/// # Errors
/// Where no run is chosen, or something can't be written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let mut scan = list::choose(&args.chosen)?;
    scan.runs.sort_by(|a, b| a.started.cmp(&b.started));
    if scan.runs.is_empty() {
        bail!("no such run in {}", args.chosen.runs.display());
    }
    let title = args.chosen.which.clone().unwrap_or_else(|| "All runs".into());
    let home = args.out.parent().filter(|home| !home.as_os_str().is_empty());
    let home = home.unwrap_or(Path::new("."));
    fs::create_dir_all(home).with_context(|| format!("making {}", home.display()))?;
    let stem = args.out.file_stem().context("--out needs the name of a file")?.to_os_string();
    let mut assets = stem.clone();
    assets.push("-figures");
    let text = markdown(&title, scan.runs, args.figures, &home.join(assets))?;
    let page = page::html(&title, &text)?;
    // Links in the Markdown count from its own folder.
    let here = format!("]({}/", home.display());
    durable::write(&home.join(&stem).with_extension("md"), text.replace(&here, "](").as_bytes())?;
    durable::write(&args.out, page.as_bytes())?;
    Console::new(false, false).print(&args.out.display().to_string());
    Ok(())
}

fn markdown(title: &str, runs: Vec<Run>, figures: usize, assets: &Path) -> Result<String> {
    let newest: Vec<Run> = runs.iter().rev().take(figures).rev().cloned().collect();
    let (count, now) = (runs.len(), jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"));
    let mut text = format!("# {title}\n\n{count} runs, {now}.\n");
    let every = list::table(&runs);
    let mut experiments: Vec<String> = runs.iter().map(|run| run.experiment.clone()).collect();
    experiments.sort();
    experiments.dedup();
    for experiment in &experiments {
        let own = runs.iter().filter(|run| run.experiment == *experiment).cloned().collect();
        compare(&mut text, experiment, own, assets)?;
    }
    let _ = write!(text, "\n## Runs\n\n{}", every.markdown());
    for run in newest {
        one(&mut text, Details::read(run));
    }
    Ok(text)
}

/// The table and the figure that compare the runs of an experiment.
fn compare(text: &mut String, experiment: &str, runs: Vec<Run>, assets: &Path) -> Result<()> {
    let groups = groups::of(runs);
    let tags = groups::tags(&groups);
    let _ = write!(text, "\n## {experiment}\n\n{}", groups::table(&groups, &tags).markdown());
    if let Some(figure) = groups::figure(experiment, &groups, &tags)? {
        fs::create_dir_all(assets).with_context(|| format!("making {}", assets.display()))?;
        let path = assets.join(format!("{experiment}.png"));
        durable::write(&path, &figure.render()?.to_png()?)?;
        durable::write(&path.with_extension("csv"), figure.to_csv().as_bytes())?;
        let _ = write!(text, "\n![results over the steps]({})\n", link(&path));
    }
    Ok(())
}

/// A path as a link in Markdown has it.
fn link(path: &Path) -> String {
    path.display().to_string().replace(' ', "%20").replace('(', "%28").replace(')', "%29")
}

/// All of one run.
fn one(text: &mut String, details: Details) {
    let run = &details.run;
    let _ = write!(text, "\n## {}\n\n", run.id());
    let mut origin = Table::new(&["", ""]);
    origin.rows = details.origin().into_iter().map(|(key, value)| vec![key, value]).collect();
    origin.rows.push(vec!["settings".into(), run.settings()]);
    text.push_str(&origin.markdown());
    let _ = write!(text, "\nRepeat it with\n\n```\n{}\n```\n", details.repeat());
    for figure in &details.figures {
        let name = figure.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ");
        let path = fs::canonicalize(figure).unwrap_or_else(|_| figure.clone());
        let _ = write!(text, "\n![{name}]({})\n", link(&path));
    }
    let mut config = Table::new(&["setting", "value"]);
    config.rows =
        details.config.iter().map(|(key, value)| vec![key.clone(), plain(value)]).collect();
    let table = config.markdown();
    let _ = write!(text, "\n<details><summary>All settings</summary>\n\n{table}\n</details>\n");
}
