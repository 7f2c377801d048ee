//! From what `--resume` says to a run folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::record::{Provenance, RecordFile};
use crate::lab::error::{closest, refuse};

/// The word for the run that began last, where no run is called so.
const LATEST: &str = "latest";

/// Runs that are named where several are meant.
const NAMED: usize = 5;

/// The run folder that `--resume` means: a path, or a run of this experiment by its name, by
/// `<experiment>/<name>`, by a part of these that only one run has, or by `latest`.
///
/// # Errors
/// Exit code 2 where there is no such run, naming the closest, or more than one.
pub fn locate(runs: &Path, experiment: &str, asked: &str, name: Option<&str>) -> Result<PathBuf> {
    let asked = if asked.is_empty() { name.unwrap_or_default() } else { asked };
    if asked.is_empty() {
        return Err(refuse("--resume needs the name of a run: --resume NAME, or --name NAME"));
    }
    let home = runs.join(experiment);
    for candidate in [home.join(asked), PathBuf::from(asked)] {
        if !is_run(&candidate) {
            continue;
        }
        // A path such as `.` does not end in the run's name, by which its checkpoints are found.
        return match candidate.file_name() {
            Some(_) => Ok(candidate),
            None => candidate.canonicalize().with_context(|| candidate.display().to_string()),
        };
    }
    let names = names(&home);
    let id = |name: &String| format!("{experiment}/{name}");
    let whole: Vec<&String> = names.iter().filter(|name| id(name) == asked).collect();
    let part = || names.iter().filter(|name| id(name).contains(asked)).collect();
    let found: Vec<&String> = if whole.is_empty() { part() } else { whole };
    match &found[..] {
        [only] => Ok(home.join(only)),
        [] if asked == LATEST && !names.is_empty() => Ok(latest(&home, &names)),
        [] => {
            let hint = closest(asked, names.iter().map(String::as_str));
            Err(refuse(format!("--resume {asked}: no such run in {}{hint}", home.display())))
        }
        several => {
            let some: Vec<&str> = several.iter().take(NAMED).map(|name| name.as_str()).collect();
            let more = if several.len() > NAMED { ", ..." } else { "" };
            let (count, some) = (several.len(), some.join(", "));
            Err(refuse(format!("--resume {asked}: {count} runs are called so: {some}{more}")))
        }
    }
}

fn is_run(folder: &Path) -> bool {
    folder.join("config.json").is_file()
}

/// The runs in a folder, sorted. A symbolic link has another name than the run, by which no
/// checkpoint is found.
fn names(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let runs = folders.filter(|entry| is_run(&entry.path()));
    let mut names: Vec<String> =
        runs.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Of some runs, the one that began last.
fn latest(home: &Path, names: &[String]) -> PathBuf {
    let begun = |name: &String| {
        let started = Provenance::read(&home.join(name)).ok()?.process.started?;
        started.parse::<Timestamp>().ok()
    };
    home.join(names.iter().max_by_key(|name| begun(name)).map_or("", String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;
    use crate::lab::store::record::Process;

    #[test]
    fn a_run_is_found_by_a_part_of_its_name_that_no_other_has() {
        let runs = tempfile::tempdir().unwrap();
        let home = runs.path().join("toy");
        for (name, started) in [("lr=0.1-s0", "2026-11-30T10"), ("lr=0.2-s0", "2026-11-30T09")] {
            fs::create_dir_all(home.join(name)).unwrap();
            fs::write(home.join(name).join("config.json"), "{}").unwrap();
            let started = Some(format!("{started}:00:00Z"));
            let process = Process { started, ..Process::default() };
            let record = Provenance { process, ..Provenance::default() };
            record.write(&home.join(name)).unwrap();
        }
        fs::create_dir(home.join("lr=0.3-no-run")).unwrap();
        std::os::unix::fs::symlink("lr=0.2-s0", home.join("mine")).unwrap();
        let at = |asked: &str| locate(runs.path(), "toy", asked, None);
        for (asked, name) in [
            ("lr=0.1-s0", "lr=0.1-s0"),
            ("toy/lr=0.1-s0", "lr=0.1-s0"),
            ("0.2", "lr=0.2-s0"),
            ("latest", "lr=0.1-s0"),
            ("mine", "mine"),
        ] {
            assert_eq!(at(asked).unwrap(), home.join(name), "{asked}");
        }
        for (asked, line) in [
            ("s0", "--resume s0: 2 runs are called so: lr=0.1-s0, lr=0.2-s0".to_string()),
            ("0.3", format!("--resume 0.3: no such run in {}", home.display())),
        ] {
            let error = at(asked).unwrap_err();
            assert_eq!(exit_status(&error), 2);
            assert!(error.to_string().starts_with(&line), "{error}");
        }
    }
}
