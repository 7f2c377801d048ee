//! What is measured of networks in training, on tensors alone.

use tch::{Kind, Tensor};

use super::trainer::{CHUNK, Trainer, pieces};
use crate::apical::network::Layer;
use crate::apical::split::Part;

/// Samples over which the power of the rates is taken.
const POWER_SAMPLES: i64 = 1000;

impl Trainer {
    /// Mean loss and share correct of every run, NaN for those that have exploded: [2, run] f64.
    ///
    /// - modulated: with the multipliers
    pub fn test(&self, part: &Part, modulated: bool) -> Tensor {
        let sums = Tensor::zeros([2, self.network.runs], (Kind::Double, self.device()));
        for (first, network) in self.parts() {
            for (from, to) in pieces((0, part.samples()), CHUNK) {
                let piece = |of: &Tensor| of.narrow(0, from, to - from);
                let pass = network.forward(&piece(&part.images), modulated);
                let loss = self.config.model.loss.each(pass.output(), &piece(&part.target));
                let correct = pass.output().argmax(-1, false).eq_tensor(&piece(&part.labels));
                let rows = [loss, correct].map(|e| e.sum_dim_intlist(-1, false, Kind::Double));
                let mut sum = sums.narrow(1, first, network.runs);
                let _ = sum.g_add_(&Tensor::stack(&rows, 0));
            }
        }
        (sums / part.samples() as f64).masked_fill_(&self.alive.logical_not(), f64::NAN)
    }

    /// For each layer two rows, [2 x layer, run] f64: the mean square of the rates without their
    /// multipliers over neurons and the first samples of `part`, and the share of it that is in
    /// neurons whose multiplier is above 1. NaN for runs that have exploded.
    pub fn power(&self, part: &Part, modulated: bool) -> Tensor {
        let x = part.images.narrow(0, 0, part.samples().min(POWER_SAMPLES));
        let layers = self.network.layers.len() as i64;
        let options = (Kind::Double, self.device());
        let rows = Tensor::full([2 * layers, self.network.runs], f64::NAN, options);
        for (first, network) in self.parts() {
            let pass = network.forward(&x, modulated);
            for (k, (layer, f)) in (0..).zip(network.layers.iter().zip(&pass.baseline)) {
                let each = f.square().mean_dim(1, false, Kind::Double);
                let mean = each.mean_dim(-1, false, Kind::Double);
                let above = layer.apical.le(1.0);
                let above = each.masked_fill(&above, 0.0).mean_dim(-1, false, Kind::Double);
                let pair = Tensor::stack(&[&mean, &(above / &mean)], 0);
                rows.narrow(0, 2 * k, 2).narrow(1, first, network.runs).copy_(&pair);
            }
        }
        rows
    }

    /// For each layer five rows, [5 x layer, run] f64: unbiased variance, mean, smallest, largest
    /// and share above 1 of its multipliers.
    pub fn multipliers(&self) -> Tensor {
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
