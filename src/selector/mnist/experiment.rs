//! The experiment `selector_mnist`: a selector network learns to tell digits apart.

use anyhow::Result;
use serde_json::Value;
use tch::Device;

use super::config::MnistConfig;
use super::evaluation::{TestResult, test};
use super::presets::PRESETS;
use super::state::{Drawn, SelectorMnist, draw_network};
use super::tally::Tally;
use super::{figures, report};
use crate::data;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::rng::Seeds;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::learner::Learner;
use crate::lab::{Settings, Spec, StepWork};

impl Experiment for SelectorMnist {
    type Config = MnistConfig;

    const SPEC: Spec = Spec {
        name: "selector_mnist",
        about: "Trains a network of selection and computation neurons on MNIST (docs/selector_mnist.md)",
        defaults: r#"{"epochs": 5, "data": "mnist"}"#,
        presets: PRESETS,
        metrics: &["eval/accuracy", "eval/loss", "train/epoch_loss"],
        tags: report::TAGS,
        loss: Some("train/loss"),
        sizes: &["hidden", "num-computation", "batch-size", "replicates"],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<MnistConfig>) -> StepWork {
        settings.experiment.network.step_work(&settings.run)
    }

    fn build(settings: &Settings<MnistConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let seeds = Seeds { first: run.seed, count: i64::from(run.replicates) };
        let network_config = config.network.clone();
        let (samples, batch) = (data.train.len(), network_config.batch_size);
        if batch > samples {
            let name = &data.name;
            return Err(refuse(format!(
                "--batch-size {batch}: {name} has {samples} training images"
            )));
        }
        let Drawn { params, network } =
            draw_network(&config, &network_config, &data, seeds, device)?;
        let evaluate_every = (samples as u64).div_ceil(batch as u64);
        let steps = run.steps.unwrap_or(run.epochs.saturating_mul(evaluate_every));
        let learner = Learner::new(&network_config.learner, params, steps);
        Ok(Self {
            changes: config.changes()?,
            config,
            network_config,
            data,
            tallies: network.layers.iter().map(Tally::new).collect(),
            network,
            learner,
            seeds,
            last_usage: Vec::new(),
            schedule: RunSchedule::new(steps, evaluate_every).with_samples(batch, seeds.count),
            device,
            order: None,
        })
    }

    fn schedule(&self) -> RunSchedule {
        self.schedule
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        self.train(step)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let result = self.test()?;
        self.learner.observe(mean_and_sd(&result.loss).0);
        let score = report::report(self, &result, evaluation)?;
        self.last_usage = result.usage;
        Ok(Some(score))
    }

    fn data_provenance(&self) -> Value {
        self.data.source.clone()
    }
}

impl Figures for SelectorMnist {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}

impl SelectorMnist {
    /// Runs the whole test set.
    fn test(&self) -> Result<TestResult> {
        test(&self.network, &self.learner.params, &self.data.test, self.seeds.count)
    }
}
