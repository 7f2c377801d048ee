//! What an evaluation says and logs.

use anyhow::{Context, Result};
use tch::Tensor;

use super::points::Point;
use super::state::OneNeuron;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Step};
use crate::one_neuron::diagnosis::evaluation::{Findings, evaluate, held_out};
use crate::one_neuron::diagnosis::gradients::Moments;
use crate::one_neuron::model::architecture::Model;

/// Every tag, with one line that explains it. In a grid each is followed by the point's name; the
/// three by which runs are compared are there without one too, of the best point.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss*", "the last record: mean loss of the batches of --record-every steps"),
    (
        "train/end*",
        "mean of the last 20 records; in a grid without a point's name that of the best point",
    ),
    (
        "eval/loss*",
        "mean loss on 8192 fresh samples, normalised in batches as in training; in a grid without a \
         point's name that of the best point, the score",
    ),
    (
        "eval/accuracy*",
        "share of the 8192 samples on the right side of 1/2; in a grid without a point's name that \
         of the best point",
    ),
    ("params/*", "a weight or a bias"),
    ("gradient/negative*", "share of fresh batches whose averaged gradient points backwards"),
    ("gradient/cosine_of_means*", "cosine between the two gradients' means over fresh batches"),
    (
        "gradient/cosine*",
        "cosine between the averaged and the correct gradient of a batch, mean over fresh batches",
    ),
    (
        "gradient/length_ratio*",
        "length of the averaged gradient's mean over the correct one's, both without factor 2",
    ),
    (
        "gradient/check*",
        "relative error of the correct gradient against central differences of the loss",
    ),
    ("moments/product_of_means*", "E[e] E[d] E[x], mean over the inputs"),
    ("moments/error_input*", "E[d] cov(e, x): what there is to learn"),
    ("moments/error_slope*", "E[x] cov(e, d)"),
    ("moments/slope_input*", "E[e] cov(d, x)"),
    ("moments/third*", "third central moment of error, slope and input"),
    ("moments/total*", "E[e d x], the sum of the moments above"),
    ("time/*", "milliseconds of each phase in a step, steps and samples a second"),
    ("figures/*", "the figures of the run's end"),
];

