//! A training step of `selector_mnist`.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::layer::Noise;
use super::model::{NetworkPass, layer_name};
use super::report;
use super::settings::Balance;
use super::train::SelectorMnist;
use crate::lab::tensor::nn::{cross_entropy_with_gradient, epoch_order};
use crate::lab::train::experiment::Step;
use crate::lab::train::phase::Phase;

impl SelectorMnist {
    pub(super) fn train(&mut self, step: &mut Step) -> Result<()> {
        let index = step.index;
        self.change_now(index)?;
        if index.is_multiple_of(self.plan.evaluate_every) {
            let _guard = no_grad_guard();
            self.tallies.iter_mut().for_each(|tally| _ = tally.zero_());
        }
        let (images, labels) = step.time(Phase::Data, || self.batch(index));
        let (pass, loss, delta) = step.time(Phase::Forward, || {
            let pass = self.network.run(&images, |i| self.noise(i, index));
            let (loss, delta) = cross_entropy_with_gradient(&pass.logits, &labels);
            (pass, loss, delta)
        });
        let counts = step.time(Phase::Logging, || self.count(&pass));
        if self.settings.lazy {
            let touched = step.time(Phase::Optimizer, || self.touched(&counts));
            self.learner.only = Some(touched);
        }
        let network = &self.network;
        step.time(Phase::Backward, || network.backward(&pass, &delta));
        let applied = self.learner.apply(step, &loss)?;
        if self.settings.balance == Balance::Bias {
            let (rows, rate) = (labels.size()[labels.dim() - 1], self.settings.balance_rate);
            for (layer, tally) in self.network.layers.iter_mut().zip(&counts) {
                layer.nudge_preference(tally, (rows, rate), applied.as_ref());
            }
        }
        step.mean("train/loss", &loss);
        if step.logging {
            self.log_gradients(step);
        }
        Ok(())
    }

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

    /// The noise on a layer's selectors at a step, which falls to 0 in a straight line.
    fn noise(&self, layer: usize, step: u64) -> Option<Noise> {
        let kind = self.settings.explore?;
        let steps = self.settings.explore_epochs * self.plan.evaluate_every as f64;
        let scale = self.settings.explore_scale * (1.0 - step as f64 / steps);
        let noise = || Noise { kind, scale, seed: self.seed, stream: layer_name(layer), step };
        (scale > 0.0).then(noise)
    }

    /// Counts the selections of the batch, for each layer, and adds them to the epoch's.
    fn count(&mut self, pass: &NetworkPass) -> Vec<Tensor> {
        let _guard = no_grad_guard();
        let layers = self.network.layers.iter().zip(&pass.layers);
        let counts: Vec<Tensor> = layers.map(|(layer, pass)| layer.tally(&pass.choice)).collect();
        for (tally, count) in self.tallies.iter_mut().zip(&counts) {
            let _ = tally.g_add_(count);
        }
        counts
    }

    /// All parameters, but for those of computation neurons that no sample of the batch selected:
    /// [replicate, parameter] bool.
    fn touched(&self, counts: &[Tensor]) -> Tensor {
        let _guard = no_grad_guard();
        let params = &self.learner.params;
        let touched = Tensor::ones(params.values.size(), (Kind::Bool, self.device));
        for (name, mut part) in params.split(&touched) {
            let Some((layer, what)) = name.split_once(".computation.") else { continue };
            let found = (0..counts.len()).find(|i| layer_name(*i) == layer);
            let Some(selected) = found.map(|i| counts[i].gt(0.0)) else { continue };
            match what {
                "weight" => part.copy_(&selected.unsqueeze(-1).expand_as(&part)),
                _ => part.copy_(&selected),
            }
        }
        touched
    }

    /// Euclidean norm of the gradient of each computation neuron's weights, over the layer's
    /// neurons: once a log entry, since it is a pass over the gradient.
    fn log_gradients(&self, step: &mut Step) {
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
            for k in 0..self.config.selection.num_computation.min(report::NAMED) {
                let tag = format!("gradient/{layer}/{}", report::letter(k));
                step.last(&tag, &norms.select(-1, k));
            }
        }
    }
}
