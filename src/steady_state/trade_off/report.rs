//! What a sweep says and logs.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::state::SteadyState;
use crate::lab::counts::counted;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::quantile;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Step};
use crate::steady_state::learning::axes::{Condition, SweepAxes};
use crate::steady_state::learning::stage::SEGMENT_UPDATES;
use crate::steady_state::learning::sweep::{StageKind, Sweep};
use crate::steady_state::measure::networks::NetworkResult;
use crate::steady_state::measure::results::Results;
use crate::steady_state::measure::runs::RunResult;
use crate::steady_state::plant::granule::CELLS;

/// Tags by which TensorBoard compares sweeps.
pub const METRICS: [&str; 3] = ["runs/diverged", "runs/stationary", "pretrain/gap"];

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("pretrain/loss/*", "task loss of an expansion in pre-training, mean over seeds"),
    (
        "train/loss/*",
        "task loss of an expansion in learning, mean over the runs that have not diverged: seeds, \
         repeats, noises and steps γ",
    ),
    (
        "steady/loss/*",
        "task loss of an expansion in learning from w*, mean over the runs that have not diverged: \
         seeds, repeats, noises and steps γ",
    ),
    ("pretrain/gap", "median over networks of L(w*) / minimum"),
    ("pretrain/gap/*", "median over networks of an expansion of L(w*) / minimum"),
    ("network/begin/*", "task loss before learning, median over seeds"),
    ("network/pretrained/*", "task loss of w*, median over seeds"),
    ("network/minimum/*", "least task loss (pseudo-inverse with --cut), median over seeds"),
    (
        "network/cosine/*",
        "cosine between the gradient and the mean update before learning, median over seeds",
    ),
    (
        "network/best_gamma_q/*",
        "q times the step of the largest loss drop in one mean update, median over seeds",
    ),
    ("network/best_drop/*", "share of the loss that this update takes away, median over seeds"),
    (
        "speed/*",
        "learning speed of a noise, expansion and γ, 1/s, median over seeds and repeats that have \
         not diverged",
    ),
    (
        "loss/naive/*",
        "mean loss over the last 10 updates of learning, median over seeds and repeats that have \
         not diverged",
    ),
    (
        "loss/window/*",
        "mean loss at the end of the run from w*, median over seeds and repeats that have not \
         diverged",
    ),
    (
        "loss/stationary/*",
        "mean loss of the run from w*, median over the seeds and repeats that are stationary",
    ),
    ("modes/done/*", "modes of H with 1/γλ below the length of the run from w*, median over seeds"),
    ("spectrum/*", "log10 of the eigenvalues of H of an expansion above --cut, of all seeds"),
    ("weights/*", "weights w* of an expansion, of all seeds"),
    ("seeds/dropped", "seeds that --drop-easy-seeds leaves out of medians and figures"),
    ("runs/diverged", "share of all runs whose learning, or learning from w*, has diverged"),
    ("runs/stationary", "share of all runs from w* that are stationary and long enough to say so"),
    ("init/spearman_begin", "rank correlation over seeds of mean y r at first with the first loss"),
    (
        "init/spearman_share",
        "rank correlation over seeds of mean y r at first with the share of the loss that pre-training leaves",
    ),
    ("init/seeds/*", "seeds whose plant at first goes the same or the opposite way"),
    ("init/begin/*", "their task loss before learning, median"),
    ("init/end/*", "their task loss after pre-training, median"),
    ("init/share/*", "the share of their loss that pre-training leaves, median"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts that put related curves together: the loss of every expansion in each stage.
pub fn charts(sweep: &Sweep) -> Vec<Chart> {
    let section = format!("loss, {SEGMENT_UPDATES} s a step");
    let mut begin = 0;
    let mut charts = Vec::new();
    for (kind, title, steps) in [
        (StageKind::Pretraining, "pre-training", sweep.pretraining.steps()),
        (StageKind::Train, "learning", sweep.train.steps()),
        (StageKind::Steady, "learning from w*", sweep.steady.steps()),
    ] {
        let tag = |q: &i64| format!("{}/loss/q{q}", sweep.stage(kind).name);
        let tags: Vec<String> = sweep.axes.expansions.iter().map(tag).collect();
        let title = format!("{title}, from step {begin} on");
        begin += steps;
        // One point is no curve: pre-training in closed form.
        if steps > 1 {
            charts.extend(Chart::several(&section, &title, &tags));
        }
    }
    charts
}

/// Logs the loss of every expansion after a step, over the runs that have not diverged.
pub fn log_losses(sweep: &Sweep, step: &mut Step) {
    if !step.logging {
        return;
    }
    let stage = sweep.stage(sweep.locate(step.index).0);
    let now = stage.losses.select(4, sweep.done_after(step.index));
    let alive = stage.diverged.lt(0).to_kind(Kind::Double);
    let sum =
        |tensor: &Tensor| tensor.sum_dim_intlist([0i64, 2, 3].as_slice(), false, Kind::Double);
    let mean = sum(&(now * &alive)) / sum(&alive);
    for (size, q) in sweep.axes.expansions.iter().enumerate() {
        step.last(&format!("{}/loss/q{q}", stage.name), &mean.get(size as i64));
    }
}

/// A measure of a run, and its tag.
type Measure = (&'static str, fn(&RunResult) -> f64);

const MEASURES: [Measure; 9] = [
    ("speed/dynamic_5", |run| run.speeds.dynamic_5),
    ("speed/dynamic_50", |run| run.speeds.dynamic_50),
    ("speed/log_5", |run| run.speeds.log_5),
    ("speed/log_50", |run| run.speeds.log_50),
    ("speed/fit", |run| run.fit_rate),
    ("loss/naive", |run| run.naive),
    ("loss/window", |run| run.window),
    ("loss/stationary", RunResult::stationary_mean),
    ("modes/done", |run| run.modes as f64),
];

/// Says and logs the results of the last evaluation.
///
/// # Errors
/// Fails if the device's tensors can't be copied to the host.
pub fn report(run: &SteadyState, evaluation: &mut Evaluation) -> Result<()> {
    let Some(results) = &run.results else { return Ok(()) };
    let axes = &run.sweep.axes;
    report_networks(axes, results, evaluation);
    for ratio in 0..axes.ratios.len() {
        report_runs(axes, results, ratio, evaluation);
        say_noise(axes, results, ratio, evaluation);
    }
    if run.config.drop_easy_seeds {
        report_dropped_seeds(axes, results, evaluation);
    }
    report_shares(results, evaluation);
    report_histograms(run, results, evaluation)
}

/// Medians over seeds and repeats of every measure of the runs with one noise.
fn report_runs(axes: &SweepAxes, results: &Results, ratio: usize, evaluation: &mut Evaluation) {
    let noise = axes.noise_name(ratio);
    for (size, q) in axes.expansions.iter().enumerate() {
        for (index, gamma) in axes.gammas.iter().enumerate() {
            for (tag, measure) in MEASURES {
                let values = results.of(Condition { ratio, size, gamma: index }, measure);
                if !values.is_empty() {
                    let tag = format!("{tag}/{noise}/q{q}/g{gamma}");
                    evaluation.scalar(&tag, vec![quantile(&values, 0.5)]);
                }
            }
        }
    }
}

/// The seeds that do not count.
fn report_dropped_seeds(axes: &SweepAxes, results: &Results, evaluation: &mut Evaluation) {
    let dropped: Vec<String> = (axes.seeds.iter().zip(&results.kept))
        .filter(|(_, kept)| !**kept)
        .map(|(seed, _)| seed.to_string())
        .collect();
    evaluation.scalar("seeds/dropped", vec![dropped.len() as f64]);
    evaluation.say(&format!("easy seeds left out: {}", dropped.join(", ")));
}

/// Shares of the runs that have diverged and of those that have reached their steady state.
fn report_shares(results: &Results, evaluation: &mut Evaluation) {
    let count = results.runs.len() as f64;
    let share = |is: &dyn Fn(&RunResult) -> bool| {
        results.runs.iter().filter(|run| is(run)).count() as f64 / count
    };
    let diverged = share(&|run| run.diverged.or(run.steady_diverged).is_some());
    let stationary = share(&|run| run.stationary_mean().is_finite());
    evaluation.scalar("runs/diverged", vec![diverged]);
    evaluation.scalar("runs/stationary", vec![stationary]);
    evaluation.say(&format!(
        "{}: {:.1} % diverged, {:.1} % from w* reached their steady state",
        counted(results.runs.len(), "run"),
        100.0 * diverged,
        100.0 * stationary
    ));
}

/// Spectra of H and weights w*, of all seeds.
fn report_histograms(
    run: &SteadyState,
    results: &Results,
    evaluation: &mut Evaluation,
) -> Result<()> {
    for (size, q) in run.sweep.axes.expansions.iter().enumerate() {
        let spectra = results.networks.iter().filter(|network| network.size == size);
        let logs = spectra.flat_map(|network| {
            let largest = network.eigenvalues.last().copied().unwrap_or_default();
            let kept = move |value: &&f64| **value > run.config.cut * largest;
            network.eigenvalues.iter().filter(kept).map(|value| value.log10() as f32)
        });
        evaluation.histogram(&format!("spectrum/q{q}"), &logs.collect::<Vec<f32>>());
        let weights = run.sweep.pretraining.optimum.select(1, size as i64).narrow(1, 0, q * CELLS);
        evaluation.histogram(&format!("weights/q{q}"), &to_host::values_f32(&weights)?);
    }
    Ok(())
}

/// Medians over seeds of what came of the networks.
fn report_networks(axes: &SweepAxes, results: &Results, evaluation: &mut Evaluation) {
    let gap = |network: &NetworkResult| network.pretrained / network.minimum;
    let kept = results.networks.iter().filter(|network| results.kept[network.seed]);
    let all: Vec<f64> = kept.map(gap).filter(|gap| gap.is_finite()).collect();
    if !all.is_empty() {
        evaluation.scalar("pretrain/gap", vec![quantile(&all, 0.5)]);
    }
    for (size, q) in axes.expansions.iter().enumerate() {
        let median =
            |measure: fn(&NetworkResult) -> f64| quantile(&results.networks_of(size, measure), 0.5);
        let numbers = [
            ("network/begin", median(|network| network.begin)),
            ("network/pretrained", median(|network| network.pretrained)),
            ("network/minimum", median(|network| network.minimum)),
            ("network/cosine", median(|network| network.cosine)),
            ("network/best_gamma_q", *q as f64 * median(|network| network.best_gamma)),
            ("network/best_drop", median(|network| network.best_drop)),
            ("pretrain/gap", median(|network| network.pretrained / network.minimum)),
        ];
        for (tag, value) in numbers {
            evaluation.scalar(&format!("{tag}/q{q}"), vec![value]);
        }
        let [begin, pretrained, minimum, ..] = numbers.map(|(_, value)| value);
        evaluation.say(&format!(
            "q {q}: task loss {begin:.3e} before learning, {pretrained:.3e} at w*, {minimum:.3e} at \
             the minimum (medians over seeds)"
        ));
    }
}

/// The ends of the sweep over learning steps, in a line for each noise.
fn say_noise(axes: &SweepAxes, results: &Results, ratio: usize, evaluation: &Evaluation) {
    let name = axes.noise_name(ratio);
    for (size, q) in axes.expansions.iter().enumerate() {
        let at = |gamma: usize, measure: fn(&RunResult) -> f64| {
            quantile(&results.of(Condition { ratio, size, gamma }, measure), 0.5)
        };
        let last = axes.gammas.len() - 1;
        evaluation.say(&format!(
            "{name}, q {q}: speed {:.2e} to {:.2e} /s, last 10 updates {:.2e} to {:.2e}, from w* \
             {:.2e} to {:.2e} (medians over seeds and repeats)",
            at(0, |run| run.speeds.log_50),
            at(last, |run| run.speeds.log_50),
            at(0, |run| run.naive),
            at(last, |run| run.naive),
            at(0, |run| run.window),
            at(last, |run| run.window),
        ));
    }
}
