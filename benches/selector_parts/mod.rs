//! What the benchmarks of selector layers share.

// Each benchmark is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::ffi::OsString;

use anyhow::Result;
use neuron_lab::lab::open_session;
use neuron_lab::lab::tensor::params::{Params, ParamsBuilder};
use neuron_lab::lab::train::session::Session;
use neuron_lab::selector::SelectorMnist;
use neuron_lab::selector::layer::{
    Compute, Inner, LayerOptions, LayerShape, Rule, SelectorKind, SelectorLayer, SteSign,
};
use rustix::time::{ClockId, clock_gettime};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

pub const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// CPU time of this process.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The median of an odd number of values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The numbers of inputs, of neurons, and of computation neurons of each.
#[derive(Clone, Copy)]
pub struct LayerSize {
    pub inputs: i64,
    pub neurons: i64,
    pub choices: i64,
}

/// A layer with random parameters.
pub fn layer(
    size: LayerSize,
    selector: SelectorKind,
    rule: Rule,
    compute: Compute,
) -> Result<(SelectorLayer, Params)> {
    let LayerSize { inputs, neurons, choices } = size;
    let sign = SteSign::Consistent;
    let shape = LayerShape { inputs, neurons, choices, selector, sign, rank: 16 };
    tch::manual_seed(0);
    let mut builder = ParamsBuilder::default();
    for (name, draw) in shape.parameters("layer") {
        builder.add(name, draw().unsqueeze(0));
    }
    let params = builder.build(Device::Cpu)?;
    let options = LayerOptions { rule, inner: Inner::Relu, compute };
    let layer = SelectorLayer::with_options(shape, options, "layer", &params, Device::Cpu)?;
    Ok((layer, params))
}

/// A run of `selector_mnist` that takes its steps one by one, in a folder that goes with it.
pub fn session(flags: &str) -> Result<(Session<SelectorMnist>, TempDir)> {
    let home = tempfile::tempdir()?;
    let mut words: Vec<OsString> = vec!["bench".into(), "--device".into(), "cpu".into()];
    for folder in ["runs", "checkpoints"] {
        words.extend([format!("--{folder}").into(), home.path().join(folder).into()]);
    }
    words.extend(flags.split_whitespace().map(OsString::from));
    Ok((open_session(words)?, home))
}

/// An input and a gradient for a layer: `[row, input]` and `[row, neuron]`.
pub fn signals(layer: &SelectorLayer, rows: i64) -> (Tensor, Tensor) {
    let shape = layer.shape();
    (Tensor::randn([rows, shape.inputs], OPTIONS), Tensor::randn([rows, shape.neurons], OPTIONS))
}
