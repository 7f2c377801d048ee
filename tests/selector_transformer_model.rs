//! The transformer against PyTorch, and what is expected of it at its initial values.

#![allow(clippy::unwrap_used)]

use neuron_lab::lab::configure;
use neuron_lab::lab::tensor::nn::{cross_entropy, draw_params};
use neuron_lab::lab::tensor::params::{Params, ParamsBuilder};
use neuron_lab::selector::SelectorTransformer;
use neuron_lab::selector::language_model::layout::{parameter_count, parameters};
use neuron_lab::selector::language_model::memory::Memory;
use neuron_lab::selector::language_model::model::Transformer;
use neuron_lab::selector::language_model::shape::TransformerShape;
use neuron_lab::selector::tape::Tape;
use neuron_lab::selector::transformer::config::TransformerConfig;
use tch::{Device, Kind, Tensor};

fn config(flags: &str) -> TransformerConfig {
    let line = format!("selector_transformer {flags}");
    configure::<SelectorTransformer>(line.split_whitespace().map(Into::into)).unwrap().experiment
}

/// The sizes of a small model, with words enough for what the tests read.
fn shape(flags: &str) -> TransformerShape {
    config(&format!("{SMALL} {flags}")).shape(11)
}

/// The memory of a model with this many words.
fn memory(flags: &str, words: i64) -> Memory {
    let config = config(flags);
    Memory::of(&config.shape(words), config.batch_size, config.learner.optimizer.kind)
}

/// Numbers from -1 to 1 that depend on the parameter's name.
fn wave(name: &str, shape: &[i64], rate: f64) -> Tensor {
    let phase = name.bytes().map(f64::from).sum::<f64>() * 0.7;
    let length = shape.iter().product::<i64>();
    let angle = Tensor::arange(length, (Kind::Double, Device::Cpu)) * rate + phase;
    angle.sin().view(shape)
}

fn waves(shape: &TransformerShape) -> Params {
    let mut builder = ParamsBuilder::default();
    for (name, draw) in parameters(shape) {
        let wave = wave(&name, &draw().size(), 1.3);
        let value: Tensor = match (name.contains(".norm"), name.ends_with("weight")) {
            (true, true) => 1.0 + 0.1 * wave,
            (true, false) => 0.1 * wave,
            (false, _) => 0.5 * wave,
        };
        builder.add(name, value.unsqueeze(0));
    }
    builder.build(Device::Cpu).unwrap()
}

const SMALL: &str = "--layers 2 --d-model 8 --heads 2 --feedforward 12 --sequence 5 --vocab 11";

#[track_caller]
fn assert_pytorch(flags: &str, loss: f64, sums: &[(&str, f64)]) {
    tch::set_num_threads(1);
    let shape = shape(flags);
    let mut params = waves(&shape);
    let model = Transformer::new(&shape, &params, Device::Cpu).unwrap();
    let tokens = (Tensor::arange(18, (Kind::Int64, Device::Cpu)) * 7 + 3).remainder(11);
    let tokens = tokens.view([3, 6]);
    let mut tape = Tape::default();
    let logits = model.forward(
        &params,
        &tokens.narrow(1, 0, 5),
        Some(&mut tape),
        &|_| None,
        &mut |_, _, _| (),
    );
    let found = cross_entropy(&logits, &tokens.narrow(1, 1, 5).flatten(0, 1));
    let mut gradients = params.zero_gradients();
    tape.backward(&mut params, &mut gradients, &found).unwrap();
    assert!((found.double_value(&[]) - loss).abs() < 1e-13, "{flags}: loss {found:?}");
    for (name, expected) in sums {
        let gradient = gradients.of(params.id(name).unwrap());
        let sum = (gradient * wave(name, &gradient.size(), 0.9)).sum(Kind::Double);
        let found = sum.double_value(&[]);
        assert!((found - expected).abs() < 1e-13, "{flags}: {name} {found}, not {expected}");
    }
}

// All numbers: scripts/reference/selector_transformer.py, PyTorch 2.13. The base model there is
// nn.TransformerEncoderLayer, the others have the notebook's neurons in einsum.
#[test]
fn the_base_model_is_pytorchs() {
    assert_pytorch(
        "--replace none",
        2.6944952313229305,
        &[
            ("embedding.weight", -0.047758741513249825),
            ("layers.0.self_attn.q_linear.weight", 0.0022834867375175144),
            ("layers.0.self_attn.k_linear.weight", 0.006967066221815451),
            ("layers.0.norm1.bias", -0.032644928356550286),
            ("layers.1.linear1.weight", -0.13252045353628616),
            ("layers.1.linear2.bias", 0.1618687065070177),
            ("linear_out.weight", -0.10545333093004278),
        ],
    );
}

#[test]
fn with_every_layer_replaced_it_is_the_notebooks() {
    assert_pytorch(
        "--replace all --num-computation 3",
        2.4148275229536043,
        &[
            ("embedding.weight", 0.23489586549007896),
            ("layers.0.self_attn.q_linear.selection.weight", -0.1032068525949509),
            ("layers.0.self_attn.v_linear.computation.weight", -0.029111355321632573),
            ("layers.0.linear1.selection.bias", 0.04557049919669956),
            ("layers.1.self_attn.out_proj.computation.bias", 0.025622823043631754),
            ("layers.1.linear2.selection.weight", 0.007157315541700942),
            ("linear_out.selection.weight", -0.06010768572988533),
            ("linear_out.computation.weight", -0.010789289949498973),
        ],
    );
}

