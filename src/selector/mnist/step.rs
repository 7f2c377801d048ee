//! A training step of `selector_mnist`.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::state::{EpochOrder, SelectorMnist};
use super::tally::Tally;
use crate::lab::tensor::nn::{cross_entropy_with_gradient, epoch_order};
use crate::lab::train::experiment::Step;
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;
use crate::selector::guidance::NoiseDraw;
use crate::selector::layer::Noise;
use crate::selector::network::{NetworkPass, layer_name};
use crate::selector::presentation::{LETTERS, letter};

impl SelectorMnist {
    /// Changes K where it is time, and learns from a batch.
    ///
    /// # Errors
    /// An allocation that libtorch refuses; a loss or a gradient that is not finite.
    pub(super) fn train(&mut self, step: &mut Step) -> Result<()> {
        let index = step.index;
        self.change_before(index)?;
        if index.is_multiple_of(self.schedule.evaluate_every) {
            self.tallies.iter_mut().for_each(Tally::clear);
        }
        let (images, labels) = step.time(Phase::Data, || self.batch(index));
        let (pass, loss, delta) = step.time(Phase::Forward, || {
            let pass =
                self.network.forward(&self.learner.params, &images, |i| self.noise(i, index));
            let (loss, delta) = cross_entropy_with_gradient(&pass.logits, &labels);
            (pass, loss, delta)
        });
        let counts = step.time(Phase::Logging, || self.count(&pass));
        if let Some(counts) = counts.as_ref().filter(|_| self.config.lazy) {
            let mask = step.time(Phase::Optimizer, || self.selected_mask(counts));
            self.learner.update_mask = Some(mask);
        }
        let Learner { params, gradients, .. } = &mut self.learner;
        let network = &self.network;
        step.time(Phase::Backward, || network.backward(params, gradients, &pass, &delta));
        let found = self.learner.apply(step, &loss)?;
        if let Some(counts) = counts {
            let samples = labels.size()[labels.dim() - 1];
            let counted = self.network.layers.iter_mut().zip(&counts);
            self.config.guidance.rebalance(counted, samples, found.as_ref());
        }
        step.mean("train/loss", &loss);
        if step.logging {
            self.log_gradients(step);
        }
        Ok(())
    }

    /// The batch of a step: images `[batch, pixel]` and labels `[batch]`, or
    /// `[replicate, batch, ...]`. The last batch of an epoch may be smaller.
    fn batch(&mut self, index: u64) -> (Tensor, Tensor) {
        let (epoch, within) =
            (index / self.schedule.evaluate_every, index % self.schedule.evaluate_every);
        let samples = self.data.train.len();
        let order = match self.order.take() {
            Some(order) if order.epoch == epoch => order,
            _ => {
                let seeds = self.seeds;
                let places = epoch_order(seeds.first, seeds.count, samples, epoch, self.device);
                EpochOrder { epoch, places }
            }
        };
        let start = within as i64 * self.network_config.batch_size;
        let length = self.network_config.batch_size.min(samples - start);
        let places = order.places.narrow(1, start, length);
        let (images, labels) = self.data.train.batch(&places.reshape([-1]));
        self.order = Some(order);
        let replicates = self.seeds.count;
        if replicates == 1 {
            return (images, labels);
        }
        (images.view([replicates, length, -1]), labels.view([replicates, length]))
    }

    /// The noise on a layer's selectors at a step, which falls to 0 in a straight line.
    fn noise(&self, layer: usize, step: u64) -> Option<Noise> {
        // Without noise a step makes no name.
        self.config.guidance.explore?;
        let steps = self.config.explore_epochs * self.schedule.evaluate_every as f64;
        let (seed, layer) = (self.seeds.first, layer_name(layer));
        self.config.guidance.noise(NoiseDraw { seed, layer: &layer, step, steps })
    }

    /// Adds the selections of the batch to the epoch's, and gives their counts for each layer, where
    /// the step needs them.
    fn count(&mut self, pass: &NetworkPass) -> Option<Vec<Tensor>> {
        let layers = self.network.layers.iter().zip(&pass.layers);
        if self.config.lazy || self.config.guidance.balances_by_counts() {
            let counts = layers.map(|(layer, pass)| layer.selection_counts(&pass.choice));
            let counts: Vec<Tensor> = counts.collect();
            self.tallies.iter_mut().zip(&counts).for_each(|(tally, batch)| tally.add_counts(batch));
            return Some(counts);
        }
        for ((layer, pass), tally) in layers.zip(&mut self.tallies) {
            tally.add(layer, &pass.choice);
        }
        None
    }

    /// All parameters, but for those of computation neurons that no sample of the batch selected:
    /// `[replicate, parameter]` bool.
    fn selected_mask(&self, counts: &[Tensor]) -> Tensor {
        let _guard = no_grad_guard();
        let params = &self.learner.params;
        let mask = Tensor::ones(params.values.size(), (Kind::Bool, self.device));
        for (name, mut part) in params.views(&mask) {
            let Some((layer, what)) = name.split_once(".computation.") else { continue };
            let known = (0..counts.len()).find(|i| layer_name(*i) == layer);
            let Some(selected) = known.map(|i| counts[i].gt(0.0)) else { continue };
            match what {
                "weight" => part.copy_(&selected.unsqueeze(-1).expand_as(&part)),
                _ => part.copy_(&selected),
            }
        }
        mask
    }

    /// Logs the Euclidean norm of the gradient of each computation neuron's weights, over the
    /// layer's neurons: once a log entry, since it is a pass over the gradient.
    fn log_gradients(&self, step: &mut Step) {
        let _guard = no_grad_guard();
        let Learner { params, gradients, .. } = &self.learner;
        for (name, gradient) in params.views(&gradients.values) {
            let Some(layer) = name.strip_suffix(".computation.weight") else { continue };
            let squares = gradient.to_kind(Kind::Double).square().sum_dim_intlist(
                [-2i64, -1].as_slice(),
                false,
                Kind::Double,
            );
            let norms = squares.sqrt();
            for k in 0..self.choices().min(LETTERS) {
                let tag = format!("gradient/{layer}/{}", letter(k));
                step.last(&tag, &norms.select(-1, k));
            }
        }
    }
}
