//! What `--resume` takes, what it refuses, and where it has nothing to do.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::Bench;

const RUN: &str = "--data digits --log-every 5 --optimizer adam";

#[test]
fn what_a_run_computes_can_not_change() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 1 --name a --quiet")).expect(0);
    let config = fs::read(bench.run_file("a", "config.json")).unwrap();
    for (key, value) in [
        ("hidden", "32,32"),
        ("num_computation", "3"),
        ("selector", "softmax"),
        ("ste_sign", "as-printed"),
        ("lr", "0.02"),
        ("seed", "7"),
        ("batch_size", "32"),
        ("optimizer", "sgd"),
        ("replicates", "2"),
        ("beta1", "0.8"),
        ("clip_norm", "1"),
        ("schedule", "cosine"),
        ("data", "mnist"),
    ] {
        let flag = key.replace('_', "-");
        let outcome = bench.run(&format!("--resume a --epochs 2 --{flag} {value}")).expect(2);
        let line = outcome.error();
        assert!(line.contains(&format!("can't change {key} ")) && line.contains(value), "{line}");
        assert!(fs::read(bench.run_file("a", "config.json")).unwrap() == config, "{key}");
    }
    // A value that is the run's own is no change.
    bench.run("--resume a --epochs 2 --lr 0.01 --hidden 64,64 --quiet").expect(0);
}

#[test]
fn a_finished_run_goes_on_only_if_it_is_made_longer() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 3 --name whole --quiet")).expect(0);
    bench.run(&format!("{RUN} --epochs 2 --name a --quiet")).expect(0);
    let files = (bench.names(bench.run_file("a", "")), bench.tensors("a", 46));

    let again = bench.run("--resume a").expect(0);
    assert!(again.stdout.contains("finished after 46 steps"), "{again:?}");
    let json = bench.run("--resume --name a --json").expect(0);
    let summary: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(summary, bench.summary("a"));
    let shorter = bench.run("--resume a --epochs 1").expect(0);
    assert!(shorter.stdout.contains("is finished"), "{shorter:?}");
    assert!(files == (bench.names(bench.run_file("a", "")), bench.tensors("a", 46)));

    bench.run("--resume runs/selector_mnist/a --epochs 3 --quiet").expect(0);
    assert_eq!(bench.summary("a")["steps"], 69);
    // Step 46 is a log entry of the shorter run only, since it was its last.
    assert!(bench.tensors("a", 69) == bench.tensors("whole", 69));
}

#[test]
fn a_run_that_was_killed_at_its_very_end_is_finished() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 2 --name a --quiet")).expect(0);
    let summary = bench.summary("a");
    fs::remove_file(bench.run_file("a", "summary.json")).unwrap();
    bench.run("--resume a --quiet").expect(0);
    let again = bench.summary("a");
    for key in ["status", "steps", "best", "checkpoint"] {
        assert_eq!(again[key], summary[key], "{key}");
    }
    let tag = "eval/accuracy";
    assert_eq!(again["metrics"][tag], summary["metrics"][tag]);
}

#[test]
fn a_run_that_stopped_early_stays_stopped() {
    let bench = Bench::new();
    // No progress at such a rate: the second evaluation is no better.
    let outcome = bench.run(&format!("{RUN} --epochs 9 --lr 1e-9 --patience 1 --name a")).expect(0);
    assert!(outcome.stdout.contains("no better result in 1 evaluations"), "{outcome:?}");
    let steps = bench.summary("a")["steps"].as_u64().unwrap();
    assert_eq!(steps, 46);
    let saved = bench.names(bench.checkpoints("a"));
    let again = bench.run("--resume a").expect(0);
    assert!(again.stdout.contains("--patience"), "{again:?}");
    assert_eq!(bench.names(bench.checkpoints("a")), saved);
    bench.run("--resume a --patience 3 --quiet").expect(0);
    assert_eq!(bench.summary("a")["steps"], 92);
}

#[test]
fn weights_from_elsewhere_survive_a_death_before_the_first_checkpoint() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 2 --name old --quiet")).expect(0);
    let from = "--init-from checkpoints/selector_mnist/old";
    bench.run(&format!("{RUN} {from} --epochs 1 --seed 1 --name whole --quiet")).expect(0);
    bench.run(&format!("{RUN} {from} --epochs 1 --seed 1 --name a --quiet")).expect(0);
    // As if it had been killed at its first step.
    for file in ["step-00000023.json", "step-00000023.safetensors"] {
        fs::remove_file(bench.checkpoints("a").join(file)).unwrap();
    }
    fs::remove_file(bench.run_file("a", "summary.json")).unwrap();
    fs::remove_dir_all(bench.checkpoints("old")).unwrap();
    bench.run("--resume a --quiet").expect(0);
    bench.assert_same("a", "whole", 23, "--init-from");
}

#[test]
fn a_damaged_configuration_is_one_line() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 1 --name a --quiet")).expect(0);
    let path = bench.run_file("a", "config.json");
    let whole = fs::read_to_string(&path).unwrap();
    for (text, code) in [
        (whole[..whole.len() / 2].to_string(), 1),
        (String::new(), 1),
        ("[]".into(), 1),
        (whole.replace("\"seed\": 0", "\"seed\": \"x\""), 2),
        (whole.replace("\"seed\": 0", "\"sead\": 0"), 2),
        (whole.replace("\"threads\": 1", "\"threads\": 0"), 2),
    ] {
        assert_ne!(text, whole);
        fs::write(&path, text).unwrap();
        let outcome = bench.run("--resume a --epochs 2").expect(code);
        assert!(outcome.error().len() < 300, "{outcome:?}");
    }
    fs::write(&path, whole).unwrap();
    fs::remove_dir_all(bench.checkpoints("a")).unwrap();
    let outcome = bench.run("--resume a --epochs 2").expect(1);
    assert!(outcome.error().contains("--checkpoints"), "{outcome:?}");
}
