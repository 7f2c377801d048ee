//! Steps and evaluations of `steady_state_theory`.

use anyhow::Result;
use tch::Device;

use super::presets::PRESETS;
use super::state::SteadyStateTheory;
use super::{figures, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::{Settings, Spec, StepWork};
use crate::steady_state::config::{ABSENT, SIZES, SteadyStateConfig};
use crate::steady_state::trade_off::SteadyState;

impl Experiment for SteadyStateTheory {
    type Config = SteadyStateConfig;

    const SPEC: Spec = Spec {
        name: "steady_state_theory",
        about: "Predicted and simulated speed and noise floor of online LMS (docs/steady_state.md)",
        defaults: r#"{"replicates": 10, "log_every": 1, "expansions": [1, 3, 9],
        "snr": ["none", "3", "0.5"], "pretrain": "exact", "pretrain_seconds": 50}"#,
        presets: PRESETS,
        metrics: &report::METRICS,
        tags: report::TAGS,
        sizes: SIZES,
        absent: ABSENT,
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<SteadyStateConfig>) -> StepWork {
        settings.experiment.step_work(&settings.run)
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        Ok(Self { base: SteadyState::build(settings, device)? })
    }

    fn schedule(&self) -> RunSchedule {
        self.base.schedule()
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        self.base.step(step)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        self.base.evaluate(evaluation)
    }
}

impl Figures for SteadyStateTheory {
    fn charts(&self) -> Vec<Chart> {
        self.base.charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
