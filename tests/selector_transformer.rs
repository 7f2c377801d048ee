//! `selector_transformer` as a program: resuming bit for bit, what it writes, bad input.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Bench, Outcome, words};
use neuron_lab::lab::log::tags::is_of_machine;
use neuron_lab::lab::open_session;
use neuron_lab::lab::tensor::to_host;
use neuron_lab::lab::train::finite::FinitePolicy;
use neuron_lab::selector::SelectorTransformer;
use serde_json::Value;

const NAME: &str = "selector_transformer";
const SMALL: &str = "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 \
                     --eval-sequences 6 --sample-words 5 --log-every 3 --evaluate-every 8 --quiet";

fn run(bench: &Bench, line: &str) -> Outcome {
    bench.execute(env!("CARGO_BIN_EXE_selector_transformer"), &words(line))
}

fn folder(bench: &Bench, home: &str, run: &str) -> PathBuf {
    bench.path(home).join(NAME).join(run)
}

fn tensors(bench: &Bench, run: &str, step: u64) -> Vec<u8> {
    fs::read(folder(bench, "checkpoints", run).join(format!("step-{step:08}.safetensors"))).unwrap()
}

/// The lines of `metrics.jsonl` without what depends on the machine.
fn metrics(bench: &Bench, run: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder(bench, "runs", run).join("metrics.jsonl")).unwrap();
    let entry = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry.as_object_mut().unwrap().shift_remove("time");
        let values = entry["values"].as_object_mut().unwrap();
        values.retain(|tag, _| !is_of_machine(tag));
        entry
    };
    text.lines().map(entry).collect()
}

fn copy(bench: &Bench, home: &str, from: &str, to: &str) {
    let target = folder(bench, home, to);
    fs::create_dir_all(target.join("figures")).unwrap();
    for entry in fs::read_dir(folder(bench, home, from)).unwrap().flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
    }
}

