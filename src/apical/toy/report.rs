//! What an evaluation of `apical_toy` says and logs.

use anyhow::Result;

use super::state::Toy;
use crate::apical::model::activation::Activation;
use crate::apical::one_layer::census::{Counts, LAWS};
use crate::lab::log::tensorboard::Chart;
use crate::lab::train::experiment::Evaluation;

/// Tags of the metrics that runs are compared by.
pub const METRICS: &[&str] = &[
    "grown/relu/uniform",
    "grown/relu/gaussian",
    "grown/linear/gaussian",
    "converged/relu/uniform",
];

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("silent/*", "share of trials in which no weight changes at time 0"),
    (
        "converged/*",
        "share of trials whose every |ΔW| of the last step, the change that it made, is below the \
         threshold",
    ),
    (
        "grown/*",
        "share of trials in which some neuron's largest |ΔW| of the last step is above that of time 0",
    ),
    (
        "falling/*",
        "share of trials in which no neuron's largest |ΔW| has risen in any step, to rounding",
    ),
    ("silent_se/*", "standard error of silent/*, binomial"),
    ("converged_se/*", "standard error of converged/*, binomial"),
    ("grown_se/*", "standard error of grown/*, binomial"),
    ("falling_se/*", "standard error of falling/*, binomial"),
    (
        "closed_form_error/*",
        "largest distance of ΔW from the closed form, over the neuron's largest |ΔW|, over all \
         trials that stay finite; 0 for tanh, which has none",
    ),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts that put related curves together.
pub fn charts(run: &Toy) -> Vec<Chart> {
    let mut charts = Vec::new();
    for what in ["silent", "converged", "grown", "falling"] {
        for law in LAWS {
            let names = run.layers.iter().map(|layer| layer.activation.name());
            let tags: Vec<String> = names.map(|name| format!("{what}/{name}/{law}")).collect();
            charts.push(Chart::lines("share of the trials", &format!("{what}, a {law}"), &tags));
        }
    }
    charts
}

/// Says and logs the counts of every activation and law.
///
/// # Errors
/// If the device can't be read.
pub fn report(run: &Toy, evaluation: &mut Evaluation) -> Result<()> {
    for (layer, census) in run.layers.iter().zip(&run.census) {
        let counts = census.counts(run.config.threshold)?;
        for (law, counts) in LAWS.iter().zip(counts) {
            report_law(run, evaluation, layer.activation, law, counts);
        }
    }
    Ok(())
}

fn report_law(
    run: &Toy,
    evaluation: &mut Evaluation,
    activation: Activation,
    law: &str,
    counts: Counts,
) {
    let name = activation.name();
    let trials = run.config.trials as f64;
    for (what, share) in [
        ("silent", counts.silent),
        ("converged", counts.converged),
        ("grown", counts.grown),
        ("falling", counts.falling),
    ] {
        evaluation.scalar(&format!("{what}/{name}/{law}"), vec![share]);
        let error = (share * (1.0 - share) / trials).sqrt();
        evaluation.scalar(&format!("{what}_se/{name}/{law}"), vec![error]);
    }
    evaluation.scalar(&format!("closed_form_error/{name}/{law}"), vec![counts.error]);
    let distance = match activation {
        Activation::Relu | Activation::Linear => {
            format!("from the closed form {:.1e}", counts.error)
        }
        Activation::Tanh => "no closed form".to_owned(),
    };
    evaluation.say(&format!(
        "step {}: {name}, a {law}: silent {:.2} %, |ΔW| < {:e} {:.2} %, grown {:.2} %, \
         never rising {:.2} %; {distance}",
        evaluation.step,
        100.0 * counts.silent,
        run.config.threshold,
        100.0 * counts.converged,
        100.0 * counts.grown,
        100.0 * counts.falling,
    ));
}
