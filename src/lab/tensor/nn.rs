//! Layers that work with and without a leading axis of replicates.

use anyhow::Result;
use tch::{Device, Kind, Reduction, Tensor, no_grad_guard};

use super::params::{Params, ParamsBuilder};
use super::to_device::upload;
use super::{init, rng};

/// `x W^T + b`, for each replicate its own.
///
/// - x: `[batch, input]`, or `[replicate, batch, input]`
/// - weight: `[output, input]`, or `[replicate, output, input]`
/// - bias: `[output]`, or `[replicate, output]`
///
/// Gives `[batch, output]`, or `[replicate, batch, output]`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    if weight.dim() == 2 {
        x.linear(weight, Some(bias))
    } else {
        bias.unsqueeze(1).baddbmm(x, &weight.transpose(1, 2), 1.0, 1.0)
    }
}

/// Mean cross-entropy in nats.
///
/// - logits: `[batch, class]`, or `[replicate, batch, class]`
/// - labels: `[batch]` i64, or `[replicate, batch]`
///
/// Gives `[]`, or `[replicate]`.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    mean_negative_log_likelihood(&logits.log_softmax(-1, logits.kind()), labels)
}

fn mean_negative_log_likelihood(log_p: &Tensor, labels: &Tensor) -> Tensor {
    let classes = log_p.size()[log_p.dim() - 1];
    let rows = log_p.view([-1, classes]);
    let each = rows.g_nll_loss::<Tensor>(&labels.reshape([-1]), None, Reduction::None, -100);
    each.view_as(labels).mean_dim(-1, false, log_p.kind())
}

/// [`cross_entropy`], and its gradient with respect to the logits, (softmax - onehot) / batch.
///
/// Gives `[]` or `[replicate]`, and `[batch, class]` or `[replicate, batch, class]`: the gradient
/// of the sum over replicates.
pub fn cross_entropy_with_gradient(logits: &Tensor, labels: &Tensor) -> (Tensor, Tensor) {
    let _guard = no_grad_guard();
    let log_p = logits.log_softmax(-1, logits.kind());
    let loss = mean_negative_log_likelihood(&log_p, labels);
    let mut gradient = log_p.exp();
    let _ = gradient.scatter_value_reduce_(-1, &labels.unsqueeze(-1), -1.0, "add");
    let _ = gradient.g_div_scalar_(labels.size()[labels.dim() - 1] as f64);
    (loss, gradient)
}

/// Draws the initial values of one parameter of one replicate from libtorch's global generator,
/// on the CPU.
pub type Sampler = Box<dyn Fn() -> Tensor>;

/// The samplers of a linear layer's weight (`shape`, its last axis the inputs) and bias, in
/// PyTorch's default law U(±1/sqrt(inputs)).
pub fn linear_samplers(shape: &[i64]) -> (Sampler, Sampler) {
    let weight = shape.to_vec();
    let bias = shape[..shape.len() - 1].to_vec();
    let inputs = shape[shape.len() - 1];
    let law = move || init::linear_weight(&weight, inputs, Kind::Float);
    (Box::new(law), Box::new(move || init::linear_bias(&bias, inputs, Kind::Float)))
}

/// Draws the initial values of parameters, one after another, for each replicate from its own seed:
/// replicate r of a run with seed s starts as the run with seed s + r does.
///
/// Gives each name with its tensor, `[replicate, ...]`.
///
/// # Errors
/// Where the values that one sampler gives differ in shape.
pub fn draw(
    seed: u64,
    replicates: i64,
    parameters: &[(String, Sampler)],
) -> Result<Vec<(String, Tensor)>> {
    let mut columns: Vec<Vec<Tensor>> = parameters.iter().map(|_| Vec::new()).collect();
    for replicate in 0..replicates {
        rng::seed_torch(seed.wrapping_add(replicate as u64), "init", 0);
        for ((_, draw), column) in parameters.iter().zip(&mut columns) {
            column.push(draw());
        }
    }
    let names = parameters.iter().map(|(name, _)| name.clone());
    let stacked = columns.iter().map(|column| Tensor::f_stack(column, 0));
    names.zip(stacked).map(|(name, tensor)| Ok((name, tensor?))).collect()
}

