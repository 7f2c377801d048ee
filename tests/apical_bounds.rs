//! How multipliers move from phase 1 to phase 1, and their bounds, `--a-min` and `--a-max`.

#![allow(clippy::unwrap_used)]

mod apical_program;
mod common;

use std::ffi::OsString;

use apical_program::Program;
use neuron_lab::apical::ApicalTrain;
use neuron_lab::apical::learning::trainer::{LearningRates, Trainer};
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::network::Network;
use neuron_lab::lab::configure;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

/// The multipliers of a layer of three neurons after each of two phases 1 of an epoch each, with the
/// gradient -1, 0.5, -0.1, at a learning rate of 0.1.
fn moved(flags: &str) -> [Vec<f64>; 2] {
    moved_in(flags, [true, true])
}

/// The same of phases 1 of which it is said whether they are the first of their epoch.
fn moved_in<const N: usize>(flags: &str, is_first: [bool; N]) -> [Vec<f64>; N] {
    let arguments = std::iter::once("bounds").chain(flags.split_whitespace());
    let config = configure::<ApicalTrain>(arguments.map(OsString::from)).unwrap().experiment;
    let network = Network::new(&[2, 3], Activation::Relu, &[0], Kind::Double, Device::Cpu);
    let rates = [LearningRates { a: 0.1, w: 0.1 }];
    let mut trainer = Trainer::new(network, config.learning_rules(), &rates);
    is_first.map(|is_first| {
        trainer.begin_phase1(is_first);
        trainer.gradient[0].copy_(&Tensor::from_slice(&[-1.0, 0.5, -0.1]));
        trainer.update_multipliers(1.0, 0.0);
        Vec::try_from(trainer.network.layers[0].apical.get(0)).unwrap()
    })
}

fn assert_close(found: &[f64], expected: [f64; 3]) {
    let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close, "{found:?} {expected:?}");
}

/// By hand: the velocity is g, then 1.5 g, and the bounds do not touch it.
#[test]
fn multipliers_are_clamped_after_every_phase_1() {
    let momentum = "--a-update momentum:0.5";
    let [first, second] = moved(momentum);
    assert_close(&first, [1.1, 0.95, 1.01]);
    assert_close(&second, [1.25, 0.875, 1.025]);
    let [first, second] = moved(&format!("{momentum} --a-min 0.98 --a-max 1.05"));
    assert_close(&first, [1.05, 0.98, 1.01]);
    assert_close(&second, [1.05, 0.98, 1.025]);
    // From the bound on, not from where the multiplier would be without it.
    let [first, second] = moved(&format!("{momentum} --a-min 0.9"));
    assert_close(&first, [1.1, 0.95, 1.01]);
    assert_close(&second, [1.25, 0.9, 1.025]);
    // A phase 1 that resets takes its step from 1.
    let [_, second] = moved("--a-max 1");
    assert_close(&second, [1.0, 0.95, 1.0]);
    let [_, second] = moved("--a-min 0.5 --a-max 0.5");
    assert_close(&second, [0.5, 0.5, 0.5]);
}

#[test]
fn several_phases_1_of_an_epoch_go_on_from_each_other() {
    for (flags, third, fourth) in [
        ("", [1.3, 0.85, 1.03], [1.1, 0.95, 1.01]),
        ("--a-max 1.15", [1.15, 0.85, 1.03], [1.1, 0.95, 1.01]),
        ("--a-update accumulate", [1.3, 0.85, 1.03], [1.4, 0.8, 1.04]),
    ] {
        let moved = moved_in(flags, [true, false, false, true]);
        assert_close(&moved[0], [1.1, 0.95, 1.01]);
        assert_close(&moved[2], third);
        assert_close(&moved[3], fourth);
    }
}

/// The largest multiplier of each layer, by evaluation, and the last loss.
fn largest(program: &Program, flags: &str, name: &str) -> (Vec<f64>, f64) {
    let common = "--data digits --hidden 20,20 --quiet --steps-per-phase 6 --log-every 6 --epochs 4 \
                  --a-update momentum:0.9 --lr-a 0.3 --lr-w 1e-3";
    program.run(&format!("{common} {flags} --name {name}")).expect(0);
    let mut found = Vec::new();
    for line in program.metrics(name) {
        let entry: Value = serde_json::from_str(&line).unwrap();
        for layer in 0..3 {
            found.extend(entry["values"][format!("apical/layer{layer}/max")].as_f64());
        }
    }
    (found, program.summary(name)["metrics"]["eval/loss"].as_f64().unwrap())
}

#[test]
fn with_a_bound_of_one_no_multiplier_is_ever_above_one() {
    let program = Program::train();
    for flags in ["", "--replicates 2"] {
        let name = |what: &str| format!("{what}{}", flags.len());
        let (bounded, loss) = largest(&program, &format!("--a-max 1 {flags}"), &name("bounded"));
        assert!(bounded.len() >= 24 && bounded.iter().all(|a| *a <= 1.0), "{bounded:?}");
        let (free, free_loss) = largest(&program, flags, &name("free"));
        assert!(free.iter().any(|a| *a > 1.05), "{free:?}");
        assert!((loss - free_loss).abs() > 1e-3, "{loss} {free_loss}");
    }
    // Bounds that no multiplier reaches change nothing, to the bit.
    let (far, far_loss) = largest(&program, "--a-min=-9 --a-max 9", "far");
    assert_eq!((far, far_loss), largest(&program, "", "none"));
}

#[test]
fn with_a_bound_of_one_runs_that_explode_without_it_do_not() {
    let program = Program::train();
    let common = "--data digits --hidden 100,100,100 --quiet --a-update momentum:0.9 --lr-a 0.1 \
                  --lr-w 0.003,0.01 --common-init --seed 4 --epochs 12 --steps-per-phase 3 \
                  --eval-samples 360";
    program.run(&format!("{common} --name free")).expect(0);
    program.run(&format!("{common} --a-max 1 --name bounded")).expect(0);
    let live = |name: &str| program.summary(name)["metrics"]["eval/live_runs"].as_f64();
    assert_eq!((live("free"), live("bounded")), (Some(0.0), Some(2.0)));
}
