//! Which way the straight-through gradient of the selectors points: against finite differences of
//! the loss over selector biases, the printed one climbs and the consistent one descends.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::fetched;
use neuron_lab::lab::tensor::nn::cross_entropy;
use neuron_lab::lab::tensor::params::Params;
use neuron_lab::lab::tensor::rng::Seeds;
use neuron_lab::lab::train::learner::LearnerConfig;
use neuron_lab::selector::config::{NetworkConfig, SelectionConfig};
use neuron_lab::selector::layer::{SelectorKind, SteSign};
use neuron_lab::selector::network::SelectorNetwork;
use tch::{Device, Kind, Tensor};

/// Far enough for selections to change: the loss is piecewise constant in a selector's bias.
const DELTA: f64 = 0.3;

fn config(sign: SteSign) -> NetworkConfig {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        config: NetworkConfig,
    }
    let defaults = <Defaults as clap::Parser>::parse_from(["test"]).config;
    let learner = LearnerConfig { lr: 0.01, ..defaults.learner.clone() };
    let selector = Some(SelectorKind::Threshold);
    let selection = SelectionConfig { selector, ste_sign: sign, ..defaults.selection };
    NetworkConfig { hidden: vec![64], selection, learner, ..defaults }
}

fn loss(network: &SelectorNetwork, params: &Params, images: &Tensor, labels: &Tensor) -> Tensor {
    cross_entropy(&network.forward_with_graph(params, images).0, labels)
}

/// The slope of the loss over the selection bias of neuron n, by central differences.
fn slope(params: &Params, loss: &dyn Fn() -> f64, n: i64) -> f64 {
    let bias = params.named().into_iter().find(|(name, _)| name == "layer1.selection.bias");
    let bias = bias.unwrap().1.get(n);
    let at = |delta: f64| {
        let _ = bias.shallow_clone().g_add_scalar_(delta);
        loss()
    };
    let difference = at(DELTA) - at(-2.0 * DELTA);
    at(DELTA);
    difference / (2.0 * DELTA)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let dot = |f: &dyn Fn(usize) -> f64| (0..a.len()).map(f).sum::<f64>();
    let ab = dot(&|i| (a[i] - ma) * (b[i] - mb));
    let (aa, bb) = (dot(&|i| (a[i] - ma).powi(2)), dot(&|i| (b[i] - mb).powi(2)));
    ab / (aa * bb).sqrt()
}

fn correlation_of(sign: SteSign, images: &Tensor, labels: &Tensor) -> f64 {
    let config = config(sign);
    let shape = config.shape(images.size()[1], 10);
    let params = shape.parameters(Seeds { first: 0, count: 1 }, Device::Cpu).unwrap();
    let network = SelectorNetwork::new(&shape, config.options(), &params, Device::Cpu).unwrap();
    let mut gradients = params.zero_gradients();
    params.backward(&loss(&network, &params, images, labels), &mut gradients).unwrap();
    let gradient = gradients.of(params.id("layer1.selection.bias").unwrap());
    let gradient = Vec::<f64>::try_from(gradient.to_kind(Kind::Double)).unwrap();
    let _guard = tch::no_grad_guard();
    let measured = || loss(&network, &params, images, labels).double_value(&[]);
    let slopes: Vec<f64> = (0..64).map(|n| slope(&params, &measured, n)).collect();
    correlation(&gradient, &slopes)
}

/// The printed sign climbs, and the consistent one descends.
fn assert_directions(name: &str) {
    tch::set_num_threads(1);
    let Some(data) = fetched(name) else { return };
    let images = data.train.images.narrow(0, 0, 256);
    let labels = data.train.labels.narrow(0, 0, 256);
    let printed = correlation_of(SteSign::AsPrinted, &images, &labels);
    let consistent = correlation_of(SteSign::Consistent, &images, &labels);
    println!("{name}: as printed {printed:.3}, consistent {consistent:.3}");
    assert!(printed < -0.6, "{name}, as printed: {printed}");
    assert!(consistent > 0.6, "{name}, consistent: {consistent}");
}

#[test]
fn on_the_digits_the_printed_sign_climbs_and_the_consistent_one_descends() {
    assert_directions("digits");
}

#[test]
fn on_mnist_the_printed_sign_climbs_and_the_consistent_one_descends() {
    assert_directions("mnist");
}
