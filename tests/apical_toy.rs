//! What the apical rule does to one layer: shares of random layers against theory.

#![allow(clippy::unwrap_used)]

use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::one_layer::census::{Census, Counts, Sizes, draw};
use neuron_lab::apical::one_layer::layer::ToyLayer;
use tch::{Device, Kind, Tensor};

const SIZES: Sizes = Sizes { trials: 20_000, neurons: 2, inputs: 2 };

/// Shares of the trials after some steps: `[relu, linear][law]`.
fn shares(eta: f64, steps: u64) -> Vec<Vec<Counts>> {
    shares_of(SIZES, eta, steps)
}

fn shares_of(sizes: Sizes, eta: f64, steps: u64) -> Vec<Vec<Counts>> {
    tch::set_num_threads(1);
    let layers = draw(0, sizes, Device::Cpu);
    let run = |mut layer: ToyLayer| {
        let mut census = Census::new(&layer, eta);
        for t in 0..steps {
            let change = layer.step(eta);
            census.record(t, &change, None);
        }
        census.counts(1e-6).unwrap()
    };
    layers.into_iter().take(2).map(run).collect()
}

fn share(flag: &Tensor) -> f64 {
    flag.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
}

/// Three standard errors of a share of the trials.
fn error(share: f64) -> f64 {
    3.0 * (share * (1.0 - share) / SIZES.trials as f64).sqrt()
}

#[test]
fn multipliers_below_one_never_grow_a_rectified_layer() {
    let counts = shares(0.01, 1000);
    let relu = counts[0][0];
    assert_eq!((relu.falling, relu.grown), (1.0, 0.0));
    assert!((relu.silent - 0.25).abs() < error(0.25), "{relu:?}");
    // Slow, not divergent: half of the trials are above 1e-6 after 1000 steps.
    assert!((relu.converged - 0.51).abs() < 0.015, "{relu:?}");
    let gaussian = counts[0][1].grown;
    assert!((gaussian - 0.15236).abs() < 0.005, "{gaussian}");
    let linear = counts[1][1].grown;
    assert!((linear - 0.29214).abs() < 0.01, "{linear}");
}

#[test]
fn a_rectified_layer_grows_where_an_active_neuron_has_a_multiplier_above_one() {
    let layers = draw(0, SIZES, Device::Cpu);
    let predicate = |layer: &ToyLayer| {
        let active = match layer.activation {
            Activation::Relu => layer.drive().gt(0.0),
            Activation::Linear | Activation::Tanh => layer.drive().ne(0.0),
        };
        let over = layer.apical.gt(1.0).logical_and(&active);
        over.any_dim(-1, false).get(1)
    };
    assert!((share(&predicate(&layers[0])) - 0.15236).abs() < 0.005);
    assert!((share(&predicate(&layers[1])) - 0.29214).abs() < 0.01);
    for mut layer in layers.into_iter().take(2) {
        let expected = predicate(&layer);
        // Each active row with a > 1 grows in every step; a trial has such a row, or none.
        let before = layer.step(0.01).abs().amax([-1i64].as_slice(), false);
        let after = layer.step(0.01).abs().amax([-1i64].as_slice(), false);
        let grows = after.gt_tensor(&before).any_dim(-1, false).get(1);
        assert!(grows.equal(&expected), "{:?}", layer.activation);
    }
}

#[test]
fn a_large_step_makes_linear_layers_diverge_and_no_rectified_one() {
    let counts = shares(1.0, 200);
    assert!((counts[1][0].grown - 0.22).abs() < 0.01, "{:?}", counts[1][0]);
    assert_eq!(counts[0][0].grown, 0.0);
    let layer = &draw(0, SIZES, Device::Cpu)[1];
    let beyond = layer.factor(1.0).lt(-1.0).any_dim(-1, false).get(0);
    assert!((share(&beyond) - counts[1][0].grown).abs() < 1e-3, "{}", share(&beyond));
}

/// A linear neuron's change has the factor q of its drive, |q|^t, and so falls in every step or in
/// none; a rectified one's does too while it is active, and is 0 from where q < 0 switches it off.
/// What is left of a change that is down to rounding goes up and down and counts for nothing.
#[test]
fn a_trial_falls_where_no_active_neuron_has_a_factor_above_one() {
    let (sizes, eta) = (Sizes { trials: 8000, ..SIZES }, 1.0);
    let layers = draw(0, sizes, Device::Cpu);
    for (layer, counts) in layers.iter().zip(shares_of(sizes, eta, 100)) {
        let q = layer.factor(eta);
        let falls = match layer.activation {
            Activation::Relu => layer.drive().le(0.0).logical_or(&q.le(1.0)),
            Activation::Linear | Activation::Tanh => q.abs().le(1.0),
        };
        let falls = falls.all_dim(-1, false);
        for (law, counts) in (0..).zip(counts) {
            let known = share(&falls.get(law));
            assert_eq!(counts.falling, known, "{:?}, law {law}", layer.activation);
        }
    }
}
