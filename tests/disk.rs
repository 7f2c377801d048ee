//! A disk that is full costs the log, or a checkpoint, but never what was saved before.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Bench, Outcome, program};
use neuron_lab::lab::store::checkpoint::{Checkpoint, Manifest};

/// Runs the program under a limit of `blocks` x 512 bytes for every file that it writes.
fn limited(bench: &Bench, blocks: u64, line: &str) -> Outcome {
    let script = format!("ulimit -f {blocks} && exec {} {line}", program());
    bench.execute("sh", &["-c", &script])
}

/// Asserts that whatever counts as a checkpoint in a folder is whole, and that nothing
/// half-written lies beside it.
fn assert_whole(folder: &Path) {
    for manifest in Manifest::list(folder) {
        Checkpoint::read(&manifest).unwrap();
    }
    let names = fs::read_dir(folder).unwrap().flatten();
    let names: Vec<String> = names.map(|n| n.file_name().to_string_lossy().into_owned()).collect();
    assert!(!names.iter().any(|name| name.starts_with(".tmp")), "{names:?}");
    for name in names.iter().filter(|name| name.ends_with(".safetensors")) {
        assert!(names.contains(&name.replace("safetensors", "json")), "{names:?}");
    }
}

/// Asserts that every line of `metrics.jsonl` but the last is whole.
fn assert_lines(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    for line in whole.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_log_that_cannot_grow_is_one_warning() {
    let bench = Bench::new();
    // Checkpoints of a network this small fit into the limit; the log of 100 epochs does not.
    let run = "--data digits --hidden 2 --log-every 1 --epochs 30 --optimizer adam";
    bench.run(&format!("{run} --name whole --quiet")).expect(0);
    let outcome = limited(&bench, 128, &format!("{run} --name a")).expect(0);
    let warnings = outcome.warnings();
    assert_eq!(warnings.len(), 1, "{outcome:#?}");
    assert!(warnings[0].contains("goes on without a log"), "{outcome:#?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:#?}");
    assert!(bench.tensors("a", 690) == bench.tensors("whole", 690));
    assert_whole(&bench.checkpoints("a"));
    assert_lines(&bench.run_file("a", "metrics.jsonl"));
    let summary = bench.summary("a");
    assert_eq!(summary["status"], "done");
    assert!(summary["log_failure"].as_str().is_some_and(|why| why.contains("too large")));
    // Resumed with room: what was not logged stays so, and what comes is logged.
    bench.run("--resume a --epochs 31 --quiet").expect(0);
    let steps = bench.metrics("a");
    assert_eq!(steps.last().unwrap()["step"], 713);
}

#[test]
fn checkpoints_that_do_not_fit_end_the_run() {
    let bench = Bench::new();
    let run = "--data digits --log-every 50 --optimizer adam";
    bench.run(&format!("{run} --epochs 2 --name a --quiet")).expect(0);
    bench.run(&format!("{run} --epochs 5 --name whole --quiet")).expect(0);
    let before = bench.tensors("a", 46);
    let best = bench.names(bench.checkpoints("a"));

    // Three in a row.
    let outcome = limited(&bench, 128, "--resume a --epochs 5 --checkpoint-every 3").expect(1);
    assert_eq!(outcome.warnings().len(), 2, "{outcome:#?}");
    let error = outcome.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    for word in ["checkpoint", "step-00000054.safetensors", "too large"] {
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(bench.names(bench.checkpoints("a")), best);
    assert_eq!(bench.summary("a")["exit_code"], 1);
    assert_eq!(bench.summary("a")["status"], "failed");

    // The last one.
    let outcome = limited(&bench, 128, "--resume a --steps 47").expect(1);
    assert!(outcome.stderr.contains("step-00000047.safetensors"), "{outcome:#?}");
    assert!(bench.tensors("a", 46) == before);
    assert_whole(&bench.checkpoints("a"));

    bench.run(&format!("--resume a --steps {}", 5 * 23)).expect(0);
    assert!(bench.tensors("a", 115) == bench.tensors("whole", 115));
}

/// A file system of a few hundred KiB, where this user may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let option = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(&path).output();
        if !mount.is_ok_and(|output| output.status.success()) {
            common::skip("no tmpfs can be mounted here");
            return None;
        }
        Some(Self(path))
    }

    /// Fills all but some bytes.
    fn fill(&self, leave: u64) {
        let free = rustix::fs::statvfs(&self.0).unwrap();
        let bytes = (free.f_bavail * free.f_frsize).saturating_sub(leave);
        fs::write(self.0.join("filler"), vec![1; bytes as usize]).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

const RUN: &str = "--data digits --optimizer adam --log-every 1 --epochs 12 --seed 2";

#[test]
fn a_run_folder_on_a_full_disk() {
    let bench = Bench::new();
    let Some(disk) = SmallDisk::mount(bench.path("runs"), "1M") else { return };
    bench.run(&format!("{RUN} --name whole --runs elsewhere --quiet")).expect(0);
    disk.fill(200 << 10);
    let outcome = bench.run(&format!("{RUN} --name a")).expect(0);
    let warnings = outcome.warnings();
    assert!(warnings[0].contains("goes on without a log"), "{outcome:#?}");
    // The second is that there is no room for the summary either.
    assert!(warnings.len() <= 2 && outcome.stderr.lines().count() <= 2, "{outcome:#?}");
    assert!(bench.tensors("a", 276) == bench.tensors("whole", 276));
    assert_lines(&bench.run_file("a", "metrics.jsonl"));
    disk.free();
    bench.run("--resume a --epochs 13 --quiet").expect(0);
    assert_eq!(bench.summary("a")["steps"], 299);

    // No room to begin with: refused, with one line, and nothing that looks like a run is left.
    disk.fill(0);
    let outcome = bench.run(&format!("{RUN} --name b")).expect(1);
    assert!(outcome.error().contains("No space left"), "{outcome:#?}");
    assert!(!bench.run_file("b", "config.json").exists());
    assert!(!bench.checkpoints("b").join("step-00000000.json").exists());
}

#[test]
fn checkpoints_on_a_full_disk() {
    let bench = Bench::new();
    let Some(disk) = SmallDisk::mount(bench.path("checkpoints"), "2M") else { return };
    bench.run(&format!("{RUN} --name whole --checkpoints elsewhere --quiet")).expect(0);
    disk.fill(400 << 10);
    // There is room for one checkpoint of 300 KiB.
    let outcome = bench.run(&format!("{RUN} --name a --checkpoint-every 10")).expect(1);
    let warnings = outcome.warnings();
    assert!(warnings[0].contains("MiB free"), "{outcome:#?}");
    assert_eq!(warnings.len(), 3, "{outcome:#?}");
    let errors = outcome.stderr.lines().filter(|line| line.starts_with("error: "));
    let errors: Vec<&str> = errors.collect();
    assert!(errors.len() == 1 && errors[0].contains("No space left"), "{outcome:#?}");
    assert_whole(&bench.checkpoints("a"));
    let (found, skipped) = Checkpoint::newest(&bench.checkpoints("a"), |_| Ok(())).unwrap();
    let step = found.map(|found| found.manifest.step);
    assert_eq!((step, skipped.len()), (Some(10), 0), "{outcome:#?}");
    disk.free();
    bench.run("--resume a --quiet").expect(0);
    let whole = bench.path("elsewhere/selector_mnist/whole/step-00000276.safetensors");
    assert!(bench.tensors("a", 276) == fs::read(whole).unwrap());
}
