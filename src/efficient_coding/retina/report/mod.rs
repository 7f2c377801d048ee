//! What an evaluation says and logs.

mod tags;

pub use tags::{TAGS, charts};

use anyhow::Result;
use tch::Tensor;

use super::legacy::{self, LegacyMeans};
use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use super::pictures::{self, Caption};
use super::state::EfficientCoding;
use crate::efficient_coding::coding::covariances::Covariances;
use crate::efficient_coding::coding::frozen::FrozenMeasures;
use crate::lab::store::NamedTensors;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;

/// Evaluates the model, logs and says the result, and gives the score.
///
/// - legacy: covariances as the original has them, to be drawn in place of the right ones
///
/// # Errors
/// Where patches can't be had, or a picture can't be drawn.
pub fn report(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    legacy: Option<&LegacyMeans>,
) -> Result<Score> {
    let frozen = run.frozen_measures()?;
    let covariances = run.covariances()?;
    let information = numbers(run, evaluation, &frozen)?;
    let pictures = run.has_pictures(evaluation.step);
    if pictures {
        histograms(run, evaluation, &frozen)?;
        images(run, evaluation, &frozen)?;
    }
    matrices(evaluation, &covariances, legacy, pictures)?;
    Ok(Score { tag: "eval/MI".into(), value: information, higher_is_better: true })
}

fn numbers(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    frozen: &FrozenMeasures,
) -> Result<f64> {
    let kind = None::<tch::Kind>;
    let filters = run.parameters.neurons()?.filters;
    let dc = filters.sum_dim_intlist(0, false, kind).abs()
        / filters.abs().sum_dim_intlist(0, false, kind);
    let extreme = filters.amax([0], false) + filters.amin([0], false);
    let target = run.config.firing_rate;
    let deviation = &frozen.rate - target;
    let all = [
        &frozen.kl,
        &frozen.own_kl,
        &frozen.own_spikes,
        &deviation.square().mean(kind).sqrt(),
        &deviation.abs().max(),
        &frozen.rate_error.mean(kind),
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

fn histograms(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    frozen: &FrozenMeasures,
) -> Result<()> {
    let per_neuron = if run.legacy.is_some() { &frozen.rate_of_patches } else { &frozen.rate };
    let mut all = vec![
        ("histogram/r", per_neuron.shallow_clone()),
        ("histogram/r_standard_error", frozen.rate_error.shallow_clone()),
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

fn images(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    frozen: &FrozenMeasures,
) -> Result<()> {
    let patch = run.config.patch();
    let filters = run.parameters.neurons()?.filters;
    let descent = run.filter_direction(evaluation.step)?;
    let (kl, rate) = (&frozen.kl_gradient, &frozen.rate_gradient);
    let step = format!("step {}", evaluation.step);
    for (tag, columns, title, label) in [
        ("kernels", filters, "Filters", "weight"),
        ("W_grad", pictures::normalised(&descent), "What filters descend, norm 1", "share"),
        ("W_grad_raw", descent, "What filters descend", "bits a unit of weight"),
        ("W_grad_KL", pictures::normalised(kl), "Gradient of KL, norm 1", "share"),
        ("W_grad_rate", pictures::normalised(rate), "Gradient of the rates, norm 1", "share"),
    ] {
        let figure = pictures::tiles(&columns, patch, &Caption { title, subtitle: &step, label })?;
        evaluation.image(tag, &figure.render()?);
    }
    Ok(())
}

fn matrices(
    evaluation: &mut Evaluation,
    covariances: &Covariances,
    legacy: Option<&LegacyMeans>,
    pictured: bool,
) -> Result<()> {
    let batches = covariances.batches;
    let mut kept: NamedTensors = vec![
        ("batches".into(), Tensor::from(batches)),
        ("step".into(), Tensor::from(evaluation.step as i64)),
    ];
    let (numerator, denominator) = (&covariances.numerator, &covariances.denominator);
    let none = None;
    for (tag, mean, error, old) in [
        (
            "MI_numerator",
            &numerator.mean,
            &numerator.standard_error,
            legacy.map(|old| &old.numerator),
        ),
        (
            "MI_denominator",
            &denominator.mean,
            &denominator.standard_error,
            legacy.map(|old| &old.denominator),
        ),
        ("WCxW", &covariances.filtered, &none, legacy.map(|_| &covariances.filtered)),
    ] {
        let mut how = pictures::average(tag, batches);
        if let Some(error) = error {
            let error_mean = to_host::scalar(&error.mean(tch::Kind::Double))?;
            how = format!("{how}, standard error {error_mean:.4}");
            kept.push((format!("{tag}.standard_error"), error.shallow_clone()));
            if tag == "MI_numerator" {
                evaluation.scalar("covariance/standard_error", vec![error_mean]);
            }
        }
        match old {
            Some(old) => evaluation.image(tag, &legacy::image(old)?),
            None if pictured => {
                let figure = pictures::matrix(mean, tag, &how, "covariance")?;
                evaluation.image(tag, &figure.render()?);
            }
            None => {}
        }
        kept.push((format!("{tag}.eigenvalues"), pictures::eigenvalues(mean)?));
        kept.push((tag.into(), mean.shallow_clone()));
    }
    let rms = to_host::scalar(&numerator.off_diagonal())?;
    evaluation.scalar("covariance/off_diagonal", vec![rms]);
    evaluation.scalar("covariance/batches", vec![batches as f64]);
    if pictured {
        evaluation.image("spectra", &pictures::spectra(covariances)?.render()?);
    }
    evaluation.tensors("covariances", &kept);
    Ok(())
}
