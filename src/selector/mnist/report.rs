//! What an evaluation of a selector network says and logs.

use anyhow::Result;

use super::evaluation::TestResult;
use super::state::SelectorMnist;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;
use crate::selector::network::layer_name;
use crate::selector::presentation::{LETTERS, letter};
use crate::selector::usage::{Usage, cosine};

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss", "cross-entropy in nats, mean over the steps since the last log entry"),
    ("train/epoch_loss", "cross-entropy in nats, mean over the epoch"),
    ("eval/loss", "cross-entropy on the test set in nats"),
    ("eval/accuracy", "share of the test set that is classified correctly"),
    ("selection/train/*", "share of selections, over the epoch's samples and the layer's neurons"),
    ("selection/test/*", "share of selections, over the test set and the layer's neurons"),
    ("entropy/train/*", "entropy of the layer's selection ratios in nats, over the epoch"),
    ("entropy/test/*", "entropy of the layer's selection ratios in nats; ln K is even use"),
    ("neuron_entropy/test/*", "mean over neurons of the entropy of each neuron's own ratios, nats"),
    ("dominance/test/*", "share of neurons that send over 90 % of the test set to one choice"),
    (
        "never_used/test/*",
        "share of (neuron, computation neuron) pairs that the test set never uses",
    ),
    ("cosine/*", "cosine between computation neurons' weights, mean over neurons and pairs"),
    (
        "gradient/*",
        "norm of the weight gradient of one computation neuron over the layer, as applied",
    ),
    ("weights/*", "histogram of the computation weights of a layer"),
    (
        "gradients/*",
        "histogram of the last step's gradient of a layer's computation weights, as applied",
    ),
    ("optim/lr", "learning rate"),
    ("optim/gradient_norm", "Euclidean norm of the whole gradient, before clipping"),
    ("time/*", "milliseconds of each phase in a step, steps and samples a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts of related curves.
pub fn charts(run: &SelectorMnist) -> Vec<Chart> {
    let seeds = run.seeds.count;
    let losses = ["train/loss", "train/epoch_loss", "eval/loss"];
    let mut charts = vec![
        Chart::lines("learning", "loss", &losses),
        Chart::lines("learning", "accuracy on the test set", &["eval/accuracy"]),
    ];
    let layers: Vec<String> = (0..run.network_config.hidden.len()).map(layer_name).collect();
    let sizes = run.changes.iter().map(|change| change.to).chain([run.choices()]);
    // SCALARS has the others.
    let shown = sizes.max().unwrap_or(1).min(3 * Chart::MOST as i64);
    for layer in &layers {
        let tags = |what: &str| -> Vec<String> {
            (0..shown).map(|k| format!("{what}/{layer}/{}", letter(k))).collect()
        };
        let ratios = format!("selection ratios, {layer}, test");
        charts.extend(Chart::several("selection", &ratios, &tags("selection/test")));
        let norms = format!("gradient norms, {layer}");
        charts.extend(Chart::several("gradient", &norms, &tags("gradient")));
    }
    for (category, title, what) in [
        ("selection", "entropy of the ratios, test", "entropy/test"),
        ("selection", "dominated neurons, test", "dominance/test"),
        ("selection", "pairs never used, test", "never_used/test"),
        ("cosine", "cosine between computation neurons", "cosine"),
    ] {
        // One computation neuron has no other to be like.
        if what != "cosine" || shown > 1 {
            let tags: Vec<String> = layers.iter().map(|layer| format!("{what}/{layer}")).collect();
            charts.extend(Chart::several(category, title, &tags));
        }
    }
    charts.into_iter().map(|chart| chart.over(seeds)).collect()
}

/// A mean, with its standard deviation over replicates where there are several.
fn number(values: &[f64], decimals: usize) -> String {
    let (mean, sd) = mean_and_sd(values);
    match values.len() {
        0 => "-".into(),
        1 => format!("{mean:.decimals$}"),
        _ => format!("{mean:.decimals$} ± {sd:.decimals$}"),
    }
}

/// Says what an evaluation found, in the notebook's words, and logs all of it. The score is the test
/// accuracy.
///
/// # Errors
/// Counts or weights that can't be read from the device.
pub fn report(
    run: &SelectorMnist,
    result: &TestResult,
    evaluation: &mut Evaluation,
) -> Result<Score> {
    let trained = evaluation.number > 0;
    if trained {
        report_training(run, evaluation)?;
    }
    let samples = result.samples as f64;
    let accuracy: Vec<f64> = result.correct.iter().map(|correct| correct / samples).collect();
    let percent: Vec<f64> = accuracy.iter().map(|share| 100.0 * share).collect();
    evaluation.say(&format!(
        "Test set: Average loss: {}, Accuracy: {}/{samples} ({}%)",
        number(&result.loss, 4),
        number(&result.correct, 0),
        number(&percent, 2),
    ));
    let value = mean_and_sd(&accuracy).0;
    evaluation.scalar("eval/loss", result.loss.clone());
    evaluation.scalar("eval/accuracy", accuracy);
    for (i, usage) in result.usage.iter().enumerate() {
        report_usage(evaluation, "test", i, usage);
        let layer = layer_name(i);
        evaluation.scalar(&format!("neuron_entropy/test/{layer}"), usage.neuron_entropy());
        evaluation.scalar(&format!("dominance/test/{layer}"), usage.dominance());
        evaluation.scalar(&format!("never_used/test/{layer}"), usage.never_used());
    }
    for i in 0..run.network.layers.len() {
        report_weights(run, evaluation, i, trained)?;
    }
    Ok(Score { tag: "eval/accuracy".into(), value, higher_is_better: true })
}

/// Says and logs what the epoch's training steps found.
fn report_training(run: &SelectorMnist, evaluation: &mut Evaluation) -> Result<()> {
    let loss = evaluation.train_mean("train/loss");
    let epoch = evaluation.step.div_ceil(run.schedule.evaluate_every);
    evaluation.say(&format!("Train Epoch {epoch}: Average loss: {}", number(&loss, 4)));
    evaluation.scalar("train/epoch_loss", loss);
    for (i, counts) in run.counts().iter().enumerate() {
        let usage = Usage::read(counts, run.seeds.count)?;
        report_usage(evaluation, "train", i, &usage);
    }
    Ok(())
}

/// Says and logs which computation neurons a layer selected over a split of the data.
fn report_usage(evaluation: &mut Evaluation, split: &str, i: usize, usage: &Usage) {
    let (layer, number_of_layer) = (layer_name(i), i + 1);
    let mut ratios = Vec::new();
    for k in 0..(usage.choices() as i64).min(LETTERS) {
        let ratio = usage.ratio(k as usize);
        ratios.push(format!("Neuron {}: {}", letter(k), number(&ratio, 4)));
        evaluation.scalar(&format!("selection/{split}/{layer}/{}", letter(k)), ratio);
    }
    let ratios = ratios.join(", ");
    evaluation.say(&format!("Layer {number_of_layer} Selection Ratios - {ratios}"));
    let entropy = usage.entropy();
    let text = number(&entropy, 4);
    evaluation.say(&format!("Layer {number_of_layer} Entropy of Selection Ratios: {text}"));
    evaluation.scalar(&format!("entropy/{split}/{layer}"), entropy);
}

/// Says and logs how alike a layer's computation neurons are, and their gradients.
fn report_weights(
    run: &SelectorMnist,
    evaluation: &mut Evaluation,
    i: usize,
    trained: bool,
) -> Result<()> {
    let (layer, number_of_layer) = (layer_name(i), i + 1);
    let params = &run.learner.params;
    let name = format!("{layer}.computation.weight");
    let find = |views: Vec<(String, tch::Tensor)>| views.into_iter().find(|(key, _)| *key == name);
    let Some((_, weight)) = find(params.named()) else { return Ok(()) };
    if run.choices() > 1 {
        let cosine = cosine(&weight, run.seeds.count)?;
        let between = match run.choices() {
            2 => "between Neuron A and B",
            _ => "between Computation Neurons (mean over pairs)",
        };
        let text = number(&cosine, 4);
        evaluation.say(&format!("Layer {number_of_layer} Cosine Similarity {between}: {text}"));
        evaluation.scalar(&format!("cosine/{layer}"), cosine);
    }
    evaluation.histogram(&format!("weights/{layer}"), &to_host::values_f32(&weight)?);
    if !trained {
        return Ok(());
    }
    if let Some((_, gradient)) = find(params.views(&run.learner.gradients.values)) {
        evaluation.histogram(&format!("gradients/{layer}"), &to_host::values_f32(&gradient)?);
    }
    let norms: Vec<String> = (0..run.choices().min(LETTERS))
        .map(|k| (letter(k), evaluation.train_mean(&format!("gradient/{layer}/{}", letter(k)))))
        .map(|(letter, norm)| format!("Neuron {letter}: {}", number(&norm, 4)))
        .collect();
    evaluation.say(&format!("Layer {number_of_layer} Gradient Magnitude - {}", norms.join(", ")));
    Ok(())
}
