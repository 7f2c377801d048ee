//! `one_neuron` in the lab: its two engines, resuming, and what it refuses.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Bench, Outcome, words};
use neuron_lab::lab::Experiment;
use neuron_lab::lab::log::tags::{is_of_machine, meaning};
use neuron_lab::one_neuron::OneNeuron;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_one_neuron");
const GRID: &str = "--optimizer sgd,sgd-plus,adam --gradient correct,averaged --batch-size 3,8";

fn run(bench: &Bench, line: &str) -> Outcome {
    bench.execute(PROGRAM, &words(line))
}

fn checkpoint(bench: &Bench, run: &str, step: u64, extension: &str) -> PathBuf {
    bench.path(format!("checkpoints/one_neuron/{run}/step-{step:08}.{extension}"))
}

/// The lines of `metrics.jsonl` without what depends on the machine.
fn metrics(bench: &Bench, run: &str) -> Vec<Value> {
    let text = fs::read_to_string(bench.path(format!("runs/one_neuron/{run}/metrics.jsonl")));
    let lines = text.unwrap();
    let entry = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let values = entry["values"].as_object_mut().unwrap();
        values.retain(|tag, _| !is_of_machine(tag));
        (!values.is_empty()).then(|| entry["values"].take())
    };
    lines.lines().filter_map(entry).collect()
}

#[test]
fn a_killed_run_goes_on_bit_for_bit() {
    for mode in ["native", "package", "package --first-record-quirk"] {
        let bench = Bench::new();
        let line = format!("{GRID} --rng {mode} --replicates 2 --steps 350 --keep 9 --name a");
        run(&bench, &format!("{line} --checkpoint-every 130 --quiet")).expect(0);
        let whole = fs::read(checkpoint(&bench, "a", 350, "safetensors")).unwrap();
        let logged = metrics(&bench, "a");
        for step in [260, 350] {
            for extension in ["json", "safetensors"] {
                fs::remove_file(checkpoint(&bench, "a", step, extension)).unwrap();
            }
        }
        let outcome = run(&bench, "--resume a").expect(0);
        assert!(outcome.stdout.contains("continuing a at step 130"), "{outcome:?}");
        assert!(fs::read(checkpoint(&bench, "a", 350, "safetensors")).unwrap() == whole, "{mode}");
        assert_eq!(metrics(&bench, "a"), logged, "{mode}");
    }
}

#[test]
fn how_steps_are_divided_into_calls_changes_nothing() {
    let bench = Bench::new();
    for (name, engine, every) in
        [("a", "rows", 100), ("b", "rows", 7), ("c", "tensors", 100), ("d", "tensors", 7)]
    {
        let line = format!("{GRID} --engine {engine} --steps 200 --replicates 2 --name {name}");
        run(&bench, &format!("{line} --log-every {every} --quiet")).expect(0);
    }
    let last = |name: &str| metrics(&bench, name).pop().unwrap();
    assert_eq!(last("a"), last("b"));
    assert_eq!(last("c"), last("d"));
}

#[test]
fn tensors_make_the_same_curves() {
    let bench = Bench::new();
    for model in ["one", "multi"] {
        for engine in ["rows", "tensors"] {
            let line = format!("{GRID} --gradient correct,averaged,package-1.1.5 --model {model}");
            let line = line.replace("--gradient correct,averaged ", "");
            let name = format!("--name {model}-{engine} --engine {engine} --steps 500");
            run(&bench, &format!("{line} {name} --lr 0.05 --replicates 2 --quiet")).expect(0);
        }
        let rows = metrics(&bench, &format!("{model}-rows"));
        let tensors = metrics(&bench, &format!("{model}-tensors"));
        assert_eq!(rows.len(), tensors.len());
        let mut compared = 0;
        for (rows, tensors) in rows.iter().zip(&tensors) {
            let pairs = rows.as_object().unwrap().iter();
            for (tag, value) in
                pairs.filter(|(tag, _)| tag.starts_with("train/") || tag.starts_with("params/"))
            {
                let (a, b) = (value.as_f64().unwrap(), tensors[tag].as_f64().unwrap());
                assert!((a - b).abs() <= 1e-12, "{tag}: {a} and {b}");
                compared += 1;
            }
        }
        assert!(compared > 200, "{compared}");
    }
}

#[test]
fn an_evaluation_alone_finds_what_the_run_found() {
    let bench = Bench::new();
    run(&bench, "--steps 300 --replicates 2 --name a --quiet").expect(0);
    let path = checkpoint(&bench, "a", 300, "safetensors");
    let line = format!("--eval {} --json", path.display());
    let found: Value = serde_json::from_str(&run(&bench, &line).expect(0).stdout).unwrap();
    let logged = metrics(&bench, "a").pop().unwrap();
    for tag in ["eval/loss", "eval/accuracy/r1", "gradient/cosine", "moments/total"] {
        assert_eq!(found["metrics"][tag], logged[tag], "{tag}");
    }
}

#[test]
fn every_tag_is_in_the_page() {
    let bench = Bench::new();
    run(&bench, &format!("{GRID} --steps 200 --replicates 2 --name a --quiet")).expect(0);
    run(&bench, "--model multi --steps 200 --name b --quiet").expect(0);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/one_neuron.md");
    let page = fs::read_to_string(path).unwrap();
    for (tag, meaning) in OneNeuron::SPEC.tags {
        assert!(page.contains(&format!("\n| `{tag}` | {meaning} |\n")), "{tag}");
    }
    let lines = [metrics(&bench, "a"), metrics(&bench, "b")].concat();
    for tag in lines.iter().flat_map(|line| line.as_object().unwrap().keys()) {
        assert!(meaning(OneNeuron::SPEC.tags, tag).is_some(), "{tag}");
    }
}

