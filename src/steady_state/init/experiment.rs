//! Steps and evaluations of `steady_state_init`.

use anyhow::Result;
use tch::{Device, no_grad_guard};

use super::presets::PRESETS;
use super::state::SteadyStateInit;
use super::{figures, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::{Settings, Spec, StepWork};
use crate::steady_state::config::{ABSENT, SIZES, SteadyStateConfig};
use crate::steady_state::measure::initialisation::measure_initialisations;
use crate::steady_state::trade_off::SteadyState;

impl Experiment for SteadyStateInit {
    type Config = SteadyStateConfig;

    const SPEC: Spec = Spec {
        name: "steady_state_init",
        about: "Good and bad initialisations of online LMS over many seeds (docs/steady_state.md)",
        defaults: r#"{"replicates": 80, "log_every": 1, "reference": "sines-phase",
        "expansions": [1], "gammas": [0.05], "snr": ["none"], "pretrain_seconds": 2000,
        "train_seconds": 50, "steady_seconds": 100}"#,
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
        let base = SteadyState::build(settings, device)?;
        Ok(Self { base, initialisations: Vec::new() })
    }

    fn schedule(&self) -> RunSchedule {
        self.base.schedule()
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
}

impl Figures for SteadyStateInit {
    fn charts(&self) -> Vec<Chart> {
        self.base.charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
