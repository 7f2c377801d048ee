//! `apical_train` as a program: resuming bit for bit, sweeps with exploded runs, bad input.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Bench, Outcome, words};
use safetensors::SafeTensors;
use serde_json::Value;

const NAME: &str = "apical_train";
const SMALL: &str = "--data digits --hidden 20,20 --quiet --log-every 5";

fn run(bench: &Bench, line: &str) -> Outcome {
    bench.execute(env!("CARGO_BIN_EXE_apical_train"), &words(line))
}

fn folder(bench: &Bench, home: &str, run: &str) -> PathBuf {
    bench.path(home).join(NAME).join(run)
}

fn tensors(bench: &Bench, run: &str, step: u64) -> Vec<u8> {
    fs::read(folder(bench, "checkpoints", run).join(format!("step-{step:08}.safetensors"))).unwrap()
}

/// The lines of `metrics.jsonl` without what depends on the clock.
fn metrics(bench: &Bench, run: &str) -> Vec<String> {
    let text = fs::read_to_string(folder(bench, "runs", run).join("metrics.jsonl")).unwrap();
    let entry = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry.as_object_mut().unwrap().shift_remove("time");
        let values = entry["values"].as_object_mut().unwrap();
        values.retain(|tag, _| !tag.starts_with("time/"));
        entry.to_string()
    };
    text.lines().map(entry).collect()
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

/// Runs to the end, with a checkpoint at every step; then makes for each of some steps a copy that
/// looks as if the process had been killed right after it, resumes that, and compares.
#[track_caller]
fn assert_resumes(options: &str, last: u64, cuts: &[u64]) {
    let bench = Bench::new();
    let every = "--checkpoint-every 1 --keep 1000";
    run(&bench, &format!("{SMALL} {every} {options} --name whole")).expect(0);
    let expected = (tensors(&bench, "whole", last), metrics(&bench, "whole"));
    for cut in cuts {
        let name = format!("cut{cut}");
        for home in ["runs", "checkpoints"] {
            copy(&folder(&bench, home, "whole"), &folder(&bench, home, &name));
        }
        fs::remove_file(folder(&bench, "runs", &name).join("summary.json")).unwrap();
        for later in cut + 1..=last {
            for kind in ["json", "safetensors"] {
                let file = format!("step-{later:08}.{kind}");
                fs::remove_file(folder(&bench, "checkpoints", &name).join(file)).unwrap();
            }
        }
        run(&bench, &format!("--resume {name} --quiet")).expect(0);
        assert!(tensors(&bench, &name, last) == expected.0, "{options}: tensors, cut at {cut}");
        assert_eq!(metrics(&bench, &name), expected.1, "{options}: metrics, cut at {cut}");
    }
}

// With 6 steps a phase: step 3 is in phase 1, 6 and 12 between phases, 9 in phase 2.
#[test]
fn a_run_resumes_bit_for_bit_in_both_phases_and_between_them() {
    for options in [
        "--a-update reset",
        "--a-update momentum:0.9 --phase2-per-phase1 2 --schedule cosine --batch-size 7",
        "--target frozen --a-reduce sum --batch-size 100 --lr-a 0.01",
    ] {
        let all = format!("--steps-per-phase 6 --steps 24 --epochs 4 {options}");
        assert_resumes(&all, 24, &[3, 6, 9, 12, 16]);
    }
    let single = "--steps-per-phase 6 --single-phase1 --epochs 3";
    assert_resumes(single, 24, &[2, 6, 13]);
}

const SWEEP: &str = "--steps-per-phase 6 --epochs 3 --lr-a 0.1,1 --lr-w 1e-4,300 --replicates 2";

#[test]
fn a_sweep_with_exploded_runs_resumes_bit_for_bit() {
    assert_resumes(SWEEP, 36, &[4, 9, 12, 15, 20]);
}

