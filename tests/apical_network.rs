//! The apical network: gradients, identities, the rule and its variants, in double precision.

#![allow(clippy::unwrap_used)]

use neuron_lab::apical::learning::rule::{Pre, frozen, moving};
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::loss::{Loss, one_hot};
use neuron_lab::apical::model::network::Network;
use neuron_lab::data;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

/// A network with multipliers in `[0.3, 1.7]`, and the first images of the 8x8 digits.
fn fixture(activation: Activation, samples: i64) -> (Network, Tensor, Tensor) {
    tch::set_num_threads(1);
    let digits = data::load("digits", Path::new("data"), Device::Cpu).unwrap();
    let x = digits.train.images.narrow(0, 0, samples).to_kind(Kind::Double);
    let labels = digits.train.labels.narrow(0, 0, samples);
    let target = one_hot(&labels, 10, Kind::Double, Device::Cpu);
    let network = Network::new(&[64, 50, 40, 30, 10], activation, &[3], Kind::Double, Device::Cpu);
    tch::manual_seed(5);
    for layer in &network.layers {
        layer
            .apical
            .shallow_clone()
            .copy_(&(Tensor::rand(layer.apical.size(), OPTIONS) * 1.4 + 0.3));
    }
    (network, x, target)
}

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}

fn gap(a: &Tensor, b: &Tensor) -> f64 {
    number(&(a - b).abs().max())
}

/// Apical and weight gradients of the mean loss.
fn gradients(network: &Network, x: &Tensor, target: &Tensor, loss: Loss) -> [Vec<Tensor>; 2] {
    let pass = network.forward(x, true);
    let weight = Tensor::from(1.0 / x.size()[0] as f64);
    let delta = loss.gradient(pass.output(), target, &weight);
    let found = network.backward(x, &pass, delta, true);
    let apical = found.apical.iter().map(|g| g.sum_dim_intlist(1, false, Kind::Double));
    [apical.collect(), found.weight]
}

fn loss_at(network: &Network, x: &Tensor, target: &Tensor) -> f64 {
    number(&Loss::Mse.mean(network.forward(x, true).output(), target).get(0))
}

#[test]
fn gradients_by_hand_are_those_of_autograd() {
    for activation in Activation::all() {
        for loss in [Loss::Mse, Loss::Ce] {
            let (mut network, x, target) = fixture(activation, 20);
            let [apical, weight] = gradients(&network, &x, &target, loss);
            for layer in &mut network.layers {
                layer.weight = layer.weight.set_requires_grad(true);
                layer.apical = layer.apical.set_requires_grad(true);
            }
            // A plain forward pass: the library's own writes over its intermediate values.
            let mut r = x.unsqueeze(0);
            for layer in &network.layers {
                r = layer.activation.apply(&r.bmm(&layer.weight.transpose(1, 2)))
                    * layer.apical.unsqueeze(1);
            }
            loss.each(&r, &target).mean(Kind::Double).backward();
            for (k, layer) in network.layers.iter().enumerate() {
                let at = format!("{activation:?} {loss:?} layer {k}");
                assert!(gap(&layer.apical.grad(), &apical[k]) < 1e-14, "{at}");
                assert!(gap(&layer.weight.grad(), &weight[k]) < 1e-14, "{at}");
            }
        }
    }
}

#[test]
fn apical_gradients_are_finite_differences() {
    let (network, x, target) = fixture(Activation::Relu, 30);
    let [apical, _] = gradients(&network, &x, &target, Loss::Mse);
    let h = 1e-5;
    for (k, layer) in network.layers.iter().enumerate() {
        for n in 0..5 {
            let mut entry = layer.apical.get(0).get(n);
            let mut shifted = |by: f64| {
                let _ = entry.g_add_scalar_(by);
                loss_at(&network, &x, &target)
            };
            let (up, down) = (shifted(h), shifted(-2.0 * h));
            let _ = shifted(h);
            let slope = (up - down) / (2.0 * h);
            assert!((slope - apical[k].double_value(&[0, n])).abs() < 1e-8, "layer {k} neuron {n}");
        }
    }
}

