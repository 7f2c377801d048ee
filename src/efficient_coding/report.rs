//! What an evaluation says and logs.

use anyhow::Result;
use tch::Tensor;

use super::experiment::EfficientCoding;
use super::frozen::{Covariances, Frozen};
use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use super::{legacy, pictures};
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("terms/z", "mean response before rectification, with output noise: gain (y - threshold) + n"),
    ("terms/r", "mean firing rate over batch and neurons"),
    ("terms/logdet_numerator", "log2 det C_z in bits, mean over the batch"),
    ("terms/logdet_denominator", "log2 det C_zx in bits, mean over the batch"),
    (
        "terms/KL",
        "log2 det C_z - log2 det C_zx in bits, mean over the batch: twice the information",
    ),
    ("terms/loss", "-KL/2 in bits, mean over the batch"),
    ("terms/h", "mean over neurons of the excess h = mean rate - target: signs cancel"),
    ("terms/h_rms", "root of the mean over neurons of h^2, of one batch"),
    ("terms/h_max", "largest |h| of any neuron, of one batch"),
    ("terms/linear_penalty", "sum over neurons of multiplier x h"),
    ("terms/quadratic_penalty", "rho / 2 times the sum over neurons of h^2"),
    (
        "terms/MI",
        "mutual information KL/2 in bits; under --legacy-logging the input's entropy more",
    ),
    ("terms/bits_per_spike", "mutual information over the sum of the neurons' mean rates"),
    (
        "terms/KL_before_rate_step",
        "KL of the batch with the gains and thresholds before their step",
    ),
    ("terms/KL_after_rate_step", "the same with those after it, the filters held still"),
    (
        "train/grad_norm",
        "norm of the gradient of all that learns with the filters, before clipping",
    ),
    ("train/param_norm", "norm of all that learns"),
    (
        "train/kernel_variance",
        "spatial variance of the squared filters in pixels^2, mean of neurons",
    ),
    ("train/final_loss", "the loss that is descended, in bits; of two losses that of the filters"),
    ("train/Firing_rate_loss", "sum over neurons of h^2, of one batch"),
    ("eval/KL", "KL in bits on held-out patches, every gain set so that its rate is the target"),
    ("eval/MI", "half of eval/KL: mutual information in bits at the target rate; the score"),
    ("eval/bits_per_spike", "eval/MI over the neurons' target rates"),
    ("eval/own_KL", "KL in bits on held-out patches at the model's own gains"),
    ("eval/own_bits_per_spike", "half of it over the mean rates that the model has"),
    ("eval/rate_rms", "rms over neurons of (mean rate on held-out patches - target), own gains"),
    ("eval/rate_max", "largest of these deviations"),
    ("eval/rate_standard_error", "mean over neurons of the standard error of these mean rates"),
    (
        "eval/cosine",
        "mean over neurons of |cos| between the gradients of KL and rate by the filter",
    ),
    (
        "eval/kkt_residual",
        "share of KL's gradient that no multipliers of the rates explain: 0 at best",
    ),
    ("eval/dc", "mean over filters of |sum of weights| / sum of |weights|: 1 for a blob"),
    ("eval/on", "share of filters whose largest weight by magnitude is positive"),
    ("covariance/standard_error", "mean standard error of MI_numerator's entries over batches"),
    ("covariance/batches", "batches of the frozen model in MI_numerator and MI_denominator"),
    ("covariance/off_diagonal", "rms of MI_numerator off its diagonal"),
    (
        "histogram/r",
        "mean rate of each neuron on held-out patches, own gains; the original's under \
                     --legacy-logging",
    ),
    ("histogram/r_standard_error", "standard error of each neuron's mean rate"),
    (
        "histogram/r_stimulus",
        "mean rate over neurons for each patch: what the original has as \
                              histogram/r",
    ),
    ("histogram/gain", "gain of each neuron"),
    ("histogram/bias", "threshold of each neuron"),
    ("histogram/leave_one_out", "what KL would lose without each neuron, in bits"),
    ("histogram/cosine", "cosine between the gradients of KL and rate by each filter"),
    ("histograms/λ", "multiplier of each neuron"),
    ("kernels", "filters; colours L, M, S side by side"),
    ("W_grad", "gradient that the filters descend, each of norm 1"),
    ("W_grad_raw", "the same as it is, in bits"),
    ("W_grad_KL", "gradient of KL by the filters, each of norm 1"),
    ("W_grad_rate", "gradient of each neuron's mean rate by its filter, each of norm 1"),
    ("MI_numerator", "C_z of the frozen model, mean over batches"),
    ("MI_denominator", "C_zx of the frozen model, mean over batches"),
    ("WCxW", "W^T (C_x + sigma_in^2) W: no sample enters it"),
    ("spectra", "eigenvalues of these three"),
    ("optim/*", "learning rates, and norms of the gradients as they are applied"),
    (
        "time/*",
        "milliseconds of each phase in a step, and steps a second; forward ends before the \
                determinants, whose factorisation is a phase of its own",
    ),
    ("figures/*", "the figures of the run's end"),
    ("receptive_fields", "what the analysis of the filters found at the run's end, in words"),
];

