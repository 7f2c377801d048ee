//! The experiment `steady_state_theory`: predictions under simulated points.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::SteadyStateConfig;
use super::granule::CELLS;
use super::report;
use super::results::{Results, RunResult, quantile};
use super::stage::Group;
use super::task::Task;
use super::theory::{Published, noise_floor};
use super::train::SteadyState;
use crate::lab::checkpoint::{Score, State};
use crate::lab::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::log::Log;
use crate::lab::tensorboard::Chart;
use crate::lab::{Preset, Settings, read};

/// Expansions of the published figure.
const PUBLISHED: [f64; 5] = [3.0, 7.0, 11.0, 15.0, 19.0];

/// A sweep from the exact minimum, and what theory says about it.
pub struct SteadyStateTheory {
    sweep: SteadyState,
}

impl Experiment for SteadyStateTheory {
    const NAME: &'static str = "steady_state_theory";
    const ABOUT: &'static str =
        "Predicted and simulated speed and noise floor of online LMS (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 10, "log_every": 10, "expansions": [1, 3, 9],
        "pretrain": "exact", "pretrain_seconds": 50}"#;
    const PRESETS: &'static [Preset] = &[];
    const METRICS: &'static [&'static str] = &report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SteadyStateConfig;

    fn resolve(settings: &mut Settings<SteadyStateConfig>) -> Result<()> {
        SteadyState::resolve(settings)
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        Ok(Self { sweep: SteadyState::build(settings, device)? })
    }

    fn plan(&self) -> Plan {
        self.sweep.plan()
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        self.sweep.step(step)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        self.sweep.evaluate(evaluation)
    }

    fn state(&self) -> State {
        self.sweep.state()
    }

    fn charts(&self) -> Vec<Chart> {
        self.sweep.charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let _guard = no_grad_guard();
        let published = published();
        log.figure("published", step, &published.render()?, &published.to_csv());
        if let Some(results) = &self.sweep.results {
            let panels = overlay(&self.sweep, results)?;
            log.figure("predicted", step, &panels.render()?, &panels.to_csv());
        }
        Ok(())
    }
}

/// The published trade-off: a curve for every expansion through the steps γ = 0.01 ... 0.30 / √q.
fn published() -> LineFigure {
    let curves = Published::default();
    let series = PUBLISHED.map(|q| {
        let gammas = (1..=30).map(|i| 0.01 * f64::from(i) / q.sqrt());
        let points = gammas.map(|gamma| (curves.speed(q, gamma), curves.steady_loss(q, gamma)));
        let (x, y) = points.unzip();
        Series::new(&format!("q = {q}"), x, y)
    });
    LineFigure {
        title: "Published theory".into(),
        x_label: "learning speed (loss per update)".into(),
        y_label: "steady-state loss".into(),
        series: series.into(),
        ..LineFigure::default()
    }
}

/// Medians over seeds of what the theory of one step and of the noise floor say at every γ.
fn overlay(sweep: &SteadyState, results: &Results) -> Result<Panels> {
    let grid = &sweep.grid;
    let updates = (sweep.steady.seconds - sweep.config.steady_window / 2) as u64;
    let quiet = grid.ratios.iter().position(|ratio| ratio.is_infinite());
    let (mut floors, mut speeds) = (Vec::new(), Vec::new());
    for (size, q) in grid.expansions.iter().enumerate() {
        let gammas: Vec<f64> = (0..grid.gammas.len()).map(|i| grid.gamma(i, size)).collect();
        let simulated = |name: &str, y: Vec<f64>| {
            let label = format!("q = {q}, {name}");
            Series { marker: true, colour: Some(size), ..Series::new(&label, gammas.clone(), y) }
        };
        let predicted = |y: Vec<f64>| {
            let label = format!("q = {q}, predicted");
            Series { dashed: true, colour: Some(size), ..Series::new(&label, gammas.clone(), y) }
        };
        let Some(quiet) = quiet else { continue };
        let median = |ratio: usize, index: usize, measure: fn(&RunResult) -> f64| {
            quantile(&results.of((ratio, size, index), measure), 0.5)
        };
        let one: Vec<f64> =
            (0..gammas.len()).map(|i| median(quiet, i, |run| run.speeds.log_50)).collect();
        speeds.push(simulated("simulated", one));
        speeds.push(predicted(each(sweep, &gammas, |group, gamma| {
            one_step(&group.task.leading(q * CELLS), group, q * CELLS, gamma)
        })?));
        for (ratio, snr) in grid.ratios.iter().enumerate().filter(|(ratio, _)| *ratio != quiet) {
            let excess =
                |index: usize| quantile(&added(results, (ratio, quiet), (size, index)), 0.5);
            let name = format!("SNR {snr}");
            floors.push(simulated(&name, (0..gammas.len()).map(excess).collect()));
            floors.push(predicted(each(sweep, &gammas, |group, gamma| {
                let task = group.task.leading(q * CELLS);
                noise_floor(&task.hessian, &task.rule, gamma, gamma / snr, updates)
            })?));
        }
    }
    let panel = |title: &str, y_label: &str, y_log: bool, series: Vec<Series>| LineFigure {
        title: title.into(),
        x_label: "learning step γ".into(),
        y_label: y_label.into(),
        y_log,
        series,
        ..LineFigure::default()
    };
    Ok(Panels {
        title: "Predicted and simulated".into(),
        subtitle: format!("medians of {} seeds", grid.seeds.len()),
        columns: 2,
        panels: vec![
            panel("Loss that the noise adds", "task loss", true, floors),
            panel("Speed over fifty updates; of one mean update", "1/s", false, speeds),
        ],
    })
}

/// Loss at the end of the noisy runs beyond that of the same runs without noise.
fn added(
    results: &Results,
    (noisy, quiet): (usize, usize),
    (size, gamma): (usize, usize),
) -> Vec<f64> {
    let runs = |ratio: usize| {
        let here = move |run: &&RunResult| {
            (run.place.ratio, run.place.size, run.place.gamma) == (ratio, size, gamma)
        };
        results.runs.iter().filter(here)
    };
    // Both are in the order of seeds and repeats.
    let differences =
        runs(noisy).zip(runs(quiet)).map(|(noisy, quiet)| noisy.window - quiet.window);
    differences.filter(|difference| difference.is_finite()).collect()
}

/// The median over seeds of a prediction at every γ.
fn each(
    sweep: &SteadyState,
    gammas: &[f64],
    predict: impl Fn(&Group, f64) -> Tensor,
) -> Result<Vec<f64>> {
    let mut medians = Vec::new();
    for gamma in gammas {
        let mut values = Vec::new();
        for group in &sweep.groups {
            values.extend(read::values(&predict(group, *gamma))?);
        }
        medians.push(quantile(&values, 0.5));
    }
    Ok(medians)
}

/// Share of the loss that one mean update takes away before learning: (γ g·d − ½ γ² d·Hd) / L with
/// d = R w − p: [seed].
fn one_step(task: &Task, group: &Group, cells: i64, gamma: f64) -> Tensor {
    let weights = group.world.granule.initial.narrow(1, 0, cells);
    let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
    let mean = task.rule.matmul(&weights.unsqueeze(-1)).squeeze_dim(-1) - &task.rule_linear;
    let curved = task.hessian.matmul(&mean.unsqueeze(-1)).squeeze_dim(-1);
    let dot = |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist(-1, false, Kind::Double);
    let gain = dot(&gradient, &mean) * gamma - dot(&mean, &curved) * (0.5 * gamma * gamma);
    gain / task.loss(&weights)
}
