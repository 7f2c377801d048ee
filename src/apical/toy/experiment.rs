//! The steps of `apical_toy`.

use anyhow::{Context, Result};
use tch::Device;

use super::config::ToyConfig;
use super::state::Toy;
use super::{figures, presets, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};

/// Seconds that a step takes a thread of the CPU for each weight of a trial, under either law of the
/// multipliers (`docs/performance.md`).
const SECONDS_A_WEIGHT: f64 = 150e-9;
/// Launches of a step.
const LAUNCHES: f64 = 150.0;
/// Time steps between two counts of the trials.
const COUNT_EVERY: u64 = 100;

impl Experiment for Toy {
    type Config = ToyConfig;

    const SPEC: Spec = Spec {
        name: "apical_toy",
        about: "Follows the weight changes of one layer under the apical learning rule (docs/apical.md)",
        defaults: r#"{"steps": 1000}"#,
        presets: presets::PRESETS,
        metrics: report::METRICS,
        tags: report::TAGS,
        sizes: &["neurons", "inputs", "trials"],
        absent: &[
            Absent { key: "replicates", reason: "use --trials for more layers" },
            Absent { key: "epochs", reason: "time has no epochs; use --steps" },
            Absent { key: "data", reason: "no data set: the layers are drawn" },
            Absent { key: "data_dir", reason: "no data set: the layers are drawn" },
            Absent { key: "patience", reason: "the trials have no score" },
            Absent { key: "init_from", reason: "the layers are drawn from --seed" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<ToyConfig>) -> StepWork {
        let ToyConfig { trials, neurons, inputs, .. } = settings.experiment;
        let weights = 2.0 * trials as f64 * neurons as f64 * inputs as f64;
        StepWork::Operators { cpu_seconds: SECONDS_A_WEIGHT * weights, launches: LAUNCHES }
    }

    fn build(settings: &Settings<ToyConfig>, device: Device) -> Result<Self> {
        let run = &settings.run;
        let steps = run.steps.context("no number of steps")?;
        Ok(Self::new(settings.experiment.clone(), run.seed, steps, device))
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, COUNT_EVERY)
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
}

impl Figures for Toy {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
