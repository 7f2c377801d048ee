//! The experiment `steady_state_theory`: predictions under simulated points.

use anyhow::Result;
use tch::{Device, no_grad_guard};

use super::config::SteadyStateConfig;
use super::overlay::overlay;
use super::report;
use super::theory::Published;
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Series};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::{Preset, Settings};

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
    const DEFAULTS: &'static str = r#"{"replicates": 10, "log_every": 1, "expansions": [1, 3, 9],
        "snr": ["none", "3", "0.5"], "pretrain": "exact", "pretrain_seconds": 50}"#;
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
