//! What every experiment computes, against the results in `tests/golden/`, by `scripts/golden`.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::EXPERIMENTS;
use serde_json::{Value, json};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `scripts/golden` on the binaries under test.
fn golden(arguments: &[&str]) -> Output {
    let binaries = Path::new(env!("CARGO_BIN_EXE_selector_mnist")).parent().unwrap();
    let mut command = Command::new("python3");
    command.arg("-B").arg(home().join("scripts/golden")).arg("--bin").arg(binaries);
    command.args(arguments).output().expect("python3 runs scripts/golden")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_string).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The manifest of the checkpoint that a fixture of format 1 has.
fn manifest(experiment: &str) -> Value {
    let folder = home().join("tests/golden/format-1").join(experiment);
    let files = fs::read_dir(folder.join("checkpoints").join(experiment).join("golden")).unwrap();
    let paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    let manifests: Vec<&PathBuf> =
        paths.iter().filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    assert_eq!((paths.len(), manifests.len()), (2, 1), "{experiment}: {paths:?}");
    read(manifests[0])
}

#[test]
fn every_configuration_computes_what_was_recorded() {
    let output = golden(&[]);
    let said = lines(&output).join("\n");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
    assert!(said.ends_with(" 0 differences or failures"), "{said}");
}

#[test]
fn every_experiment_resumes_a_run_of_format_1() {
    for experiment in EXPERIMENTS {
        assert_eq!(manifest(experiment)["format"], 1, "{experiment}");
        let results = read(&home().join("tests/golden").join(format!("{experiment}.json")));
        let steps = results["format-1"]["command"].as_array().unwrap();
        assert_eq!(steps[0], "copy format-1", "{experiment}");
        let last = steps.last().and_then(Value::as_str).unwrap();
        assert!(last.starts_with(&format!("{experiment} --resume golden")), "{last}");
    }
}

#[test]
fn a_difference_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two_loss_toy.json");
    let mut results = read(&home().join("tests/golden/two_loss_toy.json"));
    let run = &mut results["notebook"];
    let was = run["metrics"]["f/eliminate"].as_f64().unwrap();
    let digest = run["sha256"].as_str().unwrap().to_string();
    run["metrics"]["f/eliminate"] = json!(was * (1.0 + 2e-5));
    run["metrics"]["f/two-losses"] =
        json!(run["metrics"]["f/two-losses"].as_f64().unwrap() * (1.0 + 1e-7));
    run["sha256"] = json!(digest.replace(|digit: char| digit.is_ascii_digit(), "0"));
    fs::write(&path, results.to_string()).unwrap();

    let folder = folder.path().to_str().unwrap();
    let output = golden(&["--golden", folder, "two_loss_toy/notebook"]);
    let said = lines(&output);
    assert_eq!(output.status.code(), Some(1), "{said:?}");
    let start = "two_loss_toy/notebook: f/eliminate: ";
    assert_eq!(said.len(), 2, "only what is beyond the tolerance: {said:?}");
    assert!(said[0].starts_with(start) && said[0].ends_with(&format!("{was} now")), "{said:?}");

    let exact = lines(&golden(&["--golden", folder, "--exact", "two_loss_toy/notebook"]));
    let tags: Vec<&str> = exact.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(tags, ["f/eliminate", "f/two-losses", "sha256"], "{exact:?}");
}

#[test]
fn a_spread_may_differ_by_the_rounding_of_its_mean_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("selector_mnist.json");
    let recorded = read(&home().join("tests/golden/selector_mnist.json"));
    for (relative, differences) in [(1e-7, 0), (1e-5, 1)] {
        let mut results = recorded.clone();
        let metrics = &mut results["replicates"]["metrics"];
        let mean = metrics["train/loss"].as_f64().unwrap();
        let spread = metrics["train/loss/sd"].as_f64().unwrap();
        metrics["train/loss/sd"] = json!(spread + relative * mean);
        fs::write(&path, results.to_string()).unwrap();
        let folder = folder.path().to_str().unwrap();
        let said = lines(&golden(&["--golden", folder, "selector_mnist/replicates"]));
        assert_eq!(said.len(), differences + 1, "{said:?}");
    }
}

#[test]
fn what_was_not_recorded_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let output = golden(&["--golden", folder, "two_loss_toy/notebook"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(lines(&output)[0].contains("not recorded yet"), "{:?}", lines(&output));
}
