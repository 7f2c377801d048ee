//! From a word on the command line to a run folder.

use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::Timestamp;

use super::layout::{self, Candidate};
use super::run::Run;
use super::scan;
use crate::lab::counts::counted;
use crate::lab::error::{closest, refuse};

/// The word for the run that began last.
const LATEST: &str = "latest";

/// The run that a word means: a path, `<experiment>/<name>`, a name, a part of it that only one run
/// has, or `latest`, the run that began last where no run is called so.
///
/// # Errors
/// Exit code 2 where there is no such run, naming the closest, or more than one.
pub fn find_run(root: &Path, asked: &str) -> Result<Run> {
    if Path::new(asked).join("config.json").is_file() {
        let path = named(Path::new(asked));
        if let Some(run) = Run::read(&path, sweep_of(&path).as_deref()) {
            return Ok(run);
        }
    }
    let all = layout::candidates(root)?;
    let ids: Vec<String> = all.iter().map(Candidate::id).collect();
    // Of several names of one run, all but one are links.
    let named_so = |fits: &dyn Fn(&str) -> bool| {
        let found = all.iter().zip(&ids).filter(|(_, id)| fits(id));
        layout::distinct(found.map(|(folder, _)| folder.clone()).collect())
    };
    let mut found = named_so(&|id| id == asked || id.ends_with(&format!("/{asked}")));
    if found.is_empty() {
        found = named_so(&|id| id.contains(asked));
    }
    if found.is_empty() && asked == LATEST {
        let runs = scan::read(&layout::distinct(all.clone())).runs;
        let begun =
            |run: &Run| run.started.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        if let Some(newest) = runs.into_iter().max_by_key(begun) {
            return Ok(newest);
        }
    }
    let [only] = &found[..] else {
        if found.is_empty() {
            let names = ids.iter().map(|id| id.rsplit('/').next().unwrap_or_default());
            let hint = closest(asked, names.chain(ids.iter().map(String::as_str)));
            return Err(refuse(format!("{asked}: no such run in {}{hint}", root.display())));
        }
        let some: Vec<String> = found.iter().take(5).map(Candidate::id).collect();
        let count = found.len();
        let sweep = root.join(layout::SWEEPS).join(asked);
        if sweep.join(layout::MANIFEST).is_file() {
            let points = ids.iter().filter(|id| id.starts_with(&format!("{asked}/")));
            let points: Vec<&str> = points.map(String::as_str).collect();
            let such = points.first().map(|first| format!(", such as {first}"));
            let (many, such) = (counted(points.len(), "run"), such.unwrap_or_default());
            let sweep = sweep.display();
            return Err(refuse(format!(
                "{asked} is a sweep of {many} in {sweep}: name one of them{such}"
            )));
        }
        return Err(refuse(format!(
            "{asked}: {count} runs are called so: {}{}",
            some.join(", "),
            if count > 5 { ", ..." } else { "" }
        )));
    };
    let mut every = layout::distinct(all.clone()).into_iter();
    let own = every.find(|folder| folder.is(only)).unwrap_or(only.clone());
    let path = named(&own.path);
    let sweep = if path == own.path { own.sweep } else { sweep_of(&path) };
    Run::read(&path, sweep.as_deref())
        .ok_or_else(|| refuse(format!("{} is not a run folder", path.display())))
}

/// The path of a run folder that has the names of the run, of its experiment and of the folder that
/// both are in, which may be a sweep: a path such as `.` has none of them, and a symbolic link such as
/// `latest` has another, by which no checkpoint is found.
fn named(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    // A link may lead to another.
    for _ in 0..8 {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    let complete = path.ancestors().take(3).all(|part| part.file_name().is_some());
    let whole = if complete { None } else { path.canonicalize().ok() };
    whole.unwrap_or(path)
}

/// The sweep that a run folder belongs to, by its place.
fn sweep_of(path: &Path) -> Option<String> {
    let home = path.parent()?.parent()?;
    home.join(layout::MANIFEST).is_file().then(|| layout::name(home))
}
