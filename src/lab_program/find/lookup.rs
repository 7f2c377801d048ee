//! From a word on the command line to a run folder.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::layout;
use super::run::Run;
use crate::lab::error::{closest, refuse};

/// The run that a word means: a path, `<experiment>/<name>`, a name, or a part of it that only one
/// run has.
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
    let ids: Vec<String> =
        all.iter().map(|(path, sweep)| layout::id(path, sweep.as_deref())).collect();
    let exact = |id: &&String| *id == asked || id.ends_with(&format!("/{asked}"));
    let mut found: Vec<&String> = ids.iter().filter(exact).collect();
    if found.is_empty() {
        found = ids.iter().filter(|id| id.contains(asked)).collect();
    }
    let [only] = found[..] else {
        if found.is_empty() {
            let names = ids.iter().map(|id| id.rsplit('/').next().unwrap_or_default());
            let hint = closest(asked, names.chain(ids.iter().map(String::as_str)));
            return Err(refuse(format!("{asked}: no such run in {}{hint}", root.display())));
        }
        let some: Vec<&str> = found.iter().take(5).map(|id| id.as_str()).collect();
        let count = found.len();
        return Err(refuse(format!(
            "{asked}: {count} runs are called so: {}{}",
            some.join(", "),
            if count > 5 { ", ..." } else { "" }
        )));
    };
    let place = ids.iter().position(|id| id == only).unwrap_or_default();
    let (path, sweep) = &all[place];
    Run::read(path, sweep.as_deref())
        .ok_or_else(|| refuse(format!("{} is not a run folder", path.display())))
}

/// The path of a run folder that has the names of the run, of its experiment and of the folder that
/// both are in, which may be a sweep: a path such as `.` has none of them.
fn named(path: &Path) -> PathBuf {
    let complete = path.ancestors().take(3).all(|part| part.file_name().is_some());
    let whole = if complete { None } else { path.canonicalize().ok() };
    whole.unwrap_or_else(|| path.into())
}

/// The sweep that a run folder belongs to, by its place.
fn sweep_of(path: &Path) -> Option<String> {
    let home = path.parent()?.parent()?;
    home.join(layout::MANIFEST).is_file().then(|| layout::name(home))
}
