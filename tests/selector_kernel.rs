//! The kernels of selected computation neurons: their results are those of products for all K, with
//! the same bits for every number of threads.

#![allow(clippy::unwrap_used)]

use neuron_lab::selector::kernel::{KernelGradients, Operands, Sizes, backward, forward};
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