#[test]
fn steps_that_are_not_finite_end_the_run() {
    let bench = Bench::new();
    let error = |engine: &str| {
        let line = format!("--lr 1e308 --optimizer adam --steps 200 --engine {engine} --quiet");
        let outcome = run(&bench, &format!("{line} --name {engine}")).expect(3);
        outcome.error().to_string()
    };
    let line = error("rows");
    assert!(line.contains("not finite at step 3:"), "{line}");
    assert_eq!(error("tensors"), line);
}

#[test]
fn what_can_not_be_is_one_line() {
    let bench = Bench::new();
    fs::write(bench.path("empty.json"), r#"{"optimizer": []}"#).unwrap();
    fs::write(bench.path("zero.json"), r#"{"batch_size": [8, 0]}"#).unwrap();
    fs::write(bench.path("large.json"), r#"{"batch_size": [8, 4000000000]}"#).unwrap();
    fs::write(bench.path("endless.json"), r#"{"steps": null}"#).unwrap();
    fs::write(bench.path("rate.json"), r#"{"lr": [-1.0]}"#).unwrap();
    for (line, part) in [
        ("--batch-size 0", "0"),
        ("--lr x", "expected a positive number"),
        ("--lr nan", "expected a positive number"),
        ("--lr 0.1,-1", "expected a positive number"),
        ("--lr=", "--lr"),
        ("--optimizer=", "--optimizer"),
        ("--gradient correkt", "correct"),
        ("--factor 3", "3"),
        ("--factor 1 --gradient averaged-x2", "use averaged"),
        ("--momentum 1", "--momentum 1: expected a number in [0, 1)"),
        ("--adam-eps 0", "--adam-eps 0: expected a positive number"),
        ("--model multi --gradient per-sample-1.1.3", "rule of one neuron"),
        ("--model multi --rng package", "no seed fixes"),
        ("--rng package --seed 4294967296", "up to 4294967295"),
        ("--rng package --seed 4294967295 --replicates 2", "up to 4294967295"),
        ("--steps 0", "--steps 0: expected 1 or more"),
        ("--config empty.json", "--optimizer: the list is empty"),
        ("--config zero.json", "--batch-size 0: expected 1 to 65536"),
        ("--config large.json", "--batch-size 4000000000: expected 1 to 65536"),
        ("--record-every 18446744073709551615", "18446744073709551615"),
        ("--evaluate-every 18446744073709551615", "18446744073709551615"),
        ("--config rate.json", "--lr -1: expected a positive number"),
        ("--config endless.json", "the length of this experiment is --steps, 1 or more"),
        ("--engine rows --device cuda:0", "--engine tensors"),
    ] {
        let outcome = run(&bench, line).expect(2);
        assert!(outcome.error().contains(part), "{line}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{line}: {outcome:?}");
    }
    // Without replicates there is no last seed to refuse.
    fs::write(bench.path("none.json"), r#"{"replicates": 0, "rng": "package"}"#).unwrap();
    let outcome = run(&bench, "--config none.json").expect(2);
    assert_eq!(outcome.error(), "error: --replicates 0: expected 1 to 4096");
    assert!(!bench.path("runs").exists());
}

/// Replicate r is the run of seed + r: its samples, in training and in evaluation, are of its seed.
#[test]
fn a_replicate_is_the_run_of_its_seed() {
    let bench = Bench::new();
    let line = "--optimizer sgd,adam --batch-size 3,8 --steps 200 --quiet";
    run(&bench, &format!("{line} --seed 4 --replicates 2 --name two")).expect(0);
    run(&bench, &format!("{line} --seed 5 --name one")).expect(0);
    let (two, one) = (metrics(&bench, "two"), metrics(&bench, "one"));
    let mut compared = 0;
    for (two, one) in two.iter().zip(&one) {
        for (tag, alone) in one.as_object().unwrap() {
            let named = tag.ends_with("_b3") || tag.ends_with("_b8");
            if named && !tag.contains("/lr") {
                assert_eq!(two[format!("{tag}/r1")], *alone, "{tag}");
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared}");
}

/// A grid is compared by its best point; the rules that are meant to fail don't count.
#[test]
fn a_grid_has_the_results_of_its_best_point() {
    let bench = Bench::new();
    let rules = "correct,package-1.1.5";
    run(
        &bench,
        &format!("--gradient {rules} --lr 0.05 --steps 2000 --replicates 2 --name a --quiet"),
    )
    .expect(0);
    let last = metrics(&bench, "a").pop().unwrap();
    let of = |tag: &str| last[tag].as_f64().unwrap_or_else(|| panic!("no {tag} in {last}"));
    assert!(of("eval/loss/package-1.1.5") > 1.2 * of("eval/loss/correct"), "{last}");
    for tag in ["train/end", "eval/loss", "eval/accuracy"] {
        for end in ["", "/sd", "/r0", "/r1"] {
            assert_eq!(
                of(&format!("{tag}{end}")),
                of(&format!("{tag}/correct{end}")),
                "{tag}{end}"
            );
        }
        assert!(OneNeuron::SPEC.metrics.contains(&tag));
    }
    let saved = fs::read_to_string(checkpoint(&bench, "a", 2000, "json")).unwrap();
    let saved: Value = serde_json::from_str(&saved).unwrap();
    assert_eq!(saved["score"]["value"].as_f64(), Some(of("eval/loss")), "{saved}");
}
