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
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};

/// Why the flags of a run's length do not apply.
const LENGTH: &str = "a run is every network once, each of --descent-steps";

impl Experiment for DepthWidth {
    type Config = DepthWidthConfig;

    const SPEC: Spec = Spec {
        name: "depth_width",
        about: "Early descent on ten examples against depth and width (docs/depth_width.md)",
        defaults: r#"{"log_every": 1, "data": "mnist"}"#,
        presets: PRESETS,
        metrics: &["network/end"],
        tags: report::TAGS,
        sizes: &["widths", "depths"],
        absent: &[
            Absent { key: "steps", reason: LENGTH },
            Absent { key: "epochs", reason: LENGTH },
            Absent { key: "patience", reason: "the networks have no score" },
            Absent { key: "init_from", reason: "the networks are drawn from --seed" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<DepthWidthConfig>) -> StepWork {
        settings.experiment.step_work(&settings.run)
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

    fn schedule(&self) -> RunSchedule {
        let steps = self.points.len() as u64 * self.replicates as u64;
        let images = self.examples.images.size()[0] * i64::from(self.config.descent_steps);
        RunSchedule::new(steps, steps).with_samples(images, 1)
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

    fn data_provenance(&self) -> Value {
        self.source.clone()
    }
}

impl Figures for DepthWidth {
    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
