//! What made a run: code, libraries, machine and command.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tch::{Cuda, Device};

use super::RecordFile;
use super::package::Package;
use crate::lab::tensor::{device, libtorch};

/// `provenance.json`: the process that began the run, what it computed from, and every process
/// that went on with it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The process that began the run.
    #[serde(flatten)]
    pub process: Process,
    /// Where the data came from, as the experiment says it: files with their SHA-256, for example.
    #[serde(default)]
    pub data: Value,
    /// The checkpoint whose model the run started from, where there is one.
    #[serde(default)]
    pub init_from: Option<InitFrom>,
    /// The settings that differ from the experiment's defaults, but for bookkeeping.
    #[serde(default)]
    pub changed: Map<String, Value>,
    /// Tags of the metrics that are the run's results.
    #[serde(default)]
    pub results: Vec<String>,
    /// The processes that went on with the run, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumption>,
}

impl RecordFile for Provenance {
    const FILE: &'static str = "provenance.json";
}

/// The code, the machine and the command of a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// The name of the package that the binary was built from.
    pub package: Option<String>,
    /// The version of that package.
    pub package_version: Option<String>,
    /// The git commit of that package when the binary was built; none without git.
    pub git_commit: Option<String>,
    /// Whether the sources of the binary differed from that commit.
    pub git_dirty: Option<bool>,
    /// How they differed, for `git apply`: the names of files that git does not know as comments, then
    /// the changes of the others; at most 48 KiB of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_diff: Option<String>,
    /// The version of this library.
    pub neuron_lab: Option<String>,
    /// The version of libtorch, as its folder says.
    pub libtorch: Option<String>,
    /// The device that computes, as `--device` takes it.
    pub device: Option<String>,
    /// How many CUDA devices the process sees.
    pub cuda_devices: Option<i64>,
    /// Threads of libtorch on the CPU.
    pub threads: Option<i32>,
    /// The words of the command line, the program first.
    pub command: Vec<String>,
    /// The folder in which the command was given; paths in it count from there.
    #[serde(serialize_with = "super::lossy_or_none")]
    pub folder: Option<PathBuf>,
    /// The name of the machine.
    pub host: Option<String>,
    /// When the process began, in UTC.
    pub started: Option<String>,
}

impl Process {
    /// This process, computing on a device.
    pub fn current(device: Device, threads: i32, package: &Package) -> Self {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        Self {
            package: Some(package.name.into()),
            package_version: Some(package.version.into()),
            git_commit: package.git_commit.map(str::to_string),
            git_dirty: package.git_dirty.map(|dirty| dirty == "true"),
            git_diff: package.difference(),
            neuron_lab: Some(env!("CARGO_PKG_VERSION").into()),
            libtorch: Some(libtorch_version()),
            device: Some(device::name(device)),
            cuda_devices: Some(if Cuda::is_available() { Cuda::device_count() } else { 0 }),
            threads: Some(threads),
            command: words.collect(),
            folder: std::env::current_dir().ok(),
            host: Some(host()),
            started: Some(jiff::Timestamp::now().to_string()),
        }
    }
}

/// The checkpoint that a run took its first weights from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InitFrom {
    /// The file of its tensors.
    #[serde(serialize_with = "super::lossy")]
    pub file: PathBuf,
    /// The SHA-256 of that file, in hexadecimal.
    pub sha256: String,
}

/// A process that went on with a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Resumption {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Steps that were done when it began.
    #[serde(default)]
    pub step: u64,
}

/// The name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The version of the libtorch that the program was linked with.
pub fn libtorch_version() -> String {
    libtorch::version().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_the_code_and_the_library() {
        let package = Package {
            name: "mine",
            version: "1.2.3",
            git_commit: None,
            git_dirty: None,
            git_diff: None,
        };
        let process = Process::current(Device::Cpu, 1, &package);
        assert_eq!(process.device.as_deref(), Some("cpu"));
        assert!(process.libtorch.as_ref().unwrap().starts_with("2."), "{process:?}");
        assert!(!process.command.is_empty());
        let record = json!(Provenance { process, ..Provenance::default() });
        assert_eq!(
            (&record["package"], &record["package_version"]),
            (&json!("mine"), &json!("1.2.3"))
        );
        assert_eq!((&record["git_commit"], &record["neuron_lab"]), (&Value::Null, &json!("0.1.0")));
    }

    #[test]
    fn a_path_that_is_no_utf8_is_written_as_far_as_text_goes() {
        use std::os::unix::ffi::OsStringExt;
        let path = PathBuf::from(std::ffi::OsString::from_vec(b"/caf\xe9/a".to_vec()));
        let process = Process { folder: Some(path.clone()), ..Process::default() };
        let init_from = Some(InitFrom { file: path, sha256: String::new() });
        let record = json!(Provenance { process, init_from, ..Provenance::default() });
        let text = json!("/caf\u{fffd}/a");
        assert_eq!((&record["folder"], &record["init_from"]["file"]), (&text, &text));
    }

    #[test]
    fn an_older_record_opens() {
        let old = json!({
            "git_commit": null, "git_dirty": null, "neuron_lab": "0.1.0", "threads": 2,
            "command": ["selector_mnist"], "something": "of another version", "results": ["a"],
            "resumed": [{"step": 7, "started": "2026-01-01T00:00:00Z"}],
        });
        let read: Provenance = serde_json::from_value(old).unwrap();
        assert_eq!((read.process.threads, read.process.package), (Some(2), None));
        assert_eq!(read.resumed[0].step, 7);
        assert!(read.resumed[0].process.started.is_some() && read.init_from.is_none());
    }
}
