//! What a transformer of selector layers looks like before its first step: the notebook's table of
//! entropies and gradients is there from the beginning.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use neuron_lab::data::text;
use neuron_lab::lab::configure;
use neuron_lab::lab::tensor::nn::{cross_entropy, draw_params};
use neuron_lab::lab::tensor::params::Params;
use neuron_lab::selector::SelectorTransformer;
use neuron_lab::selector::language_model::corpus::{Corpus, TokenBatch};
use neuron_lab::selector::language_model::evaluation::{HeldOutResult, hold_out};
use neuron_lab::selector::language_model::layout::{linears, parameters};
use neuron_lab::selector::language_model::model::Transformer;
use neuron_lab::selector::language_model::monitor::GradientNorms;
use neuron_lab::selector::language_model::shape::TransformerShape;
use neuron_lab::selector::tape::Tape;
use tch::{Device, Kind, Tensor};

/// The model of the notebook's table as far as it can be inferred, on the built-in text.
const NOTEBOOK: &str =
    "--d-model 256 --heads 8 --feedforward 512 --num-computation 5 --sequence 64";

struct Start {
    shape: TransformerShape,
    params: Params,
    model: Transformer,
    corpus: Corpus,
}

fn start(flags: &str) -> Start {
    tch::set_num_threads(1);
    let line = format!("selector_transformer {NOTEBOOK} {flags}");
    let words = line.split_whitespace().map(Into::into);
    let config = configure::<SelectorTransformer>(words).unwrap().experiment;
    let text = text::load("built-in", Path::new(""), 4000).unwrap();
    let shape = config.shape(text.vocabulary.len() as i64);
    let params = draw_params(0, 1, &parameters(&shape), Device::Cpu).unwrap();
    let model = Transformer::new(&shape, &params, Device::Cpu).unwrap();
    let corpus = Corpus::new(&text, config.sequence, Device::Cpu).unwrap();
    Start { shape, params, model, corpus }
}

impl Start {
    fn held_out(&self) -> HeldOutResult {
        let batches = self.corpus.held_out(3, 3);
        hold_out(&self.model, &linears(&self.shape), &self.params, &batches).unwrap()
    }

    /// Entropies of the linear layers, in their order.
    fn entropies(&self) -> Vec<f64> {
        self.held_out().selections.iter().map(|found| found.as_ref().unwrap().entropy).collect()
    }
}

#[track_caller]
fn assert_within(found: f64, low: f64, high: f64, what: &str) {
    assert!((low..=high).contains(&found), "{what}: {found}, expected {low} to {high}");
}

#[test]
fn the_first_layers_selectors_are_saturated_by_the_scale_of_the_embedding() {
    let start = start("");
    let entropies = start.entropies();
    assert_eq!(entropies.len(), 13);
    for (part, entropy) in ["q", "k", "v"].iter().zip(&entropies) {
        assert_within(*entropy, 0.19, 0.24, part);
    }
    assert_within(entropies[4], 1.477, 1.497, "linear1");
    assert_within(entropies[5], 1.57, 5f64.ln(), "linear2");
    assert_within(entropies[9], 1.57, 5f64.ln(), "the second layer's out_proj");
    assert_within(entropies[12], 1.478, 1.498, "linear_out");
    let ln = (start.shape.vocabulary as f64).ln();
    assert_within(start.held_out().loss, ln + 0.10, ln + 0.25, "loss");
}

#[test]
fn without_that_scale_they_are_not() {
    let entropies = start("--embedding-scale one").entropies();
    for (part, entropy) in ["q", "k", "v"].iter().zip(&entropies) {
        assert_within(*entropy, 1.40, 5f64.ln(), part);
    }
}

#[test]
fn the_gradients_have_the_notebooks_order() {
    let mut start = start("");
    let TokenBatch { tokens, next } = start.corpus.batch(0, 0, 8);
    let mut tape = Tape::default();
    let logits =
        start.model.forward(&start.params, &tokens, Some(&mut tape), &|_| None, &mut |_, _, _| ());
    let loss = cross_entropy(&logits, &next.flatten(0, 1));
    let mut gradients = start.params.zero_gradients();
    tape.backward(&mut start.params, &mut gradients, &loss).unwrap();
    let mut norms = GradientNorms::new(&linears(&start.shape), &start.params).unwrap();
    norms.add(&gradients);
    let mean: Vec<f64> =
        norms.take().unwrap().iter().map(|norms| norms.iter().sum::<f64>() / 5.0).collect();
    let [q, k, v, linear1] = [mean[0], mean[1], mean[2], mean[4]];
    assert!(q > 4.0 * v && k > 4.0 * v && v > linear1, "{mean:?}");
    assert!(q > 50.0 * mean[6], "{mean:?}");
}

/// `E[H(softmax(z))]` of five independent z from N(0, s^2), s the root of `E[x^2]` / 3: what a
/// default selector is expected to have.
#[test]
fn the_entropies_are_those_of_gaussian_logits() {
    tch::manual_seed(0);
    let z = Tensor::randn([200_000, 5], (Kind::Double, Device::Cpu));
    for (s, expected) in [(1.0 / 3f64.sqrt(), 1.4888), (1.0, 1.306), (9.24, 0.2148)] {
        let log_p = (&z * s).log_softmax(1, Kind::Double);
        let entropy = -(log_p.exp() * &log_p).sum(Kind::Double).double_value(&[]) / 200_000.0;
        assert_within(entropy, expected - 0.003, expected + 0.003, &format!("s = {s}"));
    }
}