#[test]
fn with_the_attention_replaced_the_rest_is_plain() {
    assert_pytorch(
        "--replace attention --num-computation 3",
        2.3779758606169126,
        &[
            ("embedding.weight", 0.1504393772388376),
            ("layers.0.self_attn.q_linear.selection.weight", 0.11004376205092804),
            ("layers.0.self_attn.v_linear.computation.weight", -0.05885393470170612),
            ("layers.0.norm1.bias", 0.09869142871540018),
            ("layers.1.self_attn.out_proj.computation.bias", 0.22232782987903682),
            ("layers.1.linear1.weight", -0.09726869382315737),
            ("layers.1.linear2.bias", 0.10483638142210411),
            ("linear_out.weight", 0.15358252341072998),
        ],
    );
}

#[test]
fn with_the_printed_neuron_in_the_linear_layers_the_attention_is_plain() {
    assert_pytorch(
        "--replace linear --num-computation 2 --selector threshold --ste-sign as-printed",
        2.621612210038717,
        &[
            ("embedding.weight", 0.030203221200424887),
            ("layers.0.self_attn.q_linear.weight", -0.020892410135469136),
            ("layers.0.self_attn.k_linear.weight", -0.022286808504433122),
            ("layers.0.norm1.bias", -0.2649491225378628),
            ("layers.0.linear1.selection.bias", 0.015191606992417133),
            ("layers.1.linear2.selection.weight", -0.02230955289037003),
            ("linear_out.selection.weight", 0.16667165130743827),
            ("linear_out.computation.weight", -0.009059828730009406),
        ],
    );
}

#[test]
fn parameters_are_counted_without_making_them() {
    for flags in [
        "--replace none",
        "--num-computation 3",
        "--replace attention --num-computation 2 --selector threshold",
        "--replace linear --num-computation 7",
        "--num-computation 7 --selector tree",
        "--num-computation 7 --selector low-rank --rank 3",
        "--num-computation 1",
    ] {
        let shape = shape(flags);
        assert_eq!(waves(&shape).count(), parameter_count(&shape), "{flags}");
    }
}

/// Loss of a batch and its gradient, of a model drawn from a seed.
fn loss_and_gradient(flags: &str) -> (f64, Tensor) {
    tch::set_num_threads(1);
    let shape = shape(flags);
    let mut params = draw_params(3, 1, &parameters(&shape), Device::Cpu).unwrap();
    let model = Transformer::new(&shape, &params, Device::Cpu).unwrap();
    let tokens = Tensor::arange(10, (Kind::Int64, Device::Cpu)).view([2, 5]);
    let mut tape = Tape::default();
    let logits = model.forward(&params, &tokens, Some(&mut tape), &|_| None, &mut |_, _, _| ());
    let loss = cross_entropy(&logits, &(tokens + 1).flatten(0, 1));
    let mut gradients = params.zero_gradients();
    tape.backward(&mut params, &mut gradients, &loss).unwrap();
    (loss.double_value(&[]), gradients.values)
}

#[test]
fn one_computation_neuron_is_the_base_model() {
    let (base, expected) = loss_and_gradient("--replace none");
    let (loss, gradient) = loss_and_gradient("--num-computation 1");
    assert!((loss - base).abs() < 1e-6, "{loss}, {base}");
    let error = (&gradient - &expected).abs().max().double_value(&[]);
    assert!(error < 1e-6 * expected.abs().max().double_value(&[]), "{error}");
}

#[test]
fn memory_is_known_before_anything_is_made() {
    let of_small = |flags: &str| memory(&format!("{SMALL} {flags}"), 11);
    let adam = of_small("--optimizer adam");
    let parameters = waves(&shape("--optimizer adam")).count();
    assert_eq!((adam.parameters, adam.state), (parameters, 16 * parameters));
    let sgd = of_small("--optimizer sgd");
    assert_eq!(sgd.state, 8 * parameters);
    // The activations of streaming do not grow with K, those of dense do, and a small layer is dense.
    let of = |flags: &str| of_small(flags).activations;
    let streaming = of("--compute streaming --num-computation 100");
    assert_eq!(streaming, of("--compute streaming --num-computation 2"));
    assert!(of("--compute dense --num-computation 100") > 10 * streaming);
    assert_eq!(of("--compute dense --num-computation 100"), of("--num-computation 100"));
    // A read-out of 2^24 numbers holds as many probabilities and outputs; of more nothing is held.
    let wide =
        |flags: &str| memory(&format!("{SMALL} --batch-size 1 {flags}"), 1 << 17).activations;
    let (held, beyond) = (wide("--num-computation 25"), wide("--num-computation 26"));
    assert!(held > (1 << 17) * 25 * 5 * 4 * 4 && beyond < held / 3, "{held} {beyond}");
    let large = memory("--preset large", 5000);
    assert!(large.bytes() < 6_500_000_000, "{large:?}");
}
