//! What an evaluation says and logs.

mod tags;

pub use tags::{TAGS, charts};

use anyhow::Result;
use tch::Tensor;

use super::legacy::{self, LegacyMeans};
use super::parameters::{GAIN, MULTIPLIER, THRESHOLD};
use super::pictures::{self, Caption};
use super::replicates::together;
use super::state::EfficientCoding;
use crate::efficient_coding::coding::covariances::Covariances;
use crate::efficient_coding::coding::frozen::FrozenMeasures;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::NamedTensors;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;

/// Evaluates every model, logs and says the results, and gives the score. Histograms are over the
/// neurons of all models; images are of the first model, but for the covariances' tensors.
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
    let frozen = run.of_each(|i| run.frozen_measures(i))?;
    let covariances = run.of_each(|i| run.covariances(i))?;
    let information = numbers(run, evaluation, &frozen)?;
    let pictures = run.has_pictures(evaluation.step);
    if pictures {
        histograms(run, evaluation, &frozen)?;
        images(run, evaluation, &frozen[0])?;
    }
    matrices(evaluation, &covariances, legacy, pictures)?;
    Ok(Score { tag: "eval/MI".into(), value: information, higher_is_better: true })
}

fn numbers(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    frozen: &[FrozenMeasures],
) -> Result<f64> {
    let read = run.of_each(|i| numbers_of_one(run, i, &frozen[i]))?;
    let of = |place: usize| -> Vec<f64> { read.iter().map(|numbers| numbers[place].1).collect() };
    for (place, (tag, _)) in read[0].iter().enumerate() {
        evaluation.scalar(tag, of(place));
    }
    let mean = |tag: &str| {
        let place = read[0].iter().position(|(known, _)| *known == tag);
        place.map_or(f64::NAN, |place| mean_and_sd(&of(place)).0)
    };
    let information = mean("eval/MI");
    evaluation.say(&format!(
        "step {}: {information:.3} bits a patch at rate {}, rates off by {:.3} (rms), {:.0} % ON, \
         KKT residual {:.2}",
        evaluation.step,
        run.config.firing_rate,
        mean("eval/rate_rms"),
        100.0 * mean("eval/on"),
        mean("eval/kkt_residual")
    ));
    Ok(information)
}

