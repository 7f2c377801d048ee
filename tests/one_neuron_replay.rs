//! Curves of the package's own random numbers, seed 0, learning rate 1e-3, each as the first model
//! of its process: equal to 1e-6. scripts/reference/one_neuron.py makes the numbers; the package
//! 1.1.2 itself, unmodified and under PYTHONHASHSEED=0, the ones with its own order of columns.

#![allow(clippy::unwrap_used)]

mod one_neuron;

use one_neuron::{Run, close, train};

const TOLERANCE: f64 = 1e-6;

/// A run as the first model of seed 0.
fn replay(rest: &str) -> Run {
    train(&format!("--rng package --first-record-quirk {rest}"))
}

#[track_caller]
fn records(run: &Run, expected: &[(u64, f64, f64)], end: f64) {
    close("record 0", run.record("train/loss", 0), 0.0037881563, 1e-10);
    for (j, value, tolerance) in expected {
        close(&format!("record {j}"), run.record("train/loss", *j), *value, *tolerance);
    }
    close("the last 20 records", run.last("train/end"), end, TOLERANCE);
}

#[track_caller]
fn parameters(run: &Run, weights: [f64; 4], bias: f64, tolerance: f64) {
    for (i, weight) in weights.into_iter().enumerate() {
        close("weight", run.last(&format!("params/weight.{}", i + 1)), weight, tolerance);
    }
    close("bias", run.last("params/bias.1"), bias, tolerance);
}

#[test]
fn sgd_averaged() {
    let run = replay("--gradient averaged");
    let expected = [(1, 0.2932755286, 1e-9), (100, 0.23633901, 1e-8), (399, 0.22297275, 1e-8)];
    records(&run, &expected, 0.222771);
    let weights = [0.51364697, 0.42671684, 0.09445241, -0.06711434];
    parameters(&run, weights, -0.35768277, 1e-8);
}

#[test]
fn sgd_averaged_with_the_packages_columns() {
    let run = replay("--gradient averaged --columns hash0");
    let weights = [0.51352, 0.42668, 0.09275, -0.06568];
    parameters(&run, weights, -0.35795, 6e-6);
}

#[test]
fn sgd_correct() {
    let run = replay("--gradient correct");
    let expected = [(1, 0.2928442413, 1e-9), (100, 0.20997965, 1e-8), (399, 0.17719701, 1e-8)];
    records(&run, &expected, 0.177728);
    let weights = [0.9753973, 0.90541553, 0.63343534, 0.51680878];
    parameters(&run, weights, -1.11833179, 1e-8);
}

#[test]
fn sgd_plus_correct() {
    let run = replay("--gradient correct --optimizer sgd-plus");
    let expected = [(1, 0.2870326895, 1e-9), (100, 0.14792831, 1e-8), (399, 0.11625807, 1e-8)];
    records(&run, &expected, 0.114323);
    close("bias", run.last("params/bias.1"), -3.80365877, 1e-8);
}

#[test]
fn adam_correct() {
    let run = replay("--gradient correct --optimizer adam");
    let expected = [(1, 0.2853509544, 1e-9), (100, 0.13512457, 1e-8), (399, 0.10954627, 1e-8)];
    records(&run, &expected, 0.107615);
    close("bias", run.last("params/bias.1"), -4.78788464, 1e-8);
}

#[test]
fn averaged_with_factor_two() {
    let sgd_plus = replay("--gradient averaged-x2 --optimizer sgd-plus");
    records(&sgd_plus, &[(100, 0.21521437, 1e-8)], 0.197342);
    let adam = replay("--gradient averaged --factor 2 --optimizer adam");
    records(&adam, &[(100, 0.22606043, 1e-8)], 0.192531);
}

#[test]
fn ascent() {
    let run = replay("--gradient correct --sign ascend");
    records(&run, &[(100, 0.40839997, 1e-8)], 0.478652);
    close("bias", run.last("params/bias.1"), 2.57491102, 1e-8);
}