/// A moment of the gradient, and its name in tags.
type Moment = (&'static str, fn(&Moments) -> f64);

const MOMENTS: [Moment; 6] = [
    ("product_of_means", |moments| moments.product_of_means),
    ("error_input", |moments| moments.error_input),
    ("error_slope", |moments| moments.error_slope),
    ("slope_input", |moments| moments.slope_input),
    ("third", |moments| moments.third),
    ("total", |moments| moments.total),
];

/// Points up to which every one has charts of its parameters and of its gradient's moments.
const FEW: usize = 3;

/// The charts that put related curves together: those of the gradients' rules that have the update, the
/// learning rate and the batch in common.
pub fn charts(run: &OneNeuron) -> Vec<Chart> {
    let mut charts = Vec::new();
    for (category, title, what) in [
        ("learning", "loss", "train/loss"),
        ("learning", "accuracy", "eval/accuracy"),
        ("gradient", "cosine", "gradient/cosine"),
        ("gradient", "length ratio", "gradient/length_ratio"),
    ] {
        for group in alike(&run.points) {
            let tags: Vec<String> = group.iter().map(|point| point.tag(what)).collect();
            let title = [title, shared(&group).as_str()].join(" ").trim().to_string();
            charts.extend(Chart::several(category, &title, &tags));
        }
    }
    // SCALARS has those of a larger grid.
    let few = if run.points.len() <= FEW { run.points.as_slice() } else { &[] };
    for point in few {
        let titled = |title: &str| [title, point.name.as_str()].join(" ").trim().to_string();
        if run.config.model == Model::One {
            let tags = MOMENTS.map(|(moment, _)| point.tag(&format!("moments/{moment}")));
            charts.extend(Chart::several("gradient", &titled("moments"), &tags));
        }
        for part in run.config.model.parameters() {
            let tag = |i| point.tag(&format!("params/{}.{}", part.name, i + 1));
            let tags: Vec<String> = (0..part.length()).map(tag).collect();
            charts.extend(Chart::several("parameters", &titled(part.name), &tags));
        }
    }
    charts.into_iter().map(|chart| chart.over(run.replicates as i64)).collect()
}

/// What the points of a group have in common that others have not; all of a name that is alone.
fn shared(group: &[&Point]) -> String {
    let gradient = group[0].gradient.name();
    let words = group[0].name.split('_').filter(|word| group.len() == 1 || *word != gradient);
    words.collect::<Vec<_>>().join(" ")
}

/// The points in groups that differ in the gradient's rule alone.
fn alike(points: &[Point]) -> Vec<Vec<&Point>> {
    let rest = |point: &Point| (point.optimizer, point.lr.to_bits(), point.batch_size);
    let mut groups: Vec<Vec<&Point>> = Vec::new();
    for point in points {
        match groups.iter_mut().find(|group| rest(group[0]) == rest(point)) {
            Some(group) => group.push(point),
            None => groups.push(vec![point]),
        }
    }
    groups
}

/// A mean over seeds with its standard deviation and range.
fn spread(values: &[f64]) -> String {
    let (mean, sd) = mean_and_sd(values);
    if values.len() == 1 {
        return format!("{mean:.4}");
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{mean:.4} ± {sd:.4} [{low:.4}, {high:.4}]")
}

/// Mean of a point's last records, for each replicate; empty before the first.
fn ends(records: &[f64], replicates: usize) -> Vec<f64> {
    let each = records.chunks_exact(records.len() / replicates).map(|row| {
        let made: Vec<f64> = row.iter().copied().filter(|record| record.is_finite()).collect();
        (!made.is_empty()).then(|| mean_and_sd(&made).0)
    });
    each.collect::<Option<Vec<f64>>>().unwrap_or_default()
}

/// Logs a record.
///
/// # Shapes
/// - record: `[point, replicate]`
pub fn log_record(run: &OneNeuron, record: &Tensor, step: &mut Step) {
    for (k, point) in run.points.iter().enumerate() {
        let record = record.get(k as i64);
        let record = if run.replicates == 1 { record.get(0) } else { record };
        step.last(&point.tag("train/loss"), &record);
    }
}

/// What the points of a grid are compared by: `[replicate]` each.
struct PointScore {
    /// Loss on fresh samples.
    loss: Vec<f64>,
    /// Share of them on the right side.
    accuracy: Vec<f64>,
    /// Mean of the last records; empty before the first.
    end: Vec<f64>,
}

impl PointScore {
    /// The mean loss; infinite where it is not a number.
    fn value(&self) -> f64 {
        let (mean, _) = mean_and_sd(&self.loss);
        if mean.is_nan() { f64::INFINITY } else { mean }
    }
}

/// Evaluates every run, says a line for each point, and logs all of it. The score is the loss on
/// fresh samples, mean over seeds, of the point where it is least: the rules of a grid that are
/// meant to fail don't count.
///
/// # Errors
/// Fails if the device's tensors can't be copied to the host.
pub fn report(run: &OneNeuron, evaluation: &mut Evaluation) -> Result<Score> {
    let records = to_host::values(&run.records)?;
    let per_point = records.len() / run.points.len();
    let mut scores = Vec::new();
    for group in &run.groups {
        let params = to_host::values(&group.params)?;
        let width = run.config.model.width();
        let rows: Vec<&[f64]> = params.chunks_exact(width).collect();
        let found = evaluate_group(run, group.batch_size, &rows)?;
        let of_points = rows.chunks_exact(run.replicates).zip(found);
        for (index, (rows, findings)) in group.points.iter().zip(of_points) {
            let point = &run.points[*index];
            let end = ends(&records[index * per_point..(index + 1) * per_point], run.replicates);
            log_findings(evaluation, point, &findings);
            log_params(run, evaluation, point, rows);
            say(evaluation, point, &end, &findings);
            if !end.is_empty() {
                evaluation.scalar(&point.tag("train/end"), end.clone());
            }
            let each = |value: fn(&Findings) -> f64| findings.iter().map(value).collect();
            let (loss, accuracy) = (each(|found| found.loss), each(|found| found.accuracy));
            scores.push(PointScore { loss, accuracy, end });
        }
    }
    let best = scores.into_iter().min_by(|a, b| a.value().total_cmp(&b.value()));
    let best = best.context("a grid has a point")?;
    let value = mean_and_sd(&best.loss).0;
    if run.points.len() > 1 {
        log_best(evaluation, best);
    }
    Ok(Score { tag: "eval/loss".into(), value, higher_is_better: false })
}

/// Evaluates every replicate of a group's points on fresh samples of its own seed:
/// `[point][replicate]`.
///
/// # Shapes
/// - rows: `[point x replicate][parameter]`
///
/// # Errors
/// As [`held_out`].
fn evaluate_group(run: &OneNeuron, size: usize, rows: &[&[f64]]) -> Result<Vec<Vec<Findings>>> {
    let mut found = vec![Vec::new(); rows.len() / run.replicates];
    for (replicate, seed) in run.seeds().enumerate() {
        let batches = held_out(seed, size, run.config.normalise)?;
        for (point, found) in found.iter_mut().enumerate() {
            let row = rows[point * run.replicates + replicate];
            found.push(evaluate(run.config.model, row, &batches));
        }
    }
    Ok(found)
}

/// Logs the best point of a grid under the tags by which runs are compared.
fn log_best(evaluation: &mut Evaluation, best: PointScore) {
    let PointScore { loss, accuracy, end } = best;
    for (tag, values) in [("eval/loss", loss), ("eval/accuracy", accuracy), ("train/end", end)] {
        if !values.is_empty() {
            evaluation.scalar(tag, values);
        }
    }
}

/// Says how a point ends.
fn say(evaluation: &Evaluation, point: &Point, end: &[f64], findings: &[Findings]) {
    let accuracy: Vec<f64> = findings.iter().map(|found| found.accuracy).collect();
    let name = if point.name.is_empty() { String::new() } else { format!("{}: ", point.name) };
    let end = if end.is_empty() { "no record yet".into() } else { spread(end) };
    evaluation.say(&format!(
        "step {} {name}loss of the last 20 records {end}, accuracy {}",
        evaluation.step,
        spread(&accuracy)
    ));
}

/// Logs what was found at a point: `[replicate]`.
fn log_findings(evaluation: &mut Evaluation, point: &Point, findings: &[Findings]) {
    let mut log = |tag: &str, value: &dyn Fn(&Findings) -> f64| {
        evaluation.scalar(&point.tag(tag), findings.iter().map(value).collect());
    };
    log("eval/loss", &|found| found.loss);
    log("eval/accuracy", &|found| found.accuracy);
    log("gradient/cosine", &|found| found.comparison.cosine);
    log("gradient/negative", &|found| found.comparison.negative);
    log("gradient/cosine_of_means", &|found| found.comparison.cosine_of_means);
    log("gradient/length_ratio", &|found| found.comparison.length_ratio);
    log("gradient/check", &|found| found.check);
    if findings.iter().any(|found| found.moments.is_none()) {
        return;
    }
    for (name, value) in MOMENTS {
        log(&format!("moments/{name}"), &|found| found.moments.as_ref().map_or(f64::NAN, value));
    }
}

/// Logs the parameters of a point.
///
/// # Shapes
/// - rows: `[replicate][parameter]`
fn log_params(run: &OneNeuron, evaluation: &mut Evaluation, point: &Point, rows: &[&[f64]]) {
    for part in run.config.model.parameters() {
        for i in 0..part.length() {
            let at = (part.start + i) as usize;
            let values = rows.iter().map(|row| row[at]).collect();
            evaluation.scalar(&point.tag(&format!("params/{}.{}", part.name, i + 1)), values);
        }
    }
}
