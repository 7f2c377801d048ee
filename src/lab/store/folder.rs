//! The folders of a run: made for a new one, opened for one that goes on.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::lock::LOCK;
pub use super::lock::{is_locked, lock};
use super::{checkpoint, durable};
use crate::lab::error::{exit_status, refuse};

/// Most default names that a run tries to find one that is free.
const MOST_NAMES: u64 = 10_000;

/// The run folder `runs/<experiment>/<name>` and the checkpoint folder
/// `checkpoints/<experiment>/<name>`, both locked until this is dropped (or the process dies).
#[derive(Debug)]
pub struct RunFolder {
    /// Configuration, metrics, events, figures and summary.
    pub path: PathBuf,
    /// The checkpoints.
    pub checkpoints: PathBuf,
    /// The run's name.
    pub name: String,
    /// Which of its folders were not there before.
    made: Vec<PathBuf>,
    _locks: [File; 2],
}

impl RunFolder {
    /// Makes the folders of a new run.
    ///
    /// # Errors
    /// Exit code 2 where a run of that name exists, is in use, or the name is no folder name;
    /// exit code 1 where the folders can't be written.
    pub fn create(runs: &Path, checkpoints: &Path, experiment: &str, name: &str) -> Result<Self> {
        check_name(name)?;
        let path = runs.join(experiment).join(name);
        if path.join("config.json").exists() {
            return Err(refuse(format!(
                "{} exists already: continue it with --resume {name}, or choose another --name",
                path.display()
            )));
        }
        let home = checkpoints.join(experiment).join(name);
        let new = |folder: &&PathBuf| !folder.exists();
        let made: Vec<PathBuf> = [&path, &home].into_iter().filter(new).cloned().collect();
        let is_new = made.contains(&path);
        let own = lock(&path).inspect_err(|error| {
            // Where another process has the lock, it is that one's folder.
            if is_new && exit_status(error) != 2 {
                let _ = fs::remove_file(path.join(LOCK)).and_then(|()| fs::remove_dir(&path));
            }
        })?;
        let folder = Self::lock_rest(path.clone(), home, own).and_then(Self::refuse_checkpoints);
        if let Err(error) = &folder {
            // We made it and had its lock: there is nothing of anyone's in it. The checkpoint folder
            // may be another process's since.
            let ours = |made: &&PathBuf| **made == path || exit_status(error) != 2;
            for folder in made.iter().filter(ours) {
                let _ = fs::remove_dir_all(folder);
            }
        }
        folder.map(|folder| Self { made, ..folder })
    }

    /// Makes the folders of a new run under its default name, `<what>-s<seed>-<UTC time>`. Of runs
    /// that begin in the same millisecond, the later ones take the names of the next.
    ///
    /// # Errors
    /// Exit code 1 where the folders can't be written.
    pub fn create_unnamed(
        runs: &Path,
        checkpoints: &Path,
        experiment: &str,
        what: &str,
        seed: u64,
    ) -> Result<Self> {
        let now = jiff::Timestamp::now();
        let names = (0..MOST_NAMES)
            .map(|later| default_name(what, seed, now + Duration::from_millis(later)));
        Self::create_first_free(runs, checkpoints, experiment, names)
    }

    /// Makes the folders of a new run under the first of some names that no other run has.
    fn create_first_free(
        runs: &Path,
        checkpoints: &Path,
        experiment: &str,
        names: impl Iterator<Item = String>,
    ) -> Result<Self> {
        let home = runs.join(experiment);
        fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
        for name in names {
            let path = home.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => {
                    return Err(error).with_context(|| format!("creating {}", path.display()));
                }
            }
            match Self::create(runs, checkpoints, experiment, &name) {
                Ok(mut folder) => {
                    folder.made.push(path);
                    return Ok(folder);
                }
                Err(error) => {
                    let _ = fs::remove_dir_all(&path);
                    // Another run may have its checkpoints there.
                    if exit_status(&error) != 2 {
                        return Err(error);
                    }
                }
            }
        }
        Err(refuse(format!("{} has no free name for this run: choose a --name", home.display())))
    }

    /// Removes what was made for a new run, whose record could not be written.
    pub fn abandon(self) {
        for folder in &self.made {
            // What stays is no run: it has no configuration.
            let _ = fs::remove_dir_all(folder);
        }
    }

    fn refuse_checkpoints(self) -> Result<Self> {
        if has_checkpoints(&self.checkpoints) {
            return Err(refuse(format!(
                "{} has checkpoints of another run: choose another --name or --checkpoints",
                self.checkpoints.display()
            )));
        }
        Ok(self)
    }

    /// Opens the folders of a run that is to go on, and removes what a killed process left
    /// half-written there.
    ///
    /// # Errors
    /// Exit code 2 where there is no such run or another process is using it.
    pub fn open(path: &Path, checkpoints: &Path, experiment: &str) -> Result<Self> {
        let checkpoints = checkpoints.join(experiment).join(run_name(path));
        let folder = Self::lock_rest(path.into(), checkpoints, lock(path)?)?;
        durable::remove_temp_files(&folder.path);
        durable::remove_temp_files(&folder.path.join("figures"));
        durable::remove_temp_files(&folder.checkpoints);
        Ok(folder)
    }

    /// Locks the checkpoint folder too; `own` is the lock of the run folder.
    fn lock_rest(path: PathBuf, checkpoints: PathBuf, own: File) -> Result<Self> {
        let locks = [own, lock(&checkpoints)?];
        let figures = path.join("figures");
        fs::create_dir_all(&figures).with_context(|| format!("creating {}", figures.display()))?;
        checkpoint::finish_pruning(&checkpoints);
        for folder in [&path, &figures, &checkpoints] {
            durable::remove_temp_files(folder);
        }
        let name = run_name(&path);
        Ok(Self { path, checkpoints, name, made: Vec::new(), _locks: locks })
    }
}

fn run_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a name may be that of a folder of runs.
///
/// # Errors
/// Exit code 2 where it may not.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.=+,".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) || name.len() > 200 {
        return Err(refuse(format!(
            "--name \"{name}\": use letters, digits and -_.=+, (not a dot first)"
        )));
    }
    Ok(())
}

fn has_checkpoints(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
    })
}

/// A run's default name.
fn default_name(what: &str, seed: u64, time: jiff::Timestamp) -> String {
    format!("{what}-s{seed}-{}", time.strftime("%Y%m%dT%H%M%S%3fZ"))
}

#[cfg(test)]
mod tests;
