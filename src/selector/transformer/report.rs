//! What an evaluation of a transformer says and logs.

use anyhow::Result;

use super::eval::{Held, hold_out};
use super::layout::{LinearShape, PER_LAYER};
use super::sample::{self, Sampling};
use super::train::SelectorTransformer;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::Evaluation;
use crate::selector::report::{NAMED, letter};

/// Numbers that a cell of the table lists; of more, the lowest and the highest.
const LISTED: usize = 8;

/// Words of the held-out text that the model's own text begins after.
const PROMPT: i64 = 8;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss", "cross-entropy in nats a word, mean over the steps since the last log entry"),
    ("train/average_loss", "cross-entropy in nats a word, mean since the last evaluation"),
    ("train/below_uniform", "ln V minus train/average_loss"),
    ("train/below_unigram", "entropy of the training words' frequencies minus train/average_loss"),
    ("eval/loss", "cross-entropy on held-out sequences in nats a word"),
    ("eval/below_uniform", "ln V minus eval/loss"),
    (
        "eval/below_unigram",
        "cross-entropy of the held-out words under the training words' frequencies minus eval/loss",
    ),
    ("frequency/*", "% of selections on held-out sequences, over words and the layer's neurons"),
    (
        "entropy/*",
        "entropy of the selectors' softmax in nats, mean over held-out words and neurons",
    ),
    ("neuron_entropy/*", "mean over neurons of the entropy of each neuron's own selections, nats"),
    ("dominance/*", "share of neurons that send over 90 % of the held-out words to one choice"),
    (
        "never_used/*",
        "share of (neuron, computation neuron) pairs that the held-out words never use",
    ),
    (
        "gradient/*",
        "norm of the weight gradient of one computation neuron over the layer, as applied, mean \
         over the log entries since the last evaluation",
    ),
    ("sample", "text written by the model"),
    ("optim/lr", "learning rate"),
    ("optim/gradient_norm", "Euclidean norm of the whole gradient, before clipping"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts of related curves; of the gradients those of the first, the middle and the last layer.
pub fn charts(rows: &[LinearShape]) -> Vec<Chart> {
    let losses = ["train/loss", "train/average_loss", "eval/loss"];
    let below = ["train/below_uniform", "eval/below_uniform"];
    let unigram = ["train/below_unigram", "eval/below_unigram"];
    let mut charts = vec![
        Chart::lines("learning", "loss", &losses),
        Chart::lines("learning", "below ln V", &below),
        Chart::lines("learning", "below the unigram entropy", &unigram),
    ];
    for (category, title) in [
        ("entropy", "average entropy of the selectors"),
        ("dominance", "dominated neurons"),
        ("never_used", "pairs never used"),
    ] {
        charts.push(Chart::pattern("selection", title, &format!("^{category}/")));
    }
    // All sixteen layers of the notebook would make a hundred charts. SCALARS has the others.
    let layers = rows.len() / PER_LAYER;
    let shown = |layer: usize| layer == 0 || layer == layers / 2 || layer + 1 >= layers;
    for (_, row) in rows.iter().enumerate().filter(|(i, _)| shown(i / PER_LAYER)) {
        let name = row.name.replace('.', "\\.");
        let title = format!("gradient norms, {}", row.name);
        charts.push(Chart::pattern("gradient", &title, &format!("^gradient/{name}/")));
    }
    charts.push(Chart::pattern("time", "milliseconds a step", "^time/.*_ms$"));
    charts
}

/// Evaluates, says and logs all of it. The score is the loss on held-out text.
pub fn report(run: &mut SelectorTransformer, evaluation: &mut Evaluation) -> Result<Score> {
    let params = &run.learner.params;
    let sizes = (run.config.eval_sequences, run.config.batch_size);
    let held = hold_out(&run.model, &run.rows, params, &run.corpus, sizes)?;
    report_loss(run, evaluation, &held);
    let gradients = run.norms.take()?;
    report_table(run, evaluation, &held, &gradients);
    report_sample(run, evaluation)?;
    run.learner.observe(held.loss);
    let value = held.loss;
    run.last = Some((held, gradients));
    Ok(Score { tag: "eval/loss".into(), value, higher_is_better: false })
}

fn report_loss(run: &SelectorTransformer, evaluation: &mut Evaluation, held: &Held) {
    let base = run.baselines;
    let train = evaluation.train_mean("train/loss").first().copied();
    let mut losses = vec![("eval", "loss", held.loss, base.held_out)];
    losses.extend(train.map(|loss| ("train", "average_loss", loss, base.unigram)));
    for (split, name, loss, unigram) in losses.into_iter().rev() {
        let whose = if split == "train" { "Average Loss" } else { "Held-out Loss" };
        let (uniform, unigram) = (base.uniform - loss, unigram - loss);
        evaluation.say(&format!(
            "Step {}, {whose}: {loss:.4}, below ln V by {uniform:.4}, below unigram by {unigram:.4}",
            evaluation.step
        ));
        evaluation.scalar(&format!("{split}/{name}"), vec![loss]);
        evaluation.scalar(&format!("{split}/below_uniform"), vec![uniform]);
        evaluation.scalar(&format!("{split}/below_unigram"), vec![unigram]);
    }
}

/// The notebook's table, a line for each linear layer.
fn report_table(
    run: &SelectorTransformer,
    evaluation: &mut Evaluation,
    held: &Held,
    gradients: &[Vec<f64>],
) {
    let width = run.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let title = "Selection Frequency (%)  Average Entropy  Average Gradient Magnitude";
    evaluation.say(&format!("{:width$}  {title}", "Layer"));
    for ((row, selection), norms) in run.rows.iter().zip(&held.selections).zip(gradients) {
        let name = &row.name;
        let (mut frequency, mut entropy) = ("-".to_string(), "-".to_string());
        if let Some(selection) = selection {
            let usage = &selection.usage;
            let percent: Vec<f64> =
                (0..usage.choices()).map(|k| 100.0 * usage.ratio(k)[0]).collect();
            (frequency, entropy) = (list(&percent), format!("{:.4}", selection.entropy));
            log_each(evaluation, &format!("frequency/{name}"), &percent);
            evaluation.scalar(&format!("entropy/{name}"), vec![selection.entropy]);
            evaluation.scalar(&format!("neuron_entropy/{name}"), usage.neuron_entropy());
            evaluation.scalar(&format!("dominance/{name}"), usage.dominance());
            evaluation.scalar(&format!("never_used/{name}"), usage.never_used());
        }
        log_each(evaluation, &format!("gradient/{name}"), norms);
        evaluation.say(&format!("{name:width$}  {frequency}  {entropy}  {}", list(norms)));
    }
}

/// Numbers in brackets, or their range where there are many.
fn list(values: &[f64]) -> String {
    match (values, range(values)) {
        ([], _) => "-".into(),
        (values, Some((low, high))) if values.len() > LISTED => {
            format!("{low:.3}..{high:.3} (K = {})", values.len())
        }
        (values, _) => {
            let texts: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}

fn range(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    Some((low, values.iter().copied().reduce(f64::max)?))
}

/// A tag for each computation neuron; for more than there are letters, the lowest and the highest.
fn log_each(evaluation: &mut Evaluation, tag: &str, values: &[f64]) {
    if values.len() as i64 <= NAMED {
        for (k, value) in values.iter().enumerate() {
            evaluation.scalar(&format!("{tag}/{}", letter(k as i64)), vec![*value]);
        }
    } else if let Some((low, high)) = range(values) {
        evaluation.scalar(&format!("{tag}/lowest"), vec![low]);
        evaluation.scalar(&format!("{tag}/highest"), vec![high]);
    }
}

fn report_sample(run: &SelectorTransformer, evaluation: &mut Evaluation) -> Result<()> {
    let config = &run.config;
    if config.sample_words == 0 {
        return Ok(());
    }
    let prompt = run.corpus.prompt(PROMPT.min(config.sequence));
    let sampling = Sampling {
        words: config.sample_words,
        temperature: config.temperature,
        sequence: config.sequence,
        seed: run.seed,
        step: evaluation.step,
    };
    let written = sample::write(&run.model, &prompt, &sampling)?;
    let given: Vec<i64> = run.text.held_out[..prompt.size()[0] as usize].to_vec();
    let (given, written) =
        (run.text.vocabulary.decode(&given), run.text.vocabulary.decode(&written));
    evaluation.say(&format!("Sample: {given} | {written}"));
    evaluation.text("sample", &format!("{given} **{written}**"));
    Ok(())
}
