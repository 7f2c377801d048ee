//! The map of the loss drop and the per-sample gradients, on the 8x8 digits.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::path::Path;

use neuron_lab::apical::ApicalTrain;
use neuron_lab::apical::analysis::loss_map::{batch_gradient, losses};
use neuron_lab::apical::analysis::sample_gradients::{GradientRecord, SampleGradients, gradients};
use neuron_lab::apical::learning::multipliers::AReduce;
use neuron_lab::apical::learning::split::{Split, Subset};
use neuron_lab::apical::learning::trainer::{LearningRates, Trainer};
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::loss::Loss;
use neuron_lab::apical::model::network::Network;
use neuron_lab::data;
use neuron_lab::lab::configure;
use tch::{Device, Kind, Tensor};

const LR: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

fn fixture() -> (Network, Split) {
    tch::set_num_threads(1);
    let digits = data::load("digits", Path::new("data"), Device::Cpu).unwrap();
    let split = Split::new(&digits, 700, 1, Device::Cpu).unwrap();
    let widths = [64, 200, 200, 200, 10];
    (Network::new(&widths, Activation::Relu, &[1, 2], Kind::Float, Device::Cpu), split)
}

#[test]
fn a_grid_point_is_the_network_with_its_multipliers_moved() {
    let (mut network, split) = fixture();
    let gradient =
        gradients(&network, &split.a, Loss::Mse, GradientRecord::Single, 1.0).unwrap().mean;
    let points = [0.0, 0.1, 0.7].map(|step| (step, gradient.as_slice()));
    for run in 0..2 {
        let found = losses(&network, run, &points, &split.w, Loss::Mse);
        for (i, (step, _)) in points.iter().enumerate() {
            for (layer, g) in network.layers.iter_mut().zip(&gradient) {
                layer.apical.copy_(&(g * -*step + 1.0));
            }
            let pass = network.forward(&split.w.images, true);
            let each = Loss::Mse.mean(pass.output(), &split.w.target);
            let (a, b) = (found.double_value(&[i as i64]), each.double_value(&[run]));
            assert!((a - b).abs() < 1e-5 * b, "run {run}, step {step}: {a} {b}");
        }
    }
}

/// The largest distance of two gradients over the largest entry of the second.
fn distance(a: &[Tensor], b: &[Tensor]) -> f64 {
    let of_layer =
        |(a, b): (&Tensor, &Tensor)| ((a - b).abs().max() / b.abs().max()).double_value(&[]);
    a.iter().zip(b).map(of_layer).fold(0.0, f64::max)
}

#[test]
fn summed_gradients_make_the_map_depend_on_lr_over_batch_size_and_their_mean_does_not() {
    let (network, split) = fixture();
    let mean = gradients(&network, &split.a, Loss::Mse, GradientRecord::Single, 1.0).unwrap().mean;
    let of = |batch, reduce| batch_gradient(&network, &split.a, Loss::Mse, &mean, batch, reduce);
    let scaled = |factor: f64| mean.iter().map(|g| g * factor).collect::<Vec<_>>();
    for batch in [1, 10, 700, 5000] {
        let batches = (700.0 / batch as f64).max(1.0);
        assert!(distance(&of(batch, AReduce::Sum), &scaled(batches)) < 1e-5, "{batch}");
        assert!(distance(&of(batch, AReduce::Mean), &mean) < 1e-5, "{batch}");
    }
    let one = of(1, AReduce::Sum);
    let mut points = vec![(0.0, mean.as_slice())];
    points.extend(LR.map(|lr| (lr, one.as_slice())));
    let found = losses(&network, 0, &points, &split.w, Loss::Mse);
    let drop = |i: i64| found.double_value(&[0]) - found.double_value(&[i]);
    // lr N / batch = 0.07, 0.7, 7, 70: growing, and then far below zero.
    assert!(drop(1) > 0.0 && drop(2) > drop(1), "{} {}", drop(1), drop(2));
    assert!(drop(4) < -100.0, "{}", drop(4));
}

/// Where batches don't divide the samples, the last one is smaller and counts as much as the others,
/// in the map as in training: 700 samples are 300, 300 and 100.
#[test]
fn the_map_and_training_make_the_same_gradient_of_batches_that_do_not_divide_the_samples() {
    let (network, split) = fixture();
    let mean = gradients(&network, &split.a, Loss::Mse, GradientRecord::Single, 1.0).unwrap().mean;
    let of_batch = |from: i64, length: i64| {
        let cut = |tensor: &Tensor| tensor.narrow(0, from, length);
        let (images, target) = (cut(&split.a.images), cut(&split.a.target));
        let batch = Subset { images, target, labels: cut(&split.a.labels) };
        gradients(&network, &batch, Loss::Mse, GradientRecord::Single, 1.0).unwrap().mean
    };
    let batches = [of_batch(0, 300), of_batch(300, 300), of_batch(600, 100)];
    for (name, reduce, share) in [("sum", AReduce::Sum, 1.0), ("mean", AReduce::Mean, 1.0 / 3.0)] {
        let expected: Vec<Tensor> = (0..mean.len())
            .map(|layer| batches.iter().map(|batch| &batch[layer]).sum::<Tensor>() * share)
            .collect();
        let found = batch_gradient(&network, &split.a, Loss::Mse, &mean, 300, reduce);
        assert!(distance(&found, &expected) < 1e-5, "map, {name}: {}", distance(&found, &expected));
        let arguments = ["facts", "--batch-size", "300", "--a-reduce", name].map(OsString::from);
        let rules = configure::<ApicalTrain>(arguments).unwrap().experiment.learning_rules();
        let (network, _) = fixture();
        let mut trainer = Trainer::new(network, rules, &[LearningRates { a: 0.1, w: 0.1 }; 2]);
        trainer.begin_phase1(true);
        let _ = trainer.accumulate_gradient(&split.a, 0..700);
        let distance = distance(&trainer.gradient, &expected);
        assert!(distance < 1e-5, "training, {name}: {distance}");
        // The mean over all samples is another gradient.
        let all: Vec<Tensor> = mean.iter().map(|g| g * (share * 7.0 / 3.0)).collect();
        assert!(self::distance(&found, &all) > 1e-3, "{name}");
    }
}

