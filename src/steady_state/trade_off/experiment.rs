//! Steps and evaluations of `steady_state`.

use anyhow::Result;
use tch::{Device, no_grad_guard};

use super::presets::PRESETS;
use super::state::SteadyState;
use super::{figures, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Settings, Spec, StepWork};
use crate::steady_state::config::{ABSENT, SIZES, SteadyStateConfig};
use crate::steady_state::measure::results::Results;

impl Experiment for SteadyState {
    type Config = SteadyStateConfig;

    const SPEC: Spec = Spec {
        name: "steady_state",
        about: "Learning speed against steady-state loss of online LMS (docs/steady_state.md)",
        defaults: r#"{"replicates": 10, "log_every": 1, "checkpoint_every": 200}"#,
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
        let _guard = no_grad_guard();
        let run = &settings.run;
        Self::new(settings.experiment.clone(), run.seed, run.replicates, device)
    }

    fn schedule(&self) -> RunSchedule {
        let steps = self.sweep.steps();
        RunSchedule::new(steps, steps)
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let index = step.index;
        step.time(Phase::Optimizer, || self.sweep.step(index))?;
        report::log_losses(&self.sweep, step);
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        self.results = Some(Results::measure(&self.sweep, &self.config.measurement())?);
        report::report(self, evaluation)?;
        Ok(None)
    }
}

impl Figures for SteadyState {
    fn charts(&self) -> Vec<Chart> {
        report::charts(&self.sweep)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
