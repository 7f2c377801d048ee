//! The apical experiments as programs: sweeps with exploded runs, bad input.

#![allow(clippy::unwrap_used)]

mod apical_program;
mod common;

use std::fs;
use std::path::Path;

use apical_program::Program;
use neuron_lab::data;
use safetensors::SafeTensors;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

const SMALL: &str = "--data digits --hidden 20,20 --quiet --log-every 5";
const SWEEP: &str = "--steps-per-phase 6 --epochs 3 --lr-a 0.1,1 --lr-w 1e-4,300 --replicates 2";

fn numbers(bytes: &[u8], name: &str) -> Vec<f32> {
    let view = SafeTensors::deserialize(bytes).unwrap();
    let data = view.tensor(name).unwrap();
    data.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn an_exploded_run_is_frozen_and_marked_and_the_others_do_not_notice() {
    let program = Program::train();
    let common = "--checkpoint-every 6 --keep 100 --common-init";
    program.run(&format!("{SMALL} {SWEEP} {common} --name sweep")).expect(0);
    let summary = program.summary("sweep");
    assert_eq!(summary["status"], "done");
    // Runs 1, 3, 5, 7 have the large rate.
    assert_eq!(summary["metrics"]["eval/live_runs"], 4.0);
    for (i, exploded) in [false, true].into_iter().cycle().take(8).enumerate() {
        let at = &summary["metrics"][format!("run{i}/exploded_at")];
        assert_eq!(at.is_number(), exploded, "run {i}: {at}");
    }
    let (middle, end) = (program.tensors("sweep", 12), program.tensors("sweep", 36));
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
    program.run(&format!("{SMALL} {alone} --name alone")).expect(0);
    let alone = numbers(&program.tensors("alone", 36), "layer1.weight");
    let both = numbers(&end, "layer1.weight");
    let error = alone.iter().zip(&both).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-5, "{error}");
}

#[test]
fn the_median_counts_runs_that_have_exploded_as_the_largest() {
    let program = Program::train();
    let rates = "--hidden 16,16 --lr-a 0.1 --lr-w 1e-4,1 --replicates 3 --epochs 2";
    program.run(&format!("--data digits {rates} --steps-per-phase 4 --name six")).expect(0);
    let metrics = &program.summary("six")["metrics"];
    let number = |tag: &str| metrics[tag].as_f64();
    assert_eq!(number("eval/live_runs"), Some(4.0));
    for what in ["loss", "loss_w"] {
        let of_run = |run: usize| match number(&format!("run{run}/exploded_at")) {
            Some(_) => f64::INFINITY,
            None => number(&format!("run{run}/{what}")).unwrap(),
        };
        let mut all: Vec<f64> = (0..6).map(of_run).collect();
        all.sort_by(f64::total_cmp);
        let found = number(&format!("eval/median_{what}")).unwrap();
        assert!((found - (all[2] + all[3]) / 2.0).abs() < 1e-9, "{found}: {all:?}");
    }
}

#[test]
fn a_run_that_has_exploded_ends_well_and_says_so() {
    let program = Program::train();
    let options = "--data digits --hidden 20,20 --steps-per-phase 6 --epochs 4 --lr-w 1e6";
    let outcome = program.run(&format!("{options} --name a")).expect(0);
    assert!(outcome.stdout.contains("every run has exploded: stopped"), "{outcome:?}");
    // No step is taken for runs that are all frozen, and none when the run is resumed.
    let summary = program.summary("a");
    assert_eq!(summary["status"], "done");
    assert_eq!(summary["steps"], 12);
    let again = program.run("--resume a --epochs 9").expect(0);
    assert!(again.stdout.contains("finished after 12 steps: every run has exploded"), "{again:?}");
    assert_eq!(program.summary("a"), summary);
}