/// What an evaluation says of one replicate, by tag.
fn numbers_of_one(
    run: &EfficientCoding,
    replicate: usize,
    frozen: &FrozenMeasures,
) -> Result<[(&'static str, f64); 12]> {
    let kind = None::<tch::Kind>;
    let filters = run.parameters.neurons(replicate)?.filters;
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
    Ok([
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
    ])
}

fn histograms(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    frozen: &[FrozenMeasures],
) -> Result<()> {
    let of_all = |get: fn(&FrozenMeasures) -> &Tensor| {
        together(frozen.iter().map(|measures| get(measures).shallow_clone()))
    };
    let of_patches = of_all(|measures| &measures.rate_of_patches);
    let legacy = run.legacy.is_some();
    let r = if legacy { of_patches.shallow_clone() } else { of_all(|measures| &measures.rate) };
    let mut all = vec![
        ("histogram/r", r),
        ("histogram/r_standard_error", of_all(|measures| &measures.rate_error)),
        ("histogram/r_stimulus", of_patches),
        ("histogram/gain", run.parameters.get(GAIN)?.exp()),
        ("histogram/bias", run.parameters.get(THRESHOLD)?.exp()),
        ("histogram/leave_one_out", of_all(|measures| &measures.leave_one_out)),
        ("histogram/cosine", of_all(|measures| &measures.cosine)),
    ];
    if let Ok(multiplier) = run.parameters.get(MULTIPLIER) {
        all.push(("histograms/λ", multiplier));
    }
    for (tag, values) in &all {
        evaluation.histogram(tag, &to_host::values_f32(values)?);
    }
    let named = all.into_iter().map(|(tag, values)| (after_slash(tag).to_string(), values));
    evaluation.tensors("neurons", &named.collect());
    Ok(())
}

/// The last part of a tag.
fn after_slash(tag: &str) -> &str {
    tag.rsplit('/').next().unwrap_or(tag)
}

fn images(
    run: &EfficientCoding,
    evaluation: &mut Evaluation,
    frozen: &FrozenMeasures,
) -> Result<()> {
    let patch = run.config.patch();
    let filters = run.parameters.neurons(0)?.filters;
    let descent = run.filter_direction(evaluation.step)?;
    let (kl, rate) = (&frozen.kl_gradient, &frozen.rate_gradient);
    let gradients = [("W_grad", &descent), ("W_grad_KL", kl), ("W_grad_rate", rate)];
    let gradients = gradients.map(|(name, columns)| (name.to_string(), columns.shallow_clone()));
    evaluation.tensors("gradients", &gradients.into());
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

/// A matrix of a frozen model.
type MatrixOf = fn(&Covariances) -> &Tensor;
/// A matrix that belongs to it, where there is one.
type PartOf = fn(&Covariances) -> Option<&Tensor>;

fn matrices(
    evaluation: &mut Evaluation,
    covariances: &[Covariances],
    legacy: Option<&LegacyMeans>,
    pictured: bool,
) -> Result<()> {
    let first = &covariances[0];
    let batches = first.batches;
    let mut kept: NamedTensors = vec![
        ("batches".into(), Tensor::from(batches)),
        ("step".into(), Tensor::from(evaluation.step as i64)),
    ];
    let all: [(&str, MatrixOf, PartOf, PartOf, Option<&Tensor>); 3] = [
        (
            "MI_numerator",
            |found| &found.numerator.mean,
            |found| found.numerator.standard_error.as_ref(),
            |found| Some(&found.numerator.first_batch),
            legacy.map(|old| &old.numerator),
        ),
        (
            "MI_denominator",
            |found| &found.denominator.mean,
            |found| found.denominator.standard_error.as_ref(),
            |found| Some(&found.denominator.first_batch),
            legacy.map(|old| &old.denominator),
        ),
        ("WCxW", |found| &found.filtered, |_| None, |_| None, legacy.map(|_| &first.filtered)),
    ];
    for (tag, mean_of, error_of, first_of, old) in all {
        let means: Vec<&Tensor> = covariances.iter().map(mean_of).collect();
        let errors = covariances.iter().map(error_of);
        let mut how = pictures::average(tag, batches);
        if let Some(errors) = errors.collect::<Option<Vec<&Tensor>>>() {
            let each = errors.iter().map(|error| to_host::scalar(&error.mean(tch::Kind::Double)));
            let each = each.collect::<Result<Vec<f64>>>()?;
            how = format!("{how}, standard error {:.4}", each[0]);
            let errors = together(errors.into_iter().map(Tensor::shallow_clone));
            kept.push((format!("{tag}.standard_error"), errors));
            if tag == "MI_numerator" {
                evaluation.scalar("covariance/standard_error", each);
            }
        }
        if let Some(firsts) = covariances.iter().map(first_of).collect::<Option<Vec<&Tensor>>>() {
            let firsts = together(firsts.into_iter().map(Tensor::shallow_clone));
            kept.push((format!("{tag}.first_batch"), firsts));
        }
        if let Some(old) = old {
            evaluation.image(tag, &legacy::image(old)?);
        } else if pictured {
            let figure = pictures::matrix(means[0], tag, &how, "covariance")?;
            evaluation.image(tag, &figure.render()?);
        }
        let eigenvalues = means.iter().map(|mean| pictures::eigenvalues(mean));
        let eigenvalues = eigenvalues.collect::<Result<Vec<Tensor>>>()?;
        kept.push((format!("{tag}.eigenvalues"), together(eigenvalues)));
        kept.push((tag.into(), together(means.into_iter().map(Tensor::shallow_clone))));
    }
    let rms = covariances.iter().map(|of_one| to_host::scalar(&of_one.numerator.off_diagonal()));
    evaluation.scalar("covariance/off_diagonal", rms.collect::<Result<Vec<f64>>>()?);
    evaluation.scalar("covariance/batches", vec![batches as f64]);
    if pictured {
        evaluation.image("spectra", &pictures::spectra(first)?.render()?);
    }
    evaluation.tensors("covariances", &kept);
    Ok(())
}
