//! The gradient rules against the package's own steps, against finite differences, and against
//! each other.

#![allow(clippy::unwrap_used)]

mod one_neuron;

use neuron_lab::one_neuron::data::batches::{Batches, Normalise, Sampler};
use neuron_lab::one_neuron::data::task::{Columns, TrainingSet};
use neuron_lab::one_neuron::diagnosis::gradients::{check, compare, moments};
use neuron_lab::one_neuron::model::architecture::Model;
use neuron_lab::one_neuron::model::rule::GradientRule;
use neuron_lab::one_neuron::model::tensors;
use one_neuron::{close, within};
use tch::Tensor;

const WEIGHTS: [f64; 5] = [0.8, -0.4, 0.3, 0.6, 0.25];
const NETWORK: [f64; 13] = [0.5, -0.2, 0.7, 0.1, -0.6, 0.4, 0.3, 0.9, 0.8, -0.5, 0.15, 0.15, -0.35];

/// Where SGD with the averaged gradient stands after 40000 steps.
const PLATEAU: [f64; 5] = [0.51, 0.43, 0.09, -0.07, -0.36];

/// The batch of scripts/reference/one_neuron_package.py.
fn fixed() -> Batches {
    let rows = [
        ([0.3, -0.1, 0.5, 0.2], 0.0),
        ([1.0, 0.4, 0.6, 0.7], 1.0),
        ([0.2, 0.9, -0.3, 0.8], 1.0),
        ([-0.5, 0.1, 0.6, 0.4], 0.0),
    ];
    let mut batches = Batches::new(4);
    batches.push(|s| rows[s], Normalise::None);
    batches
}

/// Batches of a training set.
fn drawn(size: usize, count: u64) -> Batches {
    let data = TrainingSet::package(0, Columns::Canonical);
    let mut batches = Batches::new(size);
    batches.draw(&mut Sampler::Native(0), &data, 0..count, Normalise::BatchMax);
    batches
}

fn gradient(model: Model, rule: GradientRule, params: &[f64], batches: &Batches) -> Vec<f64> {
    let (mut scratch, mut gradient) = (vec![0.0; batches.size], vec![0.0; params.len()]);
    model.gradient(rule, params, batches.get(0), &mut scratch, &mut gradient);
    gradient
}

/// The step of the rule's own sign at a learning rate of 1, without the factor 2.
fn step(model: Model, rule: GradientRule, params: &[f64]) -> Vec<f64> {
    let scale = model.scale(1.0, model.default_sign(rule));
    let gradient = gradient(model, rule, params, &fixed());
    gradient.iter().zip(scale).map(|(g, scale)| -g * scale).collect()
}

#[track_caller]
fn same(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-15, "{found} is not {expected}");
    }
}

// scripts/reference/one_neuron steps: the packages' own code, learning rate 1
#[test]
fn the_packages_steps_of_one_neuron() {
    let version_1_1_2 = [
        -0.008908730608473636,
        -0.01158134979101566,
        -0.012472222851863002,
        -0.018708334277794503,
        -0.03563492243389438,
    ];
    same(&step(Model::One, GradientRule::Averaged, &WEIGHTS), &version_1_1_2);
    let version_1_1_3 = [
        -0.01861088967032598,
        -0.0020436481019391883,
        0.022402516625876556,
        0.008894736721269725,
        -0.03563492243389438,
    ];
    same(&step(Model::One, GradientRule::PerSample113, &WEIGHTS), &version_1_1_3);
    let version_1_1_5 = [
        -0.017684906009487578,
        -0.02401563511366772,
        0.041931837539118944,
        -0.0023716138358607086,
        -0.03563492243389438,
    ];
    same(&step(Model::One, GradientRule::Package115, &WEIGHTS), &version_1_1_5);
}

#[test]
fn the_packages_steps_of_the_network() {
    let version_1_1_2 = [
        0.0021103702005116354,
        0.002743481260665148,
        0.002954518280716356,
        0.004431777421074465,
        -0.0012637779977699992,
        -0.0016429113971010434,
        -0.0017692891968780211,
        -0.002653933795317087,
        0.007129898628602138,
        0.007664586708232002,
        0.003099311247707792,
        0.003099311247707792,
        0.011509803182680522,
    ];
    same(&step(Model::Multi, GradientRule::Averaged, &NETWORK), &version_1_1_2);
    let version_1_1_5 = [
        0.02987117993492472,
        0.03404743250956471,
        -0.020176718241500247,
        0.02435488917695143,
        -0.018875882029321778,
        -0.019193999010099994,
        0.008837611208999896,
        -0.014753297164965429,
        0.0056922071047789125,
        0.009695594904849336,
        0.00890849008105643,
        -0.005567806300660283,
        0.0,
    ];
    same(&step(Model::Multi, GradientRule::Package115, &NETWORK), &version_1_1_5);
}

#[test]
fn the_correct_gradient_is_that_of_the_loss() {
    for batches in [fixed(), drawn(8, 1), drawn(32, 1)] {
        for params in [WEIGHTS, PLATEAU, [5.0, 5.0, 5.0, 5.0, -8.0]] {
            let error = check(Model::One, &params, &batches);
            assert!(error < 1e-6, "{error}");
        }
        let error = check(Model::Multi, &NETWORK, &batches);
        assert!(error < 1e-6, "{error}");
    }
}

