//! The map of the loss drop and the per-sample gradients, on the 8x8 digits.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use neuron_lab::apical::analysis::loss_map::{losses, steps};
use neuron_lab::apical::analysis::sample_gradients::gradients;
use neuron_lab::apical::learning::multipliers::AReduce;
use neuron_lab::apical::learning::split::Split;
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::loss::Loss;
use neuron_lab::apical::model::network::Network;
use neuron_lab::data;
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
    let (gradient, _) = gradients(&network, &split.a, Loss::Mse, 1.0).unwrap();
    let points = [0.0, 0.1, 0.7];
    for run in 0..2 {
        let found = losses(&network, run, &gradient, &split.w, Loss::Mse, &points);
        for (i, step) in points.iter().enumerate() {
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

#[test]
fn summed_gradients_make_the_map_depend_on_lr_over_batch_size_and_their_mean_does_not() {
    let batch = [1, 10, 700];
    let sum = steps(&LR, &batch, 700, AReduce::Sum);
    // lr / batch is the same at (1e-4, 1), (1e-3, 10).
    assert!((sum[0] / sum[LR.len() + 1] - 1.0).abs() < 1e-12);
    assert!((sum[2 * LR.len()] - LR[0]).abs() < 1e-18);
    let mean = steps(&LR, &batch, 700, AReduce::Mean);
    assert_eq!(mean[..4], mean[4..8]);

    let (network, split) = fixture();
    let (gradient, _) = gradients(&network, &split.a, Loss::Mse, 1.0).unwrap();
    let mut points = vec![0.0];
    points.extend(steps(&LR, &[1], 700, AReduce::Sum));
    let found = losses(&network, 0, &gradient, &split.w, Loss::Mse, &points);
    let drop = |i: i64| found.double_value(&[0]) - found.double_value(&[i]);
    // lr N / batch = 0.07, 0.7, 7, 70: growing, and then far below zero.
    assert!(drop(1) > 0.0 && drop(2) > drop(1), "{} {}", drop(1), drop(2));
    assert!(drop(4) < -100.0, "{}", drop(4));
}

#[test]
fn gradients_of_the_output_layer_are_the_widest_and_positive() {
    let (network, split) = fixture();
    let (mean, statistics) = gradients(&network, &split.a, Loss::Mse, 1.0).unwrap();
    let output = &statistics[3];
    for (k, hidden) in statistics[..3].iter().enumerate() {
        assert!(output.sd > 3.0 * hidden.sd, "layer {k}: {} {}", hidden.sd, output.sd);
        assert!(hidden.skewness > 1.0 && hidden.negative > 0.05, "layer {k}: {hidden:?}");
    }
    assert!(output.negative < 0.1, "{output:?}");
    // One sample at a time, the slow way.
    let mut sum = Tensor::zeros([10], (Kind::Double, Device::Cpu));
    let mut square = 0.0;
    for i in 0..100 {
        let (x, target) = (split.a.images.narrow(0, i, 1), split.a.target.narrow(0, i, 1));
        let y = network.forward(&x, true).output().get(0);
        let g = ((&y - &target) * &y * 0.2).squeeze_dim(0).to_kind(Kind::Double);
        square += g.square().sum(Kind::Double).double_value(&[]);
        sum += g;
    }
    let small = neuron_lab::apical::learning::split::Subset {
        images: split.a.images.narrow(0, 0, 100),
        target: split.a.target.narrow(0, 0, 100),
        labels: split.a.labels.narrow(0, 0, 100),
    };
    let (found, statistics) = gradients(&network, &small, Loss::Mse, 1.0).unwrap();
    let error = (found[3].get(0).to_kind(Kind::Double) - &sum / 100.0).abs().max();
    assert!(error.double_value(&[]) < 1e-5);
    let total = sum.sum(Kind::Double).double_value(&[]) / 1000.0;
    let sd = (square / 1000.0 - total * total).sqrt();
    assert!((statistics[3].sd - sd).abs() < 1e-4 * sd, "{} {sd}", statistics[3].sd);
    assert_eq!(mean.len(), 4);
}