/// The parameters of a model, drawn as [`draw`] has it, on `device`. In their buffer all biases come
/// after everything else, both in the order of their names, so that the maps of one layer lie next to
/// each other and can be computed as one ([`Params::joined`]).
///
/// # Errors
/// Where libtorch can't hold them.
pub fn draw_params(
    seed: u64,
    replicates: i64,
    parameters: &[(String, Sampler)],
    device: Device,
) -> Result<Params> {
    let mut builder = ParamsBuilder::default();
    let mut drawn = draw(seed, replicates, parameters)?;
    drawn.sort_by_key(|(name, _)| (name.ends_with(".bias"), name.clone()));
    for (name, value) in drawn {
        builder.add(name, value);
    }
    builder.build(device)
}

/// The order of one epoch's samples as indices into the training set, for each replicate a
/// permutation of its own, from (seed + replicate, "data", epoch).
///
/// Gives `[replicate, sample]` i64 on `device`.
pub fn epoch_order(seed: u64, replicates: i64, samples: i64, epoch: u64, device: Device) -> Tensor {
    let orders: Vec<Tensor> = (0..replicates as u64)
        .map(|replicate| rng::permutation(samples, seed.wrapping_add(replicate), "data", epoch))
        .collect();
    upload(&Tensor::stack(&orders, 0), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicates_are_separate_networks() {
        tch::manual_seed(0);
        let options = (Kind::Double, Device::Cpu);
        let (x, weight) = (Tensor::randn([3, 5, 4], options), Tensor::randn([3, 2, 4], options));
        let (bias, labels) = (
            Tensor::randn([3, 2], options),
            Tensor::randint(2, [3, 5], (Kind::Int64, Device::Cpu)),
        );
        let loss = cross_entropy(&linear(&x, &weight, &bias), &labels);
        for r in 0..3 {
            let logits = linear(&x.get(r), &weight.get(r), &bias.get(r));
            let log_p = logits.log_softmax(-1, Kind::Double);
            let alone = log_p.nll_loss(&labels.get(r));
            assert!((loss.double_value(&[r]) - alone.double_value(&[])).abs() < 1e-14);
        }
    }

    #[test]
    fn the_gradient_of_cross_entropy_is_that_of_its_graph() {
        tch::manual_seed(0);
        let options = (Kind::Double, Device::Cpu);
        for lead in [vec![], vec![3]] {
            let size = |rest: &[i64]| [lead.as_slice(), rest].concat();
            let logits = Tensor::randn(size(&[5, 4]), options).set_requires_grad(true);
            let labels = Tensor::randint(4, size(&[5]), (Kind::Int64, Device::Cpu));
            let expected = cross_entropy(&logits, &labels);
            expected.sum(Kind::Double).backward();
            let (loss, gradient) = cross_entropy_with_gradient(&logits, &labels);
            assert!((loss - expected).abs().max().double_value(&[]) < 1e-14);
            assert!((gradient - logits.grad()).abs().max().double_value(&[]) < 1e-15);
        }
    }

    #[test]
    fn a_replicate_starts_as_the_run_of_its_seed() {
        let (weight, bias) = linear_samplers(&[2, 3]);
        let laws = vec![("w".to_string(), weight), ("b".to_string(), bias)];
        let many = draw(5, 3, &laws).unwrap();
        let one = draw(7, 1, &laws).unwrap();
        for ((_, many), (_, one)) in many.iter().zip(&one) {
            assert_eq!(many.get(2), one.get(0));
        }
        let orders = epoch_order(5, 3, 10, 4, Device::Cpu);
        assert_eq!(orders.get(2), epoch_order(7, 1, 10, 4, Device::Cpu).get(0));
    }
}
