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

/// What is in a folder and the folders in it: every path with its bytes.
fn everything(folder: std::path::PathBuf) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(everything(path));
        } else if path.file_name().is_some_and(|name| name != ".lock") {
            all.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_run_whose_checkpoints_are_lost_is_not_begun_anew() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 2 --name a --quiet")).expect(0);
    let done = bench.json(bench.run_file("a", "summary.json"));
    // As a process leaves it that was killed after its first checkpoint.
    let mut killed = done.clone();
    killed["status"] = "running".into();
    let folder = bench.checkpoints("a");
    let tensors = everything(folder.clone());
    for summary in [done, killed] {
        fs::write(bench.run_file("a", "summary.json"), summary.to_string()).unwrap();
        for lost in [".json", ""] {
            for (path, bytes) in &tensors {
                fs::write(path, bytes).unwrap();
            }
            for name in bench.names(&folder) {
                if name.starts_with("step-") && name.ends_with(lost) {
                    fs::remove_file(folder.join(name)).unwrap();
                }
            }
            let before = everything(bench.path(""));
            for line in ["--resume a --epochs 3", "--resume a --epochs 3 --quiet", "--resume a"] {
                let outcome = bench.run(line).expect(1);
                let word = if lost.is_empty() { "--checkpoints" } else { "manifests step-*.json" };
                assert!(outcome.error().contains(word), "{outcome:#?}");
                assert!(outcome.error().contains("another --name"), "{outcome:#?}");
                assert!(everything(bench.path("")) == before, "{line}");
            }
        }
    }
}

#[test]
fn tensors_without_a_manifest_are_kept() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 3 --keep 9 --name whole --quiet")).expect(0);
    bench.run(&format!("{RUN} --epochs 2 --keep 9 --name a --quiet")).expect(0);
    let folder = bench.checkpoints("a");
    fs::remove_file(folder.join("step-00000046.json")).unwrap();
    let tensors = bench.tensors("a", 46);
    let outcome = bench.run("--resume a --epochs 3").expect(0);
    assert_eq!(outcome.warnings().len(), 1, "{outcome:#?}");
    assert!(outcome.warnings()[0].contains("has no manifest: set aside"), "{outcome:#?}");
    assert!(fs::read(folder.join("damaged-step-00000046.safetensors")).unwrap() == tensors);
    assert!(bench.tensors("a", 69) == bench.tensors("whole", 69));
}

#[test]
fn a_run_that_was_killed_before_its_first_checkpoint_begins_again() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 1 --name whole --quiet")).expect(0);
    bench.run(&format!("{RUN} --epochs 1 --name a --quiet")).expect(0);
    for name in bench.names(bench.checkpoints("a")) {
        fs::remove_file(bench.checkpoints("a").join(name)).unwrap();
    }
    fs::write(bench.run_file("a", "summary.json"), r#"{"status": "running", "steps": 0}"#).unwrap();
    let log = fs::read(bench.run_file("a", "metrics.jsonl")).unwrap();
    let outcome = bench.run("--resume a --quiet").expect(0);
    assert_eq!(outcome.warnings().len(), 1, "{outcome:#?}");
    assert!(outcome.warnings()[0].contains("its log so far is kept"), "{outcome:#?}");
    assert!(fs::read(bench.run_file("a", "earlier-metrics.jsonl")).unwrap() == log);
    let names = bench.names(bench.run_file("a", ""));
    assert_eq!(names.iter().filter(|name| name.contains("tfevents")).count(), 1, "{names:?}");
    bench.assert_same("a", "whole", 23, "begun again");
}

#[test]
fn a_process_that_was_killed_while_it_deleted_leaves_no_more_than_keep() {
    let bench = Bench::new();
    let run = format!("{RUN} --epochs 2 --checkpoint-every 10 --keep 9 --name a --quiet");
    bench.run(&run).expect(0);
    let folder = bench.checkpoints("a");
    let steps = || -> Vec<String> {
        let names = bench.names(&folder).into_iter();
        names.filter(|name| name != ".lock").collect()
    };
    // As if it had been run with --keep 1: one of them half deleted, the others not yet.
    let pruned = folder.join(".tmp-pruned-step-00000010.json");
    fs::rename(folder.join("step-00000010.json"), pruned).unwrap();
    assert!(steps().len() > 8);
    bench.run("--resume a --keep 1 --quiet").expect(0);
    let left = steps();
    let newest = ["step-00000046.json", "step-00000046.safetensors"];
    assert!(newest.iter().all(|name| left.contains(&name.to_string())), "{left:?}");
    // The newest, and the best where it is another.
    assert!(left.len() <= 4 && left.iter().all(|name| name.starts_with("step-")), "{left:?}");
}

