//! The selector layer against the notebook's own neuron, written out one neuron at a time.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use neuron_lab::lab::tensor::params::{Params, ParamsBuilder};
use neuron_lab::selector::layer::{LayerShape, SelectorKind, SelectorLayer, SteSign};
use tch::{Device, Kind, Tensor};

fn layer(choices: i64, selector: SelectorKind, sign: SteSign) -> (SelectorLayer, Params) {
    let shape = LayerShape { inputs: 7, neurons: 6, choices, selector, sign, rank: 0 };
    tch::manual_seed(3);
    let mut builder = ParamsBuilder::default();
    for (name, draw) in shape.parameters("layer1") {
        // Larger than the default law, so that the selectors are not all near 0.5.
        builder.add(name, draw().to_kind(Kind::Double).unsqueeze(0) * 3.0);
    }
    let params = builder.build(Device::Cpu).unwrap();
    (SelectorLayer::new(shape, "layer1", &params, Device::Cpu).unwrap(), params)
}

fn input(batch: i64) -> Tensor {
    tch::manual_seed(4);
    Tensor::randn([batch, 7], (Kind::Double, Device::Cpu)).set_requires_grad(true)
}

fn upstream(batch: i64) -> Tensor {
    tch::manual_seed(5);
    Tensor::randn([batch, 6], (Kind::Double, Device::Cpu))
}

/// The notebook's CustomNeuron as it is printed there, for neuron n: [batch].
fn notebook_neuron(x: &Tensor, params: &Params, n: i64, sign: SteSign) -> Tensor {
    let get = |name: &str| params.get(&format!("layer1.{name}")).unwrap();
    let unit = |w: Tensor, b: Tensor| x.matmul(&w) + b;
    let (w, b) = (get("computation.weight"), get("computation.bias"));
    let p = unit(get("selection.weight").get(n), get("selection.bias").get(n)).sigmoid();
    let hard = p.lt(0.5).to_kind(Kind::Double);
    let mask = match sign {
        SteSign::AsPrinted => &hard - p.detach() + &p,
        SteSign::Consistent => &hard + p.detach() - &p,
    };
    let a = unit(w.get(0).get(n), b.get(0).get(n)).relu();
    let b = unit(w.get(1).get(n), b.get(1).get(n)).relu();
    &mask * a + (1.0 - &mask) * b
}

/// The same with softmax over K computation neurons: mask = onehot - stop(p) + p.
fn softmax_neuron(x: &Tensor, params: &Params, n: i64, choices: i64) -> Tensor {
    let get = |name: &str| params.get(&format!("layer1.{name}")).unwrap();
    let unit = |part: &str, k: i64| {
        let weight = get(&format!("{part}.weight")).get(k).get(n);
        x.matmul(&weight) + get(&format!("{part}.bias")).get(k).get(n)
    };
    let all =
        |part: &str| Tensor::stack(&(0..choices).map(|k| unit(part, k)).collect::<Vec<_>>(), -1);
    let (z, h) = (all("selection"), all("computation").relu());
    let p = z.softmax(-1, Kind::Double);
    let hard = z.argmax(-1, false).one_hot(choices).to_kind(Kind::Double);
    ((&hard - p.detach() + &p) * h).sum_dim_intlist(-1, false, Kind::Double)
}

/// Output, and gradients with respect to the input and every parameter.
fn gradients(x: &Tensor, y: &Tensor, params: &Params) -> Vec<Tensor> {
    let mut inputs = vec![x.shallow_clone()];
    let names = params.named();
    inputs.extend(names.iter().map(|(name, _)| params.get(name).unwrap()));
    let loss = (y * upstream(x.size()[0])).sum(Kind::Double);
    Tensor::run_backward(&[loss], &inputs, false, false)
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) {
    let scale = b.abs().max().double_value(&[]).max(1e-12);
    let error = (a - b).abs().max().double_value(&[]) / scale;
    assert!(error < 1e-12, "{what}: {error:e}");
}

#[test]
fn the_layer_is_the_notebooks_neurons_side_by_side() {
    for sign in [SteSign::AsPrinted, SteSign::Consistent] {
        let (layer, params) = layer(2, SelectorKind::Threshold, sign);
        let x = input(40);
        let y = layer.forward(&x).output;
        let each: Vec<Tensor> = (0..6).map(|n| notebook_neuron(&x, &params, n, sign)).collect();
        let reference = Tensor::stack(&each, -1);
        assert_close(&y, &reference, "output");
        let pairs = gradients(&x, &y, &params).into_iter().zip(gradients(&x, &reference, &params));
        for (i, (ours, theirs)) in pairs.enumerate() {
            assert!(theirs.abs().max().double_value(&[]) > 0.0);
            assert_close(&ours, &theirs, &format!("{sign:?}, gradient {i}"));
        }
    }
}

