//! Steps and evaluations of `one_neuron`.

use anyhow::{Context, Result};
use tch::{Device, no_grad_guard};

use super::config::OneNeuronConfig;
use super::presets::PRESETS;
use super::state::OneNeuron;
use super::{figures, report};
use crate::lab::error::Failure;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};

impl Experiment for OneNeuron {
    type Config = OneNeuronConfig;

    const SPEC: Spec = Spec {
        name: "one_neuron",
        about: "Trains one neuron by the gradient and by averages of its factors (docs/one_neuron.md)",
        defaults: r#"{"steps": 40000}"#,
        presets: PRESETS,
        metrics: &["train/end", "eval/loss", "eval/accuracy"],
        tags: report::TAGS,
        loss: Some("train/loss"),
        sizes: &["batch-size", "replicates", "record-every"],
        absent: &[
            Absent {
                key: "epochs",
                reason: "the samples are drawn anew at every step; use --steps",
            },
            Absent { key: "data", reason: "no data set: the task is drawn" },
            Absent { key: "data_dir", reason: "no data set: the task is drawn" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<OneNeuronConfig>) -> StepWork {
        settings.experiment.step_work(&settings.run)
    }

    fn build(settings: &Settings<OneNeuronConfig>, device: Device) -> Result<Self> {
        let run = &settings.run;
        let steps = run.steps.context("no number of steps")?;
        Self::new(settings.experiment.clone(), run.seed, run.replicates, steps, device)
    }

    fn schedule(&self) -> RunSchedule {
        let samples: usize = self.points.iter().map(|point| point.batch_size).sum();
        RunSchedule::new(self.steps, self.config.evaluate_every)
            .with_samples(samples as i64, self.replicates as i64)
    }

    fn steps_per_call(&self, step: u64) -> u64 {
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
            step.finite_steps(&good)?;
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
}

impl Figures for OneNeuron {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step);
        Ok(())
    }
}
