//! The experiment of docs/new_experiment.md: what the page shows is what is built, and it runs.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Examples are built beside the tests' folder `deps`.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo test builds examples", path.display());
    path
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(example("new_experiment"));
    command.current_dir(home).args(arguments).env_remove("RUST_BACKTRACE").output().unwrap()
}

fn summary(home: &Path, name: &str) -> Value {
    let path = home.join("runs/teacher").join(name).join("summary.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_page_shows_the_program() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/new_experiment.md")).unwrap();
    let program = fs::read_to_string(Path::new(ROOT).join("examples/new_experiment.rs")).unwrap();
    assert!(page.contains(&format!("```rust\n{program}```\n")), "the page's program is another");
    assert!(program.lines().count() < 160);
}

#[test]
fn it_learns_writes_and_resumes() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["--name", "whole", "--lr", "0.05"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("TensorBoard  scripts/tensorboard runs/teacher"), "{said}");
    let whole = summary(home.path(), "whole");
    assert_eq!(whole["status"], "done");
    let error = whole["metrics"]["eval/error"].as_f64().unwrap();
    assert!(error < 0.2, "distance to the teacher's weights: {error}");
    for file in ["figures/learning.png", "figures/learning.csv", "config.json", "provenance.json"] {
        assert!(home.path().join("runs/teacher/whole").join(file).is_file(), "{file}");
    }

    // The same run in two parts ends in the same numbers.
    assert!(
        run(home.path(), &["--name", "parts", "--lr", "0.05", "--steps", "120"]).status.success()
    );
    let output = run(home.path(), &["--resume", "parts", "--steps", "300"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let parts = summary(home.path(), "parts");
    assert_eq!(parts["metrics"]["eval/error"], whole["metrics"]["eval/error"]);
    assert_eq!(parts["metrics"]["train/loss"], whole["metrics"]["train/loss"]);
}

/// An evaluation that never counts as an improvement makes the rate fall.
#[test]
fn its_evaluations_are_told_to_the_plateau_schedule() {
    let home = tempfile::tempdir().unwrap();
    let line = "--name plateau --schedule plateau --plateau-patience 0 --plateau-threshold 0.9";
    let output = run(home.path(), &line.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rate = summary(home.path(), "plateau")["metrics"]["optim/lr"].as_f64().unwrap();
    assert!(rate < 0.01, "{rate}");
}

#[test]
fn it_refuses_what_cannot_be() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), &["--noise", "-1"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}
