//! The networks of `apical_train`, what their steps need, and what is saved of them.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::config::ApicalTrainConfig;
use crate::apical::learning::cycle::{Cycle, PhasePosition};
use crate::apical::learning::split::Split;
use crate::apical::learning::trainer::{LearningRates, Trainer};
use crate::data::ImageData;
use crate::lab::error::refuse;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_device::upload;
use crate::lab::tensor::{rng, to_host};

/// The samples of D_W in the order of one pass of phase 2.
struct PassOrder {
    pass: u64,
    /// `[sample]` i64
    samples: Tensor,
}

/// Networks with apical multipliers in training.
pub struct ApicalTrain {
    pub(super) config: ApicalTrainConfig,
    pub(super) cycle: Cycle,
    pub(super) split: Split,
    pub(super) trainer: Trainer,
    /// The learning rates of each run.
    pub(super) rates: Vec<LearningRates>,
    /// Results of the last evaluation at the end of a phase, or at the start of the run, as
    /// [`ApicalTrain::results`] gives them: `[4, run]` f64.
    pub(super) previous_results: Tensor,
    /// Sum of the losses of phase 1's samples so far: `[run]` f64.
    pub(super) loss_a: Tensor,
    /// Every run has exploded.
    pub(super) all_exploded: bool,
    /// Loss of the best predictor that ignores its input, on D_test.
    pub(super) constant_loss: f64,
    /// The name of the data.
    pub(super) data_name: String,
    /// Where the data came from.
    pub(super) data_source: Value,
    /// Steps of the run.
    pub(super) steps: u64,
    seed: u64,
    order: Option<PassOrder>,
}

impl ApicalTrain {
    /// Networks at the beginning of training. Replicates are networks of other seeds for every pair
    /// of learning rates.
    ///
    /// # Errors
    /// Exit code 2 if the data are too few for the batch size, for D_A or for D_W. Exit code 1 if
    /// the device can't be read.
    pub(super) fn new(
        config: ApicalTrainConfig,
        data: ImageData,
        cycle: Cycle,
        seed: u64,
        replicates: u32,
        device: Device,
    ) -> Result<Self> {
        let samples_a = config.samples_a.unwrap_or(data.train.len() / 2);
        let split = Split::new(&data, samples_a, seed, device)
            .map_err(|error| refuse(format!("--samples-a {samples_a}: {error}")))?;
        let smaller = split.a.len().min(split.w.len());
        if config.batch_size > smaller {
            let batch = config.batch_size;
            return Err(refuse(format!(
                "--batch-size {batch}: D_A and D_W have {} and {} images",
                split.a.len(),
                split.w.len()
            )));
        }
        let runs = config.runs(seed, replicates);
        let seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
        let rates: Vec<LearningRates> = runs.iter().map(|run| run.rates).collect();
        let plain = config.model.network(&data, &seeds, device);
        let network = if config.bias { plain.with_biases() } else { plain };
        let constant = config.model.loss.of_constant(&split.test.labels, data.num_classes);
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Double, device));
        Ok(Self {
            trainer: Trainer::new(network, config.learning_rules(), &rates),
            previous_results: zeros(&[4, rates.len() as i64]),
            loss_a: zeros(&[rates.len() as i64]),
            all_exploded: false,
            constant_loss: to_host::scalar(&constant)?,
            data_name: data.name,
            data_source: data.source,
            steps: cycle.total_steps(),
            order: None,
            seed,
            config,
            cycle,
            split,
            rates,
        })
    }

    /// Whether the networks have their multipliers after a step at this position. With a frozen
    /// target phase 2 moves them into the weights, and what it makes are networks without.
    pub(super) fn is_modulated(&self, position: PhasePosition) -> bool {
        position.is_phase1 || self.trainer.modulated()
    }

    /// Loss and accuracy on D_W, then loss and accuracy on D_test, of every run now, after a step at
    /// this position: `[4, run]` f64.
    pub(super) fn results(&self, position: PhasePosition) -> Tensor {
        let modulated = self.is_modulated(position);
        let parts = [&self.split.w, &self.split.test].map(|part| match self.config.eval_samples {
            Some(samples) => part.take(samples),
            None => part.take(part.len()),
        });
        Tensor::cat(&parts.map(|part| self.trainer.loss_and_accuracy(&part, modulated)), 0)
    }

    /// Ends the runs whose results at the end of a phase are over the cap, or not finite.
    ///
    /// # Shapes
    /// - results: as [`ApicalTrain::results`] gives them
    pub(super) fn mark_exploded(&mut self, results: &Tensor, phase: PhasePosition) {
        let passes = phase.passes as f64 + if phase.is_phase1 { 0.0 } else { 1.0 };
        for loss in [0, 2] {
            self.trainer.mark_exploded(&results.get(loss), passes);
        }
    }

    /// Takes note of the live runs, so that nothing is done for the others.
    pub(super) fn set_alive(&mut self, alive: Vec<bool>) {
        self.all_exploded = !self.trainer.set_alive(alive);
    }

    /// The order of D_W in a pass of phase 2: `[sample]` i64.
    pub(super) fn order_of_pass(&mut self, pass: u64) -> Tensor {
        let known = self.order.take().filter(|order| order.pass == pass);
        let order = known.unwrap_or_else(|| {
            let samples = rng::permutation(self.split.w.len(), self.seed, "data", pass);
            PassOrder { pass, samples: upload(&samples, self.trainer.device()) }
        });
        let samples = order.samples.shallow_clone();
        self.order = Some(order);
        samples
    }

    /// What the next steps need besides the network, by name.
    fn named_auxiliary(&self) -> Vec<(String, Tensor)> {
        let trainer = &self.trainer;
        let initial = &trainer.initial;
        let of_layers: [(&str, Vec<&Tensor>); 4] = [
            ("gradient", trainer.gradient.iter().collect()),
            ("velocity", trainer.velocity.iter().collect()),
            ("initial", initial.iter().map(|layer| &layer.weight).collect()),
            ("initial_bias", initial.iter().filter_map(|layer| layer.bias.as_ref()).collect()),
        ];
        let named = of_layers.into_iter().flat_map(|(what, tensors)| {
            tensors.into_iter().enumerate().map(move |(k, tensor)| {
                (format!("state.{what}.layer{k}"), trainer.network.without_single_run(tensor))
            })
        });
        let of_runs = [
            ("state.alive", &trainer.live.alive),
            ("state.exploded_at", &trainer.live.ended_at),
            ("state.before", &self.previous_results),
            ("state.loss_a", &self.loss_a),
        ];
        named.chain(of_runs.map(|(name, t)| (name.to_string(), t.shallow_clone()))).collect()
    }
}

impl Persist for ApicalTrain {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        let network = &self.trainer.network;
        network.named_layers().for_each(|(name, tensor)| writer.model(name, &tensor));
        self.named_auxiliary().iter().for_each(|(name, tensor)| writer.auxiliary(name, tensor));
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        let network = &self.trainer.network;
        network.named_layers().try_for_each(|(name, tensor)| reader.model(&name, &tensor))?;
        let auxiliary = self.named_auxiliary();
        auxiliary.iter().try_for_each(|(name, tensor)| reader.auxiliary(name, tensor))?;
        let alive = to_host::values(&self.trainer.live.alive.to_kind(Kind::Double))?;
        self.set_alive(alive.iter().map(|alive| *alive == 1.0).collect());
        Ok(())
    }
}
