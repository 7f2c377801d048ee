//! A disk that is full costs the log, or a checkpoint, but never what was saved before.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Bench, Outcome, in_time, program, wait_until};
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

    // Many in a row, within a moment that may pass: the last one ends the run.
    let outcome = limited(&bench, 128, "--resume a --epochs 5 --checkpoint-every 3").expect(1);
    let warnings = outcome.warnings();
    assert!(warnings[0].contains("step-00000048.safetensors"), "{outcome:#?}");
    // A machine may take longer than the ten seconds between two of them.
    assert!(warnings.len() < 5, "{outcome:#?}");
    let error = outcome.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    for word in ["checkpoint", "step-00000115.safetensors", "too large"] {
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

    /// Fills all of it, whatever another process takes or gives back meanwhile.
    fn fill_up(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
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

    // No room to begin with: refused, with one line, and nothing is left.
    disk.fill(0);
    let outcome = bench.run(&format!("{RUN} --name b")).expect(1);
    assert!(outcome.error().contains("No space left"), "{outcome:#?}");
    assert!(!bench.run_file("b", "").exists() && !bench.checkpoints("b").exists());
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
    assert!(warnings[1].contains("will try again") && warnings.len() < 5, "{outcome:#?}");
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

#[test]
fn a_disk_that_is_full_for_a_while_costs_no_number_and_no_figure() {
    let bench = Bench::new();
    let Some(disk) = SmallDisk::mount(bench.path("runs"), "32M") else { return };
    let run = "--data digits --log-every 1 --epochs 40 --seed 2";
    bench.run(&format!("{run} --name whole --quiet")).expect(0);
    let name = in_time(|attempt| {
        let name = format!("a{attempt}");
        let mut child = bench.spawn(&format!("{run} --name {name} --quiet --device cpu"));
        let lines = bench.run_file(&name, "metrics.jsonl");
        wait_until("it logs", || fs::metadata(&lines).is_ok_and(|found| found.len() > 2000));
        disk.fill_up();
        wait_until("the log is full", || {
            let said = fs::read_to_string(bench.path("stderr")).unwrap();
            said.contains("goes on without a log") || child.try_wait().unwrap().is_some()
        });
        let late = child.try_wait().unwrap().is_some();
        disk.free();
        let outcome = bench.outcome(child.wait().unwrap()).expect(0);
        assert!(late || outcome.warnings().len() == 1, "{outcome:#?}");
        (!late).then_some(name)
    });
    bench.assert_same(&name, "whole", 920, "full for a while");
    for file in bench.names(bench.run_file("whole", "figures")) {
        let file = format!("figures/{file}");
        let read = |run: &str| fs::read(bench.run_file(run, &file)).unwrap();
        assert!(read(&name) == read("whole"), "{file}");
    }
}

#[test]
fn an_answer_that_nobody_can_read_is_an_error() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a --quiet")).expect(0);
    fs::write(bench.path("lines.json"), "[]").unwrap();
    let checkpoint = "checkpoints/selector_mnist/a";
    let new = format!("{RUN} --name b --quiet --json");
    let eval = format!("--eval {checkpoint} --json");
    for line in [new.as_str(), &eval, "--resume a --json", "--check lines.json", "--help"] {
        let whole = format!("exec {} {line} --device cpu > /dev/full", program());
        let outcome = bench.execute("sh", &["-c", &whole]).expect(1);
        assert!(outcome.stderr.contains("writing to standard output: No space"), "{outcome:#?}");
    }
    // A reader that has gone is no error.
    let whole = format!("{{ {} {eval} --device cpu; echo $? > code; }} | true", program());
    bench.execute("sh", &["-c", &whole]).expect(0);
    assert_eq!(fs::read_to_string(bench.path("code")).unwrap(), "0\n");
    // What a run says on the way is no answer: it is done.
    let whole = format!("exec {} {RUN} --name c --device cpu > /dev/full", program());
    bench.execute("sh", &["-c", &whole]).expect(0);
    assert_eq!(bench.summary("b")["status"], "done");
}
