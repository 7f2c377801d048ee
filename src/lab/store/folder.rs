//! The folders of a run, and the lock that keeps a second process out of them.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::durable;
use crate::lab::error::refuse;

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
        let existed = path.exists();
        let own = lock(&path)?;
        let made = Self::lock_rest(path.clone(), checkpoints.join(experiment).join(name), own)
            .and_then(Self::refuse_checkpoints);
        if made.is_err() && !existed {
            // We made it and had its lock: there is nothing of anyone's in it.
            let _ = fs::remove_dir_all(path);
        }
        made
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
        durable::remove_temp_files(&folder.checkpoints);
        Ok(folder)
    }

    /// Locks the checkpoint folder too; `own` is the lock of the run folder.
    fn lock_rest(path: PathBuf, checkpoints: PathBuf, own: File) -> Result<Self> {
        let locks = [own, lock(&checkpoints)?];
        let figures = path.join("figures");
        fs::create_dir_all(&figures).with_context(|| format!("creating {}", figures.display()))?;
        let name = run_name(&path);
        Ok(Self { path, checkpoints, name, _locks: locks })
    }
}

fn run_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Tries for a moment: [`is_locked`] holds a lock for some microseconds.
fn patient_lock(file: &File) -> Result<(), TryLockError> {
    let mut tried = file.try_lock();
    for _ in 0..10 {
        if !matches!(tried, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        tried = file.try_lock();
    }
    tried
}

/// Whether a process, here or on another machine that shares the folder, is using it.
pub fn is_locked(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(".lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Locks a folder, which is made where it is missing. The lock is the kernel's, on the file
/// `.lock`, so that it ends with the process however that dies.
///
/// # Errors
/// Exit code 2 where another process has it.
pub fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let path = folder.join(".lock");
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match patient_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            return Err(refuse(format!(
                "{} is in use by process {}: wait for it, or choose another --name",
                folder.display(),
                holder.trim()
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    // For people who ask which process it is; the lock does not depend on it.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
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

/// The run folder that `--resume` means: a path, or the name of a run of this experiment.
///
/// # Errors
/// Exit code 2 where there is no such run, naming the closest.
pub fn locate(runs: &Path, experiment: &str, asked: &str, name: Option<&str>) -> Result<PathBuf> {
    let asked = if asked.is_empty() { name.unwrap_or_default() } else { asked };
    if asked.is_empty() {
        return Err(refuse("--resume needs the name of a run: --resume NAME, or --name NAME"));
    }
    let home = runs.join(experiment);
    for candidate in [home.join(asked), PathBuf::from(asked)] {
        if !candidate.join("config.json").is_file() {
            continue;
        }
        // A path such as `.` does not end in the run's name, by which its checkpoints are found.
        return match candidate.file_name() {
            Some(_) => Ok(candidate),
            None => candidate.canonicalize().with_context(|| candidate.display().to_string()),
        };
    }
    let names: Vec<String> = fs::read_dir(&home)
        .map(|entries| entries.flatten().map(|entry| run_name(&entry.path())).collect())
        .unwrap_or_default();
    let hint = crate::lab::error::closest(asked, names.iter().map(String::as_str));
    Err(refuse(format!("--resume {asked}: no such run in {}{hint}", home.display())))
}

/// A run's default name: `<preset>-s<seed>-<UTC time>`.
pub fn default_name(preset: Option<&str>, seed: u64) -> String {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    format!("{}-s{seed}-{time}", preset.unwrap_or("default"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;

    #[test]
    fn a_run_in_use_is_locked_and_a_finished_one_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let (runs, checkpoints) = (root.path().join("runs"), root.path().join("checkpoints"));
        let folder = RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap();
        let error = RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap_err();
        assert_eq!(exit_status(&error), 2);
        assert!(error.to_string().contains("in use by process"), "{error}");
        durable::write(&folder.path.join("config.json"), b"{}").unwrap();
        drop(folder);
        let error = RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap_err();
        assert!(error.to_string().contains("--resume a"), "{error}");
        let found = locate(&runs, "toy", "a", None).unwrap();
        RunFolder::open(&found, &checkpoints, "toy").unwrap();
        assert_eq!(exit_status(&locate(&runs, "toy", "b", None).unwrap_err()), 2);
    }

    #[test]
    fn a_path_without_a_name_is_that_of_the_run() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().canonicalize().unwrap().join("runs/toy/a");
        fs::create_dir_all(run.join("figures")).unwrap();
        durable::write(&run.join("config.json"), b"{}").unwrap();
        let asked = run.join("figures/..");
        let found = locate(Path::new("elsewhere"), "toy", asked.to_str().unwrap(), None).unwrap();
        assert_eq!(found, run);
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["", "..", "a/b", ".hidden", "a b"] {
            assert_eq!(exit_status(&check_name(name).unwrap_err()), 2, "{name}");
        }
        check_name("default-s0-20260101T000000000Z").unwrap();
    }
}