/// The largest relative error of the identities I1, I2, I3.
fn identities(activation: Activation) -> [f64; 3] {
    let (network, x, target) = fixture(activation, 200);
    let [apical, weight] = gradients(&network, &x, &target, Loss::Mse);
    let (mut outgoing, mut incoming, mut sums) = (0.0_f64, 0.0_f64, Vec::new());
    for (k, layer) in network.layers.iter().enumerate() {
        let share = &layer.apical * &apical[k];
        sums.push(number(&share.sum(Kind::Double)));
        let euler = (&layer.weight * &weight[k]).sum_dim_intlist(-1, false, Kind::Double);
        // The output is linear whatever the hidden layers are.
        if k + 1 < network.layers.len() {
            incoming = incoming.max(gap(&share, &euler));
            let next = &network.layers[k + 1].weight * &weight[k + 1];
            outgoing = outgoing.max(gap(&share, &next.sum_dim_intlist(1, false, Kind::Double)));
        }
    }
    let spread = sums.iter().map(|sum| (sum - sums[0]).abs()).fold(0.0, f64::max);
    [outgoing, incoming, spread]
}

#[test]
fn the_identities_of_apical_gradients_hold_and_those_of_euler_fail_for_tanh() {
    for activation in [Activation::Relu, Activation::Linear] {
        let errors = identities(activation);
        assert!(errors.iter().all(|error| *error < 1e-12), "{activation:?} {errors:?}");
    }
    let [outgoing, incoming, sums] = identities(Activation::Tanh);
    assert!(outgoing < 1e-12 && incoming > 1e-3 && sums > 1e-3, "{outgoing} {incoming} {sums}");
}

#[test]
fn weights_take_over_multipliers_exactly_where_neurons_are_rectified() {
    for (activation, exact) in
        [(Activation::Relu, true), (Activation::Linear, true), (Activation::Tanh, false)]
    {
        let (network, x, _) = fixture(activation, 50);
        let before = network.forward(&x, true).output().copy();
        for layer in &network.layers {
            let _ = layer.weight.shallow_clone().g_mul_(&layer.apical.unsqueeze(-1));
        }
        let error = gap(&before, network.forward(&x, false).output());
        assert!(if exact { error < 1e-12 } else { error > 0.05 }, "{activation:?}: {error}");
    }
}

/// Multipliers after one phase 1 from a = 1, with the batch size's weights of the samples.
fn summed(network: &Network, x: &Tensor, target: &Tensor, batch: i64) -> Vec<Tensor> {
    let pass = network.forward(x, true);
    let weight = Tensor::from(1.0 / batch as f64);
    let delta = Loss::Mse.gradient(pass.output(), target, &weight);
    let apical = network.backward(x, &pass, delta, false).apical;
    apical.iter().map(|g| g.sum_dim_intlist(1, false, Kind::Double)).collect()
}

fn norm(gradient: &[Tensor]) -> f64 {
    gradient.iter().map(|g| number(&g.square().sum(Kind::Double))).sum::<f64>().sqrt()
}

#[test]
fn the_sum_over_batches_scales_the_step_and_the_mean_does_not_see_the_batch_size() {
    let (network, x, target) = fixture(Activation::Relu, 700);
    let whole = summed(&network, &x, &target, 700);
    for batch in [1, 2, 350, 700] {
        // Batch by batch, as a loop over batches with cleared or uncleared gradients would.
        let count = 700 / batch;
        let mut total: Vec<Tensor> = whole.iter().map(Tensor::zeros_like).collect();
        for i in 0..count {
            let (x, target) = (x.narrow(0, i * batch, batch), target.narrow(0, i * batch, batch));
            for (sum, g) in total.iter_mut().zip(summed(&network, &x, &target, batch)) {
                let _ = sum.g_add_(&g);
            }
        }
        let ratio = norm(&total) / norm(&whole);
        assert!((ratio / count as f64 - 1.0).abs() < 1e-12, "sum, batch {batch}: {ratio}");
        let mean: Vec<Tensor> = total.iter().map(|g| g / count as f64).collect();
        let error = mean.iter().zip(&whole).map(|(a, b)| gap(a, b)).fold(0.0, f64::max);
        assert!(error < 1e-12 * norm(&whole), "mean, batch {batch}: {error}");
    }
}

