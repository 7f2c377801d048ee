//! Loads a checkpoint of `selector_mnist` and classifies the test set with it:
//!
//! `cargo run --release --example load_checkpoint -- checkpoints/selector_mnist/<name>`

#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use neuron_lab::lab::store::checkpoint::{Checkpoint, find};
use neuron_lab::lab::store::state_writer::is_model;
use tch::{Device, Kind, Tensor};

fn main() -> Result<()> {
    let path: PathBuf = std::env::args_os().nth(1).context("which checkpoint?")?.into();
    // A folder means its best checkpoint. Length, checksum and format are checked on the way.
    let checkpoint = Checkpoint::read(&find(&path, true)?)?;
    let manifest = &checkpoint.manifest;
    println!("{} after {} steps, {:?}", manifest.experiment, manifest.step, manifest.score);
    for (name, tensor) in checkpoint.tensors.iter().filter(|(name, _)| is_model(name)) {
        println!("  {name}: {:?} {:?}", tensor.size(), tensor.kind());
    }

    // The forward pass by hand, as docs/checkpoints.md has it.
    let config = &manifest.config;
    let plain = config["rule"] != "switch" && config["rule"] != "soft";
    if config["selector"] != "threshold" || config["replicates"] != 1 || !plain {
        return Ok(());
    }
    let text = |key: &str| config[key].as_str().unwrap_or_default();
    let data = neuron_lab::data::load(text("data"), Path::new(text("data_dir")), Device::Cpu)?;
    let tensor = |name: &str| checkpoint.tensors.get(name).with_context(|| format!("no {name}"));
    let unit = |x: &Tensor, name: &str, k: Option<i64>| -> Result<Tensor> {
        let (w, b) = (tensor(&format!("{name}.weight"))?, tensor(&format!("{name}.bias"))?);
        let of = |t: &Tensor| k.map_or(t.shallow_clone(), |k| t.get(k));
        Ok(x.linear(&of(w), Some(of(b))))
    };
    let mut x = data.test.images.shallow_clone();
    for i in 1..=config["hidden"].as_array().map_or(0, Vec::len) {
        let a = unit(&x, &format!("layer{i}.selection"), None)?.sigmoid().lt(0.5);
        let computation = format!("layer{i}.computation");
        let (h_a, h_b) = (unit(&x, &computation, Some(0))?, unit(&x, &computation, Some(1))?);
        x = h_a.relu().where_self(&a, &h_b.relu());
    }
    let right = unit(&x, "output", None)?.argmax(-1, false).eq_tensor(&data.test.labels);
    println!(
        "test accuracy: {:.4}",
        right.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
    );
    Ok(())
}
