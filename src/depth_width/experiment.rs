//! The experiment `depth_width`: a step of the loop is the whole descent of one network.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::DepthWidthConfig;
use super::descent::{Examples, descend};
use super::presets::PRESETS;
use super::state::DepthWidth;
use super::{figures, report};
use crate::data;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

impl Experiment for DepthWidth {
    const NAME: &'static str = "depth_width";
    const ABOUT: &'static str =
        "Early descent on ten examples against depth and width (docs/depth_width.md)";
    const DEFAULTS: &'static str = r#"{"log_every": 1}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["network/end"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = DepthWidthConfig;

    fn resolve(settings: &mut Settings<DepthWidthConfig>) -> Result<()> {
        let run = &settings.run;
        if run.steps.is_some() || run.epochs != 1 {
            return Err(refuse(
                "--steps and --epochs: a run is every network once, each of --descent-steps",
            ));
        }
        settings.experiment.validate()
    }

    fn build(settings: &Settings<DepthWidthConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let examples = Examples::first_of_each(&data)?;
        let points = config.points();
        let replicates = i64::from(run.replicates);
        let shape = [replicates, points.len() as i64, i64::from(config.descent_steps) + 1];
        let losses = Tensor::full(shape, f64::NAN, (Kind::Double, device));
        let (seed, source) = (run.seed, data.source);
        Ok(Self { config, examples, points, replicates, data: data.name, losses, seed, source })
    }

    fn plan(&self) -> Plan {
        let steps = self.points.len() as u64 * self.replicates as u64;
        Plan { steps, evaluate_every: steps }
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let (point, replicate) =
            (step.index as i64 / self.replicates, step.index as i64 % self.replicates);
        let seed = self.seed.wrapping_add(replicate as u64);
        let network = &self.points[point as usize];
        let steps = self.config.descent_steps;
        let losses = step.time(Phase::Forward, || descend(network, &self.examples, steps, seed))?;
        let _guard = no_grad_guard();
        self.losses.select(0, replicate).select(0, point).copy_(&losses);
        let (start, end) = (losses.select(0, 0), losses.select(0, i64::from(steps)));
        step.last("network/log_ratio", &(&end / &start).log());
        step.last("network/start", &start);
        step.last("network/end", &end);
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
        self.source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
