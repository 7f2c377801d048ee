//! Steps and evaluations of `steady_state`.

use anyhow::Result;
use tch::{Device, no_grad_guard};

use super::presets::PRESETS;
use super::state::SteadyState;
use super::{figures, report};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};
use crate::steady_state::config::SteadyStateConfig;
use crate::steady_state::measure::results::Results;

impl Experiment for SteadyState {
    const NAME: &'static str = "steady_state";
    const ABOUT: &'static str =
        "Learning speed against steady-state loss of online LMS (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 10, "log_every": 1, "checkpoint_every": 200}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SteadyStateConfig;

    fn resolve(settings: &mut Settings<SteadyStateConfig>) -> Result<()> {
        let run = &settings.run;
        if run.steps.is_some() || run.epochs != 1 {
            return Err(refuse(
                "--steps and --epochs don't apply: use --pretrain-seconds, --train-seconds and \
                 --steady-seconds",
            ));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        let _guard = no_grad_guard();
        let run = &settings.run;
        Self::new(settings.experiment.clone(), run.seed, run.replicates, device)
    }

    fn plan(&self) -> Plan {
        let steps = self.sweep.steps();
        Plan { steps, evaluate_every: steps }
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let index = step.index;
        step.time(Phase::Optimizer, || self.sweep.step(index));
        report::log_losses(&self.sweep, step);
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        self.results = Some(Results::measure(&self.sweep, &self.config.measurement())?);
        report::report(self, evaluation)?;
        Ok(None)
    }

    fn state(&self) -> State {
        self.tensors()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
