//! The experiment `selector_mnist`: a selector network learns to tell digits apart.

use anyhow::Result;
use serde_json::Value;
use tch::Device;

use super::config::MnistConfig;
use super::evaluation::{TestResult, test};
use super::presets::PRESETS;
use super::state::{Drawn, SelectorMnist, draw_network};
use super::{figures, report};
use crate::data;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::rng::Seeds;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::learner::Learner;
use crate::lab::{Preset, Settings};
use crate::selector::layer::SelectorLayer;

impl Experiment for SelectorMnist {
    const NAME: &'static str = "selector_mnist";
    const ABOUT: &'static str =
        "Trains a network of selection and computation neurons on MNIST (docs/selector_mnist.md)";
    const DEFAULTS: &'static str = r#"{"epochs": 5}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["eval/accuracy", "eval/loss", "train/epoch_loss"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = MnistConfig;

    fn resolve(settings: &mut Settings<MnistConfig>) -> Result<()> {
        if settings.run.steps.is_none() && settings.run.epochs == 0 {
            return Err(refuse("--epochs 0: expected 1 or more"));
        }
        if settings.run.steps == Some(0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        settings.experiment.resolve()
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
            counts: network.layers.iter().map(SelectorLayer::zero_counts).collect(),
            network,
            learner,
            seeds,
            last_usage: Vec::new(),
            plan: Plan { steps, evaluate_every },
            device,
            order: None,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
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

    fn state(&self) -> State {
        self.tensors()
    }

    fn reach(&mut self, step: u64) -> Result<()> {
        self.resize_for_step(step)
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restored(checkpoint)
    }

    fn source(&self) -> Value {
        self.data.source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(&self.network_config)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        if self.last_usage.is_empty() {
            // A run that was resumed at its very end has not evaluated in this process.
            self.last_usage = self.test()?.usage;
        }
        figures::draw(self, log, step)
    }
}

impl SelectorMnist {
    /// Runs the whole test set.
    fn test(&self) -> Result<TestResult> {
        test(&self.network, &self.data.test, self.seeds.count)
    }
}