#[test]
fn gradients_of_the_output_layer_are_the_widest_and_positive() {
    let (network, split) = fixture();
    let SampleGradients { mean, statistics } =
        gradients(&network, &split.a, Loss::Mse, GradientRecord::Single, 1.0).unwrap();
    let output = &statistics[3][0];
    for (k, hidden) in statistics[..3].iter().map(|networks| &networks[0]).enumerate() {
        assert!(output.sd > 3.0 * hidden.sd, "layer {k}: {} {}", hidden.sd, output.sd);
        assert!(hidden.skewness > 1.0 && hidden.negative > 0.05, "layer {k}: {hidden:?}");
    }
    assert!(output.negative < 0.1, "{output:?}");
    // One sample at a time, the slow way.
    let small = Subset {
        images: split.a.images.narrow(0, 0, 100),
        target: split.a.target.narrow(0, 0, 100),
        labels: split.a.labels.narrow(0, 0, 100),
    };
    let found = gradients(&network, &small, Loss::Mse, GradientRecord::Single, 1.0).unwrap();
    for run in 0..2 {
        let mut sum = Tensor::zeros([10], (Kind::Double, Device::Cpu));
        let (mut square, mut below) = (0.0, 0.0);
        for i in 0..100 {
            let (x, target) = (small.images.narrow(0, i, 1), small.target.narrow(0, i, 1));
            let y = network.forward(&x, true).output().get(run);
            let g = ((&y - &target) * &y * 0.2).squeeze_dim(0).to_kind(Kind::Double);
            square += g.square().sum(Kind::Double).double_value(&[]);
            below += g.lt(0.0).sum(Kind::Double).double_value(&[]);
            sum += g;
        }
        let error = (found.mean[3].get(run).to_kind(Kind::Double) - &sum / 100.0).abs().max();
        assert!(error.double_value(&[]) < 1e-5);
        let total = sum.sum(Kind::Double).double_value(&[]) / 1000.0;
        let sd = (square / 1000.0 - total * total).sqrt();
        let one = &found.statistics[3][run as usize];
        assert!((one.sd - sd).abs() < 1e-4 * sd, "network {run}: {} {sd}", one.sd);
        assert!((one.negative - below / 1000.0).abs() < 1e-9, "network {run}: {}", one.negative);
    }
    assert_eq!(mean.len(), 4);
}

/// A gradient that is never cleared, one sample at a time, the slow way. The samples are more than a
/// chunk has.
#[test]
fn an_uncleared_gradient_is_the_sum_over_the_samples_so_far() {
    let (network, split) = fixture();
    let range = 20.0;
    let of = |record| gradients(&network, &split.a, Loss::Mse, record, range).unwrap();
    let (found, single) = (of(GradientRecord::Uncleared), of(GradientRecord::Single));
    let samples = split.a.len();
    assert!(samples > 500, "{samples}");
    for run in 0..2 {
        let mut sum = Tensor::zeros([10], (Kind::Double, Device::Cpu));
        let mut each = Vec::new();
        for i in 0..samples {
            let (x, target) = (split.a.images.narrow(0, i, 1), split.a.target.narrow(0, i, 1));
            let y = network.forward(&x, true).output().get(run);
            sum += ((&y - &target) * &y * 0.2).squeeze_dim(0).to_kind(Kind::Double);
            each.extend(Vec::<f64>::try_from(&sum).unwrap());
        }
        let count = each.len() as f64;
        let mean = each.iter().sum::<f64>() / count;
        let sd = (each.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / count).sqrt();
        let negative = each.iter().filter(|g| **g < 0.0).count() as f64 / count;
        let within = each.iter().filter(|g| g.abs() < range).count() as f64;
        let one = &found.statistics[3][run as usize];
        assert!((one.sd - sd).abs() < 1e-4 * sd, "network {run}: {} {sd}", one.sd);
        assert!(
            (one.negative - negative).abs() < 1e-3,
            "network {run}: {} {negative}",
            one.negative
        );
        let counted = one.counts.iter().sum::<f64>();
        assert!((counted - within).abs() <= 2.0, "network {run}: {counted} {within}");
        assert!(within > 100.0 && within < 0.9 * count, "network {run}: {within} of {count}");
        // The steps of phase 1 are of the same mean gradient.
        let gap = (&found.mean[3] - &single.mean[3]).abs().max();
        assert_eq!(gap.double_value(&[]), 0.0);
    }
}
