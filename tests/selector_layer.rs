//! The selector layer against the notebook's own neuron, written out one neuron at a time.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use neuron_lab::lab::tensor::params::{Params, ParamsBuilder};
use neuron_lab::selector::layer::{
    Compute, Inner, LayerOptions, LayerShape, Rule, SelectorKind, SelectorLayer, SteSign,
};
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

/// The notebook's CustomNeuron as it is printed there, for neuron n: `[batch]`.
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

/// The same with softmax over K computation neurons: mask = onehot - stop(p) + p, or, with the printed
/// sign, onehot + stop(p) - p.
fn softmax_neuron(x: &Tensor, params: &Params, n: i64, choices: i64, sign: SteSign) -> Tensor {
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
    let mask = match sign {
        SteSign::AsPrinted => &hard + p.detach() - &p,
        SteSign::Consistent => &hard - p.detach() + &p,
    };
    (mask * h).sum_dim_intlist(-1, false, Kind::Double)
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
        let y = layer.forward_with_graph(&params, &x).output;
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
    let signs = [SteSign::AsPrinted, SteSign::Consistent];
    for (choices, sign) in [1, 2, 5].into_iter().flat_map(|k| signs.map(|sign| (k, sign))) {
        let (layer, params) = layer(choices, SelectorKind::Softmax, sign);
        let x = input(40);
        let y = layer.forward_with_graph(&params, &x).output;
        let neuron = |n: i64| softmax_neuron(&x, &params, n, choices, sign);
        let reference = Tensor::stack(&(0..6).map(neuron).collect::<Vec<_>>(), -1);
        assert_close(&y, &reference, "output");
        let pairs = gradients(&x, &y, &params).into_iter().zip(gradients(&x, &reference, &params));
        for (i, (ours, theirs)) in pairs.enumerate() {
            assert_close(&ours, &theirs, &format!("K = {choices}, {sign:?}, gradient {i}"));
        }
    }
}