#[test]
fn one_sample_has_nothing_to_average() {
    let batches = drawn(1, 1);
    for params in [WEIGHTS, PLATEAU] {
        let correct = gradient(Model::One, GradientRule::Correct, &params, &batches);
        let averaged = gradient(Model::One, GradientRule::Averaged, &params, &batches);
        assert_eq!(correct, averaged);
    }
}

#[test]
fn at_the_start_they_agree_and_at_the_plateau_they_do_not() {
    let batches = drawn(8, 20_000);
    let start = compare(Model::One, &[0.5; 5], &batches);
    within("cosine at the start", start.cosine, 0.88, 0.93);
    let plateau = compare(Model::One, &PLATEAU, &batches);
    within("cosine at the plateau", plateau.cosine, 0.56, 0.61);
    within("length ratio at the plateau", plateau.length_ratio, 0.06, 0.1);
    within("cosine of the means at the plateau", plateau.cosine_of_means, -0.15, 0.3);
    within("batches that point backwards", plateau.negative, 0.16, 0.20);
}

// scripts/reference/one_neuron.py moments, over fresh samples; here over those of one seed
#[test]
fn the_gradient_taken_apart() {
    let batches = drawn(8, 20_000);
    let start = moments(&[0.5; 5], &batches);
    close("E[e] E[d] E[x]", start.product_of_means, -0.01929, 0.0006);
    close("E[d] cov(e, x)", start.error_input, 0.0089, 0.0006);
    close("E[x] cov(e, d)", start.error_slope, -0.0041, 0.0006);
    close("E[e] cov(d, x)", start.slope_input, 0.0015, 0.0006);
    close("third moment", start.third, -0.0004, 0.0006);
    close("E[e d x]", start.total, -0.01330, 0.0006);
    let plateau = moments(&PLATEAU, &batches);
    close("E[e] E[d] E[x]", plateau.product_of_means, -0.00078, 0.0006);
    close("E[d] cov(e, x)", plateau.error_input, 0.01387, 0.0006);
    close("E[e d x]", plateau.total, 0.01283, 0.0006);
    for found in [start, plateau] {
        let sum = found.product_of_means
            + found.error_input
            + found.error_slope
            + found.slope_input
            + found.third;
        close("the sum of the terms", sum, found.total, 1e-15);
    }
}

/// `E[mean(e) mean(d) mean(x)]` over batches of n independent samples is
/// (`E[edx]` + (n - 1) (`E[ed] E[x]` + `E[ex] E[d]` + `E[dx] E[e]`) + (n - 1) (n - 2)
/// `E[e] E[d] E[x]`) / n^2.
#[test]
fn what_averaging_keeps_of_the_gradient() {
    let data = TrainingSet::native(0).unwrap();
    let size = 8;
    let mut batches = Batches::new(size);
    // Not normalised: the divisor of a batch would make its samples depend on each other.
    batches.draw(&mut Sampler::Native(5), &data, 0..50_000, Normalise::None);
    let params = [0.11, 0.05, -0.08, 0.02, -0.3];
    let found = moments(&params, &batches);
    // With central moments: E[ed] E[x] = product + E[x] cov(e, d), and so on; the total is all.
    let pairs =
        3.0 * found.product_of_means + found.error_slope + found.error_input + found.slope_input;
    let n = size as f64;
    let law = (found.total + (n - 1.0) * pairs + (n - 1.0) * (n - 2.0) * found.product_of_means)
        / (n * n);
    let (mut scratch, mut half) = (vec![0.0; size], vec![0.0; 5]);
    let mut sum = 0.0;
    for t in 0..batches.len() {
        let batch = batches.get(t);
        Model::One.gradient(GradientRule::Averaged, &params, batch, &mut scratch, &mut half);
        sum -= half[..4].iter().sum::<f64>() / 4.0;
    }
    let mean = sum / batches.len() as f64;
    close("mean of the averaged gradient", mean, law, 0.02 * law.abs());
    assert!((law - found.total).abs() > 0.2 * law.abs(), "{law} and {found:?} are too close");
}

#[test]
fn tensors_make_the_same_gradients() {
    tch::set_num_threads(1);
    let sets = [drawn(8, 1), drawn(3, 1), drawn(1, 1)];
    for (model, params) in [(Model::One, WEIGHTS.to_vec()), (Model::Multi, NETWORK.to_vec())] {
        for rule in [
            GradientRule::Correct,
            GradientRule::Averaged,
            GradientRule::PerSample113,
            GradientRule::Package115,
        ] {
            if (model, rule) == (Model::Multi, GradientRule::PerSample113) {
                continue;
            }
            for batches in &sets {
                let size = batches.size as i64;
                let inputs = Tensor::from_slice(&batches.inputs).view([1, 4, size]);
                let labels = Tensor::from_slice(&batches.labels).view([1, size]);
                let leaf = Tensor::from_slice(&params).view([1, 1, -1]);
                let half = tensors::gradient(model, rule, &leaf, &inputs, &labels).gradient;
                let half = Vec::<f64>::try_from(half.view(-1)).unwrap();
                same(&half, &gradient(model, rule, &params, batches));
            }
        }
    }
}
