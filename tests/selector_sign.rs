//! Which way the selectors' gradient points, of the estimators whose output jumps with the choice: by
//! its correlation with finite differences of the loss over the selectors' biases.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::fetched;
use neuron_lab::lab::tensor::nn::cross_entropy;
use neuron_lab::lab::tensor::params::Params;
use neuron_lab::lab::tensor::rng::Seeds;
use neuron_lab::lab::train::learner::LearnerConfig;
use neuron_lab::selector::config::{NetworkConfig, SelectionConfig};
use neuron_lab::selector::layer::{Rule, SelectorKind, SteSign};
use neuron_lab::selector::network::SelectorNetwork;
use tch::{Device, Kind, Tensor};

/// Far enough for selections to change: the loss is piecewise constant in a selector's bias.
const DELTA: f64 = 0.3;
const NEURONS: i64 = 64;
const SEEDS: u64 = 3;

/// The selectors of a network. Their rule changes the gradient, and no value.
#[derive(Clone, Copy)]
struct Selectors {
    kind: SelectorKind,
    choices: i64,
}

const THRESHOLD: Selectors = Selectors { kind: SelectorKind::Threshold, choices: 2 };
const SOFTMAX_OF_TWO: Selectors = Selectors { kind: SelectorKind::Softmax, choices: 2 };
const SOFTMAX_OF_FIVE: Selectors = Selectors { kind: SelectorKind::Softmax, choices: 5 };

/// A gradient of them, and the range that its correlation is expected in for every seed.
struct Estimator {
    rule: Rule,
    sign: SteSign,
    low: f64,
    high: f64,
}

const fn estimator(rule: Rule, sign: SteSign, low: f64, high: f64) -> Estimator {
    Estimator { rule, sign, low, high }
}

const PRINTED: Estimator = estimator(Rule::FullSte, SteSign::AsPrinted, -1.0, -0.5);
const CONSISTENT: Estimator = estimator(Rule::FullSte, SteSign::Consistent, 0.5, 1.0);
const SELECTED_ONLY: Estimator = estimator(Rule::SelectedOnly, SteSign::Consistent, 0.2, 1.0);

fn config(selectors: Selectors, estimator: &Estimator) -> NetworkConfig {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        config: NetworkConfig,
    }
    let defaults = <Defaults as clap::Parser>::parse_from(["test"]).config;
    let learner = LearnerConfig { lr: 0.01, ..defaults.learner.clone() };
    let selection = SelectionConfig {
        selector: Some(selectors.kind),
        num_computation: selectors.choices,
        rule: estimator.rule,
        ste_sign: estimator.sign,
        ..defaults.selection
    };
    NetworkConfig { hidden: vec![NEURONS], selection, learner, ..defaults }
}

/// A network with its parameters, and what it is measured on.
struct Measured<'a> {
    network: SelectorNetwork,
    params: Params,
    images: &'a Tensor,
    labels: &'a Tensor,
}

impl<'a> Measured<'a> {
    fn new(config: &NetworkConfig, seed: u64, images: &'a Tensor, labels: &'a Tensor) -> Self {
        let shape = config.shape(images.size()[1], 10);
        let params = shape.parameters(Seeds { first: seed, count: 1 }, Device::Cpu).unwrap();
        let network = SelectorNetwork::new(&shape, config.options(), &params, Device::Cpu).unwrap();
        Self { network, params, images, labels }
    }

    /// The gradient of the selectors' biases, by the estimator.
    fn gradient(&self) -> Vec<f64> {
        let logits = self.network.forward_with_graph(&self.params, self.images).0;
        let mut gradients = self.params.zero_gradients();
        let loss = cross_entropy(&logits, self.labels);
        self.params.backward(&loss, &mut gradients).unwrap();
        let gradient = gradients.of(self.params.id("layer1.selection.bias").unwrap());
        Vec::try_from(gradient.to_kind(Kind::Double).reshape([-1])).unwrap()
    }

    /// The slopes of the loss over the same biases, by central differences.
    fn slopes(&self) -> Vec<f64> {
        let _guard = tch::no_grad_guard();
        let loss = || {
            let logits = self.network.infer(&self.params, self.images).0;
            cross_entropy(&logits, self.labels).double_value(&[])
        };
        let biases = self.params.get("layer1.selection.bias").unwrap().detach().view([-1]);
        let slope = |i: i64| {
            let bias = biases.get(i);
            let at = |delta: f64| {
                let _ = bias.shallow_clone().g_add_scalar_(delta);
                loss()
            };
            let difference = at(DELTA) - at(-2.0 * DELTA);
            at(DELTA);
            difference / (2.0 * DELTA)
        };
        (0..biases.size()[0]).map(slope).collect()
    }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let dot = |f: &dyn Fn(usize) -> f64| (0..a.len()).map(f).sum::<f64>();
    let ab = dot(&|i| (a[i] - ma) * (b[i] - mb));
    let (aa, bb) = (dot(&|i| (a[i] - ma).powi(2)), dot(&|i| (b[i] - mb).powi(2)));
    ab / (aa * bb).sqrt()
}

/// Checks the estimators of these selectors on 256 training images, before any training.
fn assert_directions(name: &str, selectors: Selectors, estimators: &[Estimator]) {
    tch::set_num_threads(1);
    let Some(data) = fetched(name) else { return };
    let images = data.train.images.narrow(0, 0, 256);
    let labels = data.train.labels.narrow(0, 0, 256);
    let mut found = vec![Vec::new(); estimators.len()];
    for seed in 0..SEEDS {
        let with = |estimator: &Estimator| {
            Measured::new(&config(selectors, estimator), seed, &images, &labels)
        };
        let slopes = with(&estimators[0]).slopes();
        for (found, estimator) in found.iter_mut().zip(estimators) {
            found.push(correlation(&with(estimator).gradient(), &slopes));
        }
    }
    for (found, Estimator { rule, sign, low, high }) in found.iter().zip(estimators) {
        let Selectors { kind, choices } = selectors;
        println!("{name}, {kind:?}, K = {choices}, {rule:?}, {sign:?}: {found:.3?}");
        assert!(found.iter().all(|value| (*low..=*high).contains(value)), "{found:?}");
    }
}

fn assert_softmax_directions(name: &str) {
    for selectors in [SOFTMAX_OF_TWO, SOFTMAX_OF_FIVE] {
        assert_directions(name, selectors, &[PRINTED, CONSISTENT, SELECTED_ONLY]);
    }
}

#[test]
fn on_the_digits_the_printed_sign_climbs_and_the_consistent_one_descends() {
    assert_directions("digits", THRESHOLD, &[PRINTED, CONSISTENT]);
}

#[test]
fn on_mnist_the_printed_sign_climbs_and_the_consistent_one_descends() {
    assert_directions("mnist", THRESHOLD, &[PRINTED, CONSISTENT]);
}

#[test]
fn on_the_digits_a_softmax_descends_by_all_outputs_and_by_the_selected_one() {
    assert_softmax_directions("digits");
}

#[test]
fn on_mnist_a_softmax_descends_by_all_outputs_and_by_the_selected_one() {
    assert_softmax_directions("mnist");
}