#[test]
fn the_drop_is_first_order_in_the_gradient() {
    let (network, x, target) = fixture(Activation::Relu, 700);
    let at = |step: f64, gradient: &[Tensor]| {
        for (layer, g) in network.layers.iter().zip(gradient) {
            layer.apical.shallow_clone().copy_(&(g * -step + 1.0));
        }
    };
    let zero: Vec<Tensor> = network.layers.iter().map(|layer| layer.apical.zeros_like()).collect();
    at(0.0, &zero);
    let (gradient, start) = (summed(&network, &x, &target, 700), loss_at(&network, &x, &target));
    let square = norm(&gradient).powi(2);
    // The next order is the curvature along the gradient, here from the gradient's own change.
    at(1e-6, &gradient);
    let near = summed(&network, &x, &target, 700);
    let bend = gradient.iter().zip(&near).map(|(g, n)| number(&((g - n) * g).sum(Kind::Double)));
    let curvature = bend.sum::<f64>() / 1e-6;
    for (lr, largest) in [(1e-4, 4e-4), (1e-3, 4e-3), (1e-2, 3.6e-2)] {
        at(lr, &gradient);
        let ratio = (start - loss_at(&network, &x, &target)) / (lr * square);
        let expected = 1.0 - lr * curvature / (2.0 * square);
        assert!((ratio - 1.0).abs() < largest, "lr {lr}: {ratio}, |g|² {square}");
        let error = (ratio - expected).abs() / (1.0 - expected);
        assert!(error < 0.15, "lr {lr}: {ratio}, by curvature {expected}");
    }
}

fn still(value: bool) -> Tensor {
    Tensor::from(value).view([1, 1, 1])
}

#[test]
fn the_rule_is_its_formula() {
    for pre in [Pre::Modulated, Pre::Baseline] {
        let (network, x, _) = fixture(Activation::Tanh, 7);
        let before: Vec<Tensor> = network.layers.iter().map(|l| l.weight.copy()).collect();
        let pass = network.forward(&x, true);
        let rates = Tensor::from(0.1 / 7.0).view([1, 1, 1]);
        moving(&network, &x, x.size()[0], pre, &rates).apply(&network, &still(false));
        for (k, layer) in network.layers.iter().enumerate() {
            let found = (&layer.weight - &before[k]).get(0);
            for (n, m) in [(0, 0), (3, 7), (9, 29)] {
                let sum: f64 = (0..7)
                    .map(|s| {
                        let rate = |rates: &Tensor, i| rates.double_value(&[0, s, i]);
                        let input = match (k, pre) {
                            (0, _) => x.double_value(&[s, m]),
                            (_, Pre::Modulated) => rate(&pass.modulated[k - 1], m),
                            (_, Pre::Baseline) => rate(&pass.baseline[k - 1], m),
                        };
                        let r = rate(&pass.baseline[k], n);
                        input * (layer.apical.double_value(&[0, n]) * r - r)
                    })
                    .sum();
                let error = (found.double_value(&[n, m]) - 0.1 * sum / 7.0).abs();
                assert!(error < 1e-15, "{pre:?} layer {k} [{n},{m}]: {error}");
            }
        }
    }
}

