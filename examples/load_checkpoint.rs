//! Loads a checkpoint of `selector_mnist` and classifies the test set with it:
//!
//! `cargo run --release --example load_checkpoint -- checkpoints/selector_mnist/<name>`

#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuron_lab::lab::checkpoint::{Checkpoint, find, is_model};
use tch::{Device, Kind};

fn main() -> Result<()> {
    let path: PathBuf = std::env::args_os().nth(1).context("which checkpoint?")?.into();
    // A folder means its best checkpoint. Length, checksum and format are checked on the way.
    let checkpoint = Checkpoint::read(&find(&path, true)?)?;
    let manifest = &checkpoint.manifest;
    println!("{} after {} steps, {:?}", manifest.experiment, manifest.step, manifest.score);
    for (name, tensor) in checkpoint.tensors.iter().filter(|(name, _)| is_model(name)) {
        println!("  {name}: {:?} {:?}", tensor.size(), tensor.kind());
    }

    // The first layer by hand, as docs/checkpoints.md has it.
    let text = |key: &str| manifest.config[key].as_str().unwrap_or_default();
    let data = neuron_lab::data::load(text("data"), Path::new(text("data_dir")), Device::Cpu)?;
    let tensor = |name: &str| checkpoint.tensors.get(name).with_context(|| format!("no {name}"));
    if manifest.config["selector"] == "threshold" && manifest.config["replicates"] == 1 {
        let (weight, bias) = (tensor("layer1.selection.weight")?, tensor("layer1.selection.bias")?);
        let a = data.test.images.linear(weight, Some(bias)).sigmoid().lt(0.5).to_kind(Kind::Double);
        let share = a.mean(Kind::Double).double_value(&[]);
        println!("layer 1 selects neuron A for {:.2} % of the test set", 100.0 * share);
    }
    Ok(())
}
