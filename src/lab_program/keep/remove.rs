//! `lab rm`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::parts::{line, lock, named};
use crate::lab::log::console::Console;
use crate::lab_program::find::run::Run;
use crate::lab_program::text::units;

/// Which runs to remove.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Runs, each by its folder, EXPERIMENT/NAME or its whole name
    #[arg(required = true, value_name = "RUN")]
    pub names: Vec<String>,
    /// Remove them; without it, they are only shown
    #[arg(long)]
    pub yes: bool,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
}

/// Shows runs with what they take, and removes them and their checkpoints where that was confirmed.
///
/// # Errors
/// Exit code 2, with nothing removed, where one of them is not there, not named in full or in use; 1
/// where a folder can't be removed.
pub fn remove(args: &RemoveArgs) -> Result<()> {
    let runs = named(&args.runs, &args.names)?;
    let console = Console::new(false, false);
    for run in &runs {
        console.print(&line(run));
    }
    let all = units::bytes(runs.iter().map(|run| run.bytes).sum());
    if !args.yes {
        console.print(&format!("{all} would be free: nothing is removed without --yes"));
        return Ok(());
    }
    runs.iter().try_for_each(remove_run)?;
    console.print(&format!("{all} are free"));
    Ok(())
}

/// Removes the checkpoints of a run, then the run: what is left by an error in between is still a run
/// that can be removed.
///
/// # Errors
/// As [`remove`].
pub fn remove_run(run: &Run) -> Result<()> {
    let _locks = lock(run)?;
    let remove = |path: &Path| {
        fs::remove_dir_all(path).with_context(|| format!("removing {}", path.display()))
    };
    if run.checkpoints.is_dir() {
        remove(&run.checkpoints)?;
    }
    remove(&run.path)
}
