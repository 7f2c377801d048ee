//! Biases, `--bias`: gradients and the rule beside a network without biases whose every layer has one
//! more input that is always 1, in double precision.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;

use neuron_lab::apical::ApicalTrain;
use neuron_lab::apical::learning::split::Subset;
use neuron_lab::apical::learning::trainer::{LearningRates, Trainer};
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::loss::{Loss, one_hot};
use neuron_lab::apical::model::network::Network;
use neuron_lab::lab::configure;
use tch::{Device, Kind, Tensor, no_grad_guard};

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);
const WIDTHS: [i64; 4] = [12, 9, 8, 4];
const LR_W: f64 = 0.01;

/// Two networks with biases and multipliers that differ from neuron to neuron.
fn networks() -> Network {
    tch::set_num_threads(1);
    let network = Network::new(&WIDTHS, Activation::Tanh, &[3, 4], Kind::Double, Device::Cpu);
    let network = network.with_biases();
    tch::manual_seed(5);
    for layer in &network.layers {
        let size = layer.apical.size();
        layer.apical.shallow_clone().copy_(&(Tensor::rand(&size, OPTIONS) * 1.4 + 0.3));
        let bias = layer.bias.as_ref().unwrap();
        assert_eq!(number(&bias.abs().max()), 0.0);
        bias.shallow_clone().copy_(&(Tensor::rand(&size, OPTIONS) - 0.5));
    }
    network
}

fn data(samples: i64) -> Subset {
    tch::manual_seed(8);
    let images = Tensor::randn([samples, WIDTHS[0]], OPTIONS);
    let labels = Tensor::arange(samples, (Kind::Int64, Device::Cpu)).remainder(WIDTHS[3]);
    let target = one_hot(&labels, WIDTHS[3], Kind::Double, Device::Cpu);
    Subset { images, target, labels }
}

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}

fn gap(a: &Tensor, b: &Tensor) -> f64 {
    number(&(a - b).abs().max())
}

/// One layer of one network that has no biases, but an input more.
struct Augmented {
    /// The biases are the last column: `[output, input + 1]`
    weight: Tensor,
    /// `[output]`
    apical: Tensor,
    is_last: bool,
}

/// Inputs, and one more that is always 1: `[sample, input + 1]`.
fn with_one(input: &Tensor) -> Tensor {
    Tensor::cat(&[input, &Tensor::ones([input.size()[0], 1], OPTIONS)], 1)
}

impl Augmented {
    /// The same tensors, which a step of the rule replaces.
    fn shallow_clone(&self) -> Self {
        let [weight, apical] = [&self.weight, &self.apical].map(Tensor::shallow_clone);
        Self { weight, apical, ..*self }
    }

    /// φ(h): `[sample, output]`.
    fn rate(&self, input: &Tensor) -> Tensor {
        let h = with_one(input).matmul(&self.weight.tr());
        if self.is_last { h } else { h.tanh() }
    }
}

fn augmented(network: &Network, run: i64) -> Vec<Augmented> {
    let last = network.layers.len() - 1;
    let layers = network.layers.iter().enumerate().map(|(k, layer)| {
        let bias = layer.bias.as_ref().unwrap().get(run).unsqueeze(1);
        Augmented {
            weight: Tensor::cat(&[layer.weight.get(run), bias], 1),
            apical: layer.apical.get(run).copy(),
            is_last: k == last,
        }
    });
    layers.collect()
}

#[test]
fn gradients_with_biases_are_those_of_autograd() {
    let (network, data) = (networks(), data(20));
    for loss in [Loss::Mse, Loss::Ce] {
        let rates = network.forward(&data.images, true);
        let delta = loss.gradient(rates.output(), &data.target, &Tensor::from(1.0 / 20.0));
        let found = network.backward(&data.images, &rates, delta, true);
        for run in 0..2 {
            let mut layers = augmented(&network, run);
            for layer in &mut layers {
                layer.weight = layer.weight.detach().set_requires_grad(true);
                layer.apical = layer.apical.detach().set_requires_grad(true);
            }
            let output = pass(&layers, &data.images, true).modulated.pop().unwrap().unsqueeze(0);
            loss.each(&output, &data.target).mean(Kind::Double).backward();
            for (k, layer) in layers.iter().enumerate() {
                let apical = found.apical[k].get(run).sum_dim_intlist(0, false, Kind::Double);
                assert!(gap(&layer.apical.grad(), &apical) < 1e-14, "{loss:?} layer {k}");
                let slope = layer.weight.grad().narrow(1, 0, WIDTHS[k]);
                assert!(gap(&slope, &found.weight[k].get(run)) < 1e-14, "{loss:?} layer {k}");
            }
        }
    }
}

