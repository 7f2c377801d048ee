//! What an evaluation of a transformer says and logs.

use anyhow::Result;

use super::state::{Findings, SelectorTransformer};
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::Evaluation;
use crate::selector::language_model::evaluation::HeldOutResult;
use crate::selector::language_model::layout::{LinearShape, PER_LAYER};
use crate::selector::language_model::sampling::{Sampling, write_words};
use crate::selector::presentation::{LETTERS, letter};

/// Values that a cell of the table lists; of more, the lowest and the highest.
const LISTED: usize = 8;

/// Words of the held-out text after which the model writes its own.
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
    ("time/*", "milliseconds of each phase in a step, steps and words (as samples) a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts of related curves, of the first, the middle and the last layer.
///
/// - choices: the number of computation neurons, K
pub fn charts(linears: &[LinearShape], choices: i64) -> Vec<Chart> {
    let losses = ["train/loss", "train/average_loss", "eval/loss"];
    let below = ["train/below_uniform", "eval/below_uniform"];
    let unigram = ["train/below_unigram", "eval/below_unigram"];
    let mut charts = vec![
        Chart::lines("learning", "loss", &losses),
        Chart::lines("learning", "below ln V", &below),
        Chart::lines("learning", "below the unigram entropy", &unigram),
    ];
    // All sixteen layers of the notebook would make hundreds of charts. SCALARS has the others.
    let layers = linears.len() / PER_LAYER;
    let is_shown = |layer: usize| layer == 0 || layer == layers / 2 || layer + 1 >= layers;
    let shown: Vec<(usize, &LinearShape)> =
        linears.iter().enumerate().filter(|(i, _)| is_shown(i / PER_LAYER)).collect();
    for (what, title) in [
        ("entropy", "average entropy of the selectors"),
        ("dominance", "dominated neurons"),
        ("never_used", "pairs never used"),
    ] {
        // A layer's attention is a chart, and what comes behind that another.
        for part in shown.chunk_by(|(i, one), (j, other)| {
            let attention = |linear: &LinearShape| linear.name.contains("self_attn");
            i / PER_LAYER == j / PER_LAYER && attention(one) == attention(other)
        }) {
            let selecting = part.iter().filter(|(_, linear)| linear.selects);
            let tags: Vec<String> =
                selecting.map(|(_, linear)| format!("{what}/{}", linear.name)).collect();
            let title = match tags.as_slice() {
                [only] => only.replacen(what, title, 1).replacen('/', ", ", 1),
                _ => format!("{title}, layer {}", part[0].0 / PER_LAYER),
            };
            charts.extend(Chart::several("selection", &title, &tags));
        }
    }
    for (_, linear) in &shown {
        let name = &linear.name;
        let ends: Vec<String> = match if linear.selects { choices } else { 1 } {
            choices if choices > LETTERS => ["lowest", "highest"].map(str::to_string).into(),
            choices => (0..choices).map(|k| letter(k).to_string()).collect(),
        };
        let tags: Vec<String> = ends.iter().map(|end| format!("gradient/{name}/{end}")).collect();
        charts.extend(Chart::several("gradient", &format!("gradient norms, {name}"), &tags));
    }
    charts
}

/// Says and logs what an evaluation found. The score is the loss on held-out text.
///
/// # Errors
/// Words that can't be read from the device.
pub fn report(
    run: &SelectorTransformer,
    findings: &Findings,
    evaluation: &mut Evaluation,
) -> Result<Score> {
    report_loss(run, evaluation, &findings.held_out);
    report_table(run, evaluation, findings);
    report_sample(run, evaluation)?;
    let value = findings.held_out.loss;
    Ok(Score { tag: "eval/loss".into(), value, higher_is_better: false })
}

/// Says and logs the losses, and how far they are below what a model could know without the words'
/// order.
fn report_loss(run: &SelectorTransformer, evaluation: &mut Evaluation, held_out: &HeldOutResult) {
    let base = run.baselines;
    let train = evaluation.train_mean("train/loss").first().map(|loss| SplitLoss {
        title: "Average Loss",
        split: "train",
        name: "average_loss",
        loss: *loss,
        unigram: base.unigram,
    });
    let held_out = SplitLoss {
        title: "Held-out Loss",
        split: "eval",
        name: "loss",
        loss: held_out.loss,
        unigram: base.held_out,
    };
    for SplitLoss { title, split, name, loss, unigram } in train.into_iter().chain([held_out]) {
        let (uniform, unigram) = (base.uniform - loss, unigram - loss);
        evaluation.say(&format!(
            "Step {}, {title}: {loss:.4}, below ln V by {uniform:.4}, below unigram by {unigram:.4}",
            evaluation.step
        ));
        evaluation.scalar(&format!("{split}/{name}"), vec![loss]);
        evaluation.scalar(&format!("{split}/below_uniform"), vec![uniform]);
        evaluation.scalar(&format!("{split}/below_unigram"), vec![unigram]);
    }
}

/// The loss on a part of the text, and what it is compared with.
struct SplitLoss {
    /// What the report calls it.
    title: &'static str,
    /// What its tags begin with.
    split: &'static str,
    /// The rest of its own tag.
    name: &'static str,
    /// In nats a word.
    loss: f64,
    /// The loss of a model that knows the words' frequencies alone, in nats a word.
    unigram: f64,
}

/// Says the notebook's table, a line for each linear layer, and logs it.
fn report_table(run: &SelectorTransformer, evaluation: &mut Evaluation, findings: &Findings) {
    let width = run.linears.iter().map(|linear| linear.name.len()).max().unwrap_or(0);
    let title = "Selection Frequency (%)  Average Entropy  Average Gradient Magnitude";
    evaluation.say(&format!("{:width$}  {title}", "Layer"));
    let selections = run.linears.iter().zip(&findings.held_out.selections);
    for ((linear, selection), norms) in selections.zip(&findings.gradient_norms) {
        let name = &linear.name;
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

/// The lowest and the highest value; none of no values.
fn range(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    Some((low, values.iter().copied().reduce(f64::max)?))
}

/// Logs a value for each computation neuron; of more than there are letters, the lowest and the
/// highest.
fn log_each(evaluation: &mut Evaluation, tag: &str, values: &[f64]) {
    if values.len() as i64 <= LETTERS {
        for (k, value) in values.iter().enumerate() {
            evaluation.scalar(&format!("{tag}/{}", letter(k as i64)), vec![*value]);
        }
    } else if let Some((low, high)) = range(values) {
        evaluation.scalar(&format!("{tag}/lowest"), vec![low]);
        evaluation.scalar(&format!("{tag}/highest"), vec![high]);
    }
}

/// Says and logs what the model writes after the held-out text's first words.
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
    let written = write_words(&run.model, &run.learner.params, &prompt, &sampling)?;
    let given: Vec<i64> = run.text.held_out[..prompt.size()[0] as usize].to_vec();
    let (given, written) =
        (run.text.vocabulary.decode(&given), run.text.vocabulary.decode(&written));
    evaluation.say(&format!("Sample: {given} | {written}"));
    evaluation.text("sample", &format!("{given} **{written}**"));
    Ok(())
}