#[test]
fn bad_input_is_one_line() {
    let program = Program::train();
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
        ("--eval-samples 0", "--eval-samples 0"),
        ("--a-reduce max", "max"),
        ("--a-update momentum:2", "momentum:B"),
        ("--a-update sometimes", "reset"),
        ("--target frozen --a-update accumulate", "--target frozen"),
        ("--a-max nan", "--a-max nan: expected a finite number"),
        ("--a-min=-inf", "--a-min -inf"),
        ("--a-max 1e7", "--a-max 10000000"),
        ("--a-min 1.5 --a-max 1", "--a-min 1.5: expected no more than --a-max 1"),
        ("--pre none", "none"),
        ("--hidden 0", "--hidden 20,20,0"),
        ("--hidden 4611686018427387904", "from 1 to 16777216"),
        ("--lr-w 2e6", "--lr-w 2000000: expected positive numbers up to 1e6"),
        ("--cap 1e13", "--cap 10000000000000: expected a positive number up to 1e12"),
        ("--phase1-per-epoch 0", "--phase1-per-epoch 0: expected 1 to 1000000000"),
        ("--single-phase1 --phase1-per-epoch 2", "--phase1-per-epoch 2: with --single-phase1"),
        ("--phase2-per-phase1 0", "--phase2-per-phase1 0"),
        ("--phase2-per-phase1 18446744073709551615", "expected 1 to 1000000000"),
        ("--steps-per-phase 4611686018427387904", "expected 1 to 1000000000"),
        ("--epochs 0", "--epochs 0"),
        ("--preset swep", "sweep"),
    ] {
        let outcome = program.run(&format!("{SMALL} {flags}")).expect(2);
        let line = outcome.error();
        assert!(line.contains(word) && line.len() < 300, "{flags}: {line}");
    }
    assert!(!program.folder("runs", "").exists());
}

#[test]
fn bad_input_of_the_other_two_is_one_line() {
    for (program, flags, word) in [
        (Program::characterize(), "--data digits --grid-lr=", "--grid-lr"),
        (Program::characterize(), "--data digits --grid-lr 0.1,x", "x"),
        (Program::characterize(), "--data digits --grid-lr nan", "--grid-lr"),
        (Program::characterize(), "--data digits --grid-batch 1,0", "--grid-batch"),
        (Program::characterize(), "--data digits --batch-size 0", "--batch-size 0"),
        (Program::characterize(), "--data digits --batch-size 800", "--batch-size 800"),
        (Program::characterize(), "--data digits --a-reduce max", "max"),
        (Program::characterize(), "--data digits --cap=-1", "--cap -1"),
        (Program::characterize(), "--data digits --cap 1e13", "up to 1e12"),
        (Program::characterize(), "--data digits --lr-a 1e60", "up to 1e6"),
        (Program::characterize(), "--data digits --lr-w 1e60", "up to 1e6"),
        (Program::characterize(), "--data digits --lr-w 0", "--lr-w 0"),
        (Program::characterize(), "--data digits --range 0", "--range 0"),
        (Program::characterize(), "--data digits --hidden 4611686018427387904", "to 16777216"),
        (Program::toy(), "--eta nan", "--eta"),
        (Program::toy(), "--trials 0", "--trials 0"),
        (Program::toy(), "--trials 4611686018427387904", "expected 1 to 16777216"),
        (Program::toy(), "--neurons 4611686018427387904", "expected 1 to 16777216"),
        (Program::toy(), "--inputs 16777217", "--inputs 16777217: expected 1 to 16777216"),
    ] {
        let outcome = program.run(&format!("--quiet {flags}")).expect(2);
        let line = outcome.error();
        assert!(line.contains(word) && line.len() < 300, "{flags}: {line}");
        assert!(!program.folder("runs", "").exists());
    }
}

