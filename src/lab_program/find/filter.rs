//! Which runs were asked for.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Map, Value};

use super::layout::{self, Candidate};
use super::run::Run;
use super::scan::{self, Scan};
use crate::lab::error::{closest, refuse};
use crate::lab::log::console::Console;
use crate::lab::store::record::Status;
use crate::lab_program::text::table::plain;
use crate::lab_program::text::units;

/// Filters of runs.
#[derive(Debug, Clone, Args)]
pub struct RunFilter {
    /// Only runs with this in `<sweep>/<experiment>/<name>`
    pub which: Option<String>,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Only runs of these statuses, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    pub status: Vec<Status>,
    /// Only runs with this setting, as config.json has it; may be repeated
    #[arg(long = "where", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Only runs with all of these tags, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tag: Vec<String>,
    /// Only runs that began within this time: 90s, 15m, 6h, 2d
    #[arg(long, value_name = "TIME")]
    pub newer: Option<String>,
}

impl RunFilter {
    /// What is said where no run is left: whether there is none at all, or none that was asked for.
    pub fn found_none(&self) -> String {
        let Self { which, runs, status, settings, tag, newer } = self;
        let filtered = !status.is_empty() || !settings.is_empty() || !tag.is_empty();
        let home = runs.display();
        match which {
            Some(which) if !filtered && newer.is_none() => {
                format!("{which}: no such run in {home}")
            }
            None if !filtered && newer.is_none() => format!("no runs in {home}"),
            Some(_) | None => format!("no run in {home} is as the filters say"),
        }
    }
}

/// The runs that were asked for, and what couldn't be read.
///
/// # Errors
/// Where there is no folder of runs, or a filter can't be understood.
pub fn select(filter: &RunFilter) -> Result<Scan> {
    let mut candidates = layout::distinct(layout::candidates(&filter.runs)?);
    if let Some(which) = &filter.which {
        let root = filter.runs.join(layout::SWEEPS);
        candidates.retain(|Candidate { path, .. }| {
            let inside = path.strip_prefix(&root).or(path.strip_prefix(&filter.runs));
            inside.unwrap_or(path).to_string_lossy().contains(which.as_str())
        });
    }
    let mut scan = scan::read(&candidates);
    if !filter.status.is_empty() {
        scan.runs.retain(|run| filter.status.contains(&run.status));
    }
    if let Some(newer) = &filter.newer {
        let limit = units::parse(newer)
            .ok_or_else(|| refuse(format!("--newer {newer}: expected 90s, 15m, 6h or 2d")))?;
        let young = |run: &Run| run.started.as_deref().and_then(units::since) <= Some(limit);
        scan.runs.retain(|run| run.started.is_some() && young(run));
    }
    scan.runs.retain(|run| filter.tag.iter().all(|tag| run.labels.tags.contains(tag)));
    for setting in &filter.settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| refuse(format!("--where {setting}: expected KEY=VALUE")))?;
        let key = key.replace('-', "_");
        let configs: Vec<_> = scan.runs.iter().map(Run::config).collect();
        let keys = configs.iter().flat_map(|config| config.keys());
        if !configs.is_empty() && !keys.clone().any(|known| *known == key) {
            let hint = closest(&key, keys.map(String::as_str));
            return Err(refuse(format!("--where {setting}: no run has such a setting{hint}")));
        }
        let mut configs = configs.iter();
        scan.runs.retain(|_| configs.next().is_some_and(|config| has_setting(config, &key, value)));
    }
    Ok(scan)
}

/// The runs that were asked for, of which there must be one, the first to begin before the others. What
/// couldn't be read is said.
///
/// # Errors
/// As [`select`], and where no run is left.
pub fn select_some(filter: &RunFilter, console: &Console) -> Result<Vec<Run>> {
    let mut runs = select(filter)?.runs;
    runs.sort_by(|a, b| a.started.cmp(&b.started));
    ensure!(!runs.is_empty(), "{}", filter.found_none());
    runs.iter().flat_map(|run| &run.problems).for_each(|problem| console.warn(problem));
    Ok(runs)
}

fn has_setting(config: &Map<String, Value>, key: &str, value: &str) -> bool {
    let Some(found) = config.get(key) else { return false };
    let equal = found.as_f64().zip(value.parse().ok()).is_some_and(|(a, b): (f64, f64)| a == b);
    equal || plain(found) == value
}
