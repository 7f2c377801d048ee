//! The apical programs, run and resumed.

#![allow(dead_code)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use neuron_lab::lab::log::tags::is_of_machine;
use serde_json::Value;

use crate::common::{Bench, Outcome, words};

/// One of the binaries in a folder of its own.
pub struct Program {
    pub bench: Bench,
    name: &'static str,
    path: &'static str,
}

impl Program {
    pub fn train() -> Self {
        let path = env!("CARGO_BIN_EXE_apical_train");
        Self { bench: Bench::new(), name: "apical_train", path }
    }

    pub fn characterize() -> Self {
        let path = env!("CARGO_BIN_EXE_apical_characterize");
        Self { bench: Bench::new(), name: "apical_characterize", path }
    }

    pub fn toy() -> Self {
        Self { bench: Bench::new(), name: "apical_toy", path: env!("CARGO_BIN_EXE_apical_toy") }
    }

    pub fn run(&self, line: &str) -> Outcome {
        self.bench.execute(self.path, &words(line))
    }

    /// The folder of a run, or all of them; `home` is runs or checkpoints.
    pub fn folder(&self, home: &str, run: &str) -> PathBuf {
        self.bench.path(home).join(self.name).join(run)
    }

    pub fn tensors(&self, run: &str, step: u64) -> Vec<u8> {
        let file = format!("step-{step:08}.safetensors");
        fs::read(self.folder("checkpoints", run).join(file)).unwrap()
    }

    pub fn summary(&self, run: &str) -> Value {
        let file = self.folder("runs", run).join("summary.json");
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    /// The lines of `metrics.jsonl` without what depends on the machine.
    pub fn metrics(&self, run: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder("runs", run).join("metrics.jsonl")).unwrap();
        let entry = |line: &str| {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            entry.as_object_mut().unwrap().shift_remove("time");
            let values = entry["values"].as_object_mut().unwrap();
            values.retain(|tag, _| !is_of_machine(tag));
            entry.to_string()
        };
        text.lines().map(entry).collect()
    }

    /// Runs to the end, with a checkpoint at every step; then makes for each of some steps a copy
    /// that looks as if the process had been killed right after it, resumes that, and compares.
    #[track_caller]
    pub fn assert_resumes(&self, options: &str, last: u64, cuts: &[u64]) {
        let every = "--checkpoint-every 1 --keep 1000";
        self.run(&format!("{every} {options} --name whole")).expect(0);
        let expected = (self.tensors("whole", last), self.metrics("whole"));
        for cut in cuts {
            let name = format!("cut{cut}");
            for home in ["runs", "checkpoints"] {
                copy(&self.folder(home, "whole"), &self.folder(home, &name));
            }
            fs::remove_file(self.folder("runs", &name).join("summary.json")).unwrap();
            for later in cut + 1..=last {
                for kind in ["json", "safetensors"] {
                    let file = format!("step-{later:08}.{kind}");
                    fs::remove_file(self.folder("checkpoints", &name).join(file)).unwrap();
                }
            }
            self.run(&format!("--resume {name} --quiet")).expect(0);
            assert!(self.tensors(&name, last) == expected.0, "{options}: tensors, cut at {cut}");
            assert_eq!(self.metrics(&name), expected.1, "{options}: metrics, cut at {cut}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