fn numbers(bytes: &[u8], name: &str) -> Vec<f32> {
    let view = SafeTensors::deserialize(bytes).unwrap();
    let data = view.tensor(name).unwrap();
    data.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn an_exploded_run_is_frozen_and_marked_and_the_others_do_not_notice() {
    let bench = Bench::new();
    let common = "--checkpoint-every 6 --keep 100 --common-init";
    run(&bench, &format!("{SMALL} {SWEEP} {common} --name sweep")).expect(0);
    let summary: Value = serde_json::from_slice(
        &fs::read(folder(&bench, "runs", "sweep").join("summary.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(summary["status"], "done");
    // Runs 1, 3, 5, 7 have the large rate.
    assert_eq!(summary["metrics"]["eval/live_runs"], 4.0);
    for (i, exploded) in [false, true].into_iter().cycle().take(8).enumerate() {
        let at = &summary["metrics"][format!("run{i}/exploded_at")];
        assert_eq!(at.is_number(), exploded, "run {i}: {at}");
    }
    let (middle, end) = (tensors(&bench, "sweep", 12), tensors(&bench, "sweep", 36));
    for (name, size) in [("layer0.weight", 64 * 20), ("layer1.weight", 400), ("layer0.apical", 20)]
    {
        let (middle, end) = (numbers(&middle, name), numbers(&end, name));
        for run in 0..8 {
            let part = run * size..(run + 1) * size;
            let same = middle[part.clone()] == end[part.clone()];
            assert_eq!(same, run % 2 == 1, "{name} of run {run}");
            assert!(end[part].iter().all(|value| value.is_finite()), "{name} of run {run}");
        }
    }
    // The live run (0.1, 1e-4) alone.
    let alone = "--steps-per-phase 6 --epochs 3 --lr-a 0.1 --lr-w 1e-4";
    run(&bench, &format!("{SMALL} {alone} --name alone")).expect(0);
    let alone = numbers(&tensors(&bench, "alone", 36), "layer1.weight");
    let both = numbers(&end, "layer1.weight");
    let error = alone.iter().zip(&both).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-5, "{error}");
}

#[test]
fn a_run_that_has_exploded_ends_well_and_says_so() {
    let bench = Bench::new();
    let options = "--data digits --hidden 20,20 --steps-per-phase 6 --epochs 4 --lr-w 1e6";
    let outcome = run(&bench, &format!("{options} --name a")).expect(0);
    assert!(outcome.stdout.contains("exploded"), "{outcome:?}");
}

#[test]
fn bad_input_is_one_line() {
    let bench = Bench::new();
    for (flags, word) in [
        ("--lr-a", "--lr-a"),
        ("--lr-a=", "--lr-a"),
        ("--lr-a 0.1,x", "x"),
        ("--lr-w 0.1,,0.2", "--lr-w"),
        ("--lr-w nan", "--lr-w"),
        ("--lr-w 0", "--lr-w 0"),
        ("--lr-a=-1", "--lr-a -1"),
        ("--samples-a 1437", "--samples-a 1437"),
        ("--samples-a 0", "--samples-a 0"),
        ("--batch-size 0", "--batch-size 0"),
        ("--batch-size 800", "--batch-size 800"),
        ("--a-reduce max", "max"),
        ("--a-update momentum:2", "momentum:B"),
        ("--a-update sometimes", "reset"),
        ("--target frozen --a-update accumulate", "--target frozen"),
        ("--pre none", "none"),
        ("--hidden 0", "--hidden 20,20,0"),
        ("--phase2-per-phase1 0", "--phase2-per-phase1 0"),
        ("--epochs 0", "--epochs 0"),
        ("--preset swep", "sweep"),
    ] {
        let outcome = run(&bench, &format!("{SMALL} {flags}")).expect(2);
        let line = outcome.error();
        assert!(line.contains(word) && line.len() < 300, "{flags}: {line}");
    }
    assert!(!bench.path("runs").join(NAME).exists());
}
