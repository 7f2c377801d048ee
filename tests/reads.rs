//! How often a training step waits for the device.
//!
//! Every read goes through `lab::tensor::to_host`, which counts them; a scan of the source holds the library
//! to that.

#![allow(clippy::unwrap_used)]

mod common;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use common::Bench;
use neuron_lab::lab::configure;
use neuron_lab::lab::log::console::Console;
use neuron_lab::lab::store::folder::RunFolder;
use neuron_lab::lab::tensor::to_host;
use neuron_lab::lab::train::experiment::Experiment;
use neuron_lab::lab::train::finite::FinitePolicy;
use neuron_lab::lab::train::session::Session;
use neuron_lab::lab::train::signals::StopSignal;
use neuron_lab::selector::SelectorMnist;
use tch::Device;

/// A run of the digits that logs at every fourth step, ready for its first step.
fn session(bench: &Bench, name: &str, flags: &str) -> Session<SelectorMnist> {
    let line = format!("selector_mnist --data digits --log-every 4 --epochs 2 {flags}");
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let settings = configure::<SelectorMnist>(words).unwrap();
    tch::set_num_threads(1);
    let experiment = SelectorMnist::build(&settings, Device::Cpu).unwrap();
    let (runs, checkpoints) = (bench.path("runs"), bench.path("checkpoints"));
    let folder = RunFolder::create(&runs, &checkpoints, SelectorMnist::NAME, name).unwrap();
    let parts = (Console::new(true, false), StopSignal::install().unwrap(), Device::Cpu);
    Session::new(settings, experiment, folder, None, parts).unwrap()
}

/// Reads of each of the next steps.
fn reads(session: &mut Session<SelectorMnist>, steps: usize) -> Vec<u64> {
    let step = |_| {
        let before = to_host::count();
        session.one_step().unwrap();
        to_host::count() - before
    };
    (0..steps).map(step).collect()
}

const CASES: [&str; 5] = [
    "",
    "--optimizer adam --replicates 3",
    "--num-computation 3 --optimizer nesterov --clip-norm 1 --clip-value 1",
    "--ste-sign as-printed --schedule cosine --optimizer adamw",
    "--schedule plateau --optimizer momentum",
];

#[test]
fn with_cudas_policy_only_a_logging_step_reads_and_once() {
    let bench = Bench::new();
    for (i, flags) in CASES.iter().enumerate() {
        let mut session = session(&bench, &format!("cuda{i}"), flags);
        session.set_finite_policy(FinitePolicy::WhenLogging);
        let found = reads(&mut session, 12);
        assert_eq!(found, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], "{flags}");
    }
}

#[test]
fn with_the_cpus_policy_each_step_reads_its_finite_flag() {
    let bench = Bench::new();
    for (i, flags) in CASES.iter().enumerate() {
        let mut session = session(&bench, &format!("cpu{i}"), flags);
        assert_eq!(reads(&mut session, 8), [1, 1, 1, 2, 1, 1, 1, 2], "{flags}");
    }
}

/// What reads a tensor's numbers behind the count's back.
const DIRECT: [&str; 16] = [
    "double_value(",
    "int64_value(",
    "f64::try_from(&",
    "f32::try_from(&",
    "i64::try_from(&",
    "bool::try_from(&",
    "Vec::<f32>::try_from(",
    "Vec::<f64>::try_from(",
    "Vec::<i64>::try_from(",
    "Vec::try_from(",
    "copy_data",
    ".item(",
    ".nonzero(",
    "is_nonzero(",
    "masked_select(",
    "data_ptr(",
];

/// Where that is right, with the reason.
const ALLOWED: [(&str, &str); 2] = [
    ("src/lab/tensor/host_memory.rs", "the memory of tensors on the CPU: a device's is never read"),
    ("src/lab/tensor/to_host.rs", "the count itself"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file that are not in its `mod tests`, with their numbers.
fn library_lines(text: &str) -> Vec<(usize, &str)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with("//")).collect()
}

#[test]
fn the_library_reads_through_the_count_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 40, "{files:?}");
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    for path in files.iter().filter(|path| !path.ends_with("tests.rs")) {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        for (number, line) in library_lines(&fs::read_to_string(path).unwrap()) {
            if !DIRECT.iter().any(|word| line.contains(word)) {
                continue;
            }
            match ALLOWED.iter().find(|(file, _)| *file == name) {
                Some((file, _)) => used.push(*file),
                None => wrong.push(format!("{name}:{number}: {line}")),
            }
        }
    }
    assert!(wrong.is_empty(), "read through lab::tensor::to_host instead:\n{}", wrong.join("\n"));
    for (file, reason) in ALLOWED {
        assert!(used.contains(&file), "{file} needs no exception any more ({reason})");
    }
}
