//! The experiment `selector_mnist`: a selector network learns to tell digits apart.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Tensor};

use super::config::SelectorMnistConfig;
use super::eval::Usage;
use super::growth::{self, Change};
use super::layer::SelectorLayer;
use super::model::{SelectorNetwork, layer_name, parameters};
use super::presets::PRESETS;
use super::report;
use super::settings::{Balance, SelectorMnistSettings};
use crate::data::{self, ImageData};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::params::Params;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::learner::Learner;
use crate::lab::{Preset, Settings};

/// A selector network in training.
pub struct SelectorMnist {
    pub(super) settings: SelectorMnistSettings,
    /// The network's settings as they are now: K changes where it grows.
    pub(super) config: SelectorMnistConfig,
    pub(super) changes: Vec<Change>,
    /// The images.
    pub data: ImageData,
    /// The network, whose parameters are the learner's.
    pub network: SelectorNetwork,
    pub(super) learner: Learner,
    pub(super) replicates: i64,
    /// How often each computation neuron was selected in the epoch under way, for each layer, as
    /// [`SelectorLayer::tally`] counts.
    pub(super) tallies: Vec<Tensor>,
    /// Selections over the test set at the last evaluation, for each layer.
    pub(super) last_usage: Vec<Usage>,
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) device: Device,
    /// The order of the epoch under way: its number, and [replicate, sample] i64.
    pub(super) order: Option<(u64, Tensor)>,
}

impl Experiment for SelectorMnist {
    const NAME: &'static str = "selector_mnist";
    const ABOUT: &'static str =
        "Trains a network of selection and computation neurons on MNIST (docs/selector_mnist.md)";
    const DEFAULTS: &'static str = r#"{"epochs": 5}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["eval/accuracy", "eval/loss", "train/epoch_loss"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SelectorMnistSettings;

    fn resolve(settings: &mut Settings<SelectorMnistSettings>) -> Result<()> {
        if settings.run.steps.is_none() && settings.run.epochs == 0 {
            return Err(refuse("--epochs 0: expected 1 or more"));
        }
        if settings.run.steps == Some(0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<SelectorMnistSettings>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.model.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let replicates = i64::from(run.replicates);
        let (samples, batch) = (data.train.len(), config.batch_size);
        if batch > samples {
            let name = &data.name;
            return Err(refuse(format!(
                "--batch-size {batch}: {name} has {samples} training images"
            )));
        }
        let (params, network) =
            make(&settings.experiment, &config, &data, (run.seed, replicates), device)?;
        let evaluate_every = (samples as u64).div_ceil(batch as u64);
        let steps = run.steps.unwrap_or(run.epochs.saturating_mul(evaluate_every));
        let learner = Learner::new(&config.learner, params, steps);
        Ok(Self {
            changes: settings.experiment.changes()?,
            settings: settings.experiment.clone(),
            config,
            data,
            tallies: network.layers.iter().map(SelectorLayer::no_tally).collect(),
            network,
            learner,
            replicates,
            last_usage: Vec::new(),
            seed: run.seed,
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
        report::report(self, evaluation).map(Some)
    }

    fn state(&self) -> State {
        let mut state = self.learner.state();
        for (i, (tally, layer)) in self.tallies.iter().zip(&self.network.layers).enumerate() {
            let name = layer_name(i);
            state.push((format!("state.tally.{name}"), tally.shallow_clone()));
            if let Some(bias) = layer.preference() {
                state.push((format!("{name}.preference"), bias.shallow_clone()));
            }
        }
        state
    }

    fn reach(&mut self, step: u64) -> Result<()> {
        let first = self.settings.model.selection.num_computation;
        let past = self.changes.iter().filter(|change| self.step_of(change) < step);
        let choices = past.last().map_or(first, |change| change.to);
        if choices == self.config.selection.num_computation {
            return Ok(());
        }
        let (params, network) = self.with_choices(choices)?;
        let learner = &self.config.learner;
        let steps = self.plan.steps;
        self.learner = Learner::new(learner, params, steps);
        self.tallies = network.layers.iter().map(SelectorLayer::no_tally).collect();
        self.network = network;
        Ok(())
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restored(checkpoint)
    }

    fn source(&self) -> Value {
        self.data.source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(&self.config)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}

/// Draws a network.
fn make(
    settings: &SelectorMnistSettings,
    config: &SelectorMnistConfig,
    data: &ImageData,
    (seed, replicates): (u64, i64),
    device: Device,
) -> Result<(Params, SelectorNetwork)> {
    let inputs = data.height * data.width;
    let params = parameters(config, (inputs, data.num_classes), (seed, replicates), device)?;
    let mut network = SelectorNetwork::new(config, inputs, &params, device)?;
    for layer in &mut network.layers {
        match settings.balance {
            Balance::None => {}
            Balance::Loss => layer.set_evenness(settings.balance_rate),
            Balance::Bias => layer.add_preference(),
        }
    }
    Ok((params, network))
}

impl SelectorMnist {
    /// The step before which a change happens, from 0.
    fn step_of(&self, change: &Change) -> u64 {
        (change.epoch - 1) * self.plan.evaluate_every
    }

    /// A new network with this many computation neurons, which the settings then have.
    fn with_choices(&mut self, choices: i64) -> Result<(Params, SelectorNetwork)> {
        self.config.selection.num_computation = choices;
        let draw = (self.seed, self.replicates);
        make(&self.settings, &self.config, &self.data, draw, self.device)
    }

    /// Makes the change of K that comes before this step, if there is one.
    ///
    /// # Errors
    /// Where libtorch can't hold the changed network.
    pub fn change_now(&mut self, step: u64) -> Result<()> {
        let Some(change) = self.changes.iter().find(|change| self.step_of(change) == step) else {
            return Ok(());
        };
        let change = *change;
        let (params, network) = self.with_choices(change.to)?;
        let origins: Vec<Tensor> =
            self.tallies.iter().map(|tally| growth::origins(change, tally)).collect();
        let of_layer = |name: &str| {
            let layer = (0..origins.len()).find(|i| name.starts_with(&layer_name(*i)))?;
            let changes = name.contains(".selection.") || name.contains(".computation.");
            changes.then(|| &origins[layer])
        };
        let _guard = tch::no_grad_guard();
        let (scale, replicated) = (self.settings.grow_noise, self.replicates > 1);
        for ((name, old), (_, mut new)) in self.learner.params.named().iter().zip(params.named()) {
            match of_layer(name) {
                None => new.copy_(old),
                Some(origins) => {
                    new.copy_(&growth::rows(old, origins));
                    if change.to > change.from {
                        let key = (name.as_str(), self.seed, step);
                        _ = new.g_add_(&growth::noise(&new, change, key, (scale, replicated)));
                    }
                }
            }
        }
        let axis = i64::from(replicated);
        self.learner.change(params, &self.config.learner.optimizer, |name, buffer| {
            let Some(origins) = of_layer(name) else { return Ok(buffer.shallow_clone()) };
            let carried = growth::rows(buffer, origins);
            if change.to > change.from {
                let fresh = change.to - change.from;
                _ = carried.narrow(axis, change.from, fresh).zero_();
            }
            Ok(carried)
        })?;
        for ((layer, old), origins) in network.layers.iter().zip(&self.network.layers).zip(&origins)
        {
            if let (Some(new), Some(old)) = (layer.preference(), old.preference()) {
                new.shallow_clone().copy_(&old.gather(-2, origins, false));
            }
        }
        self.tallies = network.layers.iter().map(SelectorLayer::no_tally).collect();
        self.network = network;
        Ok(())
    }
}
