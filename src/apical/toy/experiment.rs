//! The steps of `apical_toy`.

use anyhow::Result;
use tch::Device;

use super::config::ToyConfig;
use super::state::Toy;
use super::{figures, presets, report};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// Time steps between two counts of the trials.
const COUNT_EVERY: u64 = 100;

impl Experiment for Toy {
    const NAME: &'static str = "apical_toy";
    const ABOUT: &'static str =
        "Follows the weight changes of one layer under the apical learning rule (docs/apical.md)";
    const DEFAULTS: &'static str = r#"{"steps": 1000}"#;
    const PRESETS: &'static [Preset] = presets::PRESETS;
    const METRICS: &'static [&'static str] = report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = ToyConfig;

    fn resolve(settings: &mut Settings<ToyConfig>) -> Result<()> {
        settings.experiment.validate()?;
        let run = &settings.run;
        if run.steps.is_none_or(|steps| steps == 0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        if run.replicates != 1 {
            let asked = run.replicates;
            return Err(refuse(format!("--replicates {asked}: use --trials for more layers")));
        }
        Ok(())
    }

    fn build(settings: &Settings<ToyConfig>, device: Device) -> Result<Self> {
        let run = &settings.run;
        let steps = run.steps.unwrap_or(1000);
        Ok(Self::new(settings.experiment.clone(), run.seed, steps, device))
    }

    fn plan(&self) -> Plan {
        Plan { steps: self.steps, evaluate_every: COUNT_EVERY }
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let (t, eta) = (step.index, self.config.eta);
        for ((layer, start), census) in
            self.layers.iter_mut().zip(&self.start).zip(&mut self.census)
        {
            let change = step.time(Phase::Optimizer, || layer.step(eta));
            step.time(Phase::Logging, || {
                census.record(t, &change, start.closed_form(eta, t as i64).as_ref());
            });
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
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