#[test]
fn one_sample_reaches_the_selected_rows_only_and_bit_for_bit() {
    for (choices, selector) in [(2, SelectorKind::Threshold), (5, SelectorKind::Softmax)] {
        let (layer, params) = layer(choices, selector, SteSign::Consistent);
        let x = input(1);
        let activation = layer.forward_with_graph(&params, &x);
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
    let y = layer.forward_with_graph(&params, &x).output;
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
    let counts = layer.selection_counts(&layer.forward_with_graph(&params, &input(10)).choice);
    assert_eq!(counts.get(0).min().double_value(&[]), 10.0);
    // The threshold selects B at sigmoid = 0.5.
    let (layer, mut params) = layer_of_threshold();
    {
        let _guard = tch::no_grad_guard();
        let _ = params.values.zero_();
    }
    let counts = layer.selection_counts(&layer.forward_with_graph(&params, &input(10)).choice);
    assert_eq!(counts.get(1).min().double_value(&[]), 10.0);
}

fn layer_of_threshold() -> (SelectorLayer, Params) {
    layer(2, SelectorKind::Threshold, SteSign::Consistent)
}

/// A layer of four computation neurons with these options, of this kind.
fn layer_with(options: LayerOptions, kind: Kind) -> (SelectorLayer, Params) {
    let selector = SelectorKind::Softmax;
    let sign = SteSign::Consistent;
    let shape = LayerShape { inputs: 7, neurons: 6, choices: 4, selector, sign, rank: 0 };
    tch::manual_seed(3);
    let mut builder = ParamsBuilder::default();
    for (name, draw) in shape.parameters("layer1") {
        builder.add(name, draw().to_kind(kind).unsqueeze(0) * 3.0);
    }
    let params = builder.build(Device::Cpu).unwrap();
    let layer = SelectorLayer::with_options(shape, options, "layer1", &params, Device::Cpu);
    (layer.unwrap(), params)
}

/// One that computes in this way.
fn layer_by(compute: Compute, kind: Kind) -> (SelectorLayer, Params) {
    let rule = Rule::SelectedOnly;
    layer_with(LayerOptions { rule, compute, ..LayerOptions::default() }, kind)
}

const WAYS: [Compute; 3] = [Compute::Gather, Compute::Dense, Compute::Streaming];

/// What a pass that can't be computed says.
#[track_caller]
fn refusal<T>(work: impl FnOnce() -> T) -> String {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    let payload = result.err().expect("this can't be computed");
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap()
}

#[test]
fn tensors_of_another_kind_or_shape_are_refused_before_memory_is_read() {
    tch::set_num_threads(1);
    for compute in WAYS {
        let (layer, params) = layer_by(compute, Kind::Float);
        let x = input(5).detach().to_kind(Kind::Float);
        let inputs = [
            (x.to_kind(Kind::Half), "the input of a selector layer is Half [5, 7] on Cpu"),
            (x.to_kind(Kind::Double), "Double [5, 7]"),
            (x.narrow(1, 0, 6), "Float [5, 6] on Cpu: expected Float [] + [batch, 7] on Cpu"),
            (x.get(0), "Float [7]"),
            (x.unsqueeze(0), "Float [1, 5, 7]"),
        ];
        for (bad, expected) in inputs {
            let said = refusal(|| layer.forward(&params, &bad, None));
            assert!(said.contains(expected), "{compute:?}: {said}");
        }
        let mut gradients = params.zero_gradients();
        let pass = layer.forward(&params, &x, None);
        let delta = upstream(5).to_kind(Kind::Float);
        let upstreams = [
            (delta.to_kind(Kind::Half), "the upstream gradient of a selector layer is Half [5, 6]"),
            (delta.to_kind(Kind::Double), "Double [5, 6]"),
            (delta.narrow(0, 0, 4), "of another batch"),
            (delta.tr(), "Float [6, 5]"),
            (delta.sum_dim_intlist(0, false, Kind::Float), "Float [6]"),
        ];
        for (bad, expected) in upstreams {
            let said = refusal(|| layer.backward(&params, &mut gradients, &pass, &bad, true));
            assert!(said.contains(expected), "{compute:?}: {said}");
        }
        // A pass of a layer of f64 comes with tensors of f64.
        let (wide, wide_params) = layer_by(compute, Kind::Double);
        let other = wide.forward(&wide_params, &x.to_kind(Kind::Double), None);
        let said = refusal(|| layer.backward(&params, &mut gradients, &other, &delta, true));
        assert!(said.contains("the input of a selector layer is Double"), "{compute:?}: {said}");
        assert_eq!(gradients.values.count_nonzero(None).int64_value(&[]), 0, "{compute:?}");
    }
}

#[test]
fn the_kernels_refuse_to_write_over_what_they_read() {
    tch::set_num_threads(1);
    let (rule, compute, inner) = (Rule::SelectedOnly, Compute::Gather, Inner::Identity);
    let (layer, params) = layer_with(LayerOptions { rule, compute, inner }, Kind::Float);
    let mut gradients = params.zero_gradients();
    let pass = layer.forward(&params, &input(1).detach().to_kind(Kind::Float), None);
    // One sample by neurons, so that its transpose has the same memory.
    let inside = gradients.of(params.id("layer1.computation.weight").unwrap());
    let delta = inside.view(-1).narrow(0, 0, 6).view([1, 6]);
    let said = refusal(|| layer.backward(&params, &mut gradients, &pass, &delta, false));
    assert!(said.contains("a tensor that is written shares its memory"), "{said}");
    assert!(layer.backward(&params, &mut gradients, &pass, &delta.copy(), false).is_none());
}

#[test]
fn views_that_are_not_contiguous_give_the_same_pass() {
    tch::set_num_threads(1);
    for compute in WAYS {
        let (layer, params) = layer_by(compute, Kind::Float);
        let (x, delta) = (input(5).detach().to_kind(Kind::Float), upstream(5).to_kind(Kind::Float));
        let passed = |x: &Tensor, delta: &Tensor| {
            let mut gradients = params.zero_gradients();
            let pass = layer.forward(&params, x, None);
            let dx = layer.backward(&params, &mut gradients, &pass, delta, true).unwrap();
            (pass.output, dx, gradients.values)
        };
        let apart = |of: &Tensor| of.tr().contiguous().tr();
        assert!(!apart(&x).is_contiguous());
        let (found, expected) = (passed(&apart(&x), &apart(&delta)), passed(&x, &delta));
        // A matrix product may sum in another order for another layout.
        for (found, expected) in
            [(found.0, expected.0), (found.1, expected.1), (found.2, expected.2)]
        {
            assert!(found.allclose(&expected, 1e-5, 1e-6, false), "{compute:?}");
        }
    }
}

#[test]
fn an_empty_batch_has_an_empty_output_and_no_gradient() {
    tch::set_num_threads(1);
    for (compute, kind) in
        WAYS.into_iter().flat_map(|way| [(way, Kind::Float), (way, Kind::Double)])
    {
        let (layer, params) = layer_by(compute, kind);
        let mut gradients = params.zero_gradients();
        _ = gradients.values.fill_(1.0);
        let pass = layer.forward(&params, &Tensor::zeros([0, 7], (kind, Device::Cpu)), None);
        assert_eq!((pass.output.size(), pass.choice.size()), (vec![0, 6], vec![0, 6]));
        let delta = Tensor::zeros([0, 6], (kind, Device::Cpu));
        let dx = layer.backward(&params, &mut gradients, &pass, &delta, true);
        assert_eq!(dx.unwrap().size(), [0, 7], "{compute:?}");
        assert_eq!(gradients.values.count_nonzero(None).int64_value(&[]), 0, "{compute:?}");
    }
}
