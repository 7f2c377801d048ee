//! `lab export`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::lab::figure::csv_text;
use crate::lab::log::console::Console;
use crate::lab::store::durable;
use crate::lab_program::compare::curves::for_each_entry;
use crate::lab_program::find::filter::{RunFilter, select_some};
use crate::lab_program::find::run::Run;
use crate::lab_program::text::table::plain;

/// Which runs, and what of them.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Which runs
    #[command(flatten)]
    pub filter: RunFilter,
    /// A row for each log entry instead of each run, with a column for each tag
    #[arg(long)]
    pub log: bool,
    /// Only tags that begin with one of these, separated by commas; with --log
    #[arg(long, value_name = "TAG", value_delimiter = ',', requires = "log")]
    pub tags: Vec<String>,
    /// The file
    #[arg(long, default_value = "runs.csv")]
    pub out: PathBuf,
}

/// Writes runs as comma-separated values, a header first: `pandas.read_csv("runs.csv")`.
///
/// # Errors
/// Where no run is chosen, or something can't be read or written.
pub fn export(args: &ExportArgs) -> Result<()> {
    let console = Console::new(false, false);
    let runs = select_some(&args.filter, &console)?;
    if let Some(home) = args.out.parent().filter(|home| !home.as_os_str().is_empty()) {
        fs::create_dir_all(home).with_context(|| format!("creating {}", home.display()))?;
    }
    durable::atomic_write(&args.out, |draft| {
        if args.log { log_rows(&runs, &args.tags, draft) } else { run_rows(&runs, draft) }
    })?;
    console.print(&args.out.display().to_string());
    Ok(())
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.map(|cell| csv_text(&cell)).collect::<Vec<_>>().join(",") + "\n"
}

/// A value in a cell: the digits of a number, nothing for none.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(list)) if list.is_empty() => String::new(),
        Some(value) => plain(value),
    }
}

/// Names that are in any of some lists, in the order in which they are first met.
fn union<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut all: Vec<&String> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// A row for each run: how it stands, the settings that differ from the defaults in any of the runs,
/// and the last value of each result.
fn run_rows(runs: &[Run], draft: &Path) -> Result<()> {
    let settings = union(runs.iter().flat_map(|run| run.changed.keys()));
    let results = union(runs.iter().flat_map(|run| run.last.keys()));
    let fixed = ["run", "status", "steps", "started", "seconds", "bytes", "tags", "note"];
    let names = fixed.iter().map(ToString::to_string);
    let names = names.chain(settings.iter().chain(&results).map(ToString::to_string));
    let mut text = line(names);
    for run in runs {
        let own = [
            run.id(),
            run.status.name().into(),
            run.steps.map(|steps| steps.to_string()).unwrap_or_default(),
            run.started.clone().unwrap_or_default(),
            run.seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
            run.bytes.to_string(),
            run.labels.tags.join(","),
            run.labels.note.clone().unwrap_or_default(),
        ];
        let config = run.config();
        let changed = settings.iter().map(|key| cell(config.get(*key)));
        let last = results.iter().map(|tag| cell(run.last.get(*tag)));
        text += &line(own.into_iter().chain(changed).chain(last));
    }
    Ok(fs::write(draft, text)?)
}

/// A row for each log entry of each run. The logs are read twice, first for their tags, so that none
/// has to fit into memory.
fn log_rows(runs: &[Run], wanted: &[String], draft: &Path) -> Result<()> {
    let is_wanted =
        |tag: &str| wanted.is_empty() || wanted.iter().any(|part| tag.starts_with(part));
    let mut tags: Vec<String> = Vec::new();
    for run in runs {
        for_each_entry(&run.path, |entry| {
            let values = entry["values"].as_object().into_iter().flatten();
            for (tag, _) in values.filter(|(tag, _)| is_wanted(tag)) {
                if !tags.contains(tag) {
                    tags.push(tag.clone());
                }
            }
            Ok(())
        })?;
    }
    let mut file = std::io::BufWriter::new(fs::File::create(draft)?);
    let fixed = ["run", "step", "time"].into_iter().map(str::to_string);
    file.write_all(line(fixed.chain(tags.iter().cloned())).as_bytes())?;
    for run in runs {
        for_each_entry(&run.path, |entry| {
            let own = [run.id(), cell(entry.get("step")), cell(entry.get("time"))];
            let values = tags.iter().map(|tag| cell(entry["values"].get(tag)));
            Ok(file.write_all(line(own.into_iter().chain(values)).as_bytes())?)
        })?;
    }
    Ok(file.into_inner().map_err(|error| error.into_error())?.sync_all()?)
}