#[test]
fn a_toy_without_a_length_is_refused() {
    let program = Program::toy();
    fs::write(program.bench.path("endless.json"), r#"{"steps": null}"#).unwrap();
    let outcome = program.run("--quiet --config endless.json").expect(2);
    assert_eq!(outcome.error(), "error: the length of this experiment is --steps, 1 or more");
    assert!(!program.folder("runs", "").exists());
}

/// Mean loss and share correct on the test digits in f64, of a network with or without its
/// multipliers.
fn of_checkpoint(bytes: &[u8], modulated: bool) -> (f64, f64) {
    let digits = data::load("digits", Path::new("data"), Device::Cpu).unwrap();
    let mut rates = digits.test.images.to_kind(Kind::Double);
    for layer in 0..3 {
        let wide = |name: &str, rows: i64| {
            let values: Vec<f64> = numbers(bytes, &format!("layer{layer}.{name}"))
                .into_iter()
                .map(f64::from)
                .collect();
            Tensor::from_slice(&values).view([rows, -1])
        };
        let apical = wide("apical", 1);
        let h = rates.matmul(&wide("weight", apical.size()[1]).tr());
        let saved = SafeTensors::deserialize(bytes).unwrap();
        let has_bias = saved.tensor(&format!("layer{layer}.bias")).is_ok();
        let h = if has_bias { h + wide("bias", 1) } else { h };
        // The outputs are linear.
        let h = if layer < 2 { h.relu() } else { h };
        rates = if modulated { h * apical } else { h };
    }
    let target = digits.test.labels.one_hot(10).to_kind(Kind::Double);
    let loss = (&rates - target).square().mean(Kind::Double).double_value(&[]);
    let right = rates.argmax(-1, false).eq_tensor(&digits.test.labels);
    (loss, right.to_kind(Kind::Double).mean(Kind::Double).double_value(&[]))
}

/// What a phase 1 does is seen with the multipliers that it has moved. A phase 2 with a frozen target
/// moves them into the weights, and is seen without.
#[test]
fn losses_are_those_of_the_network_that_a_phase_has_made() {
    let program = Program::train();
    for (target, phases1, bias) in
        [("moving", 1, ""), ("frozen", 1, ""), ("moving", 2, "--bias"), ("frozen", 2, "--bias")]
    {
        let line = format!("{SMALL} --steps-per-phase 6 --epochs 2 --lr-a 0.3 --lr-w 0.01 {bias}");
        let line = format!("{line} --phase1-per-epoch {phases1} --checkpoint-every 6 --keep 9");
        let name = format!("{target}{phases1}");
        program.run(&format!("{line} --target {target} --name {name}")).expect(0);
        // Of the network that the phase which ends at a step has made.
        let made = |step: u64| {
            let is_phase1 = (step / 6 - 1) % (phases1 + 1) < phases1;
            of_checkpoint(&program.tensors(&name, step), is_phase1 || target == "moving")
        };
        let mut drops = 0;
        for line in program.metrics(&name) {
            let entry: Value = serde_json::from_str(&line).unwrap();
            let (step, values) = (entry["step"].as_u64().unwrap(), &entry["values"]);
            let Some(loss) = values["eval/loss"].as_f64() else { continue };
            let known = made(step);
            let accuracy = values["eval/accuracy"].as_f64().unwrap();
            assert!((loss - known.0).abs() < 1e-5 * known.0, "{target} {step}: {loss} {known:?}");
            assert!((accuracy - known.1).abs() < 1e-9, "{target} {step}: {accuracy} {known:?}");
            // Before the first phase 1 every multiplier is 1; before the second is what phase 2 made.
            if let Some(drop) = values["phase1/drop"].as_f64() {
                let before = match step {
                    6 => of_checkpoint(&program.tensors(&name, step), false),
                    _ => made(step - 6),
                };
                let known = before.0 - known.0;
                let other = values["phase1/loss_before"].as_f64().unwrap() - loss;
                assert!((drop - known).abs() < 1e-5, "{target} {step}: {drop} {known}");
                assert!(
                    (drop - other).abs() < 1e-12 && drop.abs() > 0.01,
                    "{target} {step}: {drop}"
                );
                drops += 1;
            }
        }
        assert_eq!(drops, 2 * phases1, "{name}");
    }
}
