//! The experiment `selector_mnist`: a selector network learns to tell digits apart.

use anyhow::{Context, Result};
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::{PRESETS, SelectorMnistConfig};
use super::eval::Usage;
use super::layer::SelectorLayer;
use super::model::{SelectorNetwork, layer_name, parameters};
use super::report;
use crate::data::{self, ImageData};
use crate::lab::checkpoint::{Checkpoint, Score, State};
use crate::lab::error::refuse;
use crate::lab::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::learner::Learner;
use crate::lab::log::Log;
use crate::lab::nn::{cross_entropy, epoch_order};
use crate::lab::phase::Phase;
use crate::lab::tensorboard::Chart;
use crate::lab::{Preset, Settings, read};

/// A selector network in training.
pub struct SelectorMnist {
    pub(super) config: SelectorMnistConfig,
    pub(super) data: ImageData,
    pub(super) network: SelectorNetwork,
    pub(super) learner: Learner,
    pub(super) replicates: i64,
    /// How often each computation neuron was selected since the last evaluation, for each layer,
    /// as [`SelectorLayer::tally`](super::layer::SelectorLayer::tally) counts.
    pub(super) tallies: Vec<Tensor>,
    /// Samples since the last evaluation.
    pub(super) samples: u64,
    /// Selections over the test set at the last evaluation, for each layer.
    pub(super) last_usage: Vec<Usage>,
    seed: u64,
    plan: Plan,
    device: Device,
    /// The order of the epoch under way: its number, and [replicate, sample] i64.
    order: Option<(u64, Tensor)>,
}

impl Experiment for SelectorMnist {
    const NAME: &'static str = "selector_mnist";
    const ABOUT: &'static str =
        "Trains a network of selection and computation neurons on MNIST (docs/selector_mnist.md)";
    const DEFAULTS: &'static str = r#"{"epochs": 5}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["eval/accuracy", "eval/loss", "train/epoch_loss"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SelectorMnistConfig;

    fn resolve(settings: &mut Settings<SelectorMnistConfig>) -> Result<()> {
        if settings.run.steps.is_none() && settings.run.epochs == 0 {
            return Err(refuse("--epochs 0: expected 1 or more"));
        }
        if settings.run.steps == Some(0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<SelectorMnistConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let (inputs, replicates) = (data.height * data.width, i64::from(run.replicates));
        let (samples, batch) = (data.train.len(), config.batch_size);
        if batch > samples {
            let name = &data.name;
            return Err(refuse(format!(
                "--batch-size {batch}: {name} has {samples} training images"
            )));
        }
        let sizes = (inputs, data.num_classes);
        let params = parameters(&config, sizes, (run.seed, replicates), device)?;
        let network = SelectorNetwork::new(&config, inputs, &params, device)?;
        let evaluate_every = (samples as u64).div_ceil(batch as u64);
        let steps = run.steps.unwrap_or(run.epochs.saturating_mul(evaluate_every));
        let plan = Plan { steps, evaluate_every };
        let learner = Learner::new(&config.learner, params, steps);
        let tallies = network.layers.iter().map(SelectorLayer::no_tally).collect();
        let (seed, order) = (run.seed, None);
        Ok(Self {
            config,
            data,
            network,
            learner,
            replicates,
            tallies,
            samples: 0,
            last_usage: Vec::new(),
            seed,
            plan,
            device,
            order,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let index = step.index;
        let (images, labels) = step.time(Phase::Data, || self.batch(index));
        let (loss, choices) = step.time(Phase::Forward, || {
            let (logits, choices) = self.network.forward(&images);
            (cross_entropy(&logits, &labels), choices)
        });
        self.learner.descend(step, &loss)?;
        step.mean("train/loss", &loss);
        step.time(Phase::Logging, || self.count(&choices));
        self.samples += labels.size()[labels.dim() - 1] as u64;
        if step.logging {
            self.log_gradients(step);
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let score = report::report(self, evaluation)?;
        let _guard = no_grad_guard();
        for tally in &mut self.tallies {
            let _ = tally.zero_();
        }
        self.samples = 0;
        Ok(Some(score))
    }

    fn state(&self) -> State {
        let mut state = self.learner.state();
        for (i, tally) in self.tallies.iter().enumerate() {
            state.push((format!("state.tally.{}", layer_name(i)), tally.shallow_clone()));
        }
        state.push(("state.samples".into(), Tensor::from(self.samples as i64)));
        state
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let samples = checkpoint.tensors.get("state.samples").context("no state.samples")?;
        self.samples = read::scalar(samples)? as u64;
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

impl SelectorMnist {
    /// The batch of a step: images [batch, pixel] and labels [batch], or [replicate, batch, ...].
    /// The last batch of an epoch may be smaller.
    fn batch(&mut self, index: u64) -> (Tensor, Tensor) {
        let (epoch, within) = (index / self.plan.evaluate_every, index % self.plan.evaluate_every);
        let samples = self.data.train.len();
        if self.order.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let order = epoch_order(self.seed, self.replicates, samples, epoch, self.device);
            self.order = Some((epoch, order));
        }
        let Some((_, order)) = &self.order else { unreachable!("the order was just made") };
        let start = within as i64 * self.config.batch_size;
        let length = self.config.batch_size.min(samples - start);
        let (images, labels) = self.data.train.batch(&order.narrow(1, start, length).reshape([-1]));
        if self.replicates == 1 {
            return (images, labels);
        }
        let lead = [self.replicates, length];
        (images.view([lead[0], lead[1], -1]), labels.view(lead))
    }

    fn count(&mut self, choices: &[Tensor]) {
        let _guard = no_grad_guard();
        for ((tally, layer), choice) in
            self.tallies.iter_mut().zip(&self.network.layers).zip(choices)
        {
            let _ = tally.g_add_(&layer.tally(choice));
        }
    }

    /// Euclidean norm of the gradient of each computation neuron's weights, over the layer's
    /// neurons: once a log entry, since it is a pass over the gradient.
    fn log_gradients(&mut self, step: &mut Step) {
        let _guard = no_grad_guard();
        let params = &self.learner.params;
        for (name, gradient) in params.split(&params.gradient) {
            let Some(layer) = name.strip_suffix(".computation.weight") else { continue };
            let squares = gradient.to_kind(Kind::Double).square().sum_dim_intlist(
                [-2i64, -1].as_slice(),
                false,
                Kind::Double,
            );
            let norms = squares.sqrt();
            for k in 0..self.config.num_computation.min(report::NAMED) {
                let tag = format!("gradient/{layer}/{}", report::letter(k));
                step.last(&tag, &norms.select(-1, k));
            }
        }
    }
}
