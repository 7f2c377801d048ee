//! The experiment `two_loss_toy`: a few points on the plane, followed by each method.

use anyhow::Result;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::config::ToyConfig;
use super::presets::PRESETS;
use super::state::TwoLossToy;
use super::{figures, report};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

impl Experiment for TwoLossToy {
    const NAME: &'static str = "two_loss_toy";
    const ABOUT: &'static str = "Climbs a hill with one optimizer while another holds a constraint";
    const DEFAULTS: &'static str = r#"{"steps": 1000}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] =
        &["f/two-losses", "f/multiplier", "f/eliminate", "excess/two-losses"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = ToyConfig;

    fn resolve(settings: &mut Settings<ToyConfig>) -> Result<()> {
        if settings.run.steps.is_none_or(|steps| steps == 0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        if settings.run.replicates != 1 {
            let asked = settings.run.replicates;
            return Err(refuse(format!("--replicates {asked}: nothing here is random")));
        }
        settings.experiment.validate()
    }

    fn build(settings: &Settings<ToyConfig>, _device: Device) -> Result<Self> {
        let config = settings.experiment.clone();
        let steps = settings.run.steps.unwrap_or(1000);
        Ok(Self::new(config, steps))
    }

    fn plan(&self) -> Plan {
        Plan { steps: self.steps, evaluate_every: self.config.print_every }
    }

    fn block(&self, _step: u64) -> u64 {
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

    fn state(&self) -> State {
        self.tensors()
    }

    fn source(&self) -> Value {
        json!("none: two coordinates and a formula")
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
