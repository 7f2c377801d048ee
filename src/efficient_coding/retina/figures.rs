//! Figures of a run that has ended.

use anyhow::Result;

use super::pictures::{self, Caption, NamedFigure};
use super::state::EfficientCoding;
use super::{field_figures, patch_figures};
use crate::efficient_coding::fields;
use crate::lab::counts::counted;
use crate::lab::figure::{LineFigure, Series};
use crate::lab::log::run_log::Log;
use crate::lab::tensor::to_host;

/// Draws `learning`, `kernels`, the covariances, their `spectra`, `leave_one_out`, and what
/// [`field_figures`] and [`patch_figures`] have.
///
/// # Errors
/// Where the device can't be read, or a figure has nothing to show.
pub fn draw(run: &EfficientCoding, log: &mut Log, step: u64) -> Result<()> {
    let learning = learning(run, log);
    log.draw("learning", step, &learning);
    let filters = run.parameters.neurons()?.filters;
    let subtitle = format!("after {}", counted(step, "step"));
    let caption = Caption { title: "Filters", subtitle: &subtitle, label: "weight" };
    let kernels = pictures::tiles(&filters, run.config.patch(), &caption)?;
    log.draw("kernels", step, &kernels);
    let covariances = run.covariances()?;
    for (name, matrix) in [
        ("MI_numerator", &covariances.numerator.mean),
        ("MI_denominator", &covariances.denominator.mean),
        ("WCxW", &covariances.filtered),
    ] {
        let how = pictures::average(name, covariances.batches);
        let figure = pictures::matrix(matrix, name, &how, "covariance")?;
        log.draw(name, step, &figure);
    }
    let spectra = pictures::spectra(&covariances)?;
    log.draw("spectra", step, &spectra);
    let lost = leave_one_out(run)?;
    log.draw("leave_one_out", step, &lost);
    let (patch, plain) = (run.config.patch(), fields::columns(&filters)?);
    let analysis = fields::analyse(&plain, patch, run.seed)?;
    for NamedFigure { name, figure, csv } in field_figures::draw(&analysis, &plain, patch) {
        log.draw_with(name, step, &figure, &csv);
    }
    log.text("receptive_fields", step, &analysis.lines().join("\n\n"));
    for NamedFigure { name, figure, csv } in patch_figures::draw(&*run.source, patch, run.seed)? {
        log.draw_with(name, step, &figure, &csv);
    }
    Ok(())
}

fn learning(run: &EfficientCoding, log: &Log) -> LineFigure {
    let series = |label: &str, tag: &str| {
        let (x, y) = log.history(tag).iter().map(|(step, value)| (*step as f64, *value)).unzip();
        Series::new(label, x, y)
    };
    LineFigure {
        title: "Information that the rates carry".into(),
        subtitle: format!(
            "{}, target rate {}",
            counted(run.config.neurons, "neuron"),
            run.config.firing_rate
        ),
        x_label: "step".into(),
        y_label: "bits a patch".into(),
        series: vec![
            series("training batch, own gains", "terms/MI"),
            series("held-out patches, every rate at the target", "eval/MI"),
        ],
        ..Default::default()
    }
}

fn leave_one_out(run: &EfficientCoding) -> Result<LineFigure> {
    let mut lost = to_host::values(&run.frozen_measures()?.leave_one_out)?;
    lost.sort_by(|a, b| b.total_cmp(a));
    let ranks = (1..=lost.len()).map(|rank| rank as f64).collect();
    Ok(LineFigure {
        title: "What the information would lose without each neuron".into(),
        subtitle: "held-out patches, every rate at the target".into(),
        x_label: "neuron, by its loss".into(),
        y_label: "KL, bits".into(),
        series: vec![Series::new("", ranks, lost)],
        ..Default::default()
    })
}
