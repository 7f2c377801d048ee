//! What is measured of networks in training, on tensors alone.

use tch::{Kind, Tensor};

use super::rule::{self, Target};
use super::split::Subset;
use super::trainer::{CHUNK, Trainer, chunks, samples};
use crate::apical::analysis::direction::direction;
use crate::apical::model::layer::Layer;

/// Samples over which the power of the rates and the direction of the rule are taken.
const PROBE_SAMPLES: i64 = 1000;

impl Trainer {
    /// Mean loss and share correct of every run, NaN for those that have exploded: `[2, run]` f64.
    /// The networks have their multipliers, or work as if all of them were 1.
    pub fn loss_and_accuracy(&self, data: &Subset, modulated: bool) -> Tensor {
        let sums = Tensor::zeros([2, self.network.runs], (Kind::Double, self.device()));
        for group in self.groups() {
            for chunk in chunks(0..data.len(), CHUNK) {
                let rates = group.network.forward(&samples(&data.images, &chunk), modulated);
                let output = rates.output();
                let loss = self.rules.loss.each(output, &samples(&data.target, &chunk));
                let correct = output.argmax(-1, false).eq_tensor(&samples(&data.labels, &chunk));
                let rows = [loss, correct].map(|e| e.sum_dim_intlist(-1, false, Kind::Double));
                let mut sum = sums.narrow(1, group.first, group.network.runs);
                let _ = sum.g_add_(&Tensor::stack(&rows, 0));
            }
        }
        (sums / data.len() as f64).masked_fill_(&self.live.alive.logical_not(), f64::NAN)
    }

    /// For each layer two rows, `[2 x layer, run]` f64: the mean square of the rates without their
    /// multipliers over neurons and the first samples of `data`, and the share of it that is in
    /// neurons whose multiplier is above 1. NaN for runs that have exploded.
    pub fn rate_power(&self, data: &Subset, modulated: bool) -> Tensor {
        let x = data.images.narrow(0, 0, data.len().min(PROBE_SAMPLES));
        let layers = self.network.layers.len() as i64;
        let options = (Kind::Double, self.device());
        let rows = Tensor::full([2 * layers, self.network.runs], f64::NAN, options);
        for group in self.groups() {
            let rates = group.network.forward(&x, modulated);
            for (k, (layer, f)) in (0..).zip(group.network.layers.iter().zip(&rates.baseline)) {
                let each = f.square().mean_dim(1, false, Kind::Double);
                let mean = each.mean_dim(-1, false, Kind::Double);
                let not_above = layer.apical.le(1.0);
                let above = each.masked_fill(&not_above, 0.0).mean_dim(-1, false, Kind::Double);
                let pair = Tensor::stack(&[&mean, &(above / &mean)], 0);
                rows.narrow(0, 2 * k, 2).narrow(1, group.first, group.network.runs).copy_(&pair);
            }
        }
        rows
    }

    /// For each layer the cosine of the angle between the change that the rule asks of the weights as
    /// they are and the direction in which the loss falls fastest, both over the first samples of
    /// `data`: `[layer, run]` f64. The loss is that of the networks that the rule changes: of a frozen
    /// target those without multipliers, and after a phase 1 the change is the first one of the next
    /// phase 2. Biases are left out. 0 where the rule changes nothing, NaN for runs that have exploded.
    ///
    /// # Shapes
    /// - data: the samples that the rule learns from
    pub fn rule_cosine(&self, data: &Subset, modulated: bool) -> Tensor {
        let part = data.take(PROBE_SAMPLES);
        let (x, count) = (&part.images, part.len());
        let options = (self.kind(), self.device());
        let (eta, share) =
            (Tensor::ones([1, 1, 1], options), Tensor::full([], 1.0 / count as f64, options));
        let layers = self.network.layers.len() as i64;
        let size = [layers, self.network.runs];
        let rows = Tensor::full(size, f64::NAN, (Kind::Double, self.device()));
        for group in self.groups() {
            let network = &group.network;
            let plain = network.without_multipliers();
            let (changes, changed) = match self.rules.target {
                Target::Moving => (rule::moving(network, x, count, self.rules.pre, &eta), network),
                Target::Frozen => {
                    let teacher = match modulated {
                        true => network.forward(x, true),
                        false => self.teacher(&group).forward(x, true),
                    };
                    let student = plain.forward(x, true);
                    let rule = rule::frozen(network, x, &teacher, student, self.rules.pre, &eta);
                    (rule, &plain)
                }
            };
            let delta = self.rules.loss.gradient(changes.rates.output(), &part.target, &share);
            let slopes = changed.backward(x, &changes.rates, delta, true).weight;
            for (k, slope) in (0..).zip(&slopes) {
                let found = direction(&changes.weight_change(k as usize), slope);
                group.rows(&rows.get(k)).copy_(&found.cosine);
            }
        }
        rows.masked_fill(&self.live.alive.logical_not(), f64::NAN)
    }

    /// For each layer five rows, `[5 x layer, run]` f64: unbiased variance, mean, smallest, largest
    /// and share above 1 of its multipliers.
    pub fn multiplier_statistics(&self) -> Tensor {
        let rows = |layer: &Layer| {
            let a = layer.apical.to_kind(Kind::Double);
            let above = a.gt(1.0).to_kind(Kind::Double);
            let rows = [
                a.var_dim([1i64].as_slice(), a.size()[1] > 1, false),
                a.mean_dim(1, false, Kind::Double),
                a.amin([1i64].as_slice(), false),
                a.amax([1i64].as_slice(), false),
                above.mean_dim(1, false, Kind::Double),
            ];
            Tensor::stack(&rows, 0)
        };
        Tensor::cat(&self.network.layers.iter().map(rows).collect::<Vec<_>>(), 0)
    }
}
