//! Checkpoints of a real run, damaged in every way: resuming falls back to the older one and ends
//! in the same bits; where there is no other, and for `--eval` and `--init-from`, one clear line.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::damage::{
    Damage, Tensor, bytes, change, content, manifest, number, replace, tensors_path, without,
    without_number,
};
use common::{Bench, Random};
use neuron_lab::lab::error::one_line;
use neuron_lab::lab::store::checkpoint::Checkpoint;
use safetensors::Dtype;
use serde_json::json;

const RUN: &str = "--data digits --optimizer adam --hidden 8,8 --log-every 3 --checkpoint-every 10";
const LAST: u64 = 20;
const END: u64 = 27;

/// A run of 27 steps, and a copy of it as it was after step 20, with the checkpoints of steps 10
/// and 20.
fn prepare() -> Bench {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --steps {END} --keep 9 --name whole --quiet")).expect(0);
    for folder in ["checkpoints/selector_mnist", "runs/selector_mnist"] {
        fs::create_dir(bench.path(folder).join("a")).unwrap();
        for name in bench.names(format!("{folder}/whole")) {
            let later = ["summary", "figures", "step-00000023", "step-00000027"];
            if !later.iter().any(|word| name.starts_with(word)) {
                let from = bench.path(folder).join("whole").join(&name);
                fs::copy(from, bench.path(folder).join("a").join(&name)).unwrap();
            }
        }
    }
    assert_eq!(bench.names(bench.checkpoints("a")).len(), 5);
    bench
}

const WEIGHT: &str = "layer1.computation.weight";

/// What is wrong with the content, with a manifest that matches it, and whether only a resumed run
/// would notice.
fn contents() -> Vec<(String, bool, Damage)> {
    let mut all: Vec<(&str, bool, Damage)> = vec![
        ("foreign content", false, Box::new(|f| replace(f, b"PK\x03\x04 something else"))),
        ("empty content", false, Box::new(|f| replace(f, b""))),
        ("huge header", false, Box::new(|f| replace(f, &[0xff; 64]))),
        ("wrong shape", false, change(WEIGHT, |t| t.1.swap(0, 1))),
        ("wrong kind", false, change(WEIGHT, |t| t.0 = Dtype::I32)),
        ("missing key", false, without(WEIGHT)),
        ("extra key", false, content(|t| drop(t.insert("layer9.bias".into(), t[WEIGHT].clone())))),
        ("no buffer", true, without("optim.exp_avg.layer1.computation.weight")),
        ("buffer's shape", true, change("optim.exp_avg.output.bias", |t| t.1 = vec![5, 2])),
        ("no updates", true, without_number("optim.step")),
        ("updates that are no number", true, number("optim.step", json!("many"))),
        ("half an update", true, number("optim.step", json!(3.5))),
        ("no step", true, without_number("state.lab.step")),
        ("another step", true, number("state.lab.step", json!(21))),
        ("no counts", true, without_number("state.lab.interval_counts.train/loss")),
        ("a number too much", true, manifest(|m| m["numbers"]["state.other"] = json!(1))),
        ("no usage", true, without("state.tally.layer1")),
    ];
    let window = "state.lab.interval.train/loss";
    let longer =
        |t: &mut Tensor| *t = Tensor(Dtype::F32, vec![2], [t.2.clone(), t.2.clone()].concat());
    all.push(("window's shape", true, change(window, longer)));
    all.into_iter().map(|(name, late, damage)| (name.to_string(), late, damage)).collect()
}

/// What is wrong with the files themselves.
fn files(random: &mut Random, length: usize) -> Vec<(String, bool, Damage)> {
    let mut all: Vec<(String, bool, Damage)> = Vec::new();
    for tenth in [0, 1, 9] {
        let cut = bytes(move |bytes| bytes.truncate(bytes.len() * tenth / 10));
        all.push((format!("cut at {tenth} tenths"), false, cut));
    }
    let anywhere = random.below(length as u64) as usize;
    for position in [0, 7, 9, anywhere, length - 1] {
        let bit = 1 << random.below(8);
        let flip = bytes(move |bytes| bytes[position] ^= bit);
        all.push((format!("bit {bit} of byte {position} flipped"), false, flip));
    }
    let damages: [(&str, bool, Damage); 9] = [
        ("one byte more", false, bytes(|bytes| bytes.push(0))),
        ("foreign file", false, bytes(|bytes| *bytes = b"\x89PNG\r\n and so on".to_vec())),
        ("no tensors", false, Box::new(|f| fs::remove_file(tensors_path(f)).unwrap())),
        ("newer format", false, manifest(|m| m["format"] = json!(3))),
        ("no format", false, manifest(|m| m["format"] = json!("one"))),
        (
            "no checksum",
            false,
            manifest(|m| drop(m.as_object_mut().unwrap().shift_remove("sha256"))),
        ),
        ("another experiment", true, manifest(|m| m["experiment"] = json!("one_neuron"))),
        ("another model", true, manifest(|m| m["config"]["hidden"] = json!([8, 9]))),
        ("another seed", true, manifest(|m| m["config"]["seed"] = json!(1))),
    ];
    all.extend(damages.map(|(name, late, damage)| (name.to_string(), late, damage)));
    let torn =
        |f: &Path| fs::write(tensors_path(f).with_extension("json"), "{\"format\": 1,").unwrap();
    all.push(("torn manifest".into(), false, Box::new(torn)));
    all
}

