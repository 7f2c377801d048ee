//! Figures of a sweep.

use anyhow::Result;

use super::results::{Results, RunResult, quantile};
use super::stage::UPDATES;
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Panels, Reference, Series};
use crate::lab::log::Log;
use crate::lab::read;

/// Curves in a panel at most.
const SHOWN: usize = 5;
/// Points of a curve of a long series.
const POINTS: usize = 500;

type Measure = fn(&RunResult) -> f64;

/// Draws the figures of a run's end.
///
/// # Errors
/// Where the device can't be read, or a figure has nothing to show.
pub fn draw(sweep: &SteadyState, log: &mut Log, step: u64) -> Result<()> {
    let Some(results) = &sweep.results else { return Ok(()) };
    let tradeoff = tradeoff(sweep, results);
    log.figure("tradeoff", step, &tradeoff.render()?, &results.table(&sweep.grid));
    for (name, panels) in [
        ("gamma", against_gamma(sweep, results)),
        ("networks", networks(sweep, results)),
        ("pretraining", pretraining(sweep)?),
        ("steady_runs", steady_runs(sweep)?),
        ("trajectory", trajectory(sweep)?),
    ] {
        log.figure(name, step, &panels.render()?, &panels.to_csv());
    }
    Ok(())
}

/// Some of the indices 0..count: the first, the last, and evenly between.
fn some(count: usize) -> Vec<usize> {
    let shown = SHOWN.min(count);
    (0..shown).map(|i| i * (count - 1) / shown.max(2).saturating_sub(1)).collect()
}

fn subtitle(sweep: &SteadyState) -> String {
    let seeds = sweep.grid.seeds.len();
    match seeds {
        1 => "one seed".into(),
        _ => format!("median of {seeds} seeds, band: quartiles"),
    }
}

fn noise_title(sweep: &SteadyState, ratio: usize) -> String {
    match sweep.grid.ratios[ratio] {
        none if none.is_infinite() => "no noise".into(),
        ratio => format!("SNR {ratio}"),
    }
}

/// Steady-state loss against learning speed: a curve for every expansion, a point for every γ.
fn tradeoff(sweep: &SteadyState, results: &Results) -> Panels {
    let definitions: [(&str, Measure); 2] =
        [("last 10 updates of learning", |run| run.naive), ("from w*", |run| run.window)];
    let mut panels = Vec::new();
    for ratio in 0..sweep.grid.ratios.len() {
        for (title, loss) in definitions {
            let series = some(sweep.grid.expansions.len()).into_iter().map(|size| {
                let medians = |measure: Measure| -> Vec<f64> {
                    let at = |index| quantile(&results.of((ratio, size, index), measure), 0.5);
                    (0..sweep.grid.gammas.len()).map(at).collect()
                };
                let label = format!("q = {}", sweep.grid.expansions[size]);
                let speed = medians(|run| run.speeds.log_50);
                Series { marker: true, ..Series::new(&label, speed, medians(loss)) }
            });
            panels.push(LineFigure {
                title: format!("{title}, {}", noise_title(sweep, ratio)),
                x_label: "learning speed (1/s)".into(),
                y_label: "steady-state loss".into(),
                y_log: true,
                series: series.collect(),
                ..LineFigure::default()
            });
        }
    }
    Panels {
        title: "Steady-state loss against learning speed".into(),
        subtitle: format!(
            "medians of {} seeds; each curve runs through the learning steps γ",
            sweep.grid.seeds.len()
        ),
        columns: 2,
        panels,
    }
}

/// Speed and steady-state losses against the learning step.
fn against_gamma(sweep: &SteadyState, results: &Results) -> Panels {
    let measures: [(&str, &str, Measure); 3] = [
        ("learning speed", "1/s", |run| run.speeds.log_50),
        ("last 10 updates", "task loss", |run| run.naive),
        ("from w*", "task loss", |run| run.window),
    ];
    let mut panels = Vec::new();
    for ratio in 0..sweep.grid.ratios.len() {
        for (title, unit, measure) in measures {
            let series = some(sweep.grid.expansions.len()).into_iter().map(|size| {
                let at = |share: f64| -> Vec<f64> {
                    let at = |index| quantile(&results.of((ratio, size, index), measure), share);
                    (0..sweep.grid.gammas.len()).map(at).collect()
                };
                let label = format!("q = {}", sweep.grid.expansions[size]);
                let gammas = (0..sweep.grid.gammas.len()).map(|i| sweep.grid.gamma(i, size));
                let series = Series::new(&label, gammas.collect(), at(0.5));
                Series { marker: true, ..series }.with_band(at(0.25), at(0.75))
            });
            panels.push(LineFigure {
                title: format!("{title}, {}", noise_title(sweep, ratio)),
                x_label: "learning step γ".into(),
                y_label: unit.into(),
                y_log: unit != "1/s",
                series: series.collect(),
                ..LineFigure::default()
            });
        }
    }
    let title = "Speed and steady state against the learning step".into();
    Panels { title, subtitle: subtitle(sweep), columns: 3, panels }
}

