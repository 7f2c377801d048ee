//! Each signal that ends a run: it saves, exits with 128 + the signal's number, and goes on from there.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Bench, in_time, program, wait_until, words};
use rustix::process::{Pid, Signal, kill_process};

const STEPS: u64 = 23 * 50;
const RUN: &str = "--data digits --epochs 50 --log-every 5 --device cpu --optimizer adam --seed 3";
/// Steps of a second and more, so that what comes within one is not done before it.
const SLOW: &str = "--data digits --steps 1000 --batch-size 1437 --hidden 3072,3072 --device cpu";

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn wait_for_log(lines: &Path) {
    wait_until("it logs", || fs::metadata(lines).is_ok_and(|found| found.len() > 2000));
}

#[test]
fn what_terminals_and_clusters_send_saves_however_often_it_comes() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name undisturbed --quiet")).expect(0);
    let signals =
        [(Signal::HUP, 129), (Signal::USR1, 138), (Signal::USR2, 140), (Signal::XCPU, 152)];
    for (number, code) in signals {
        let name = in_time(|attempt| {
            let name = format!("stopped{code}-{attempt}");
            let mut child = bench.spawn(&format!("{RUN} --name {name}"));
            wait_for_log(&bench.run_file(&name, "metrics.jsonl"));
            // As a terminal that closes tells its shell, and the shell its jobs.
            signal(&child, number);
            signal(&child, number);
            let status = child.wait().unwrap();
            (!status.success()).then(|| {
                bench.outcome(status).expect(code);
                name
            })
        });
        let summary = bench.summary(&name);
        assert_eq!(
            (&summary["status"], &summary["exit_code"]),
            (&"interrupted".into(), &code.into())
        );
        assert!(!bench.tensors(&name, summary["steps"].as_u64().unwrap()).is_empty());
        bench.run(&format!("--resume {name} --quiet")).expect(0);
        bench.assert_same(&name, "undisturbed", STEPS, &format!("{code}"));
    }
}

#[test]
fn under_nohup_a_run_outlives_its_terminal() {
    let bench = Bench::new();
    let line = format!("{RUN} --name a --quiet");
    let mut command = Command::new("nohup");
    command.arg(program()).args(words(&line)).current_dir(bench.path(""));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let lines = bench.run_file("a", "metrics.jsonl");
    wait_until("it logs", || lines.exists());
    signal(&child, Signal::HUP);
    assert!(child.wait().unwrap().success());
    assert_eq!(bench.summary("a")["status"], "done");
}

/// Starts a run with long steps, and waits until it takes one.
fn slow(bench: &Bench) -> Child {
    let child = bench.spawn(&format!("{SLOW} --name slow"));
    let events = |names: Vec<String>| names.iter().any(|name| name.starts_with("events"));
    let folder = bench.run_file("slow", "");
    wait_until("it trains", || folder.is_dir() && events(bench.names(&folder)));
    std::thread::sleep(Duration::from_millis(100));
    child
}

#[test]
fn one_request_by_two_ways_saves() {
    // A wrapper that passes on what the whole group is told, and `timeout`, which tells both.
    for (second, apart) in [(Signal::INT, 150), (Signal::TERM, 0)] {
        let bench = Bench::new();
        let mut child = slow(&bench);
        signal(&child, Signal::TERM);
        std::thread::sleep(Duration::from_millis(apart));
        signal(&child, second);
        let status = child.wait().unwrap();
        bench.outcome(status).expect(143);
        let summary = bench.summary("slow");
        assert_eq!(summary["status"], "interrupted");
        assert!(!bench.tensors("slow", summary["steps"].as_u64().unwrap()).is_empty());
    }
}