/// Puts back what the run had, damages it, and resumes.
fn fall_back(bench: &Bench, name: &str, damage: &Damage, whole: &Snapshot) {
    whole.restore(bench);
    damage(&bench.checkpoints("a"));
    let outcome = bench.run(&format!("--resume a --steps {END}")).expect(0);
    let warnings = outcome.warnings();
    assert_eq!(warnings.len(), 1, "{name}: {outcome:#?}");
    assert!(warnings[0].contains("step-00000020"), "{name}: {}", warnings[0]);
    assert!(warnings[0].len() < 500, "{name}: {}", warnings[0]);
    assert!(outcome.stdout.contains("at step 10"), "{name}: {outcome:#?}");
    bench.assert_same("a", "whole", END, name);
    let valid: Vec<String> = bench.names(bench.checkpoints("a"));
    assert!(valid.iter().any(|name| name.starts_with("damaged-")), "{name}: {valid:?}");
}

/// The files of a run and its checkpoints.
struct Snapshot(Vec<(PathBuf, Vec<u8>)>);

impl Snapshot {
    fn take(bench: &Bench) -> Self {
        let folders = [bench.checkpoints("a"), bench.run_file("a", "")];
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().flatten());
        let files = files.map(|entry| entry.path()).filter(|path| path.is_file());
        Self(files.map(|path| (path.clone(), fs::read(path).unwrap())).collect())
    }

    fn restore(&self, bench: &Bench) {
        fs::remove_dir_all(bench.checkpoints("a")).unwrap();
        fs::create_dir(bench.checkpoints("a")).unwrap();
        for (path, bytes) in &self.0 {
            fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn resuming_falls_back_to_the_older_one() {
    let half = |half: usize| {
        let bench = prepare();
        let whole = Snapshot::take(&bench);
        let mut random = Random::new();
        println!("seed {}", random.seed);
        let length = bench.tensors("a", LAST).len();
        let all = files(&mut random, length).into_iter().chain(contents());
        for (name, _, damage) in all.skip(half).step_by(2) {
            fall_back(&bench, &name, &damage, &whole);
        }
    };
    // A process takes most of its time to load libtorch: two at a time.
    std::thread::scope(|scope| {
        scope.spawn(|| half(0));
        half(1);
    });
}

#[test]
fn where_there_is_no_other_one_line_says_so() {
    let bench = prepare();
    for extension in ["json", "safetensors"] {
        fs::remove_file(bench.checkpoints("a").join(format!("step-00000010.{extension}"))).unwrap();
    }
    let whole = Snapshot::take(&bench);
    let mut random = Random::new();
    println!("seed {}", random.seed);
    let length = bench.tensors("a", LAST).len();
    let file = "checkpoints/selector_mnist/a/step-00000020.safetensors";
    let new = format!("{RUN} --steps 5 --name new --init-from {file}");
    let all = files(&mut random, length).into_iter().chain(contents()).enumerate();
    for (i, (name, late, damage)) in all {
        // Each is asked for what matters to it; what all would say the same to, a few.
        let mut lines = Vec::new();
        if i % 4 == 0 {
            lines.push(format!("--resume a --steps {END}"));
        }
        if !late && (i % 4 == 1 || i > 17) {
            lines.push(if i % 2 == 0 { format!("--eval {file}") } else { new.clone() });
        }
        if lines.is_empty() {
            continue;
        }
        whole.restore(&bench);
        damage(&bench.checkpoints("a"));
        let before = bench.names(bench.checkpoints("a"));
        for line in lines {
            let outcome = bench.run(&line).expect(1);
            let error = outcome.error();
            assert!(error.contains("step-00000020") && error.len() < 600, "{name}: {error}");
            assert!(!bench.run_file("new", "").exists(), "{name}");
        }
        assert_eq!(bench.names(bench.checkpoints("a")), before, "{name}");
    }
}

#[test]
fn every_cut_and_every_flip_is_noticed() {
    let bench = prepare();
    let folder = bench.checkpoints("a");
    let (path, whole) = (tensors_path(&folder), bench.tensors("a", LAST));
    let manifest = path.with_extension("json");
    Checkpoint::read(&manifest).unwrap();
    let mut random = Random::new();
    let cuts = (0..10).map(|tenth| whole[..whole.len() * tenth / 10].to_vec());
    let header: Vec<usize> = (0..64).collect();
    let anywhere = std::iter::repeat_with(|| random.below(whole.len() as u64) as usize);
    let positions: Vec<usize> = header.into_iter().chain(anywhere.take(100)).collect();
    let flips = positions.iter().map(|position| {
        let mut bytes = whole.clone();
        bytes[*position] ^= 1 << (position % 8);
        bytes
    });
    for damaged in cuts.chain(flips) {
        fs::write(&path, damaged).unwrap();
        let line = one_line(&Checkpoint::read(&manifest).unwrap_err());
        assert!(line.contains("step-00000020.safetensors") && line.len() < 400, "{line}");
    }
}
