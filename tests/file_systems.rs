//! File systems that lack something, and folders with strange names: runs go on all the same.

#![allow(clippy::unwrap_used)]

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use common::{Bench, Outcome, program, words};

const RUN: &str = "--data digits --hidden 4 --device cpu";

/// `flock` of a file system that has none.
const NO_LOCKS: &str = r#"
#include <errno.h>
#include <stdlib.h>
int flock(int file, int operation) {
  (void)file; (void)operation;
  errno = atoi(getenv("FLOCK_ERRNO"));
  return -1;
}
"#;

/// `fsync` of a file system that can sync files alone.
const NO_FOLDER_SYNC: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int file) {
  struct stat status;
  if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) { errno = EINVAL; return -1; }
  return syscall(SYS_fsync, file);
}
"#;

/// A setting of the environment with which a program gets these functions in C instead of the
/// system's; none where there is no compiler.
fn preload(bench: &Bench, source: &str) -> Option<String> {
    let (file, library) = (bench.path("replaced.c"), bench.path("replaced.so"));
    fs::write(&file, source).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &file]).output();
    if !built.is_ok_and(|output| output.status.success()) {
        common::skip("no C compiler");
        return None;
    }
    Some(format!("LD_PRELOAD={}", library.display()))
}

fn run_with(bench: &Bench, settings: &[&str], line: &str) -> Outcome {
    let mut arguments = settings.to_vec();
    arguments.push(program());
    arguments.extend(words(line));
    bench.execute("env", &arguments)
}

#[test]
fn without_locks_a_run_warns_and_goes_on() {
    let bench = Bench::new();
    let Some(preload) = preload(&bench, NO_LOCKS) else { return };
    // ENOSYS, ENOLCK
    for errno in ["38", "37"] {
        let setting = format!("FLOCK_ERRNO={errno}");
        let settings = [preload.as_str(), &setting];
        let run = |line: &str| {
            let outcome = run_with(&bench, &settings, line).expect(0);
            let warnings = outcome.warnings();
            assert!(warnings.len() == 1 && warnings[0].contains("has no locks"), "{outcome:#?}");
        };
        run(&format!("{RUN} --steps 5 --quiet --name a{errno}"));
        run(&format!("--resume a{errno} --steps 9 --quiet --device cpu"));
        assert_eq!(bench.summary(&format!("a{errno}"))["steps"], 9);
    }
    // EIO is a failure, after which no half of a run is left.
    let settings = [preload.as_str(), "FLOCK_ERRNO=5"];
    let outcome = run_with(&bench, &settings, &format!("{RUN} --steps 5 --name b")).expect(1);
    assert!(outcome.error().contains("locking"), "{outcome:#?}");
    assert!(!bench.run_file("b", "").exists());
}

#[test]
fn without_a_sync_of_folders_a_run_warns_and_goes_on() {
    let bench = Bench::new();
    let Some(preload) = preload(&bench, NO_FOLDER_SYNC) else { return };
    for line in [format!("{RUN} --steps 5 --name a --quiet"), "--resume a --steps 9 --quiet".into()]
    {
        let outcome = run_with(&bench, &[&preload], &line).expect(0);
        let warnings = outcome.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains("can't sync a folder"), "{outcome:#?}");
    }
    assert_eq!(bench.summary("a")["steps"], 9);
}

#[test]
fn a_folder_whose_name_is_no_utf8_is_a_folder() {
    let bench = Bench::new();
    let folder = bench.path(OsString::from_vec(b"caf\xe9".to_vec()));
    fs::create_dir(&folder).unwrap();
    let run = |folder: &std::path::Path, line: &str| {
        let output =
            Command::new(program()).args(words(line)).current_dir(folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {said}");
        assert!(!said.contains("warning"), "{line}: {said}");
        output.stdout
    };
    run(&folder, &format!("{RUN} --steps 5 --name a --quiet"));
    let home = folder.join("runs/selector_mnist/a");
    assert!(bench.json(home.join("provenance.json"))["folder"].is_string());
    run(&folder, "--resume a --steps 7 --quiet --device cpu");
    let checkpoints = "--checkpoints ../../../checkpoints";
    let said = run(&home, &format!("--resume . {checkpoints} --steps 9 --json --device cpu"));
    let summary: serde_json::Value = serde_json::from_slice(&said).unwrap();
    assert_eq!((&summary["status"], &summary["steps"]), (&"done".into(), &9.into()));
}