/// Runs to the end with a checkpoint at every step; then, for some steps, a copy that looks as if
/// the process had been killed right after one is resumed and compared.
#[track_caller]
fn assert_resumes(options: &str, cuts: &[u64]) {
    let (bench, last) = (Bench::new(), 20);
    let every = "--steps 20 --checkpoint-every 1 --keep 1000 --name whole";
    run(&bench, &format!("{SMALL} {every} {options}")).expect(0);
    let expected = (tensors(&bench, "whole", last), metrics(&bench, "whole"));
    for cut in cuts {
        let name = format!("cut{cut}");
        copy(&bench, "runs", "whole", &name);
        copy(&bench, "checkpoints", "whole", &name);
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

// Step 3 has been logged, 5 is in the middle of everything, 8 has been evaluated.
#[test]
fn a_run_resumes_bit_for_bit() {
    assert_resumes("--num-computation 3", &[3, 5, 8]);
    assert_resumes("--replace attention --num-computation 2 --selector threshold", &[7]);
    assert_resumes("--replace none --optimizer sgd --lr 0.1", &[7]);
    let led = "--balance bias --explore gumbel --explore-steps 12";
    assert_resumes(&format!("--num-computation 3 {led}"), &[7]);
    let gather = "--rule selected-only --compute gather --selector tree --num-computation 6";
    assert_resumes(&format!("{gather} --optimizer momentum --lr 0.01"), &[5]);
    assert_resumes("--rule hidden --compute streaming --selector low-rank --rank 3", &[5]);
}

#[test]
fn a_run_learns_and_writes_the_notebooks_table() {
    let bench = Bench::new();
    let said = run(&bench, "--steps 60 --evaluate-every 60 --vocab 300 --sequence 16 --name a");
    let said = said.expect(0).stdout;
    let table: Vec<&str> = said.lines().filter(|line| line.contains("  [")).collect();
    assert_eq!(table.len(), 13, "{said}");
    assert!(table[0].starts_with("layers.0.self_attn.q_linear  ["), "{said}");
    assert!(table[12].starts_with("linear_out "), "{said}");
    for row in &table {
        let frequencies = row.split(['[', ']']).nth(1).unwrap().split(", ");
        let sum: f64 = frequencies.map(|share| share.parse::<f64>().unwrap()).sum();
        assert!((sum - 100.0).abs() < 0.01, "{row}");
    }
    assert!(said.contains("Sample: ") && said.contains("below ln V by "), "{said}");
    let path = folder(&bench, "runs", "a").join("summary.json");
    let summary: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let value = |tag: &str| summary["metrics"][tag].as_f64().unwrap();
    assert!(value("train/loss") < 5.0 && value("eval/below_uniform") > 0.5, "{summary}");
    assert!(value("entropy/layers.0.self_attn.q_linear") < value("entropy/layers.1.linear1"));
    for figure in ["learning", "monitoring", "frequency"] {
        assert!(
            folder(&bench, "runs", "a").join("figures").join(format!("{figure}.png")).is_file()
        );
    }
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/selector_transformer.md"));
    let page = page.unwrap();
    for tag in summary["metrics"].as_object().unwrap().keys() {
        let top = tag.split('/').next().unwrap();
        let rows = [format!("| `{tag}` |"), format!("| `{top}/*` |")];
        assert!(rows.iter().any(|row| page.contains(row)), "{tag} has no row");
    }
    let path = folder(&bench, "runs", "a").join("provenance.json");
    let provenance: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let words = provenance["data"]["vocabulary"].as_array().unwrap();
    assert_eq!((words.len(), &words[0]), (300, &Value::from("<unk>")));
    // The model alone, from its checkpoint.
    let again = run(&bench, "--eval checkpoints/selector_transformer/a").expect(0).stdout;
    let line = said.lines().find(|line| line.contains("Held-out")).unwrap();
    assert!(again.contains(line), "{again}");
}

#[test]
fn selections_are_led() {
    let bench = Bench::new();
    let value = |name: &str, tag: &str| {
        let text = fs::read(folder(&bench, "runs", name).join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&text).unwrap();
        summary["metrics"][tag].as_f64().unwrap()
    };
    let train = |name: &str, flags: &str| {
        let line = "--steps 40 --evaluate-every 40 --num-computation 3";
        run(
            &bench,
            &format!("{SMALL} {line} --name {name} {flags}").replace("--evaluate-every 8 ", ""),
        )
        .expect(0);
        value(name, "eval/loss")
    };
    let plain = train("plain", "");
    // What has the strength 0, or has fallen to it before the first step, changes nothing.
    for (name, flags) in [
        ("scale", "--explore gaussian --explore-scale 0"),
        ("past", "--explore gumbel --explore-steps 0"),
        ("still", "--balance bias --balance-rate 0"),
    ] {
        assert_eq!(train(name, flags), plain, "{flags}");
    }
    for (name, flags) in
        [("explored", "--explore gaussian"), ("short", "--explore gumbel --explore-steps 1")]
    {
        assert_ne!(train(name, flags), plain, "{flags}");
    }
    // Both balances make neurons use their computation neurons more evenly, and the bias keeps books:
    // it moves by its rate at every step, up or down, and not where a share is met.
    train("bias", "--balance bias --balance-rate 0.25");
    train("loss", "--balance loss --balance-rate 1");
    for name in ["bias", "loss"] {
        for layer in ["layers.0.linear2", "linear_out"] {
            let tag = format!("neuron_entropy/{layer}");
            assert!(value(name, &tag) > value("plain", &tag) + 0.01, "{name} {tag}");
        }
    }
    let tensors = tensors(&bench, "bias", 40);
    let tensors = safetensors::SafeTensors::deserialize(&tensors).unwrap();
    let biases: Vec<&str> =
        tensors.names().into_iter().filter(|name| name.ends_with(".preference")).collect();
    assert_eq!(biases.len(), 13, "{biases:?}");
    for name in biases {
        let bias = tensors.tensor(name).unwrap();
        let numbers =
            bias.data().chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        let numbers: Vec<f32> = numbers.collect();
        assert!(numbers.iter().all(|x| (x * 4.0).fract() == 0.0 && x.abs() <= 10.0), "{name}");
        assert!(numbers.iter().any(|x| *x != 0.0), "{name}");
    }
}

#[test]
fn a_file_of_the_users_own_is_read() {
    let bench = Bench::new();
    fs::write(bench.path("own.txt"), "der hund und die katze, die maus und der hund. ".repeat(60))
        .unwrap();
    let said = run(&bench, "--data own.txt --steps 60 --sequence 8 --d-model 16 --name a");
    let said = said.expect(0).stdout;
    assert!(said.contains("katze"), "{said}");
}

#[test]
fn bad_input_is_one_line() {
    let bench = Bench::new();
    fs::write(bench.path("latin1.txt"), b"caf\xe9 ".repeat(500)).unwrap();
    fs::write(bench.path("short.txt"), "a few words, and a few more.").unwrap();
    for (flags, code, words) in [
        ("--num-computation 0", 2, "--num-computation 0: expected 1 to"),
        ("--layers 4611686018427387904", 2, "expected 10000 or fewer"),
        ("--heads 5", 2, "--heads 5: expected a divisor of --d-model 16"),
        ("--vocab 1", 2, "--vocab 1: expected 2 or more"),
        ("--selector threshold", 2, "--selector threshold"),
        ("--compute gather", 2, "--compute gather computes only what is selected"),
        (
            "--d-model 8192 --feedforward 90000 --num-computation 900",
            1,
            " GB are free; use a smaller --d-model, ",
        ),
        ("--batch-size 9223372036854775807", 1, "this transformer needs 9223372036.9 GB, and "),
        ("--feedforward 9223372036854775807", 1, "this transformer needs 9223372036.9 GB, and "),
        ("--d-model 4294967296 --heads 1", 1, "this transformer needs 9223372036.9 GB, and "),
        ("--num-computation 1 --ste-sign as-printed", 2, "--ste-sign as-printed"),
        (
            "--replicates 2",
            2,
            "--replicates 2 does not apply: a transformer trains alone; use --seed",
        ),
        (
            "--balance bias --selector tree",
            2,
            "--balance needs a logit for each computation neuron",
        ),
        ("--balance loss --compute streaming", 2, "--balance loss needs the probabilities"),
        ("--balance loss --rule frozen", 2, "--balance loss moves the selectors"),
        ("--balance-rate inf", 2, "--balance-rate inf: expected a finite number"),
        ("--explore-steps 1e39", 2, ": expected a number from 0 up"),
        ("--explore poisson", 2, "--explore"),
        ("--epochs 3", 2, "--epochs 3 does not apply: use --steps"),
        ("--temperature 0", 2, "--temperature 0"),
        ("--heads 0 --temperature 0", 2, "--heads 0: expected 1 or more; --temperature 0"),
        ("--data latin1.txt", 1, "latin1.txt: not UTF-8 at byte 3"),
        ("--data short.txt", 2, "--sequence 12: short.txt has"),
        ("--data absent.txt", 1, "no file absent.txt"),
        ("--data sotv", 2, "--data sotv: there are built-in, sotu"),
        ("--data sotu", 1, "scripts/data text"),
    ] {
        let small = SMALL.replace("--quiet", "");
        let kept: Vec<&str> = words_without(&small, flags);
        let line = format!("{} --steps 2 {flags}", kept.join(" "));
        let outcome = run(&bench, &line).expect(code);
        assert!(outcome.error().contains(words), "{flags}: {outcome:?}");
        assert!(!bench.path("runs").join(NAME).exists(), "{flags}: a run folder");
    }
}

/// Reads of each of 8 steps, of which every fourth logs, with the policy of CUDA.
#[test]
fn only_a_logging_step_reads_and_once() {
    for flags in ["", "--replace none", "--rule selected-only --selector tree"] {
        let bench = Bench::new();
        let line = SMALL.replace("--log-every 3", "--log-every 4").replace("--quiet", "");
        let line = format!("{line} --steps 12 --name a {flags}");
        let mut session = open_session::<SelectorTransformer>(bench.arguments(&line)).unwrap();
        session.set_finite_policy(FinitePolicy::WhenLogging);
        let reads = |_| {
            let before = to_host::count();
            session.one_step().unwrap();
            to_host::count() - before
        };
        assert_eq!((0..8).map(reads).collect::<Vec<u64>>(), [0, 0, 0, 1, 0, 0, 0, 1], "{flags}");
    }
}

/// The flags of a line that another one does not give.
fn words_without<'a>(line: &'a str, other: &str) -> Vec<&'a str> {
    let mut kept = Vec::new();
    for pair in words(line).chunks(2) {
        if !other.contains(pair[0]) {
            kept.extend_from_slice(pair);
        }
    }
    kept
}
