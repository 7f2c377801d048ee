//! A run as a whole: its two folders, locked.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use crate::lab::error::refuse;
use crate::lab::log::console::printable;
use crate::lab::store::durable::TEMPORARY;
use crate::lab::store::folder;
use crate::lab_program::find::lookup::find_run;
use crate::lab_program::find::run::Run;
use crate::lab_program::text::units;

/// The runs that words name in full, each once, with none of them in use.
///
/// # Errors
/// Exit code 2 where there is no such run, a word is only a part of its name, or a process uses it.
pub fn named(root: &Path, asked: &[String]) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut known = HashSet::new();
    for word in asked {
        let run = find_run(root, word)?;
        let id = run.id();
        let is_path = fs::canonicalize(word).is_ok_and(|path| {
            fs::canonicalize(&run.path).is_ok_and(|own| own == path)
                && !Path::new(word).is_symlink()
        });
        if !is_path && id != *word && !id.ends_with(&format!("/{word}")) {
            return Err(refuse(format!("{word}: give the whole name, {id}")));
        }
        if folder::is_locked(&run.path) {
            return Err(refuse(format!("{id} is running: stop it first")));
        }
        if known.insert(run.path.clone()) {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// What a run is called, where it is and how large, in one line.
pub fn line(run: &Run) -> String {
    let mut places = run.path.display().to_string();
    if run.checkpoints.is_dir() {
        places += &format!(" and {}", run.checkpoints.display());
    }
    printable(&format!("{}  {}  {places}", run.id(), units::bytes(run.bytes)))
}

/// Keeps other processes out of both folders of a run until the locks are dropped.
///
/// # Errors
/// Exit code 2 where another process has one of them; 1 where a file lies among the checkpoints that
/// is none of the run's.
pub fn lock(run: &Run) -> Result<Vec<File>> {
    let mut locks = vec![folder::lock(&run.path)?];
    if run.checkpoints.is_dir() {
        refuse_strange(&run.checkpoints)?;
        locks.push(folder::lock(&run.checkpoints)?);
    }
    Ok(locks)
}

/// Refuses a folder of checkpoints in which something else lies: a record that somebody else wrote
/// may name any folder.
fn refuse_strange(checkpoints: &Path) -> Result<()> {
    let read = || format!("reading {}", checkpoints.display());
    for entry in fs::read_dir(checkpoints).with_context(read)? {
        let name = entry.with_context(read)?.file_name().to_string_lossy().into_owned();
        let own = ["step-", "damaged-", TEMPORARY, ".lock"];
        if !own.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(refuse(format!(
                "{} has {name}, which is no checkpoint: move it away first",
                checkpoints.display()
            )));
        }
    }
    Ok(())
}
