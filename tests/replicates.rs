//! Replicates that are trained together are the runs of their seeds.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::Bench;
use safetensors::SafeTensors;
use serde_json::Value;

const RUN: &str = "--data digits --epochs 2 --hidden 12,8 --log-every 10 --seed 5";

/// The values of the line of a tag's last appearance.
fn last<'a>(lines: &'a [Value], tag: &str) -> &'a Value {
    let line = lines.iter().rev().find(|line| !line["values"][tag].is_null());
    &line.unwrap_or_else(|| panic!("no {tag}"))["values"]
}

#[test]
fn each_is_the_run_of_its_seed() {
    for flags in ["--optimizer momentum", "--optimizer adam --num-computation 3 --clip-norm 0.5"] {
        let bench = Bench::new();
        bench.run(&format!("{RUN} {flags} --replicates 3 --name many --quiet")).expect(0);
        let many = bench.metrics("many");
        let tags = [
            "eval/loss",
            "eval/accuracy",
            "train/loss",
            "train/epoch_loss",
            "optim/gradient_norm",
            "entropy/test/layer1",
            "selection/train/layer2/B",
            "cosine/layer2",
            "gradient/layer1/A",
        ];
        let mut values = vec![Vec::new(); tags.len()];
        for r in 0..3 {
            let (seed, name) = (5 + r, format!("one{r}"));
            let line = RUN.replace("--seed 5", &format!("--seed {seed}"));
            bench.run(&format!("{line} {flags} --name {name} --quiet")).expect(0);
            let one = bench.metrics(&name);
            for (values, tag) in values.iter_mut().zip(tags) {
                let alone = last(&one, tag)[tag].as_f64().unwrap();
                let key = format!("{tag}/r{r}");
                let together = last(&many, &key)[&key].as_f64().unwrap();
                let near = (alone - together).abs() < 1e-4 * alone.abs().max(0.01);
                assert!(near, "{flags}: {tag} of seed {seed}: {alone}, as replicate {together}");
                values.push(together);
            }
        }
        for (values, tag) in values.iter().zip(tags) {
            let line = last(&many, tag);
            let mean = values.iter().sum::<f64>() / 3.0;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let near = |tag: String, expected: f64| {
                let found = line[&tag].as_f64().unwrap();
                assert!((found - expected).abs() < 1e-9, "{tag}: {found}, not {expected}");
            };
            near(tag.into(), mean);
            near(format!("{tag}/sd"), (squares / 2.0).sqrt());
            assert!(squares > 0.0, "{tag} is the same for every seed");
        }
    }
}

/// The shapes in the newest checkpoint of a run.
fn shapes(bench: &Bench, run: &str) -> Vec<(String, Vec<usize>)> {
    let bytes = bench.tensors(run, 46);
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    let mut shapes: Vec<(String, Vec<usize>)> =
        parsed.iter().map(|(key, view)| (key.to_string(), view.shape().to_vec())).collect();
    shapes.sort();
    shapes
}

#[test]
fn one_has_no_axis_of_replicates() {
    let bench = Bench::new();
    for (name, replicates) in [("one", 1), ("three", 3)] {
        let flags = format!("--optimizer adam --replicates {replicates} --name {name} --quiet");
        bench.run(&format!("{RUN} {flags}")).expect(0);
    }
    let (one, three) = (shapes(&bench, "one"), shapes(&bench, "three"));
    assert!(one.contains(&("layer1.computation.weight".into(), vec![2, 12, 64])));
    assert!(one.contains(&("optim.exp_avg.output.bias".into(), vec![10])));
    for ((key, alone), (same, together)) in one.iter().zip(&three) {
        assert_eq!(key, same);
        if !key.starts_with("state.lab.") {
            assert_eq!(*together, [&[3], alone.as_slice()].concat(), "{key}");
        }
    }
    let text = fs::read_to_string(bench.run_file("one", "metrics.jsonl")).unwrap();
    assert!(!text.contains("/r0\"") && !text.contains("/sd\""), "{text}");
}

#[test]
fn samples_of_all_networks_count() {
    let bench = Bench::new();
    let line = "--data digits --hidden 4 --steps 4 --log-every 2 --batch-size 16 --replicates 3";
    bench.run(&format!("{line} --quiet --name run")).expect(0);
    let log = fs::read_to_string(bench.run_file("run", "metrics.jsonl")).unwrap();
    let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rate =
        |entry: &Value, what: &str| entry["values"][format!("time/{what}_per_second")].as_f64();
    let both = |entry| Some((rate(&entry, "samples")?, rate(&entry, "steps")?));
    let rates: Vec<(f64, f64)> = entries.filter_map(both).collect();
    assert_eq!(rates.len(), 2, "{log}");
    assert!(rates.iter().all(|(samples, steps)| (samples / steps - 48.0).abs() < 1e-9), "{log}");
}