/// The charts that put related curves together.
///
/// - rate_step: whether something moves the rates apart from the filters
pub fn charts(rate_step: bool) -> Vec<Chart> {
    let mut charts = vec![
        Chart::lines("information", "bits", &["terms/MI", "eval/MI"]),
        Chart::lines(
            "information",
            "bits a spike",
            &["terms/bits_per_spike", "eval/bits_per_spike"],
        ),
        Chart::lines("rates", "excess", &["terms/h_rms", "terms/h_max", "eval/rate_rms"]),
    ];
    if rate_step {
        charts.push(Chart::lines(
            "rates",
            "KL around a rate step",
            &["terms/KL_before_rate_step", "terms/KL_after_rate_step"],
        ));
    }
    charts.push(Chart::lines("optimum", "distance", &["eval/kkt_residual", "eval/cosine"]));
    charts
}

/// Evaluates the model, logs and says the result, and gives the score.
///
/// # Errors
/// Where patches can't be had, or a picture can't be drawn.
pub fn report(run: &mut EfficientCoding, evaluation: &mut Evaluation) -> Result<Score> {
    let frozen = Frozen::measure(run)?;
    let covariances = Covariances::measure(run, run.config.measuring.covariance_batches)?;
    let information = numbers(run, evaluation, &frozen)?;
    let pictures = run.has_pictures(evaluation.step);
    if pictures {
        histograms(run, evaluation, &frozen)?;
        images(run, evaluation, &frozen)?;
    }
    matrices(run, evaluation, &covariances, pictures)?;
    Ok(Score { tag: "eval/MI".into(), value: information, higher_is_better: true })
}

fn numbers(run: &EfficientCoding, evaluation: &mut Evaluation, frozen: &Frozen) -> Result<f64> {
    let kind = None::<tch::Kind>;
    let filters = run.parameters.neurons()?.filters;
    let dc = filters.sum_dim_intlist(0, false, kind).abs()
        / filters.abs().sum_dim_intlist(0, false, kind);
    let extreme = filters.amax([0], false) + filters.amin([0], false);
    let target = run.config.firing_rate;
    let deviation = &frozen.rate.0 - target;
    let all = [
        &frozen.kl,
        &frozen.own_kl,
        &frozen.own_spikes,
        &deviation.square().mean(kind).sqrt(),
        &deviation.abs().max(),
        &frozen.rate.1.mean(kind),
        &frozen.cosine.abs().mean(kind),
        &frozen.residual,
        &dc.mean(kind),
        &extreme.gt(0.0).mean(tch::Kind::Float),
    ];
    let read = to_host::values(&Tensor::stack(&all, 0))?;
    let [kl, own, spikes, rms, largest, error, cosine, residual, dc, on] = read[..] else {
        anyhow::bail!("an evaluation has ten numbers")
    };
    let budget = run.config.neurons as f64 * target;
    for (tag, value) in [
        ("eval/KL", kl),
        ("eval/MI", kl / 2.0),
        ("eval/bits_per_spike", kl / 2.0 / budget),
        ("eval/own_KL", own),
        ("eval/own_bits_per_spike", own / 2.0 / spikes),
        ("eval/rate_rms", rms),
        ("eval/rate_max", largest),
        ("eval/rate_standard_error", error),
        ("eval/cosine", cosine),
        ("eval/kkt_residual", residual),
        ("eval/dc", dc),
        ("eval/on", on),
    ] {
        evaluation.scalar(tag, vec![value]);
    }
    evaluation.say(&format!(
        "step {}: {:.3} bits a patch at rate {target}, rates off by {rms:.3} (rms), {:.0} % ON, \
         KKT residual {residual:.2}",
        evaluation.step,
        kl / 2.0,
        100.0 * on
    ));
    Ok(kl / 2.0)
}