#[test]
fn a_damaged_line_of_the_log_costs_itself() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --epochs 3 --name whole --quiet")).expect(0);
    bench.run(&format!("{RUN} --epochs 2 --name a --quiet")).expect(0);
    let path = bench.run_file("a", "metrics.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second + 2] ^= 0x80;
    fs::write(&path, &bytes).unwrap();
    let outcome = bench.run("--resume a --epochs 3").expect(0);
    assert_eq!(outcome.warnings().len(), 1, "{outcome:#?}");
    assert!(outcome.warnings()[0].contains("1 damaged line"), "{outcome:#?}");
    assert!(fs::read(bench.run_file("a", "damaged-metrics.jsonl")).unwrap() == bytes);
    let mut expected = bench.metrics("whole");
    expected.remove(1);
    // The end of the shorter run was a log entry of its own.
    let found: Vec<_> =
        bench.metrics("a").into_iter().filter(|entry| expected.contains(entry)).collect();
    assert_eq!(found, expected);
    assert!(bench.tensors("a", 69) == bench.tensors("whole", 69));
}

/// A set of 8 images of 2 x 2 pixels to train on and 4 to test with, in the format of MNIST.
fn small_set(folder: &std::path::Path, brightest: u8) {
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, shape: &[u32], values: Vec<u8>| {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
        bytes.extend(values);
        fs::write(folder.join(name), bytes).unwrap();
    };
    for (name, count) in [("train", 8u8), ("t10k", 4)] {
        let pixels = (0..4 * count).map(|i| i.wrapping_mul(37).min(brightest)).collect();
        write(&format!("{name}-images-idx3-ubyte"), &[count.into(), 2, 2], pixels);
        let labels = (0..count).map(|i| i % 2).collect();
        write(&format!("{name}-labels-idx1-ubyte"), &[count.into()], labels);
    }
}

#[test]
fn the_same_data_may_be_at_another_path() {
    let bench = Bench::new();
    for (name, brightest) in [("set", 255), ("moved", 255), ("again", 255), ("other", 200)] {
        small_set(&bench.path(name), brightest);
    }
    let run = "--data set --batch-size 1 --hidden 4 --checkpoint-every 2 --keep 9 --quiet";
    bench.run(&format!("{run} --steps 9 --name whole")).expect(0);
    bench.run(&format!("{run} --steps 5 --name a")).expect(0);
    fs::remove_dir_all(bench.path("set")).unwrap();
    let error = bench.run("--resume a --steps 9").expect(2).error().to_string();
    assert!(error.contains("say with --data where they are now"), "{error}");
    let error = bench.run("--resume a --steps 9 --data other").expect(2).error().to_string();
    assert!(error.contains("can't change data from \"set\" to \"other\""), "{error}");
    let error = bench.run("--resume a --steps 9 --data digits").expect(2).error().to_string();
    assert!(error.contains("can't change data"), "{error}");
    // Said once, it is known from then on; older checkpoints stay the run's own.
    let outcome = bench.run("--resume a --steps 5 --data moved").expect(0);
    assert!(outcome.warnings().is_empty(), "{outcome:#?}");
    for file in ["step-00000005.json", "step-00000005.safetensors"] {
        fs::remove_file(bench.checkpoints("a").join(file)).unwrap();
    }
    let outcome = bench.run("--resume a --steps 7 --data moved").expect(0);
    assert!(outcome.warnings().is_empty(), "{outcome:#?}");
    bench.run("--resume a --steps 8").expect(0);
    fs::remove_dir_all(bench.path("moved")).unwrap();
    bench.run("--resume a --steps 9 --data again").expect(0);
    assert!(bench.tensors("a", 9) == bench.tensors("whole", 9));
    // A data set that is known by name is not a path.
    bench.run("--data digits --steps 2 --name b --quiet").expect(0);
    let error = bench.run("--resume b --steps 3 --data again").expect(2).error().to_string();
    assert!(error.contains("can't change data"), "{error}");
}
