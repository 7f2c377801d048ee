//! The gradients of every rule, written out, against libtorch's automatic differentiation of the
//! same layer.

#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use neuron_lab::lab::tensor::params::{Params, ParamsBuilder};
use neuron_lab::selector::layer::{
    Compute, Inner, LayerOptions, LayerShape, Rule, SelectorKind, SelectorLayer, SteSign,
};
use neuron_lab::selector::tape::Tape;
use tch::{Device, Kind, Tensor};

const INPUTS: i64 = 7;
const NEURONS: i64 = 6;
const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

/// libtorch's generator is one for all threads, and the tests of a file may run side by side.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Seeds libtorch's generator and draws, with the generator to itself.
fn seeded<T>(seed: i64, draw: impl FnOnce() -> T) -> T {
    let _lock = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed);
    draw()
}

/// An input and an upstream gradient of these sizes.
fn input_and_upstream(input: &[i64], output: &[i64]) -> (Tensor, Tensor) {
    seeded(4, || {
        let x = Tensor::randn(input, OPTIONS).set_requires_grad(true);
        (x, Tensor::randn(output, OPTIONS))
    })
}

fn shape(selector: SelectorKind, choices: i64, sign: SteSign) -> LayerShape {
    LayerShape { inputs: INPUTS, neurons: NEURONS, choices, selector, sign, rank: 3 }
}

fn parameters(shapes: &[LayerShape], replicates: i64) -> Params {
    parameters_as(Kind::Double, shapes, replicates)
}

/// The same numbers in each kind, to single precision.
fn parameters_as(kind: Kind, shapes: &[LayerShape], replicates: i64) -> Params {
    let mut builder = ParamsBuilder::default();
    seeded(3, || {
        for (i, shape) in shapes.iter().enumerate() {
            for (name, draw) in shape.parameters(&format!("layer{i}")) {
                // Larger than by default, so that the selectors are not all undecided.
                let each: Vec<Tensor> = (0..replicates).map(|_| draw() * 3.0).collect();
                builder.add(name, Tensor::stack(&each, 0).to_kind(kind));
            }
        }
    });
    builder.build(Device::Cpu).unwrap()
}

/// y and the gradients with respect to x and every parameter: by libtorch, and written out.
fn both_ways(
    layer: &SelectorLayer,
    params: &Params,
    x: &Tensor,
    delta: &Tensor,
) -> [(Tensor, Vec<Tensor>); 2] {
    let names: Vec<String> = params.named().into_iter().map(|(name, _)| name).collect();
    let mut inputs = vec![x.shallow_clone()];
    inputs.extend(names.iter().map(|name| params.get(name).unwrap()));
    let y = layer.forward_with_graph(params, x).output;
    let loss = (&y * delta).sum(Kind::Double);
    let zeros = |found: (Tensor, &Tensor)| match found.0.defined() {
        true => found.0,
        false => found.1.zeros_like().detach(),
    };
    let found = Tensor::run_backward(&[loss], &inputs, false, false);
    let by_graph = found.into_iter().zip(&inputs).map(zeros).collect();
    let pass = layer.forward(params, x, None);
    let mut gradients = params.zero_gradients();
    let dx = layer.backward(params, &mut gradients, &pass, delta, true).unwrap();
    let mut written = vec![dx];
    written.extend(names.iter().map(|name| gradients.of(params.id(name).unwrap()).copy()));
    // A first layer's input needs no gradient, and its parameters' are the same.
    let mut alone = params.zero_gradients();
    assert!(layer.backward(params, &mut alone, &pass, delta, false).is_none());
    assert_eq!(alone.values, gradients.values);
    [(y.detach(), by_graph), (pass.output, written)]
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) {
    assert_eq!(a.size(), b.size(), "{what}");
    let scale = b.abs().max().double_value(&[]).max(1e-3);
    let error = (a - b).abs().max().double_value(&[]) / scale;
    assert!(error < 1e-12, "{what}: {error:e}");
}

