//! Steps and evaluations of `steady_state_init`.

use anyhow::Result;
use tch::{Device, no_grad_guard};

use super::presets::PRESETS;
use super::state::SteadyStateInit;
use super::{figures, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::{Preset, Settings};
use crate::steady_state::config::SteadyStateConfig;
use crate::steady_state::measure::initialisation::measure_initialisations;
use crate::steady_state::trade_off::SteadyState;

impl Experiment for SteadyStateInit {
    const NAME: &'static str = "steady_state_init";
    const ABOUT: &'static str =
        "Good and bad initialisations of online LMS over many seeds (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 80, "log_every": 1, "reference": "sines-phase",
        "expansions": [1], "gammas": [0.05], "snr": ["none"], "pretrain_seconds": 2000,
        "train_seconds": 50, "steady_seconds": 100}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SteadyStateConfig;

    fn resolve(settings: &mut Settings<SteadyStateConfig>) -> Result<()> {
        SteadyState::resolve(settings)
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        let base = SteadyState::build(settings, device)?;
        Ok(Self { base, initialisations: Vec::new() })
    }

    fn plan(&self) -> Plan {
        self.base.plan()
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        self.base.step(step)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        self.initialisations = measure_initialisations(&self.base.sweep)?;
        report::report(&self.initialisations, evaluation);
        Ok(None)
    }

    fn state(&self) -> State {
        self.base.tensors()
    }

    fn charts(&self) -> Vec<Chart> {
        self.base.charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
