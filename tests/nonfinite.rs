//! Numbers that are not finite end a run before they reach its weights.

#![allow(clippy::unwrap_used)]

mod common;

use common::Bench;
use neuron_lab::lab::store::checkpoint::{Checkpoint, Manifest};
use serde_json::Value;

/// The tensors of a checkpoint that are not finite throughout.
fn not_finite(checkpoint: &Checkpoint) -> Vec<&str> {
    let finite = |tensor: &tch::Tensor| tensor.isfinite().all().int64_value(&[]) == 1;
    let bad = checkpoint.tensors.iter().filter(|(_, tensor)| !finite(tensor));
    bad.map(|(key, _)| key.as_str()).collect()
}

#[test]
fn a_rate_that_explodes() {
    let bench = Bench::new();
    // Each checkpoint is a step's; the weights grow until the loss overflows.
    let run = "--data digits --lr 100 --hidden 16,16,16,16 --log-every 1 --checkpoint-every 1";
    let outcome = bench.run(&format!("{run} --name a --keep 100")).expect(3);
    let errors: Vec<&str> = outcome.stderr.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{outcome:#?}");
    let summary = bench.summary("a");
    assert_eq!((&summary["status"], &summary["exit_code"]), (&"non-finite".into(), &3.into()));
    let good = summary["steps"].as_u64().unwrap();
    assert!(good > 0 && errors[0].contains(&format!("at step {}:", good + 1)), "{outcome:#?}");

    let manifests = Manifest::list(&bench.checkpoints("a"));
    assert_eq!(manifests.len() as u64, good);
    let last = Checkpoint::read(&manifests[0]).unwrap();
    assert_eq!((last.manifest.step, not_finite(&last)), (good, vec![]));
    assert!(outcome.stderr.contains(&format!("step-{good:08}.safetensors")), "{outcome:#?}");

    // It ends so again from there, and the checkpoint stays what it is.
    let before = bench.tensors("a", good);
    bench.run("--resume a").expect(3);
    assert!(bench.tensors("a", good) == before);
    // Up to the bad step, the run is as one that ends before it.
    bench.run(&format!("{run} --name b --steps {good} --quiet")).expect(0);
    let b = Checkpoint::read(&Manifest::list(&bench.checkpoints("b"))[0]).unwrap();
    for (key, tensor) in last.tensors.iter().filter(|(key, _)| !key.starts_with("state.")) {
        assert_eq!(tensor, &b.tensors[key], "{key}");
    }
}

#[test]
fn a_first_step_that_overflows_leaves_nothing_behind() {
    let bench = Bench::new();
    // The only update that is made takes the weights beyond what the next loss can hold.
    let outcome = bench.run("--data digits --lr 1e30 --name a --json").expect(3);
    assert_eq!(outcome.stdout.lines().count(), 1);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["status"], "non-finite");
    assert!(summary["checkpoint"].is_null(), "{summary}");
    assert!(outcome.stderr.lines().any(|line| line.starts_with("error: ")
        && line.contains("at step 2:")
        && line.contains("--clip-norm")));
}

#[test]
fn json_has_null_for_what_is_not_finite() {
    let bench = Bench::new();
    // Finite in training to the end, but the test loss of such weights overflows.
    let outcome = bench.run("--data digits --lr 1e30 --steps 1 --name a --json").expect(0);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(summary["metrics"]["eval/loss"].is_null(), "{summary}");
    assert!(summary["metrics"].as_object().unwrap().contains_key("eval/loss"));
    let lines = bench.metrics("a");
    assert!(lines.iter().any(|line| line["values"].get("eval/loss") == Some(&Value::Null)));
    let checkpoint = Checkpoint::read(&Manifest::list(&bench.checkpoints("a"))[0]).unwrap();
    assert_eq!(not_finite(&checkpoint), [""; 0]);
}

#[test]
fn weights_that_overflow_are_never_saved() {
    let bench = Bench::new();
    let run = "--data digits --checkpoint-every 1 --name a";
    // The loss and the gradient of the first step are finite, its update is not.
    let outcome = bench.run(&format!("{run} --lr 3e38 --weight-decay 1e6")).expect(3);
    assert!(outcome.stderr.contains("not finite at step 2"), "{outcome:#?}");
    assert!(Manifest::list(&bench.checkpoints("a")).is_empty());
}
