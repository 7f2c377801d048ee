//! A run that is killed or stopped, and resumed, computes the same bits as one that is left alone.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{Bench, Random, in_time, program, wait_until};
use rustix::process::{Pid, Signal, kill_process};

/// 23 steps an epoch, so that checkpoints and log entries are mostly within epochs, and the last
/// two kinds of steps rarely meet.
const EPOCHS: u64 = 50;
const STEPS: u64 = 23 * EPOCHS;
const RUN: &str = "--data digits --epochs 50 --log-every 5 --checkpoint-every 7";

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts a run, or goes on with it, and waits until it is under way.
fn launch(bench: &Bench, run: &str, flags: &str) -> Child {
    let config = bench.run_file(run, "config.json");
    if config.exists() {
        let child = bench.spawn(&format!("--resume {run}"));
        wait_until("it resumes", || {
            let said = fs::read_to_string(bench.path("stdout")).unwrap();
            said.contains("continuing") || said.contains("is finished")
        });
        return child;
    }
    let child = bench.spawn(&format!("{RUN} --name {run} {flags}"));
    wait_until("config.json is there", || config.exists());
    child
}

/// Kills a run at ten random moments, and compares it with one that was left alone.
fn kill_ten_times(flags: &str) {
    let bench = Bench::new();
    let start = Instant::now();
    bench.run(&format!("{RUN} --name undisturbed --quiet {flags}")).expect(0);
    let whole = start.elapsed().as_millis() as u64;
    let mut random = Random::new();
    let (mut kills, mut finished) = (0, 0);
    let mut moments = Vec::new();
    let is_done = |run: String| {
        bench.run_file(&run, "summary.json").exists() && bench.summary(&run)["status"] == "done"
    };
    while kills < 10 || !is_done(format!("run{finished}")) {
        let run = format!("run{finished}");
        let mut child = launch(&bench, &run, flags);
        if kills < 10 {
            let moment = random.below(whole / 8);
            std::thread::sleep(Duration::from_millis(moment));
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                moments.push(moment);
                continue;
            }
        }
        let status = child.wait().unwrap();
        bench.outcome(status).expect(0);
        // The machine became faster: another run takes the kills that are left.
        if kills < 10 {
            finished += 1;
        }
    }
    for run in 0..=finished {
        let context = format!("seed {}, killed after {moments:?} ms", random.seed);
        bench.assert_same(&format!("run{run}"), "undisturbed", STEPS, &context);
        let left = bench.names(bench.checkpoints(&format!("run{run}")));
        assert!(!left.iter().any(|name| name.starts_with(".tmp")), "{context}: {left:?}");
    }
}

#[test]
fn ten_kills_with_momentum() {
    kill_ten_times("--optimizer momentum");
}

#[test]
fn ten_kills_with_adam_and_replicates() {
    kill_ten_times("--optimizer adam --lr 0.002 --replicates 3 --schedule cosine");
}

/// The command that an interrupted run says to continue with.
fn printed_command(stderr: &str) -> &str {
    let line = stderr.lines().find(|line| line.contains("continue with: ")).unwrap_or_default();
    line.split("continue with: ").nth(1).unwrap_or_else(|| panic!("no command in {stderr}"))
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let bench = Bench::new();
    let run = format!("{RUN} --optimizer adam --seed 3");
    bench.run(&format!("{run} --name undisturbed --quiet")).expect(0);
    for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (name, outcome) = in_time(|attempt| {
            let name = format!("stopped{code}-{attempt}");
            let mut child = bench.spawn(&format!("{run} --name {name}"));
            let lines = bench.run_file(&name, "metrics.jsonl");
            wait_until("it logs", || fs::metadata(&lines).is_ok_and(|found| found.len() > 2000));
            signal(&child, number);
            let status = child.wait().unwrap();
            (!status.success()).then(|| (name, bench.outcome(status).expect(code)))
        });
        let summary = bench.summary(&name);
        assert_eq!(summary["status"], "interrupted");
        assert_eq!(summary["exit_code"], code);
        let steps = summary["steps"].as_u64().unwrap();
        assert!((1..STEPS).contains(&steps), "{steps}");
        assert!(!bench.tensors(&name, steps).is_empty());

        let command = printed_command(&outcome.stderr);
        bench.execute("sh", &["-c", command]).expect(0);
        bench.assert_same(&name, "undisturbed", STEPS, &format!("{code} at step {steps}"));
        assert_eq!(bench.summary(&name)["status"], "done");
    }
}

#[test]
fn the_printed_command_survives_a_shell() {
    let bench = Bench::new();
    // Names that a shell would take apart.
    let (runs, saves) = ("my runs; $HOME 'x'", "saves & more");
    let (folder, outcome) = in_time(|attempt| {
        let name = format!("a{attempt}");
        let mut arguments = common::words(RUN);
        arguments.extend(["--name", &name, "--runs", runs, "--checkpoints", saves]);
        let child = std::process::Command::new(program())
            .args(&arguments)
            .current_dir(bench.path(""))
            .stderr(fs::File::create(bench.path("stderr")).unwrap())
            .stdout(fs::File::create(bench.path("stdout")).unwrap())
            .spawn();
        let mut child = child.unwrap();
        let folder = bench.path(runs).join("selector_mnist").join(&name);
        wait_until("it logs", || folder.join("metrics.jsonl").exists());
        signal(&child, Signal::TERM);
        let status = child.wait().unwrap();
        (!status.success()).then(|| (folder, bench.outcome(status).expect(143)))
    });
    bench.execute("sh", &["-c", printed_command(&outcome.stderr)]).expect(0);
    let summary = bench.json(folder.join("summary.json"));
    assert_eq!(summary["status"], "done");
}

#[test]
fn a_second_signal_ends_at_once() {
    let bench = Bench::new();
    // Steps of several seconds, of which the first signal waits for the end of one.
    let slow = "--data digits --epochs 100 --batch-size 1437 --hidden 4096,4096";
    let mut child = bench.spawn(&format!("{slow} --name slow"));
    let events = |names: Vec<String>| names.iter().any(|name| name.starts_with("events"));
    let folder = bench.run_file("slow", "");
    wait_until("it trains", || folder.is_dir() && events(bench.names(&folder)));
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none(), "the first signal did not wait for the step");
    signal(&child, Signal::INT);
    let status = child.wait().unwrap();
    bench.outcome(status).expect(130);
    // One that ends after its step says so in its summary, and leaves a checkpoint.
    assert_eq!(bench.summary("slow")["status"], "running");
    assert!(bench.names(bench.checkpoints("slow")).iter().all(|name| !name.contains("step-")));
}