#[test]
fn the_rule_climbs_a_potential_of_its_own_layer() {
    // mean_s (a_n - 1) relu(h)^2 / 2 with the layer's input held: autograd against the rule.
    let (network, x, _) = fixture(Activation::Relu, 40);
    let pass = network.forward(&x, true);
    let before: Vec<Tensor> = network.layers.iter().map(|l| l.weight.copy()).collect();
    let rates = Tensor::from(1.0 / 40.0).view([1, 1, 1]);
    moving(&network, &x, x.size()[0], Pre::Modulated, &rates).apply(&network, &still(false));
    for (k, layer) in network.layers.iter().enumerate() {
        let input = if k == 0 { x.tr() } else { pass.modulated[k - 1].get(0).tr() };
        let weight = before[k].get(0).set_requires_grad(true);
        let r = layer.activation.apply(&weight.mm(&input));
        let gain = (&layer.apical - 1.0).tr();
        (r.square() * gain / 80.0).sum(Kind::Double).backward();
        assert!(gap(&weight.grad(), &(&layer.weight - &before[k]).get(0)) < 1e-13, "layer {k}");
    }
}

#[test]
fn a_block_of_steps_is_the_steps_one_by_one() {
    for (activation, pre) in Activation::all()
        .flat_map(|activation| [Pre::Modulated, Pre::Baseline].map(|pre| (activation, pre)))
    {
        for batch in [1, 5] {
            let networks = [0, 1].map(|_| {
                let (_, x, _) = fixture(activation, 15);
                let widths = [64, 50, 40, 30, 10];
                let seeds = [3, 4];
                let network = Network::new(&widths, activation, &seeds, Kind::Double, Device::Cpu);
                tch::manual_seed(6);
                for layer in &network.layers {
                    let a = Tensor::rand(layer.apical.size(), OPTIONS) * 1.4 + 0.3;
                    layer.apical.shallow_clone().copy_(&a);
                }
                (network, x)
            });
            let [(block, x), (single, _)] = networks;
            let start: Vec<Tensor> = block.layers.iter().map(|l| l.weight.copy()).collect();
            let rates = Tensor::from_slice(&[0.002, 0.005]).view([2, 1, 1]) / batch as f64;
            let still = Tensor::zeros([2, 1, 1], (Kind::Bool, Device::Cpu));
            let changes = moving(&block, &x, batch, pre, &rates);
            let output = changes.rates.output().copy();
            changes.apply(&block, &still);
            for (i, piece) in x.split(batch, 0).iter().enumerate() {
                let changes = moving(&single, piece, batch, pre, &rates);
                let found = output.narrow(1, i as i64 * batch, batch);
                let (error, size) =
                    (gap(changes.rates.output(), &found), number(&found.abs().max()));
                assert!(error < 1e-12 * size, "{activation:?} batch {i}: {error:e} of {size}");
                changes.apply(&single, &still);
            }
            for (k, (a, b)) in block.layers.iter().zip(&single.layers).enumerate() {
                let moved = gap(&a.weight, &start[k]);
                assert!(moved > 1e-3, "layer {k} of {activation:?} hardly moved: {moved}");
                let (error, size) = (gap(&a.weight, &b.weight), number(&b.weight.abs().max()));
                assert!(error < 1e-12 * size, "{activation:?} {pre:?}, {batch}: {error:e}");
            }
        }
    }
}

#[test]
fn a_run_that_is_still_keeps_its_weights_whatever_its_rates_are() {
    let (network, x, _) = fixture(Activation::Relu, 5);
    for layer in &network.layers {
        let _ = layer.weight.shallow_clone().g_mul_scalar_(1e120);
    }
    let before: Vec<Tensor> = network.layers.iter().map(|l| l.weight.copy()).collect();
    let rates = Tensor::from(1.0).view([1, 1, 1]);
    let changes = moving(&network, &x, 5, Pre::Modulated, &rates);
    assert!(changes.rates.output().isfinite().logical_not().any().int64_value(&[]) == 1);
    changes.apply(&network, &still(true));
    for (layer, before) in network.layers.iter().zip(&before) {
        assert!(layer.weight.equal(before));
    }
}