/// The rates of every layer: `[sample, output]` each.
struct Pass {
    baseline: Vec<Tensor>,
    modulated: Vec<Tensor>,
}

fn pass(layers: &[Augmented], x: &Tensor, modulated: bool) -> Pass {
    let mut found = Pass { baseline: Vec::new(), modulated: Vec::new() };
    for layer in layers {
        let f = layer.rate(found.modulated.last().unwrap_or(x));
        found.modulated.push(if modulated { &f * &layer.apical } else { f.shallow_clone() });
        found.baseline.push(f);
    }
    found
}

/// A step of the rule, η mean_s (r̃ − r) r_prev, with the r̃ of a teacher, or without one a times the
/// present rate.
fn step(layers: &mut [Augmented], teacher: Option<&[Augmented]>, of_baseline: bool, x: &Tensor) {
    let own = pass(layers, x, teacher.is_none());
    let aims = teacher.map(|teacher| pass(teacher, x, true).modulated);
    let aims = aims.as_ref().unwrap_or(&own.modulated);
    let before = if of_baseline { &own.baseline } else { aims };
    let change = |(k, layer): (usize, &Augmented)| {
        let input = if k == 0 { x } else { &before[k - 1] };
        let now = match teacher {
            None => own.baseline[k].shallow_clone(),
            Some(_) => layer.rate(input),
        };
        (&aims[k] - now).tr().matmul(&with_one(input)) * (LR_W / x.size()[0] as f64)
    };
    let changes: Vec<Tensor> = layers.iter().enumerate().map(change).collect();
    for (layer, change) in layers.iter_mut().zip(changes) {
        layer.weight = &layer.weight + change;
    }
}

/// Two passes of phase 2: small batches, which the library takes in blocks, and larger ones; each pass
/// ends with a batch that is smaller.
#[test]
fn the_rule_with_biases_is_that_of_one_more_input_that_is_always_one() {
    let _guard = no_grad_guard();
    let data = data(74);
    for flags in
        ["--batch-size 1", "--batch-size 5", "--batch-size 20", "--target frozen --batch-size 5"]
    {
        for pre in ["modulated", "baseline"] {
            let line = format!("bias {flags} --pre {pre}");
            let arguments = line.split(' ').map(OsString::from);
            let rules = configure::<ApicalTrain>(arguments).unwrap().experiment.learning_rules();
            let rates = [LearningRates { a: 0.1, w: LR_W }; 2];
            let mut trainer = Trainer::new(networks(), rules, &rates);
            let start = [0, 1].map(|run| augmented(&trainer.network, run));
            let mut again = [0, 1].map(|run| augmented(&trainer.network, run));
            for _ in 0..2 {
                let order = Tensor::randperm(74, (Kind::Int64, Device::Cpu));
                trainer.begin_phase2();
                let _ = trainer.learn_weights(&data, &order, 1.0);
                for layers in &mut again {
                    let began: Vec<_> = layers.iter().map(Augmented::shallow_clone).collect();
                    let teacher = (!trainer.modulated()).then_some(began.as_slice());
                    for batch in order.split(rules.batch_size, 0) {
                        step(
                            layers,
                            teacher,
                            pre == "baseline",
                            &data.images.index_select(0, &batch),
                        );
                    }
                }
            }
            for run in 0..2 {
                let found = augmented(&trainer.network, run as i64);
                for (k, (found, again)) in found.iter().zip(&again[run]).enumerate() {
                    let (found, again) = (&found.weight, &again.weight);
                    let error = gap(found, again) / number(&again.abs().max());
                    assert!(error < 1e-12, "{line}, run {run} layer {k}: {error:e}");
                    let bias = |weight: &Tensor| weight.select(1, -1);
                    let moved = gap(&bias(found), &bias(&start[run][k].weight));
                    assert!(moved > 1e-3, "{line}, run {run} layer {k}: {moved:e}");
                }
            }
        }
    }
}
