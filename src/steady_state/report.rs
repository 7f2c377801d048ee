//! What a sweep says and logs.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::granule::CELLS;
use super::grid::Grid;
use super::results::{Results, RunResult, quantile};
use super::stage::Stage;
use super::train::SteadyState;
use crate::lab::log::tensorboard::Chart;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Step};

/// Tags by which TensorBoard compares sweeps.
pub const METRICS: [&str; 3] = ["runs/diverged", "runs/stationary", "pretrain/gap"];

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("pretrain/loss/*", "task loss of an expansion in pre-training, mean over seeds"),
    ("train/loss/*", "task loss of an expansion in learning, mean over seeds and steps γ"),
    ("steady/loss/*", "the same in learning from w*"),
    ("pretrain/gap", "median over networks of L(w*) / minimum"),
    ("pretrain/gap/*", "the same for an expansion"),
    ("network/begin/*", "task loss before learning, median over seeds"),
    ("network/pretrained/*", "task loss of w*, median over seeds"),
    ("network/minimum/*", "least task loss (pseudo-inverse with --cut), median over seeds"),
    ("network/cosine/*", "cosine between the gradient and the mean update before learning"),
    ("network/best_gamma_q/*", "q times the step of the largest loss drop in one mean update"),
    ("network/best_drop/*", "share of the loss that this update takes away"),
    ("speed/*", "learning speed of a noise, expansion and γ, 1/s, median over seeds"),
    ("loss/naive/*", "mean loss over the last 10 updates of learning, median over seeds"),
    ("loss/window/*", "mean loss at the end of the run from w*, median over seeds"),
    ("loss/stationary/*", "mean loss of the runs from w* that are stationary, median over seeds"),
    ("modes/done/*", "modes of H with 1/γλ below the length of the run from w*, median over seeds"),
    ("spectrum/*", "log10 of the eigenvalues of H of an expansion above --cut, of all seeds"),
    ("weights/*", "weights w* of an expansion, of all seeds"),
    ("seeds/dropped", "seeds that --drop-easy-seeds leaves out of medians and figures"),
    ("runs/diverged", "share of runs whose learning, or learning from w*, has diverged"),
    ("runs/stationary", "share of runs from w* that are stationary and long enough to say so"),
    ("init/spearman_begin", "rank correlation over seeds of mean y r at first with the first loss"),
    ("init/spearman_share", "the same with the share of the loss that pre-training leaves"),
    ("init/seeds/*", "seeds whose plant at first goes the same or the opposite way"),
    ("init/begin/*", "their task loss before learning, median"),
    ("init/end/*", "their task loss after pre-training, median"),
    ("init/share/*", "the share of their loss that pre-training leaves, median"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts that put related curves together.
pub fn charts() -> Vec<Chart> {
    ["pretrain", "train", "steady"]
        .iter()
        .map(|stage| Chart::pattern("loss", stage, &format!("^{stage}/loss/q[0-9]+$")))
        .chain([Chart::pattern("time", "milliseconds a step", "^time/.*_ms$")])
        .collect()
}

/// Logs the loss of every expansion after update `last`, over the runs that have not diverged.
pub fn log_losses(step: &mut Step, stage: &Stage, grid: &Grid, last: i64) {
    if !step.logging {
        return;
    }
    let now = stage.losses.select(4, last.min(stage.seconds));
    let alive = stage.diverged.lt(0).to_kind(Kind::Double);
    let sum =
        |tensor: &Tensor| tensor.sum_dim_intlist([0i64, 2, 3].as_slice(), false, Kind::Double);
    let mean = sum(&(now * &alive)) / sum(&alive);
    for (size, q) in grid.expansions.iter().enumerate() {
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
    ("loss/stationary", stationary_mean),
    ("modes/done", |run| run.modes as f64),
];

/// The mean of a run that has reached its steady state, else NaN.
pub fn stationary_mean(run: &RunResult) -> f64 {
    run.steady.filter(super::stationarity::SteadyState::reached).map_or(f64::NAN, |s| s.mean)
}

/// Says and logs everything that was measured.
///
/// # Errors
/// Where the device can't be read.
pub fn report(sweep: &SteadyState, results: &Results, evaluation: &mut Evaluation) -> Result<()> {
    let grid = &sweep.grid;
    report_networks(sweep, results, evaluation);
    for ratio in 0..grid.ratios.len() {
        let noise = grid.noise_name(ratio);
        for (size, q) in grid.expansions.iter().enumerate() {
            for (index, gamma) in grid.gammas.iter().enumerate() {
                for (tag, measure) in MEASURES {
                    let values = results.of((ratio, size, index), measure);
                    if !values.is_empty() {
                        let tag = format!("{tag}/{noise}/q{q}/g{gamma}");
                        evaluation.scalar(&tag, vec![quantile(&values, 0.5)]);
                    }
                }
            }
        }
        say_noise(results, grid, ratio, evaluation);
    }
    if sweep.config.drop_easy_seeds {
        let dropped: Vec<String> = (grid.seeds.iter().zip(&results.kept))
            .filter(|(_, kept)| !**kept)
            .map(|(seed, _)| seed.to_string())
            .collect();
        evaluation.scalar("seeds/dropped", vec![dropped.len() as f64]);
        evaluation.say(&format!("easy seeds left out: {}", dropped.join(", ")));
    }
    let count = results.runs.len() as f64;
    let share = |is: &dyn Fn(&RunResult) -> bool| {
        results.runs.iter().filter(|run| is(run)).count() as f64 / count
    };
    let diverged = share(&|run| run.diverged.or(run.steady_diverged).is_some());
    let stationary = share(&|run| stationary_mean(run).is_finite());
    evaluation.scalar("runs/diverged", vec![diverged]);
    evaluation.scalar("runs/stationary", vec![stationary]);
    evaluation.say(&format!(
        "{count} runs: {:.1} % diverged, {:.1} % from w* reached their steady state",
        100.0 * diverged,
        100.0 * stationary
    ));
    report_histograms(sweep, results, evaluation)
}

/// Spectra of H and weights w*, of all seeds.
fn report_histograms(
    sweep: &SteadyState,
    results: &Results,
    evaluation: &mut Evaluation,
) -> Result<()> {
    for (size, q) in sweep.grid.expansions.iter().enumerate() {
        let spectra = results.networks.iter().filter(|network| network.size == size);
        let logs = spectra.flat_map(|network| {
            let largest = network.eigenvalues.last().copied().unwrap_or_default();
            let kept = move |value: &&f64| **value > sweep.config.cut * largest;
            network.eigenvalues.iter().filter(kept).map(|value| value.log10() as f32)
        });
        evaluation.histogram(&format!("spectrum/q{q}"), &logs.collect::<Vec<f32>>());
        let weights = sweep.optimum.select(1, size as i64).narrow(1, 0, q * CELLS);
        evaluation.histogram(&format!("weights/q{q}"), &to_host::values_f32(&weights)?);
    }
    Ok(())
}

fn report_networks(sweep: &SteadyState, results: &Results, evaluation: &mut Evaluation) {
    let gap = |network: &super::results::NetworkResult| network.pretrained / network.minimum;
    let all: Vec<f64> = results.networks.iter().map(gap).filter(|gap| gap.is_finite()).collect();
    if !all.is_empty() {
        evaluation.scalar("pretrain/gap", vec![quantile(&all, 0.5)]);
    }
    for (size, q) in sweep.grid.expansions.iter().enumerate() {
        let median = |measure: fn(&super::results::NetworkResult) -> f64| {
            quantile(&results.networks_of(size, measure), 0.5)
        };
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
fn say_noise(results: &Results, grid: &Grid, ratio: usize, evaluation: &Evaluation) {
    let name = grid.noise_name(ratio);
    for (size, q) in grid.expansions.iter().enumerate() {
        let at = |index: usize, measure: fn(&RunResult) -> f64| {
            quantile(&results.of((ratio, size, index), measure), 0.5)
        };
        let last = grid.gammas.len() - 1;
        evaluation.say(&format!(
            "{name}, q {q}: speed {:.2e} to {:.2e} /s, last 10 updates {:.2e} to {:.2e}, from w* \
             {:.2e} to {:.2e}",
            at(0, |run| run.speeds.log_50),
            at(last, |run| run.speeds.log_50),
            at(0, |run| run.naive),
            at(last, |run| run.naive),
            at(0, |run| run.window),
            at(last, |run| run.window),
        ));
    }
}