fn cases() -> Vec<(LayerShape, LayerOptions)> {
    let mut cases = Vec::new();
    let selectors = [
        (SelectorKind::Threshold, 2, SteSign::Consistent),
        (SelectorKind::Threshold, 2, SteSign::AsPrinted),
        (SelectorKind::Softmax, 1, SteSign::Consistent),
        (SelectorKind::Softmax, 5, SteSign::Consistent),
        (SelectorKind::Softmax, 300, SteSign::Consistent),
        (SelectorKind::Softmax, 5, SteSign::AsPrinted),
        (SelectorKind::Softmax, 300, SteSign::AsPrinted),
        (SelectorKind::LowRank, 5, SteSign::Consistent),
        (SelectorKind::LowRank, 5, SteSign::AsPrinted),
        (SelectorKind::Tree, 4, SteSign::Consistent),
        (SelectorKind::Tree, 11, SteSign::Consistent),
        (SelectorKind::Tree, 11, SteSign::AsPrinted),
        (SelectorKind::None, 1, SteSign::Consistent),
    ];
    for (selector, choices, sign) in selectors {
        for rule in Rule::value_variants() {
            for compute in Compute::value_variants() {
                for inner in [Inner::Relu, Inner::Identity] {
                    let shape = shape(selector, choices, sign);
                    let options = LayerOptions { rule: *rule, inner, compute: *compute };
                    if options.check(&shape).is_ok() {
                        cases.push((shape, options));
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn written_out_gradients_are_those_of_automatic_differentiation() {
    tch::set_num_threads(1);
    let cases = cases();
    assert!(cases.len() > 200, "{}", cases.len());
    for (shape, options) in cases {
        for replicates in [1, 2] {
            let params = parameters(&[shape], replicates);
            let layer = SelectorLayer::with_options(shape, options, "layer0", &params, Device::Cpu)
                .unwrap();
            let lead = if replicates == 1 { vec![] } else { vec![replicates] };
            let size = |last: i64| [lead.clone(), vec![40, last]].concat();
            let (x, delta) = input_and_upstream(&size(INPUTS), &size(NEURONS));
            let [(y, by_graph), (output, written)] = both_ways(&layer, &params, &x, &delta);
            let what = format!("{shape:?} {options:?}, {replicates} replicates");
            assert_close(&output, &y, &format!("{what}: output"));
            for (i, (a, b)) in written.iter().zip(&by_graph).enumerate() {
                assert_close(a, b, &format!("{what}: gradient {i}"));
            }
        }
    }
}

/// The output, the choice and all gradients of a layer in the precision of its parameters, with a balance
/// bias that differs from neuron to neuron.
fn balanced_pass(
    (shape, options): (LayerShape, LayerOptions),
    params: &Params,
    x: &Tensor,
    delta: &Tensor,
) -> [Tensor; 4] {
    let kind = params.values.kind();
    let mut layer =
        SelectorLayer::with_options(shape, options, "layer0", params, Device::Cpu).unwrap();
    layer.add_balance_bias();
    let counts = layer.zero_counts();
    let ranks = Tensor::arange(counts.numel() as i64, OPTIONS).view(&counts.size()[..]);
    layer.update_balance_bias(&ranks.remainder(3.0), shape.choices, 0.25, None);
    let mut gradients = params.zero_gradients();
    let pass = layer.forward(params, &x.detach().to_kind(kind), None);
    let delta = delta.to_kind(kind);
    let dx = layer.backward(params, &mut gradients, &pass, &delta, true).unwrap();
    [pass.output, pass.choice, dx, gradients.values].map(|of| of.to_kind(Kind::Double))
}

#[test]
fn single_precision_has_the_numbers_of_double_precision() {
    // In single precision a softmax of all K at once is a kernel's, in double precision libtorch's.
    tch::set_num_threads(1);
    let dense = |case: &(LayerShape, LayerOptions)| case.1.compute == Compute::Dense;
    let cases: Vec<_> = cases().into_iter().filter(dense).collect();
    assert!(cases.len() > 100, "{}", cases.len());
    for (shape, options) in cases {
        for replicates in [1, 2] {
            // An odd number of neurons, more than a register has lanes.
            let shape = LayerShape { neurons: 37, ..shape };
            let [single, double] =
                [Kind::Float, Kind::Double].map(|kind| parameters_as(kind, &[shape], replicates));
            let lead = if replicates == 1 { vec![] } else { vec![replicates] };
            let size = |last: i64| [lead.clone(), vec![40, last]].concat();
            let (x, delta) = input_and_upstream(&size(INPUTS), &size(37));
            let (x, delta) = (x.to_kind(Kind::Float), delta.to_kind(Kind::Float));
            let found = balanced_pass((shape, options), &single, &x, &delta);
            let exact = balanced_pass((shape, options), &double, &x, &delta);
            for (i, (found, exact)) in found.iter().zip(&exact).enumerate() {
                let scale = exact.abs().max().double_value(&[]).max(1e-3);
                let error = (found - exact).abs().max().double_value(&[]) / scale;
                let what = format!("{shape:?} {options:?}, {replicates} replicates: {i}");
                assert!(error < 1e-5, "{what}: {error:e}");
            }
        }
    }
}

#[test]
fn a_large_layer_streams_in_blocks_and_gives_the_same() {
    tch::set_num_threads(1);
    for selector in [SelectorKind::Softmax, SelectorKind::Tree] {
        for rule in Rule::value_variants() {
            let shape = LayerShape {
                inputs: INPUTS,
                neurons: 50,
                choices: 11,
                selector,
                sign: SteSign::Consistent,
                rank: 0,
            };
            let params = parameters(&[shape], 1);
            let (x, delta) = input_and_upstream(&[1000, INPUTS], &[1000, 50]);
            let options =
                LayerOptions { rule: *rule, inner: Inner::Relu, compute: Compute::Streaming };
            let layer = SelectorLayer::with_options(shape, options, "layer0", &params, Device::Cpu)
                .unwrap();
            let [(y, by_graph), (output, written)] = both_ways(&layer, &params, &x, &delta);
            assert_close(&output, &y, &format!("{selector:?} {rule:?}: output"));
            for (i, (a, b)) in written.iter().zip(&by_graph).enumerate() {
                assert_close(a, b, &format!("{selector:?} {rule:?}: gradient {i}"));
            }
        }
    }
}

#[test]
fn the_loss_for_even_use_has_the_gradient_of_its_definition() {
    tch::set_num_threads(1);
    let shape = shape(SelectorKind::Softmax, 4, SteSign::Consistent);
    let params = parameters(&[shape], 1);
    let mut layer = SelectorLayer::new(shape, "layer0", &params, Device::Cpu).unwrap();
    let x = seeded(4, || Tensor::randn([40, INPUTS], OPTIONS));
    let gradient = |layer: &SelectorLayer| {
        let pass = layer.forward(&params, &x, None);
        let mut gradients = params.zero_gradients();
        // Of a loss that doesn't see the output.
        layer.backward(&params, &mut gradients, &pass, &pass.output.zeros_like(), false);
        gradients.of(params.id("layer0.selection.weight").unwrap()).copy()
    };
    assert_eq!(gradient(&layer).abs().max().double_value(&[]), 0.0);
    layer.set_aux_loss_weight(0.3);
    let written = gradient(&layer);
    let get = |name: &str| params.get(&format!("layer0.selection.{name}")).unwrap();
    let (weight, bias) = (get("weight"), get("bias"));
    let z = x.linear(&weight.view([-1, INPUTS]), Some(&bias.view([-1]))).view([40, 4, NEURONS]);
    let mean = z.softmax(1, Kind::Double).mean_dim(0, false, Kind::Double);
    let share = layer.selection_counts(&layer.forward(&params, &x, None).choice) / 40.0;
    let loss = 0.3 * 4.0 * (share * mean).sum(Kind::Double) / NEURONS as f64;
    let graph = Tensor::run_backward(&[loss], &[&weight], false, false);
    assert_close(&written, &graph[0], "selection weight");
}

#[test]
fn a_balance_bias_evens_out_the_choice_and_leaves_the_output_alone() {
    tch::set_num_threads(1);
    let shape = shape(SelectorKind::Softmax, 4, SteSign::Consistent);
    let params = parameters(&[shape], 1);
    let mut layer = SelectorLayer::new(shape, "layer0", &params, Device::Cpu).unwrap();
    let x = seeded(4, || Tensor::randn([400, INPUTS], OPTIONS));
    let unevenness = |layer: &SelectorLayer| {
        let share = layer.selection_counts(&layer.forward(&params, &x, None).choice) / 400.0;
        (share - 0.25).abs().max().double_value(&[])
    };
    let before = unevenness(&layer);
    layer.add_balance_bias();
    for _ in 0..2000 {
        let counts = layer.selection_counts(&layer.forward(&params, &x, None).choice);
        layer.update_balance_bias(&counts, 400, 0.01, None);
    }
    let after = unevenness(&layer);
    assert!(before > 0.2 && after < 0.03, "{before} {after}");
    // What answers is still exactly a computation neuron's output.
    let pass = layer.forward(&params, &x, None);
    let get = |name: &str| params.get(&format!("layer0.computation.{name}")).unwrap();
    let h = x.linear(&get("weight").view([-1, INPUTS]), Some(&get("bias").view([-1]))).relu();
    let index = pass.choice.to_kind(Kind::Int64).unsqueeze(1);
    let chosen = h.view([400, 4, NEURONS]).gather(1, &index, false).squeeze_dim(1);
    assert_eq!(pass.output, chosen.detach());
}

#[test]
fn a_tape_gives_the_gradients_of_one_graph() {
    tch::set_num_threads(1);
    let small = shape(SelectorKind::Softmax, 3, SteSign::Consistent);
    let shapes = [
        LayerShape { neurons: INPUTS, ..small },
        LayerShape { neurons: INPUTS, ..small },
        LayerShape { neurons: 4, selector: SelectorKind::Threshold, choices: 2, ..small },
    ];
    let mut builder = ParamsBuilder::default();
    seeded(3, || {
        for (i, shape) in shapes.iter().enumerate() {
            for (name, draw) in shape.parameters(&format!("layer{i}")) {
                builder.add(name, (draw() * 3.0).to_kind(Kind::Double).unsqueeze(0));
            }
        }
        builder.add("embedding", Tensor::randn([1, 9, INPUTS], OPTIONS));
        builder.add("unused", Tensor::randn([1, 2], OPTIONS));
    });
    let mut params = builder.build(Device::Cpu).unwrap();
    let options = LayerOptions { inner: Inner::Identity, ..LayerOptions::default() };
    let layers: Vec<SelectorLayer> = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| {
            let name = format!("layer{i}");
            SelectorLayer::with_options(*shape, options, &name, &params, Device::Cpu).unwrap()
        })
        .collect();
    let embedding = params.get("embedding").unwrap();
    // Two layers of the same input, their product, a residual sum, a third layer.
    let loss_of = |y: Tensor| y.square().sum(Kind::Double);
    let x = &embedding * 2.0;
    let output = |layer: usize, x: &Tensor| layers[layer].forward_with_graph(&params, x).output;
    let sum = (&x + output(0, &x) * output(1, &x)).tanh();
    let loss = loss_of(output(2, &sum) + sum.narrow(1, 0, 4));
    let mut expected = params.zero_gradients();
    params.backward(&loss, &mut expected).unwrap();
    let mut gradients = params.zero_gradients();
    for _ in 0..2 {
        let _ = gradients.values.narrow(1, 0, 5).fill_(7.0);
        let mut tape = Tape::default();
        let x = tape.cut(&(&embedding * 2.0));
        let (a, _) = tape.layer(&params, &layers[0], &x, None);
        let (b, _) = tape.layer(&params, &layers[1], &x, None);
        let sum = tape.cut(&(&x + a * b).tanh());
        let (y, choice) = tape.layer(&params, &layers[2], &sum, None);
        assert_eq!(choice.size(), [9, 4]);
        let loss = loss_of(y + sum.narrow(1, 0, 4));
        tape.backward(&mut params, &mut gradients, &loss).unwrap();
        assert_close(&gradients.values, &expected.values, "tape");
    }
    // An input that isn't cut is said.
    let mut tape = Tape::default();
    let (a, _) = tape.layer(&params, &layers[0], &(&embedding * 2.0), None);
    assert!(tape.backward(&mut params, &mut gradients, &loss_of(a)).is_err());
}
