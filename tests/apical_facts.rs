//! What two-phase training does, on the 8x8 digits: losses, explosions, variances.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::path::Path;

use neuron_lab::apical::ApicalTrain;
use neuron_lab::apical::learning::rule::{Pre, moving};
use neuron_lab::apical::learning::split::Split;
use neuron_lab::apical::learning::trainer::{LearningRates, Trainer};
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::loss::Loss;
use neuron_lab::apical::model::network::Network;
use neuron_lab::data;
use neuron_lab::lab::configure;
use neuron_lab::lab::tensor::rng;
use tch::{Device, Kind, Tensor, no_grad_guard};

const WIDTHS: [i64; 5] = [64, 200, 200, 200, 10];

fn split() -> Split {
    tch::set_num_threads(1);
    let digits = data::load("digits", Path::new("data"), Device::Cpu).unwrap();
    Split::halves(&digits, 1, Device::Cpu).unwrap()
}

fn network(seeds: &[u64]) -> Network {
    Network::new(&WIDTHS, Activation::Relu, seeds, Kind::Float, Device::Cpu)
}

fn trainer(update: &str, seeds: &[u64], rates: &[(f64, f64)]) -> Trainer {
    let arguments = ["facts", "--a-update", update].map(OsString::from);
    let config = configure::<ApicalTrain>(arguments).unwrap().experiment;
    let rates: Vec<LearningRates> = rates.iter().map(|&(a, w)| LearningRates { a, w }).collect();
    Trainer::new(network(seeds), config.learning_rules(), &rates)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
}

/// Losses on D_test now.
fn losses(trainer: &Trainer, split: &Split) -> Vec<f64> {
    numbers(&trainer.loss_and_accuracy(&split.test, true).get(0))
}

fn phase1(trainer: &mut Trainer, split: &Split, factor: f64, passes: f64) {
    trainer.begin_phase1(true);
    let _ = trainer.accumulate_gradient(&split.a, 0..split.a.len());
    trainer.update_multipliers(factor, passes);
}

/// One pass of phase 2 in four parts, after each of which exploded runs are marked.
fn phase2(trainer: &mut Trainer, split: &Split, factor: f64, pass: u64) {
    let order = rng::permutation(split.w.len(), 1, "data", pass);
    for (i, part) in order.split(180, 0).iter().enumerate() {
        let _ = trainer.learn_weights(&split.w, part, factor);
        trainer.live.record_ends(pass as f64 + (i + 1) as f64 / 4.0);
    }
}

