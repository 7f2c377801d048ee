//! The experiment `two_loss_toy`: a few points on the plane, followed by each method.

use anyhow::Result;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::config::ToyConfig;
use super::presets::PRESETS;
use super::state::TwoLossToy;
use super::{figures, report};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};

impl Experiment for TwoLossToy {
    type Config = ToyConfig;

    const SPEC: Spec = Spec {
        name: "two_loss_toy",
        about: "Climbs a hill with one optimizer while another holds a constraint",
        defaults: r#"{"steps": 1000}"#,
        presets: PRESETS,
        metrics: &["f/two-losses", "f/multiplier", "f/eliminate", "excess/two-losses"],
        tags: report::TAGS,
        sizes: &["map-size"],
        absent: &[
            Absent {
                key: "replicates",
                reason: "two coordinates and a formula: nothing here is random",
            },
            Absent { key: "epochs", reason: "there are no data; use --steps" },
            Absent { key: "data", reason: "there are no data: two coordinates and a formula" },
            Absent { key: "data_dir", reason: "there are no data: two coordinates and a formula" },
            Absent { key: "patience", reason: "the methods have no score" },
            Absent { key: "init_from", reason: "every path begins at --start" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(_settings: &Settings<ToyConfig>) -> StepWork {
        StepWork::OnHost("a step is a few numbers in plain Rust")
    }

    fn build(settings: &Settings<ToyConfig>, _device: Device) -> Result<Self> {
        let config = settings.experiment.clone();
        let steps = settings.run.steps.unwrap_or(1000);
        Ok(Self::new(config, steps))
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, self.config.print_every)
    }

    fn steps_per_call(&self, _step: u64) -> u64 {
        10_000
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let mut points = Self::rows(&self.points)?;
        let mut before = points.clone();
        let (count, problem, methods) = (step.count, self.problem, &self.config.methods);
        step.time(Phase::Optimizer, || {
            for ((point, before), method) in points.iter_mut().zip(&mut before).zip(methods) {
                for _ in 0..count {
                    *before = *point;
                    problem.step(*method, point);
                }
            }
        });
        // A learning rate that is too large makes a point run away. The numbers are the host's, so
        // that it knows at once whatever the policy of the device.
        let finite = points.iter().flatten().all(|value| value.is_finite());
        step.finite(&Tensor::full([], i64::from(finite), (Kind::Bool, Device::Cpu)))?;
        if finite {
            self.points.copy_(&Tensor::from_slice2(&points));
            self.before.copy_(&Tensor::from_slice2(&before));
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        report::report(self, evaluation)?;
        Ok(None)
    }

    fn data_provenance(&self) -> Value {
        json!("none: two coordinates and a formula")
    }
}

impl Figures for TwoLossToy {
    fn charts(&self) -> Vec<Chart> {
        report::charts(&self.config.methods)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step);
        Ok(())
    }
}
