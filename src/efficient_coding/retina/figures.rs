//! Figures of a run that has ended.

use anyhow::Result;

use super::pictures::{self, Caption, NamedFigure};
use super::state::EfficientCoding;
use super::{field_figures, patch_figures};
use crate::efficient_coding::fields;
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{LineFigure, Series};
use crate::lab::log::run_log::Log;
use crate::lab::tensor::to_host;

/// Draws `learning`, `kernels`, the covariances, their `spectra`, `leave_one_out`, and what
/// [`field_figures`] and [`patch_figures`] have. Of several models all but `learning` are of the first,
/// and the text `receptive_fields` says how the fields of all are spread.
///
/// # Errors
/// Where the device can't be read, or a figure has nothing to show.
pub fn draw(run: &EfficientCoding, log: &mut Log, step: u64) -> Result<()> {
    let learning = learning(run, log);
    log.draw("learning", step, &learning);
    let (patch, seed) = (run.config.patch(), run.seeds[0]);
    let filters = run.of_each(|i| Ok(run.parameters.neurons(i)?.filters))?;
    let subtitle = format!("after {}{}", counted(step, "step"), which(run));
    let caption = Caption { title: "Filters", subtitle: &subtitle, label: "weight" };
    let kernels = pictures::tiles(&filters[0], patch, &caption)?;
    log.draw("kernels", step, &kernels);
    let covariances = run.covariances(0)?;
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
    let plain = filters.iter().map(fields::columns).collect::<Result<Vec<_>>>()?;
    let analyses = plain.iter().zip(&run.seeds).map(|(w, seed)| fields::analyse(w, patch, *seed));
    let analyses = analyses.collect::<Result<Vec<_>>>()?;
    for NamedFigure { name, figure, csv } in field_figures::draw(&analyses[0], &plain[0], patch) {
        log.draw_with(name, step, &figure, &csv);
    }
    log.text("receptive_fields", step, &fields::lines_of_all(&analyses).join("\n\n"));
    for NamedFigure { name, figure, csv } in patch_figures::draw(&*run.source, patch, seed)? {
        log.draw_with(name, step, &figure, &csv);
    }
    Ok(())
}

/// Which model a figure is of, where there are several.
fn which(run: &EfficientCoding) -> String {
    match run.seeds.as_slice() {
        [_] => String::new(),
        seeds => format!(", seed {} of {} seeds", seeds[0], seeds.len()),
    }
}

fn learning(run: &EfficientCoding, log: &Log) -> LineFigure {
    let seeds = match run.seeds.len() {
        1 => String::new(),
        n => format!(", {}", summary_of("mean and standard deviation", n, "seed")),
    };
    LineFigure {
        title: "Information that the rates carry".into(),
        subtitle: format!(
            "{}, target rate {}{seeds}",
            counted(run.config.neurons, "neuron"),
            run.config.firing_rate
        ),
        x_label: "step".into(),
        y_label: "bits a patch".into(),
        series: vec![
            log.curve("terms/MI", "training batch, own gains"),
            log.curve("eval/MI", "held-out patches, every rate at the target"),
        ],
        ..Default::default()
    }
}

fn leave_one_out(run: &EfficientCoding) -> Result<LineFigure> {
    let mut lost = to_host::values(&run.frozen_measures(0)?.leave_one_out)?;
    lost.sort_by(|a, b| b.total_cmp(a));
    let ranks = (1..=lost.len()).map(|rank| rank as f64).collect();
    Ok(LineFigure {
        title: "What the information would lose without each neuron".into(),
        subtitle: format!("held-out patches, every rate at the target{}", which(run)),
        x_label: "neuron, by its loss".into(),
        y_label: "KL, bits".into(),
        series: vec![Series::new("", ranks, lost)],
        ..Default::default()
    })
}
