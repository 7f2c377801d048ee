//! Steps and evaluations of `one_neuron`.

use anyhow::{Context, Result};
use tch::{Device, no_grad_guard};

use super::config::{Engine, Generators, OneNeuronConfig};
use super::presets::PRESETS;
use super::state::OneNeuron;
use super::{figures, report};
use crate::lab::error::{Failure, refuse};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

impl Experiment for OneNeuron {
    const NAME: &'static str = "one_neuron";
    const ABOUT: &'static str =
        "Trains one neuron by the gradient and by averages of its factors (docs/one_neuron.md)";
    const DEFAULTS: &'static str = r#"{"steps": 40000}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["train/end", "eval/loss", "eval/accuracy"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = OneNeuronConfig;

    fn resolve(settings: &mut Settings<OneNeuronConfig>) -> Result<()> {
        let (run, config) = (&settings.run, &settings.experiment);
        if run.steps.unwrap_or(0) == 0 {
            return Err(refuse("--steps: expected 1 or more"));
        }
        let last = run.seed.saturating_add(u64::from(run.replicates) - 1);
        if config.rng == Generators::Package && last > u64::from(u32::MAX) {
            let seed = run.seed;
            return Err(refuse(format!(
                "--seed {seed}: NumPy's generator takes seeds up to 4294967295 with --rng package"
            )));
        }
        if config.engine == Engine::Rows && run.device.starts_with("cuda") {
            return Err(refuse("--engine rows is for the CPU: use --engine tensors on CUDA"));
        }
        config.validate()
    }

    fn build(settings: &Settings<OneNeuronConfig>, device: Device) -> Result<Self> {
        let run = &settings.run;
        let steps = run.steps.context("the number of steps")?;
        Self::new(settings.experiment.clone(), run.seed, run.replicates, steps, device)
    }

    fn plan(&self) -> Plan {
        Plan { steps: self.steps, evaluate_every: self.config.evaluate_every }
    }

    fn block(&self, step: u64) -> u64 {
        self.steps_at_once(step)
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let (first, end) = (step.index, step.index + step.count);
        step.time(Phase::Data, || self.draw(first..end));
        if self.on_host() {
            if let Some(bad) = step.time(Phase::Forward, || self.run_on_host(first))? {
                return Err(Failure::NonFinite { step: first + bad as u64 + 1 }.into());
            }
        } else {
            let good = step.time(Phase::Forward, || self.run_on_device(first))?;
            self.note_finite(&good, step.count);
            if let Err(error) = step.finite(self.finite()) {
                // Of the steps of this call, the one that was not finite.
                let named = matches!(error.downcast_ref(), Some(Failure::NonFinite { .. }));
                let exact = Failure::NonFinite { step: first + to_host::scalar(&good)? as u64 + 1 };
                return Err(if named { exact.into() } else { error });
            }
        }
        if end == self.next_record(first) {
            let record = self.end_record();
            report::log_record(self, &record, step);
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        Ok(Some(report::report(self, evaluation)?))
    }

    fn state(&self) -> State {
        self.tensors()
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.restore_streams(checkpoint)
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
