//! The kernels: those of selected computation neurons have the results of products for all K, those of a
//! softmax the results of its definition, with the same bits for every number of threads.

#![allow(clippy::unwrap_used)]

use neuron_lab::selector::kernel::{
    Axes, KernelGradients, LogitGradient, Operands, SelectedGradient, Selection, Sizes, backward,
    forward, logit_gradient, select, selected_gradient,
};
use tch::{Device, Kind, Tensor};

fn numbers(size: [i64; 2]) -> Vec<f32> {
    Vec::try_from(Tensor::randn(size, (Kind::Float, Device::Cpu)).view(-1)).unwrap()
}

/// What the kernels read.
struct Case {
    sizes: Sizes,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    delta: Vec<f32>,
    choice: Vec<i16>,
}

impl Case {
    fn new((samples, neurons, choices, inputs): (i64, i64, i64, i64)) -> Self {
        tch::manual_seed(8);
        let [m, n, k, d] = [samples, neurons, choices, inputs].map(|length| length as usize);
        let choice = Tensor::randint(choices, [neurons * samples], (Kind::Int16, Device::Cpu));
        Self {
            sizes: Sizes { samples: m, neurons: n, choices: k, inputs: d },
            x: numbers([samples, inputs]),
            weight: numbers([choices * neurons, inputs]),
            bias: numbers([choices, neurons]),
            delta: numbers([neurons, samples]),
            choice: Vec::try_from(choice).unwrap(),
        }
    }

    /// Outputs and gradients of weights, biases and input, with this many threads.
    fn pass(&self, threads: i32) -> [Vec<f32>; 4] {
        tch::set_num_threads(threads);
        let Self { sizes, x, weight, choice, .. } = self;
        let operands = Operands { sizes: *sizes, x, weight, choice };
        // Not zeros, so that what isn't written would show.
        let mut out = vec![7.0; self.delta.len()];
        let [mut to_weight, mut to_bias, mut to_x] = [weight, &self.bias, x].map(Vec::clone);
        forward(operands, &self.bias, &mut out);
        let gradients =
            KernelGradients { weight: &mut to_weight, bias: &mut to_bias, x: &mut to_x };
        backward(operands, &self.delta, gradients);
        [out, to_weight, to_bias, to_x]
    }

    /// The same by products for all computation neurons, of which the selected are taken.
    fn by_products(&self) -> [Tensor; 4] {
        let Sizes { samples, neurons, choices, inputs } = self.sizes;
        let [m, n, k, d] = [samples, neurons, choices, inputs].map(|length| length as i64);
        let leaf =
            |of: &[f32], size: &[i64]| Tensor::from_slice(of).view(size).set_requires_grad(true);
        let (x, weight) = (leaf(&self.x, &[m, d]), leaf(&self.weight, &[k * n, d]));
        let bias = leaf(&self.bias, &[k * n]);
        let index = Tensor::from_slice(&self.choice).to_kind(Kind::Int64).view([n, 1, m]);
        let all = x.linear(&weight, Some(&bias)).view([m, k, n]).permute([2, 1, 0]);
        let out = all.gather(1, &index, false).squeeze_dim(1);
        let loss = (&out * Tensor::from_slice(&self.delta).view([n, m])).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], &[&weight, &bias, &x], false, false);
        let [to_weight, to_bias, to_x] = gradients.try_into().unwrap();
        [out.detach(), to_weight, to_bias, to_x]
    }
}