#[test]
fn a_frozen_target_is_reached_and_leaves_the_function_as_it_was() {
    for pre in [Pre::Modulated, Pre::Baseline] {
        let (student, x, _) = fixture(Activation::Linear, 30);
        let teacher = fixture(Activation::Linear, 30).0.forward(&x, true);
        let rates = Tensor::from(0.01 / 30.0).view([1, 1, 1]);
        let distance =
            |network: &Network| gap(network.forward(&x, false).output(), teacher.output());
        let start = distance(&student);
        for _ in 0..4000 {
            let own = student.forward(&x, false);
            frozen(&student, &x, &teacher, own, pre, &rates).apply(&student, &still(false));
        }
        let end = distance(&student);
        assert!(end < 0.05 * start, "{pre:?}: {start} to {end}");
    }
}

/// Loss curve's zero crossings of e = y - t in y = a w x, t = x = 1, from w = 1.5, and its end.
fn scalar_model(alpha: f64, beta: f64, reset: bool) -> (Vec<f64>, f64, f64) {
    let network = Network::new(&[1, 1], Activation::Linear, &[0], Kind::Double, Device::Cpu);
    let layer = &network.layers[0];
    let (x, target) = (Tensor::ones([1, 1], OPTIONS), Tensor::ones([1, 1], OPTIONS));
    let _ = layer.weight.shallow_clone().fill_(1.5);
    let (rates, mut last) = (Tensor::from(beta).view([1, 1, 1]), 0.5);
    let mut crossings = Vec::new();
    for t in 0..9000 {
        if reset {
            let _ = layer.apical.shallow_clone().fill_(1.0);
        }
        // The loss here is e^2 / 2: half of the mean squared error.
        let [g, _] = gradients(&network, &x, &target, Loss::Mse);
        let _ = layer.apical.shallow_clone().g_sub_(&(&g[0] * (alpha / 2.0)));
        let pass = network.forward(&x, true);
        let error = number(&(pass.output() - 1.0).sum(Kind::Double));
        if error * last < 0.0 && error.abs() > 1e-12 {
            crossings.push(t as f64 - error / (error - last));
        }
        last = error;
        moving(&network, &x, x.size()[0], Pre::Modulated, &rates).apply(&network, &still(false));
    }
    let end = |tensor: &Tensor| (number(&tensor.sum(Kind::Double)) - 1.0).abs();
    (crossings, end(&layer.apical), end(&layer.weight))
}

/// Period of the two-phase map beside its fixed point a = w = 1, from the angle of the eigenvalues
/// of (a, w) -> (a', w'), with a' = a - alpha (a w - 1) w and w' = w + beta (a' - 1) w.
fn period(alpha: f64, beta: f64) -> f64 {
    let (trace, product) = (2.0 - alpha - alpha * beta, 1.0 - alpha);
    2.0 * std::f64::consts::PI / (trace / (2.0 * product.sqrt())).acos()
}

#[test]
fn two_phases_are_a_damped_oscillator_where_the_multipliers_accumulate() {
    // `linear` is the first crossing at which the amplitude is below 1e-3.
    for (alpha, beta, reported, linear) in
        [(0.02, 0.02, 361.6, 4), (0.02, 0.1, 144.4, 10), (0.01, 0.2, 144.0, 20)]
    {
        let (crossings, a, w) = scalar_model(alpha, beta, false);
        assert!(a < 1e-9 && w < 1e-9, "alpha {alpha} beta {beta}: ends {a:e} {w:e} from 1");
        // Two crossings a period; the first ones are beyond the linear range.
        let over = |first: usize| (crossings[first + 8] - crossings[first]) / 4.0;
        let (early, late) = (over(2), over(linear));
        assert!((early - reported).abs() < 0.015 * reported, "{alpha} {beta}: {early}");
        let exact = period(alpha, beta);
        assert!((late - exact).abs() < 1e-3 * exact, "{alpha} {beta}: {late}, linear {exact}");
    }
    for beta in [0.01, 0.02] {
        // Overdamped: one overshoot at most, since the multiplier starts at rest.
        assert!(scalar_model(0.1, beta, false).0.len() <= 1, "beta {beta}");
    }
    assert_eq!(scalar_model(0.02, 0.1, true).0.len(), 0);
}