fn histograms(run: &EfficientCoding, evaluation: &mut Evaluation, frozen: &Frozen) -> Result<()> {
    let per_neuron = if run.legacy.is_some() { &frozen.rate_of_patches } else { &frozen.rate.0 };
    let mut all = vec![
        ("histogram/r", per_neuron.shallow_clone()),
        ("histogram/r_standard_error", frozen.rate.1.shallow_clone()),
        ("histogram/r_stimulus", frozen.rate_of_patches.shallow_clone()),
        ("histogram/gain", run.parameters.get(GAIN)?.exp()),
        ("histogram/bias", run.parameters.get(THRESHOLD)?.exp()),
        ("histogram/leave_one_out", frozen.leave_one_out.shallow_clone()),
        ("histogram/cosine", frozen.cosine.shallow_clone()),
    ];
    if let Ok(multiplier) = run.parameters.get(MULTIPLIER) {
        all.push(("histograms/λ", multiplier));
    }
    for (tag, values) in all {
        evaluation.histogram(tag, &to_host::values_f32(&values)?);
    }
    Ok(())
}

fn images(run: &EfficientCoding, evaluation: &mut Evaluation, frozen: &Frozen) -> Result<()> {
    let patch = run.config.patch();
    let filters = run.parameters.neurons()?.filters;
    let descent = run.filter_direction(evaluation.step)?;
    let (kl, rate) = &frozen.gradients;
    let step = format!("step {}", evaluation.step);
    for (tag, columns, title, label) in [
        ("kernels", filters, "Filters", "weight"),
        ("W_grad", pictures::normalised(&descent), "What filters descend, norm 1", "share"),
        ("W_grad_raw", descent, "What filters descend", "bits a unit of weight"),
        ("W_grad_KL", pictures::normalised(kl), "Gradient of KL, norm 1", "share"),
        ("W_grad_rate", pictures::normalised(rate), "Gradient of the rates, norm 1", "share"),
    ] {
        let figure = pictures::tiles(&columns, patch, (title, &step, label))?;
        evaluation.image(tag, &figure.render()?);
    }
    Ok(())
}

fn matrices(
    run: &mut EfficientCoding,
    evaluation: &mut Evaluation,
    covariances: &Covariances,
    pictured: bool,
) -> Result<()> {
    let batches = covariances.batches;
    let mut kept: State = vec![
        ("batches".into(), Tensor::from(batches)),
        ("step".into(), Tensor::from(evaluation.step as i64)),
    ];
    let legacy = run.legacy.as_mut().filter(|_| pictured).map(legacy::Legacy::take);
    let (numerator, denominator) = (&covariances.numerator, &covariances.denominator);
    let none = None;
    for (tag, mean, error, old) in [
        ("MI_numerator", &numerator.0, &numerator.1, legacy.as_ref().map(|(n, _)| n)),
        ("MI_denominator", &denominator.0, &denominator.1, legacy.as_ref().map(|(_, d)| d)),
        ("WCxW", &covariances.filtered, &none, legacy.as_ref().map(|_| &covariances.filtered)),
    ] {
        let mut how = "no sample enters it".to_string();
        if let Some(error) = error {
            let error_mean = to_host::scalar(&error.mean(tch::Kind::Double))?;
            how = format!("mean of {batches} batches, standard error {error_mean:.4}");
            kept.push((format!("{tag}.standard_error"), error.shallow_clone()));
            if tag == "MI_numerator" {
                evaluation.scalar("covariance/standard_error", vec![error_mean]);
            }
        } else if tag != "WCxW" {
            how = "one batch: no standard error".into();
        }
        match old {
            Some(old) => evaluation.image(tag, &legacy::image(old)?),
            None if pictured => {
                let figure = pictures::matrix(mean, tag, &how, "covariance")?;
                evaluation.image(tag, &figure.render()?);
            }
            None => {}
        }
        kept.push((format!("{tag}.eigenvalues"), pictures::eigenvalues(mean)));
        kept.push((tag.into(), mean.shallow_clone()));
    }
    let off = &numerator.0 - numerator.0.diagonal(0, 0, 1).diag(0);
    let rms = to_host::scalar(&off.square().mean(tch::Kind::Double).sqrt())?;
    evaluation.scalar("covariance/off_diagonal", vec![rms]);
    evaluation.scalar("covariance/batches", vec![batches as f64]);
    if pictured {
        evaluation.image("spectra", &pictures::spectra(covariances)?.render()?);
    }
    evaluation.tensors("covariances", &kept);
    Ok(())
}
