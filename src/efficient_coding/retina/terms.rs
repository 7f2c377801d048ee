//! The numbers of a batch, by the original's tags and some that it lacked.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::parameters::{GAIN, THRESHOLD};
use super::state::EfficientCoding;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::{Information, output_bits};
use crate::efficient_coding::coding::rule::KL_WEIGHT;
use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;
use crate::lab::train::experiment::Step;

/// What a batch is logged from.
pub struct BatchTerms<'a> {
    /// The batch in the model.
    pub pass: &'a BatchPass<'a>,
    /// What its rates tell of the images.
    pub information: &'a Information,
    /// The multipliers: `[neuron]`, under a constraint that has them.
    pub multiplier: Option<&'a Tensor>,
}

/// Logs a batch before its step is taken.
///
/// - loss: what the step descends, `[]`
pub fn log(run: &EfficientCoding, step: &mut Step, batch: &BatchTerms, loss: &Tensor) {
    let BatchTerms { pass, information, multiplier } = *batch;
    let mean = |tensor: &Tensor| tensor.mean(None::<Kind>);
    let (h, rates) = (pass.excess(), pass.rates());
    let constant = output_bits(run.config.neurons, run.config.output_noise);
    let kl = mean(&information.kl());
    rng::seed_torch(run.seed, "output-noise", step.index);
    let noise = Tensor::randn(pass.above.size(), (Kind::Float, tch::Device::Cpu));
    let noise = upload(&noise, run.device) * run.config.output_noise;
    step.last("terms/z", &mean(&(&pass.above * &pass.gain + noise)));
    step.last("terms/r", &mean(&rates));
    step.last("terms/logdet_numerator", &(mean(&information.numerator.logdet) + constant));
    step.last("terms/logdet_denominator", &(mean(&information.denominator.logdet) + constant));
    step.last("terms/KL", &kl);
    step.last("terms/loss", &(&kl * KL_WEIGHT));
    step.last("terms/h", &mean(&h));
    step.last("terms/h_rms", &mean(&h.square()).sqrt());
    step.last("terms/h_max", &h.abs().max());
    if let Some(multiplier) = multiplier {
        step.last("terms/linear_penalty", &multiplier.dot(&h));
    }
    if run.rule.constraint.has_penalty() {
        let penalty = h.square().sum(None::<Kind>) * (run.rule.rho / 2.0);
        step.last("terms/quadratic_penalty", &penalty);
    }
    let offset = run.legacy.as_ref().map_or(0.0, |legacy| legacy.input_bits);
    step.last("terms/MI", &(&kl * 0.5 + offset));
    step.last("terms/bits_per_spike", &(&kl * 0.5 / pass.mean_activity.sum(None::<Kind>)));
    step.last("train/kernel_variance", &mean(&run.grid.variance(pass.filters())));
    step.last("train/final_loss", loss);
    step.last("train/Firing_rate_loss", &h.square().sum(None::<Kind>));
    step.last("train/param_norm", &param_norm(run));
}

/// The Euclidean norm of everything that learns: `[]`.
fn param_norm(run: &EfficientCoding) -> Tensor {
    let squares = |params: &Tensor| params.square().sum(Kind::Double);
    let main = squares(&run.parameters.main.params.values);
    let rate = run.parameters.rate.as_ref().map(|rate| squares(&rate.params.values));
    rate.map_or(main.shallow_clone(), |rate| rate + main).sqrt()
}

/// Logs KL of the batch with the gains and thresholds from before and from after their own step,
/// the filters held still.
///
/// # Errors
/// Where the model lacks a number.
pub fn log_rate_step(
    run: &EfficientCoding,
    step: &mut Step,
    pass: &BatchPass,
    information: &Information,
) -> Result<()> {
    let (log_gain, log_threshold) = (run.parameters.get(GAIN)?, run.parameters.get(THRESHOLD)?);
    let moved = pass.information_at(&log_gain, &log_threshold);
    step.last("terms/KL_before_rate_step", &information.kl().mean(None::<Kind>));
    step.last("terms/KL_after_rate_step", &moved.kl().mean(None::<Kind>));
    Ok(())
}