/// Quality of the pre-training, the modes' time constants, and the optimal step, by expansion.
fn networks(sweep: &SteadyState, results: &Results) -> Panels {
    let sizes = sweep.grid.expansions.len();
    let q: Vec<f64> = sweep.grid.expansions.iter().map(|q| *q as f64).collect();
    let curve = |label: &str, measure: &dyn Fn(&super::results::NetworkResult) -> f64| {
        let at = |share: f64| -> Vec<f64> {
            (0..sizes).map(|size| quantile(&results.networks_of(size, measure), share)).collect()
        };
        let series = Series::new(label, q.clone(), at(0.5)).with_band(at(0.25), at(0.75));
        Series { marker: true, ..series }
    };
    let panel = |title: &str, y_label: &str, series: Vec<Series>| LineFigure {
        title: title.into(),
        x_label: "expansion q".into(),
        y_label: y_label.into(),
        series,
        ..LineFigure::default()
    };
    let losses = vec![
        curve("before learning", &|network| network.begin),
        curve("w* of the pre-training", &|network| network.pretrained),
        curve("minimum", &|network| network.minimum),
    ];
    let quality = LineFigure { y_log: true, ..panel("Task loss", "task loss", losses) };
    let expansions = &sweep.grid.expansions;
    let scaled = |network: &super::results::NetworkResult| {
        network.best_gamma * expansions[network.size] as f64
    };
    let step = panel("Best single mean update", "γ q", vec![curve("", &scaled)]);
    let panels = vec![quality, times(sweep, results), step];
    let title = "Networks: pre-training, time scales, optimal step".into();
    Panels { title, subtitle: subtitle(sweep), columns: 3, panels }
}

/// The time 1/γλ that each mode of H needs, at the pre-training's γ.
fn times(sweep: &SteadyState, results: &Results) -> LineFigure {
    let asked = sweep.config.pretrain_gamma.unwrap_or_default();
    let series = some(sweep.grid.expansions.len()).into_iter().map(|size| {
        let q = sweep.grid.expansions[size];
        let gamma = sweep.config.scaled(asked, q);
        let cells = (10 * q as usize).min(12);
        let time = |mode: usize| {
            let from_top = |network: &super::results::NetworkResult| {
                let values = &network.eigenvalues;
                1.0 / (gamma * values[values.len() - 1 - mode])
            };
            quantile(&results.networks_of(size, from_top), 0.5)
        };
        let x = (1..=cells).map(|mode| mode as f64).collect();
        let label = format!("q = {q}");
        Series { marker: true, ..Series::new(&label, x, (0..cells).map(time).collect()) }
    });
    let value = sweep.config.pretrain_seconds as f64;
    LineFigure {
        title: "Time that each mode needs".into(),
        x_label: "mode of H, by eigenvalue λ".into(),
        y_label: "1/γλ (s)".into(),
        y_log: true,
        series: series.collect(),
        references: vec![Reference { label: "pre-training".into(), value }],
        ..LineFigure::default()
    }
}

/// Times and values of a long series, thinned.
fn thinned(label: &str, values: &[f64]) -> Series {
    let stride = values.len().div_ceil(POINTS).max(1);
    let kept = values.iter().enumerate().step_by(stride);
    let (x, y) = kept.map(|(t, value)| (t as f64, *value)).unzip();
    Series::new(label, x, y)
}

fn panel(title: String, y_label: &str, y_log: bool, series: Vec<Series>) -> LineFigure {
    let (x_label, y_label) = ("time (s)".into(), y_label.into());
    LineFigure { title, x_label, y_label, y_log, series, ..LineFigure::default() }
}