#[test]
fn the_results_are_those_of_products_for_all() {
    for sizes in [(33, 13, 5, 100), (64, 2, 50, 784), (5, 7, 2, 3)] {
        let case = Case::new(sizes);
        for (i, (ours, product)) in case.pass(1).iter().zip(case.by_products()).enumerate() {
            let error = (Tensor::from_slice(ours) - product.reshape([-1])).abs().max();
            assert!(error.double_value(&[]) < 1e-3, "{sizes:?}, result {i}: {error:?}");
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    for sizes in [(33, 13, 5, 100), (64, 2, 50, 784), (5, 7, 2, 3)] {
        let case = Case::new(sizes);
        let one = case.pass(1);
        assert!(one.iter().flatten().all(|number| number.is_finite()));
        for threads in [2, 3, 8] {
            let many = case.pass(threads);
            for (i, (one, many)) in one.iter().zip(&many).enumerate() {
                let bits = |of: &[f32]| of.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert!(bits(one) == bits(many), "{sizes:?}, {threads} threads, result {i}");
            }
        }
    }
}

/// What the kernels of a softmax read.
struct SoftmaxCase {
    axes: Axes,
    logits: Vec<f32>,
    outputs: Vec<f32>,
    bias: Vec<f32>,
    delta: Vec<f32>,
}

/// What they write: the selected outputs and which they are, probabilities, the gradient of the logits and
/// that of the selected computation neurons.
#[derive(PartialEq)]
struct SoftmaxResults {
    selected: Vec<f32>,
    choice: Vec<i16>,
    wide: [Vec<f32>; 3],
}

impl SoftmaxCase {
    fn new((samples, choices, neurons): (i64, i64, i64)) -> Self {
        tch::manual_seed(9);
        Self {
            axes: Axes { choices: choices as usize, neurons: neurons as usize },
            logits: numbers([samples, choices * neurons]).iter().map(|z| 4.0 * z).collect(),
            outputs: numbers([samples, choices * neurons]),
            bias: numbers([choices, neurons]),
            delta: numbers([samples, neurons]),
        }
    }

    fn pass(&self, threads: i32) -> SoftmaxResults {
        tch::set_num_threads(threads);
        let Self { axes, outputs, delta, .. } = self;
        // Not zeros, so that what isn't written would show.
        let (mut selected, mut choice) = (vec![7.0; delta.len()], vec![7; delta.len()]);
        let [mut p, mut to_logits, mut to_outputs] = [(); 3].map(|()| self.logits.clone());
        select(Selection {
            axes: *axes,
            logits: &mut p,
            outputs,
            bias: Some(&self.bias),
            softmax: true,
            selected: &mut selected,
            choice: &mut choice,
        });
        let gradient = &mut to_logits[..];
        logit_gradient(LogitGradient { axes: *axes, probabilities: &p, outputs, delta, gradient });
        let gradient = &mut to_outputs[..];
        selected_gradient(SelectedGradient { axes: *axes, choice: &choice, delta, gradient });
        SoftmaxResults { selected, choice, wide: [p, to_logits, to_outputs] }
    }

    /// Checks a pass against the definitions in double precision, one neuron of one sample after another.
    fn check(&self) {
        let Axes { choices, neurons } = self.axes;
        let found = self.pass(1);
        for (i, (delta, choice)) in self.delta.iter().zip(&found.choice).enumerate() {
            let (sample, neuron) = (i / neurons, i % neurons);
            let places = |k: usize| (sample * choices + k) * neurons + neuron;
            let of = |from: &[f32]| -> Vec<f64> {
                (0..choices).map(|k| f64::from(from[places(k)])).collect()
            };
            let (z, h) = (of(&self.logits), of(&self.outputs));
            let total: f64 = z.iter().map(|z| z.exp()).sum();
            let p: Vec<f64> = z.iter().map(|z| z.exp() / total).collect();
            let mean: f64 = p.iter().zip(&h).map(|(p, h)| p * h).sum();
            let score = |k: usize| self.logits[places(k)] + self.bias[k * neurons + neuron];
            let best =
                (1..choices).fold(0, |best, k| if score(k) > score(best) { k } else { best });
            assert_eq!(usize::try_from(*choice).unwrap(), best);
            assert_eq!(found.selected[i], self.outputs[places(best)]);
            for k in 0..choices {
                let [probability, to_logit, to_output] =
                    found.wide.each_ref().map(|of| f64::from(of[places(k)]));
                // A difference of logits of this size is known to 1e-6, and so are their exponentials.
                assert!((probability - p[k]).abs() < 4e-6);
                assert!((to_logit - p[k] * f64::from(*delta) * (h[k] - mean)).abs() < 1e-5);
                assert_eq!(to_output, if k == best { f64::from(*delta) } else { 0.0 });
            }
        }
    }
}

#[test]
fn a_softmax_is_that_of_its_definition() {
    for sizes in [(1, 1, 1), (3, 2, 5), (7, 5, 16), (4, 50, 37), (2, 300, 64)] {
        SoftmaxCase::new(sizes).check();
    }
}

#[test]
fn threads_share_a_softmax_and_change_no_bit() {
    let case = SoftmaxCase::new((611, 5, 400));
    let one = case.pass(1);
    assert!([2, 3, 8].iter().all(|threads| case.pass(*threads) == one));
}

#[test]
fn equal_logits_select_the_first_and_what_is_no_number_stays_so() {
    let mut case = SoftmaxCase::new((2, 3, 20));
    case.bias.fill(0.0);
    case.logits.fill(1.5);
    case.logits[25] = f32::NAN;
    let SoftmaxResults { choice, wide: [p, to_logits, _], .. } = case.pass(1);
    assert!(choice.iter().enumerate().all(|(i, choice)| i == 5 || *choice == 0));
    let spoilt = |place: usize| [5, 25, 45].contains(&place);
    assert!(p.iter().enumerate().all(|(place, p)| p.is_nan() == spoilt(place)));
    assert!(to_logits.iter().enumerate().all(|(place, slope)| slope.is_nan() == spoilt(place)));
    assert!((p[0] - 1.0 / 3.0).abs() < 1e-6);
}
