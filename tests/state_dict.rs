//! `--init-from` with a plain state dict: a safetensors file without a manifest, as PyTorch users write
//! them. What fits begins a run as its checkpoint would; of what doesn't, each difference is named.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::fs;

use common::Bench;
use common::damage::Tensor;
use neuron_lab::lab::store::durable;
use safetensors::{Dtype, SafeTensors, View};

const RUN: &str = "--data digits --hidden 8,6 --selector softmax --num-computation 2 --steps 20";
const WEIGHT: &str = "layer1.computation.weight";
const BIAS: &str = "layer2.selection.bias";

type Tensors = HashMap<String, Tensor>;

/// A run of 20 steps, and the tensors of its last checkpoint that are its model.
fn trained(bench: &Bench) -> Tensors {
    bench.run(&format!("{RUN} --name old --quiet")).expect(0);
    let bytes = bench.tensors("old", 20);
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    let copy =
        |view: &dyn View| Tensor(view.dtype(), view.shape().to_vec(), view.data().into_owned());
    let is_model = |name: &str| !name.starts_with("optim.") && !name.starts_with("state.");
    let all = parsed.iter().filter(|(name, _)| is_model(name));
    all.map(|(name, view)| (name.to_string(), copy(&view))).collect()
}

fn write(bench: &Bench, file: &str, tensors: Tensors) {
    fs::write(bench.path(file), safetensors::serialize(tensors, None).unwrap()).unwrap();
}

#[test]
fn a_state_dict_begins_a_run_as_its_checkpoint_does() {
    let bench = Bench::new();
    write(&bench, "model.safetensors", trained(&bench));
    let new = format!("{RUN} --seed 1 --quiet --init-from");
    bench.run(&format!("{new} checkpoints/selector_mnist/old --name whole")).expect(0);
    bench.run(&format!("{new} model.safetensors --name a")).expect(0);
    bench.assert_same("a", "whole", 20, "a state dict");
    let from = &bench.json(bench.run_file("a", "provenance.json"))["init_from"];
    let (sha256, _) = durable::sha256(&bench.path("model.safetensors")).unwrap();
    assert_eq!((&from["file"], &from["sha256"]), (&"model.safetensors".into(), &sha256.into()));
}

#[test]
fn each_difference_is_named_in_one_line() {
    let bench = Bench::new();
    let whole = trained(&bench);
    let changed = |edit: &dyn Fn(&mut Tensors)| {
        let mut tensors = whole.clone();
        edit(&mut tensors);
        tensors
    };
    let cases: [(Tensors, &[&str]); 5] = [
        (changed(&|t| drop(t.remove(WEIGHT))), &["it lacks tensor layer1.computation.weight"]),
        (
            changed(&|t| drop(t.insert("layer3.bias".into(), t[BIAS].clone()))),
            &["it has a tensor or number layer3.bias that this model lacks"],
        ),
        (
            changed(&|t| t.get_mut(WEIGHT).unwrap().1.swap(0, 1)),
            &["layer1.computation.weight is [8, 2, 64], this model needs [2, 8, 64]"],
        ),
        (
            changed(&|t| t.get_mut(BIAS).unwrap().0 = Dtype::I32),
            &["layer2.selection.bias is Int, this model needs Float"],
        ),
        (
            changed(&|t| {
                t.remove(WEIGHT).unwrap();
                t.get_mut(BIAS).unwrap().0 = Dtype::I32;
                t.insert("fc.weight".into(), t[BIAS].clone());
            }),
            &["lacks tensor layer1.computation.weight", BIAS, "fc.weight"],
        ),
    ];
    for (tensors, expected) in cases {
        write(&bench, "other.safetensors", tensors);
        let outcome = bench.run(&format!("{RUN} --init-from other.safetensors --name a")).expect(1);
        let error = outcome.error();
        let named = expected.iter().all(|word| error.contains(word));
        assert!(named && error.contains("other.safetensors does not fit: "), "{error}");
        assert_eq!(error.matches("; ").count(), expected.len() - 1, "{error}");
        assert!(!bench.run_file("a", "").exists());
    }
}

#[test]
fn what_is_no_state_dict_is_said_in_one_line() {
    let bench = Bench::new();
    write(&bench, "model.safetensors", trained(&bench));
    let bytes = fs::read(bench.path("model.safetensors")).unwrap();
    let file = |name: &str, bytes: &[u8]| fs::write(bench.path(name), bytes).unwrap();
    file("cut.safetensors", &bytes[..bytes.len() / 2]);
    file("empty.safetensors", b"");
    file("text.safetensors", b"layer1.weight 0.1 0.2 0.3 0.4");
    file("model.pt", b"PK\x03\x04 an archive");
    file("old.pth", b"\x80\x02}q\x00.");
    // A checkpoint whose manifest is lost is not proved whole.
    file("step-00000020.safetensors", &bytes);
    for (name, expected) in [
        ("cut.safetensors", "is not a safetensors file"),
        ("empty.safetensors", "is empty"),
        ("text.safetensors", "is not a safetensors file"),
        ("model.pt", "docs/checkpoints.md"),
        ("old.pth", "docs/checkpoints.md"),
        ("step-00000020.safetensors", "has no manifest"),
    ] {
        let outcome = bench.run(&format!("{RUN} --init-from {name} --name a")).expect(1);
        let error = outcome.error();
        assert!(error.contains(name) && error.contains(expected), "{error}");
        assert!(!bench.run_file("a", "").exists());
    }
}
