//! A package of one's own that uses the library: it builds, it runs, and it is named as itself.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use neuron_lab::lab::log::tags::is_of_machine;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The folder that this test's own build is in, so that dependencies are not built again.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_path_buf()
}

/// Builds a copy of `examples/external`, as someone would who took the folder elsewhere.
fn build(home: &Path) -> PathBuf {
    let (from, package) = (Path::new(ROOT).join("examples/external"), home.join("external"));
    fs::create_dir_all(package.join("src")).unwrap();
    for file in ["build.rs", "src/main.rs"] {
        fs::copy(from.join(file), package.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    let placed = manifest.replace("path = \"../..\"", &format!("path = \"{ROOT}\""));
    assert_ne!(placed, manifest);
    fs::write(package.join("Cargo.toml"), placed).unwrap();
    // The versions that this package was built with: nothing is fetched.
    fs::copy(Path::new(ROOT).join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(ROOT).args(["build", "--release", "--offline", "--manifest-path"]);
    cargo.arg(package.join("Cargo.toml")).arg("--target-dir").arg(target());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target().join("release/sine")
}

fn run(program: &Path, home: &Path, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(home).args(arguments).output().unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_package_of_ones_own_runs_under_its_own_name() {
    let home = tempfile::tempdir().unwrap();
    let program = build(home.path());
    let help = run(&program, home.path(), &["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--hidden") && help.contains("--seed"), "{help}");
    for word in ["mnist", "MNIST", "--data", "--replicates"] {
        assert!(!help.contains(word), "{word} in {help}");
    }
    let version = run(&program, home.path(), &["--version"]);
    assert_eq!(String::from_utf8(version.stdout).unwrap().trim(), "sine 1.2.3");

    let output = run(&program, home.path(), &["--name", "whole"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = home.path().join("runs/sine/whole");
    let provenance = read(&folder.join("provenance.json"));
    assert_eq!(provenance["package"], "sine");
    assert_eq!(provenance["package_version"], "1.2.3");
    let loss = read(&folder.join("summary.json"))["metrics"]["eval/loss"].as_f64().unwrap();
    assert!(loss < 0.05, "{loss}");

    let parts = ["--name", "parts", "--steps", "120"];
    assert!(run(&program, home.path(), &parts).status.success());
    let resumed = run(&program, home.path(), &["--resume", "parts", "--steps", "300"]);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let metrics = |name: &str| {
        let mut metrics =
            read(&home.path().join("runs/sine").join(name).join("summary.json"))["metrics"]
                .as_object()
                .cloned()
                .unwrap();
        metrics.retain(|tag, _| !is_of_machine(tag));
        metrics
    };
    assert_eq!(metrics("parts"), metrics("whole"));
}
