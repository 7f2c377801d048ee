//! Steps and evaluations of `steady_state_theory`.

use anyhow::Result;
use tch::Device;

use super::presets::PRESETS;
use super::state::SteadyStateTheory;
use super::{figures, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::{Preset, Settings};
use crate::steady_state::config::SteadyStateConfig;
use crate::steady_state::trade_off::SteadyState;

impl Experiment for SteadyStateTheory {
    const NAME: &'static str = "steady_state_theory";
    const ABOUT: &'static str =
        "Predicted and simulated speed and noise floor of online LMS (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 10, "log_every": 1, "expansions": [1, 3, 9],
        "snr": ["none", "3", "0.5"], "pretrain": "exact", "pretrain_seconds": 50}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SteadyStateConfig;

    fn resolve(settings: &mut Settings<SteadyStateConfig>) -> Result<()> {
        SteadyState::resolve(settings)
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        Ok(Self { base: SteadyState::build(settings, device)? })
    }

    fn plan(&self) -> Plan {
        self.base.plan()
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        self.base.step(step)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        self.base.evaluate(evaluation)
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