#[test]
fn softmax_is_the_masked_sum_for_any_number_of_choices() {
    for choices in [1, 2, 5] {
        let (layer, params) = layer(choices, SelectorKind::Softmax, SteSign::Consistent);
        let x = input(40);
        let y = layer.forward(&x).output;
        let each: Vec<Tensor> = (0..6).map(|n| softmax_neuron(&x, &params, n, choices)).collect();
        let reference = Tensor::stack(&each, -1);
        assert_close(&y, &reference, "output");
        let pairs = gradients(&x, &y, &params).into_iter().zip(gradients(&x, &reference, &params));
        for (i, (ours, theirs)) in pairs.enumerate() {
            assert_close(&ours, &theirs, &format!("K = {choices}, gradient {i}"));
        }
    }
}

#[test]
fn one_sample_reaches_the_selected_rows_only_and_bit_for_bit() {
    for (choices, selector) in [(2, SelectorKind::Threshold), (5, SelectorKind::Softmax)] {
        let (layer, params) = layer(choices, selector, SteSign::Consistent);
        let x = input(1);
        let activation = layer.forward(&x);
        let counts = layer.selection_counts(&activation.choice);
        assert_eq!(counts.sum(Kind::Double).double_value(&[]), 6.0);
        let weight = params.get("layer1.computation.weight").unwrap();
        let bias = params.get("layer1.computation.bias").unwrap();
        let hidden = x.linear(&weight.view([-1, 7]), Some(&bias.view([-1]))).relu();
        let hidden = hidden.view([choices, 6]);
        let gradient = gradients(&x, &activation.output, &params);
        let (row_weight, row_bias) = (&gradient[3], &gradient[4]);
        for n in 0..6 {
            for k in 0..choices {
                let selected = counts.double_value(&[k, n]) == 1.0;
                let (h, y) =
                    (hidden.double_value(&[k, n]), activation.output.double_value(&[0, n]));
                let row = row_weight.get(k).get(n).abs().sum(Kind::Double).double_value(&[]);
                if selected {
                    assert_eq!(h.to_bits(), y.to_bits());
                    assert_eq!(row > 0.0, h > 0.0, "k = {k}, n = {n}");
                } else {
                    assert_eq!((row, row_bias.double_value(&[k, n])), (0.0, 0.0));
                }
            }
        }
    }
}

#[test]
fn softmax_selectors_get_the_derived_gradient() {
    // dz_k = p_k delta (h_k - sum_j p_j h_j), summed over the batch for the bias.
    let (layer, params) = layer(5, SelectorKind::Softmax, SteSign::Consistent);
    let x = input(30);
    let y = layer.forward(&x).output;
    let rows = |part: &str| {
        let weight = params.get(&format!("layer1.{part}.weight")).unwrap().view([-1, 7]);
        let bias = params.get(&format!("layer1.{part}.bias")).unwrap().view([-1]);
        x.detach().linear(&weight.detach(), Some(&bias.detach())).view([-1, 5, 6])
    };
    let (p, h) = (rows("selection").softmax(1, Kind::Double), rows("computation").relu());
    let mean = (&p * &h).sum_dim_intlist(1, true, Kind::Double);
    let dz = &p * upstream(30).unsqueeze(1) * (&h - mean);
    let derived = dz.sum_dim_intlist(0, false, Kind::Double);
    assert_close(&gradients(&x, &y, &params)[2], &derived, "selection bias");
}

#[test]
fn equal_logits_select_the_first() {
    let (layer, mut params) = layer(5, SelectorKind::Softmax, SteSign::Consistent);
    {
        let _guard = tch::no_grad_guard();
        let _ = params.values.zero_();
    }
    let counts = layer.selection_counts(&layer.forward(&input(10)).choice);
    assert_eq!(counts.get(0).min().double_value(&[]), 10.0);
    // The threshold selects B at sigmoid = 0.5.
    let (layer, mut params) = layer_of_threshold();
    {
        let _guard = tch::no_grad_guard();
        let _ = params.values.zero_();
    }
    let counts = layer.selection_counts(&layer.forward(&input(10)).choice);
    assert_eq!(counts.get(1).min().double_value(&[]), 10.0);
}

fn layer_of_threshold() -> (SelectorLayer, Params) {
    layer(2, SelectorKind::Threshold, SteSign::Consistent)
}
