//! The numbers of a batch, by the original's tags and some that it lacked.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::parameters::{GAIN, THRESHOLD};
use super::replicates::together;
use super::state::EfficientCoding;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::{Information, output_bits};
use crate::efficient_coding::coding::rule::KL_WEIGHT;
use crate::lab::tensor::params::Params;
use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;
use crate::lab::train::experiment::Step;

/// What the batch of one replicate is logged from.
pub struct BatchTerms<'a> {
    /// The batch in the model.
    pub pass: &'a BatchPass<'a>,
    /// What its rates tell of the images.
    pub information: &'a Information,
    /// The multipliers: `[neuron]`, under a constraint that has them.
    pub multiplier: Option<Tensor>,
}

/// Logs the batches of a step before it is taken, one a replicate.
///
/// - losses: what the step descends, `[]` each
pub fn log(run: &EfficientCoding, step: &mut Step, batches: &[BatchTerms], losses: &[Tensor]) {
    let each = batches.iter().zip(losses).enumerate();
    let each: Vec<Vec<(&str, Tensor)>> = each
        .map(|(replicate, (batch, loss))| terms(run, replicate, step.index, batch, loss))
        .collect();
    for (place, (tag, _)) in each[0].iter().enumerate() {
        step.last(tag, &together(each.iter().map(|terms| terms[place].1.shallow_clone())));
    }
}

/// The numbers of one replicate's batch, by tag: `[]` each.
fn terms(
    run: &EfficientCoding,
    replicate: usize,
    index: u64,
    batch: &BatchTerms,
    loss: &Tensor,
) -> Vec<(&'static str, Tensor)> {
    let BatchTerms { pass, information, multiplier } = batch;
    let mean = |tensor: &Tensor| tensor.mean(None::<Kind>);
    let (h, rates) = (pass.excess(), pass.rates());
    let constant = output_bits(run.config.neurons, run.config.output_noise);
    let kl = mean(&information.kl());
    rng::seed_torch(run.seeds[replicate], "output-noise", index);
    let noise = Tensor::randn(pass.above.size(), (Kind::Float, tch::Device::Cpu));
    let noise = upload(&noise, run.device) * run.config.output_noise;
    let mut terms = vec![
        ("terms/z", mean(&(&pass.above * &pass.gain + noise))),
        ("terms/r", mean(&rates)),
        ("terms/logdet_numerator", mean(&information.numerator.logdet) + constant),
        ("terms/logdet_denominator", mean(&information.denominator.logdet) + constant),
        ("terms/KL", kl.shallow_clone()),
        ("terms/loss", &kl * KL_WEIGHT),
        ("terms/h", mean(&h)),
        ("terms/h_rms", mean(&h.square()).sqrt()),
        ("terms/h_max", h.abs().max()),
    ];
    if let Some(multiplier) = multiplier {
        terms.push(("terms/linear_penalty", multiplier.dot(&h)));
    }
    let squares = h.square().sum(None::<Kind>);
    if run.rule.constraint.has_penalty() {
        terms.push(("terms/quadratic_penalty", &squares * (run.rule.rho / 2.0)));
    }
    let offset = run.legacy.as_ref().map_or(0.0, |legacy| legacy.input_bits);
    terms.extend([
        ("terms/MI", &kl * 0.5 + offset),
        ("terms/bits_per_spike", &kl * 0.5 / pass.mean_activity.sum(None::<Kind>)),
        ("train/kernel_variance", mean(&run.grid.variance(pass.filters()))),
        ("train/final_loss", loss.shallow_clone()),
        ("train/Firing_rate_loss", squares),
        ("train/param_norm", param_norm(run, replicate)),
    ]);
    terms
}

/// The Euclidean norm of everything that learns in one model: `[]`.
fn param_norm(run: &EfficientCoding, replicate: usize) -> Tensor {
    let squares = |params: &Params| params.values.get(replicate as i64).square().sum(Kind::Double);
    let main = squares(&run.parameters.main.params);
    let rate = run.parameters.rate.as_ref().map(|rate| squares(&rate.params));
    rate.map_or(main.shallow_clone(), |rate| rate + main).sqrt()
}

/// Logs KL of the batches with the gains and thresholds from before and from after their own step,
/// the filters held still.
///
/// # Errors
/// Where a model lacks a number.
pub fn log_rate_step(run: &EfficientCoding, step: &mut Step, batches: &[BatchTerms]) -> Result<()> {
    let moved = run.of_each(|i| {
        let [gain, threshold] = [GAIN, THRESHOLD].map(|name| run.parameters.of(name, i));
        Ok(batches[i].pass.information_at(&gain?, &threshold?))
    })?;
    let mean = |information: &Information| information.kl().mean(None::<Kind>);
    let before = together(batches.iter().map(|batch| mean(batch.information)));
    step.last("terms/KL_before_rate_step", &before);
    step.last("terms/KL_after_rate_step", &together(moved.iter().map(mean)));
    Ok(())
}
