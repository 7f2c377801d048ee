//! Models of `efficient_coding` that are trained side by side: each is that of its own seed.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use neuron_lab::efficient_coding::retina::analyse::{AnalyseOptions, analyse_checkpoint};
use neuron_lab::lab::log::tags;
use neuron_lab::lab::store::checkpoint::{Checkpoint, find};
use serde_json::{Map, Value};

const COMMON: &str = "--device cpu --threads 1 --batch-size 20 --eval-patches 64 --covariance-batches 2 \
                      --image-every 0 --log-every 7 --evaluate-every 20 --lr 0.02 --quiet";
const TINY: &str = "--kernel-size 6 --neurons 7 --steps 40";
const FIRST_SEED: u64 = 5;
const REPLICATES: usize = 3;

/// Every constraint, and what else differs from seed to seed.
const SETTINGS: [&str; 13] = [
    "lagrange --optimizer adam",
    "gamma-v1",
    "gamma-v2 --optimizer adam",
    "none --nonlinearity relu",
    "two-losses --variant alternate --rate-lr-multiplier 10",
    "two-losses --variant leak --clip-norm 0.5",
    "two-losses --variant clean --optimizer momentum",
    "project",
    "total-derivative",
    "exact --jitter-stop 40 --jitter-interval 13 --centring-stop 30 --data contrast",
    "exact --gain-smoothing 0.9 --clip-norm 0.5",
    "pi --optimizer momentum",
    "lagrange --shape difference-of-gaussian --colours 3 --jitter-stop 40 --jitter-interval 13",
];

fn run(home: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_efficient_coding"));
    command.args(line.split_whitespace()).current_dir(home).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn succeeds(home: &Path, line: &str) {
    let output = run(home, line);
    assert!(output.status.success(), "{line}: {output:?}");
}

/// The logged values of every entry, without those of the machine.
fn values(home: &Path, name: &str) -> Vec<Map<String, Value>> {
    let path = home.join("runs/efficient_coding").join(name).join("metrics.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let of_line = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let mut values = entry["values"].take().as_object().unwrap().clone();
        values.retain(|tag, _| !tags::is_of_machine(tag));
        values
    };
    text.lines().map(of_line).collect()
}

fn last(home: &Path, name: &str) -> Checkpoint {
    let folder = home.join("checkpoints/efficient_coding").join(name);
    Checkpoint::read(&find(&folder, false).unwrap()).unwrap()
}

/// Every logged value and every tensor of a replicate has the bits that a run of its seed alone has.
#[test]
fn a_replicate_is_the_run_of_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    for (i, setting) in SETTINGS.iter().enumerate() {
        let line = format!("{COMMON} {TINY} --constraint {setting}");
        let name = format!("all{i}");
        succeeds(
            home,
            &format!("{line} --seed {FIRST_SEED} --replicates {REPLICATES} --name {name}"),
        );
        let (all, saved) = (values(home, &name), last(home, &name));
        for replicate in 0..REPLICATES {
            let context = format!("{setting}, replicate {replicate}");
            let alone = format!("alone{i}-{replicate}");
            let seed = FIRST_SEED + replicate as u64;
            succeeds(home, &format!("{line} --seed {seed} --name {alone}"));
            let mut compared = 0;
            for (of_all, of_one) in all.iter().zip(values(home, &alone)) {
                for (tag, value) in of_one {
                    // What is the same for every replicate is logged once.
                    let own =
                        of_all.get(&format!("{tag}/r{replicate}")).or_else(|| of_all.get(&tag));
                    assert_eq!(own, Some(&value), "{context}: {tag}");
                    compared += 1;
                }
            }
            assert!(compared > 100, "{context}: {compared} values");
            let own = last(home, &alone);
            assert!(own.tensors.len() > 3, "{context}");
            for (tensor, value) in &own.tensors {
                let of_all = &saved.tensors[tensor];
                let mine = match of_all.dim() == value.dim() {
                    true => of_all.shallow_clone(),
                    false => of_all.get(replicate as i64),
                };
                assert!(mine.equal(value), "{context}: {tensor}");
            }
        }
    }
}

/// A mean and its spread are of the replicates, and the receptive fields of each are analysed.
#[test]
fn fields_are_analysed_for_every_replicate() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let line = format!("{COMMON} --kernel-size 8 --neurons 12 --steps 40");
    succeeds(home, &format!("{line} --replicates 2 --name both"));
    let analyse = |name: &str| {
        // The last one: which is the best is decided by the mean.
        let folder = home.join("checkpoints/efficient_coding").join(name);
        let checkpoint = find(&folder, false).unwrap();
        let out = Some(home.join(name));
        analyse_checkpoint(&AnalyseOptions { checkpoint, out, seed: 3, formats: Vec::new() })
            .unwrap()
    };
    let both = analyse("both");
    assert_eq!(both.analyses.len(), 2);
    let mut spreads = Vec::new();
    for seed in 0..2 {
        succeeds(home, &format!("{line} --seed {seed} --name alone{seed}"));
        let mut alone = analyse(&format!("alone{seed}")).numbers;
        let own = alone.as_object_mut().unwrap();
        own.retain(|name, _| name != "checkpoint" && name != "step");
        assert_eq!(both.numbers["replicates"][seed], alone);
        spreads.push(alone["spread"].as_f64().unwrap());
        let table = home.join(format!("both/r{seed}/receptive_fields.csv"));
        assert_eq!(
            fs::read(table).unwrap(),
            fs::read(home.join(format!("alone{seed}/receptive_fields.csv"))).unwrap()
        );
    }
    let mean = both.numbers["mean"]["spread"].as_f64().unwrap();
    let sd = both.numbers["sd"]["spread"].as_f64().unwrap();
    assert!((mean - (spreads[0] + spreads[1]) / 2.0).abs() < 1e-12);
    assert!(
        (sd - (spreads[0] - spreads[1]).abs() / 2f64.sqrt()).abs() < 1e-12,
        "{sd}: {spreads:?}"
    );
    assert!(sd > 0.0);
}

/// What can't be done for several models is refused in one line.
#[test]
fn what_is_of_one_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    succeeds(home, &format!("{COMMON} {TINY} --replicates 2 --name both"));
    for (line, part) in [
        ("--replicates 2 --data dead-leaves", "start a run for each --seed"),
        ("--replicates 2 --legacy-logging", "leave one of them out"),
        ("--information checkpoints/efficient_coding/both", "it has 2 replicates"),
    ] {
        let output = run(home, line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.starts_with("error: ") && said.contains(part), "{line}: {said}");
        assert_eq!(said.lines().count(), 1, "{line}: {said}");
    }
}