/// Task loss in pre-training, the whole and its beginning, and weights, of the first seed.
fn pretraining(sweep: &SteadyState) -> Result<Panels> {
    let stage = &sweep.pretrain;
    let (mut whole, mut begin, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let sizes = some(sweep.grid.expansions.len());
    for size in &sizes {
        let label = format!("q = {}", sweep.grid.expansions[*size]);
        let losses = read::values(&stage.losses.get(0).get(*size as i64).get(0).get(0))?;
        whole.push(thinned(&label, &losses));
        begin.push(thinned(&label, &losses[..losses.len().min(401)]));
    }
    for cell in 0..7 {
        let path = read::values(&sweep.trace.select(1, 0).select(1, cell))?;
        let last = stage.seconds as f64;
        let x = (0..path.len()).map(|i| (i as f64 * UPDATES as f64).min(last)).collect();
        weights.push(Series::new(&format!("cell {}", cell + 1), x, path));
    }
    let q = sweep.grid.expansions[0];
    Ok(Panels {
        title: "Pre-training".into(),
        subtitle: format!("first seed, {}", pretrain_name(sweep)),
        columns: 3,
        panels: vec![
            panel("Task loss, the whole".into(), "task loss", true, whole),
            panel("Task loss, first 400 s".into(), "task loss", true, begin),
            panel(format!("Weights of the first cells, q = {q}"), "weight", false, weights),
        ],
    })
}

fn pretrain_name(sweep: &SteadyState) -> &'static str {
    use super::config::Pretrain;
    match sweep.config.pretrain {
        Pretrain::Lms => "online LMS",
        Pretrain::GdClosedForm | Pretrain::GdIterated => "gradient descent",
        Pretrain::Exact => "the minimum at once",
    }
}

/// Task loss of runs from w* for the first seed: is it steady?
fn steady_runs(sweep: &SteadyState) -> Result<Panels> {
    let sizes = sweep.grid.expansions.len();
    let mut panels = Vec::new();
    for ratio in 0..sweep.grid.ratios.len() {
        for size in [0, sizes - 1] {
            let mut series = Vec::new();
            for index in some(sweep.grid.gammas.len()) {
                let rule = ratio * sweep.grid.gammas.len() + index;
                let losses = sweep.steady.losses.get(0).get(size as i64).get(0).get(rule as i64);
                let gamma = sweep.grid.gamma(index, size);
                series.push(thinned(&format!("γ = {gamma:.4}"), &read::values(&losses)?));
            }
            let q = sweep.grid.expansions[size];
            let title = format!("q = {q}, {}", noise_title(sweep, ratio));
            panels.push(panel(title, "task loss", true, series));
        }
    }
    let title = "Learning from w*".into();
    Ok(Panels { title, subtitle: "first seed".into(), columns: 2, panels })
}

/// The trajectory of the first seed before learning and with w*, smallest network.
fn trajectory(sweep: &SteadyState) -> Result<Panels> {
    let group = &sweep.groups[0];
    let stretch = group.world.stretch(0, sweep.config.loss_seconds.min(100));
    let rest = stretch.state.select(1, 0).zeros_like();
    let trace = group.world.trace(&stretch, &rest).get(0);
    let columns = trace.size()[1] - 1;
    let dt = sweep.config.dt;
    let time = tch::Tensor::arange(trace.size()[0], (tch::Kind::Double, trace.device())) * dt;
    let reference = read::values(&group.world.granule.signals(&time).0.get(0))?;
    let x: Vec<f64> = read::values(&time)?;
    let mut panels = Vec::new();
    let weights =
        [("before learning", sweep.initial()), ("with w*", sweep.optimum.shallow_clone())];
    for (title, weights) in weights {
        let error =
            trace.narrow(1, 0, columns).matmul(&weights.get(0).get(0)) + trace.select(1, columns);
        let y = read::values(&error)?.iter().zip(&reference).map(|(e, r)| e + r).collect();
        let wanted =
            Series { dashed: true, ..Series::new("reference", x.clone(), reference.clone()) };
        let series = vec![Series::new("plant", x.clone(), y), wanted];
        panels.push(panel(title.into(), "position", false, series));
    }
    let q = sweep.grid.expansions[0];
    let subtitle = format!("first seed, q = {q}, frozen weights");
    Ok(Panels { title: "Trajectory".into(), subtitle, columns: 2, panels })
}
