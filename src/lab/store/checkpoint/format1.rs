//! Checkpoints of format 1, in which plain numbers were tensors.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use tch::{Kind, Tensor};

use super::super::state_writer::Plain;
use crate::lab::tensor::to_host;

/// Whether the tensor of this name was a number, or a few of them, that the manifest has now.
fn is_number(name: &str) -> bool {
    let of_optimizer = name.starts_with("optim.")
        && (name.ends_with(".step") || name.contains(".schedule."))
        && !name.contains(".exp_avg");
    let lists = ["state.lab.interval_counts.", "state.lab.epoch.", "state.python_words."];
    let counts = ["state.gradient_steps"];
    of_optimizer
        || counts.contains(&name)
        || lists.iter().any(|beginning| name.starts_with(beginning))
}

/// Moves what was a number from the tensors to the numbers of format 2.
///
/// # Errors
/// Where the loop's own numbers are not as many as format 1 has.
pub(super) fn upgrade(
    tensors: &mut BTreeMap<String, Tensor>,
    numbers: &mut Map<String, Value>,
) -> Result<()> {
    let names: Vec<String> = tensors.keys().filter(|name| is_number(name)).cloned().collect();
    for name in names {
        if let Some(tensor) = tensors.remove(&name) {
            numbers.insert(name.clone(), json(&tensor).context(name)?);
        }
    }
    if let Some(progress) = tensors.remove("state.lab.progress") {
        let [step, evaluations, since_best] = to_host::values(&progress)?[..] else {
            bail!("state.lab.progress must be three numbers");
        };
        for (name, count) in
            [("step", step), ("evaluations", evaluations), ("since_best", since_best)]
        {
            numbers.insert(format!("state.lab.{name}"), (count as u64).to_json());
        }
    }
    if let Some(best) = tensors.remove("state.lab.best") {
        let [value, higher, step] = to_host::values(&best)?[..] else {
            bail!("state.lab.best must be three numbers");
        };
        let tag = tensors.remove("state.lab.best_tag").context("no state.lab.best_tag")?;
        let bytes: Vec<u8> = to_host::values(&tag)?.iter().map(|byte| *byte as u8).collect();
        let tag = String::from_utf8(bytes).context("state.lab.best_tag is not UTF-8")?;
        numbers.insert("state.lab.best.value".into(), value.to_json());
        numbers.insert("state.lab.best.higher_is_better".into(), (higher == 1.0).to_json());
        numbers.insert("state.lab.best.step".into(), (step as u64).to_json());
        numbers.insert("state.lab.best.tag".into(), tag.to_json());
    }
    Ok(())
}

/// A tensor of no or one axis as a number or a list of numbers.
fn json(tensor: &Tensor) -> Result<Value> {
    let values = to_host::values(tensor)?;
    let number = |value: &f64| match tensor.kind() {
        Kind::Int64 => (*value as i64).to_json(),
        _ => value.to_json(),
    };
    match (tensor.dim(), values.as_slice()) {
        (0, [value]) => Ok(number(value)),
        _ => Ok(values.iter().map(number).collect()),
    }
}