/// Variance of every layer's multipliers: `[layer][run]`.
fn variances(trainer: &Trainer) -> Vec<Vec<f64>> {
    let layers = trainer.network.layers.iter();
    layers.map(|l| numbers(&l.apical.var_dim([1i64].as_slice(), true, false))).collect()
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn losses_of_untrained_networks_differ_from_seed_to_seed() {
    let split = split();
    let seeds: Vec<u64> = (0..40).collect();
    let pass = network(&seeds).forward(&split.test.images, true);
    let mut losses = numbers(&Loss::Mse.mean(pass.output(), &split.test.target));
    losses.sort_by(f64::total_cmp);
    let (least, median, most) = (losses[0], losses[20], losses[39]);
    println!("losses of 40 untrained networks: {least:.3} to {most:.3}, median {median:.3}");
    assert!((0.5..1.3).contains(&least), "{losses:?}");
    assert!((1.3..2.5).contains(&median), "{losses:?}");
    assert!((2.5..7.0).contains(&most), "{losses:?}");
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn the_first_change_goes_down_the_gradient_most_of_all_in_the_output() {
    let split = split();
    for seed in 0..5 {
        let network = network(&[seed]);
        let (x, count) = (&split.a.images, split.a.len());
        let weight = Tensor::from(1.0 / count as f64).to_kind(Kind::Float);
        let gradients = |weights| {
            let pass = network.forward(x, true);
            let delta = Loss::Mse.gradient(pass.output(), &split.a.target, &weight);
            network.backward(x, &pass, delta, weights)
        };
        for (layer, g) in network.layers.iter().zip(gradients(false).apical) {
            let _ = layer.apical.shallow_clone().g_sub_(&(g.sum_dim_intlist(1, false, None) * 0.1));
        }
        let slopes = gradients(true).weight;
        let rates = Tensor::ones([1, 1, 1], (Kind::Float, Device::Cpu));
        let changes = moving(&network, x, count, Pre::Modulated, &rates);
        let cosine = |k: usize| {
            let (change, slope) = (changes.weight_change(k), slopes[k].neg());
            let dot = (&change * &slope).sum(Kind::Double);
            (dot / (change.norm() * slope.norm())).double_value(&[])
        };
        let cosines: Vec<f64> = (0..4).map(cosine).collect();
        assert!(cosines.iter().all(|c| (0.4..1.0).contains(c)), "seed {seed}: {cosines:?}");
        assert!(cosines[..3].iter().all(|c| *c < cosines[3]), "seed {seed}: {cosines:?}");
    }
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn every_phase_1_lowers_the_loss_and_the_last_layers_multipliers_spread_most() {
    let (_guard, split) = (no_grad_guard(), split());
    let seeds = [1, 2, 3];
    let mut runs =
        [1, 6].map(|second| (second, trainer("momentum:0.9", &seeds, &[(0.03, 1e-4); 3])));
    let (mut lowered, mut spread) = (0, Vec::new());
    for (second, trainer) in &mut runs {
        let mut earlier = vec![0.0; 3];
        for epoch in 0..10 {
            let before = losses(trainer, &split);
            phase1(trainer, &split, 1.0, 0.0);
            let after = losses(trainer, &split);
            lowered += before.iter().zip(&after).filter(|(before, after)| after < before).count();
            let last = variances(trainer)[3].clone();
            assert!(last.iter().zip(&earlier).all(|(now, earlier)| now > earlier), "{epoch}");
            earlier = last;
            (0..*second).for_each(|i| phase2(trainer, &split, 1.0, epoch * *second + i));
        }
        spread.push(variances(trainer));
    }
    assert!(lowered >= 57, "{lowered} of 60");
    for run in 0..3 {
        let [regular, multi] = [0, 1].map(|which: usize| {
            let of: Vec<f64> = spread[which].iter().map(|layer| layer[run]).collect();
            assert!(of[..3].iter().all(|hidden| of[3] > 5.0 * hidden), "{of:?}");
            of[3]
        });
        assert!(multi < 0.8 * regular, "run {run}: {multi} of {regular}");
    }
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn after_a_single_phase_1_the_loss_falls_and_rises_and_explodes_in_a_time_of_1_over_lr_w() {
    let (_guard, split) = (no_grad_guard(), split());
    let lr_w = [4e-3, 2e-3, 1e-3];
    let mut trainer = trainer("reset", &[1, 1, 1], &lr_w.map(|lr| (0.3, lr)));
    let start = losses(&trainer, &split)[2];
    phase1(&mut trainer, &split, 1.0, 0.0);
    let mut slow = vec![losses(&trainer, &split)[2]];
    assert!(slow[0] < 0.8 * start, "{start} {}", slow[0]);
    for pass in 0..60 {
        phase2(&mut trainer, &split, 1.0, pass);
        slow.push(losses(&trainer, &split)[2]);
    }
    let exploded = numbers(&trainer.live.ended_at);
    let products: Vec<f64> = exploded.iter().zip(lr_w).map(|(at, lr)| at * lr).collect();
    assert!(products.iter().all(|p| (p / products[2] - 1.0).abs() < 0.15), "{exploded:?}");
    let least = (0..slow.len()).min_by(|a, b| slow[*a].total_cmp(&slow[*b])).unwrap();
    assert!(slow[least] < 0.9 * slow[0], "{slow:?}");
    let rises = slow.windows(2).any(|pair| pair[1] > 1.02 * pair[0]);
    assert!(rises, "{slow:?}");
}

#[test]
#[ignore = "trains many seeds: scripts/test runs it"]
fn larger_rates_explode_earlier_with_a_cosine_schedule_too() {
    let (_guard, split) = (no_grad_guard(), split());
    let rates = [(0.1, 1e-2), (0.1, 3e-3), (0.01, 1e-4)];
    let exploded = [false, true].map(|cosine| {
        let mut trainer = trainer("momentum:0.9", &[1, 1, 1], &rates);
        for epoch in 0..40 {
            let share = epoch as f64 / 100.0;
            let factor = (1.0 + (std::f64::consts::PI * share).cos()) / 2.0;
            let factor = if cosine { factor } else { 1.0 };
            phase1(&mut trainer, &split, factor, epoch as f64);
            phase2(&mut trainer, &split, factor, epoch);
        }
        numbers(&trainer.live.ended_at)
    });
    for at in &exploded {
        assert!(at[0] < at[1] && at[1] < 40.0 && at[2].is_nan(), "{exploded:?}");
    }
    assert!(exploded[1][0] >= exploded[0][0] && exploded[1][0] < 1.3 * exploded[0][0]);
}

/// Cosine of a layer's change with the steepest descent of the squared error, in f64 by autograd.
///
/// - weights: `[output, input]` each
/// - apical: the multipliers, `[output]` each
/// - frozen: whether the loss is that of the network without multipliers
fn cosines_again(
    weights: &[Tensor],
    apical: &[Tensor],
    frozen: bool,
    images: &Tensor,
    target: &Tensor,
) -> Vec<f64> {
    let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
    let weights: Vec<Tensor> =
        weights.iter().map(|w| double(w).detach().set_requires_grad(true)).collect();
    let apical: Vec<Tensor> = apical.iter().map(double).collect();
    let last = weights.len() - 1;
    // All rates φ(h) under these multipliers, with what each layer had as its input.
    let forward = |multipliers: &[Tensor]| {
        let mut input = double(images);
        let (mut inputs, mut rates) = (Vec::new(), Vec::new());
        for (k, (weight, a)) in weights.iter().zip(multipliers).enumerate() {
            let h = input.matmul(&weight.tr());
            let f = if k == last { h } else { h.relu() };
            inputs.push(input);
            input = &f * a;
            rates.push(f);
        }
        (inputs, rates, input)
    };
    let ones: Vec<Tensor> = apical.iter().map(Tensor::ones_like).collect();
    let (inputs, rates, modulated_output) = forward(&apical);
    let output = if frozen { forward(&ones).2 } else { modulated_output };
    (output - double(target)).square().mean(None::<Kind>).backward();
    let of_layer = |k: usize| {
        let change = (&rates[k] * (&apical[k] - 1.0)).tr().matmul(&inputs[k]).detach();
        let descent = -weights[k].grad();
        let dot = number(&(&change * &descent).sum(Kind::Double));
        dot / (number(&change.norm()) * number(&descent.norm()))
    };
    (0..=last).map(of_layer).collect()
}

fn number(tensor: &Tensor) -> f64 {
    f64::try_from(tensor).unwrap()
}

#[test]
fn the_direction_of_the_rule_is_that_beside_an_independent_gradient() {
    let split = split();
    for target in ["moving", "frozen"] {
        let arguments = ["facts", "--target", target].map(OsString::from);
        let rules = configure::<ApicalTrain>(arguments).unwrap().experiment.learning_rules();
        let rates = vec![LearningRates { a: 0.3, w: 1e-4 }; 2];
        let mut trainer = Trainer::new(network(&[3, 4]), rules, &rates);
        let found = {
            let _guard = no_grad_guard();
            // Before the first phase 1 the rule changes nothing.
            let none = trainer.rule_cosine(&split.w, true);
            assert_eq!(numbers(&none.flatten(0, -1)), [0.0; 8], "{target}");
            phase1(&mut trainer, &split, 1.0, 0.0);
            trainer.rule_cosine(&split.w, true)
        };
        let part = split.w.take(1000);
        for run in 0..2 {
            let of = |tensor: &Tensor| tensor.get(run);
            let weights: Vec<Tensor> =
                trainer.network.layers.iter().map(|l| of(&l.weight)).collect();
            let apical: Vec<Tensor> =
                trainer.network.layers.iter().map(|l| of(&l.apical)).collect();
            let frozen = target == "frozen";
            let again = cosines_again(&weights, &apical, frozen, &part.images, &part.target);
            let found = numbers(&found.select(1, run));
            for (found, again) in found.iter().zip(&again) {
                assert!((found - again).abs() < 1e-4, "{target}: {found} {again}");
                assert!((-1.0..=1.0).contains(found) && found.abs() > 1e-3, "{target}: {found}");
            }
        }
    }
}
