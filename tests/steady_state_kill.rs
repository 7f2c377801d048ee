//! The program `steady_state`, killed or stopped in the middle of a run, and resumed: the same
//! numbers as a run that is left alone.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{in_time, wait_until};
use rustix::process::{Pid, Signal, kill_process};

/// 60 steps in each of three stages, each with a checkpoint.
const LINE: &str = "--replicates 2 --expansions 1,4 --gammas 0.02,0.1 --pretrain-seconds 3000 \
                    --train-seconds 3000 --steady-seconds 3000 --loss-seconds 100 \
                    --checkpoint-every 1 --threads 1 --device cpu";
const STEPS: usize = 180;

fn start(home: &Path, line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steady_state"));
    command.args(line.split_whitespace()).arg("--quiet").current_dir(home);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn folder(home: &Path, kind: &str, run: &str) -> PathBuf {
    home.join(kind).join("steady_state").join(run)
}

/// The number of the last complete checkpoint.
fn reached(home: &Path, run: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder(home, "checkpoints", run)) else { return 0 };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let step = |name: String| name.strip_prefix("step-")?.strip_suffix(".json")?.parse().ok();
    names.filter_map(step).max().unwrap_or(0)
}

/// The last checkpoint and the table of every run.
fn results(home: &Path, run: &str) -> [Vec<u8>; 2] {
    let weights = format!("step-{STEPS:08}.safetensors");
    [
        fs::read(folder(home, "checkpoints", run).join(weights)).unwrap(),
        fs::read(folder(home, "runs", run).join("figures/tradeoff.csv")).unwrap(),
    ]
}

/// Starts a run and interrupts it in pre-training, learning, and learning from w*, each time
/// resumed. The checkpoints that it had reached; none where it ended before it was interrupted.
fn interrupted(home: &Path, run: &str, signal: Signal, code: Option<i32>) -> Option<Vec<usize>> {
    let mut child = start(home, &format!("{LINE} --name {run}"));
    let mut moments = Vec::new();
    for step in [STEPS / 8, STEPS / 2, STEPS - STEPS / 6] {
        wait_until("the step's checkpoint is there", || reached(home, run) >= step);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        if status.success() {
            return None;
        }
        assert_eq!(status.code(), code, "{run} after step {step}");
        moments.push(reached(home, run));
        child = start(home, &format!("--resume {run}"));
    }
    assert!(child.wait().unwrap().success(), "{run} after {moments:?}");
    (moments[0] < STEPS / 3 && moments[2] < STEPS).then_some(moments)
}

#[test]
fn killed_and_stopped_runs_end_in_the_same_numbers() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert!(start(home, &format!("{LINE} --name whole")).wait().unwrap().success());
    let whole = results(home, "whole");
    for (kind, signal, code) in
        [("killed", Signal::KILL, None), ("stopped", Signal::TERM, Some(143))]
    {
        let (run, moments) = in_time(|attempt| {
            let run = format!("{kind}{attempt}");
            interrupted(home, &run, signal, code).map(|moments| (run, moments))
        });
        println!("{run} with checkpoints up to steps {moments:?}");
        assert!(results(home, &run) == whole, "{run} after {moments:?} differs");
    }
}
