//! What made a run: code, libraries, machine and command.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};
use tch::Device;

use crate::lab::cli::settings::is_bookkeeping;
use crate::lab::tensor::device;

/// The first line that a git command prints in the source folder, where there is git.
fn git(arguments: &[&str]) -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}

/// The version of the libtorch that the program was linked with, as its folder says.
pub fn libtorch_version() -> String {
    let folder = option_env!("NEURON_LAB_LIBTORCH").map(|lib| Path::new(lib).join(".."));
    let read = |name: &str| std::fs::read_to_string(folder.as_ref()?.join(name)).ok();
    let quoted = |text: String| {
        let line = text.lines().find(|line| line.starts_with("__version__"))?.to_string();
        line.split('\'').nth(1).map(str::to_string)
    };
    read("version.py")
        .and_then(quoted)
        .or_else(|| read("build-version").map(|text| text.trim().to_string()))
        .unwrap_or_else(|| "unknown".into())
}

/// The content of `provenance.json`. The git commit is that of the source folder at the start.
pub fn record(device: Device, threads: i32) -> Value {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let commit = git(&["rev-parse", "HEAD"]);
    let dirty = commit.as_ref().and_then(|_| git(&["status", "--porcelain"]));
    json!({
        "git_commit": commit,
        "git_dirty": dirty.map(|status| !status.is_empty()),
        "neuron_lab": env!("CARGO_PKG_VERSION"),
        "libtorch": libtorch_version(),
        "device": device::name(device),
        "cuda_devices": if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 },
        "threads": threads,
        "command": std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        "folder": std::env::current_dir().ok(),
        "host": host,
        "started": jiff::Timestamp::now().to_string(),
    })
}

/// The settings that differ from the experiment's defaults, but for bookkeeping.
pub fn changed(defaults: &Map<String, Value>, config: &Map<String, Value>) -> Map<String, Value> {
    let differs =
        |key: &str, value: &Value| !is_bookkeeping(key) && defaults.get(key) != Some(value);
    let pairs = config.iter().filter(|(key, value)| differs(key, value));
    pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_the_defaults() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let defaults = map(json!({"lr": 0.1, "seed": 0, "log_every": 100, "steps": null}));
        let config = map(json!({"lr": 0.2, "seed": 0, "log_every": 10, "steps": 5}));
        assert_eq!(changed(&defaults, &config), map(json!({"lr": 0.2, "steps": 5})));
    }

    #[test]
    fn names_the_code_and_the_library() {
        let record = record(Device::Cpu, 1);
        assert_eq!(record["device"], "cpu");
        assert!(record["libtorch"].as_str().unwrap().starts_with("2."), "{record}");
        assert!(!record["command"].as_array().unwrap().is_empty());
    }
}
