//! Phase 2: the weights follow the local rule on D_W.

use tch::{Kind, Tensor};

use super::rule;
use super::split::Subset;
use super::trainer::{CHUNK, RunGroup, Trainer, chunks, samples};
use crate::apical::model::network::Network;

/// Smaller batches than this are taken in blocks, all runs at once.
const SMALL: i64 = 16;
/// Samples in a block.
const BLOCK: i64 = 64;

impl Trainer {
    /// Begins a phase 2.
    pub fn begin_phase2(&mut self) {
        for (initial, layer) in self.initial.iter_mut().zip(&self.network.layers) {
            initial.set_weights(layer);
        }
    }

    /// Takes steps of phase 2 on batches that follow each other, and returns the mean of their
    /// losses, each before its step: `[run]` f64, NaN for runs that are left out. A run whose loss
    /// is over the cap in one of them, or not finite, keeps the weights that it had before them.
    ///
    /// # Shapes
    /// - order: samples of `data`, `[sample]` i64
    pub fn learn_weights(&mut self, data: &Subset, order: &Tensor, lr_factor: f64) -> Tensor {
        let (count, batch) = (order.size()[0], self.rules.batch_size);
        let blocked = batch < SMALL && self.modulated();
        let block = if blocked { BLOCK / batch * batch } else { batch };
        let groups = if blocked { vec![self.whole()] } else { self.groups() };
        let whole = count / batch * batch;
        // Images are fetched for all networks together, or just before they are needed.
        let slab = if groups.len() == 1 { block } else { (CHUNK / block).max(1) * block };
        let mut losses: Vec<Vec<Tensor>> = groups.iter().map(|_| Vec::new()).collect();
        for slab in chunks(0..whole, slab).chain(chunks(whole..count, batch)) {
            let order = samples(order, &slab);
            let x = data.images.index_select(0, &order);
            let target = data.target.index_select(0, &order);
            for (group, losses) in groups.iter().zip(&mut losses) {
                losses.extend(chunks(0..slab.end - slab.start, block).map(|block| {
                    self.learn_block(
                        group,
                        &samples(&x, &block),
                        &samples(&target, &block),
                        lr_factor,
                    )
                }));
            }
        }
        let mean = Tensor::full([self.network.runs], f64::NAN, (Kind::Double, self.device()));
        for (group, losses) in groups.iter().zip(&losses) {
            let found = Tensor::cat(losses, 1).mean_dim(1, false, Kind::Double);
            group.rows(&mean).copy_(&found);
        }
        mean
    }

    /// Takes the steps of one block for some runs, and returns the loss of each batch:
    /// `[run, batch]`.
    ///
    /// # Shapes
    /// - x: `[sample, input]`
    /// - target: one-hot, `[sample, output]`
    fn learn_block(&self, group: &RunGroup, x: &Tensor, target: &Tensor, lr_factor: f64) -> Tensor {
        let network = &group.network;
        let batch = self.rules.batch_size.min(x.size()[0]);
        let eta = group.rows(&self.lr_w) * (lr_factor / batch as f64);
        let pre = self.rules.pre;
        let changes = if self.modulated() {
            rule::moving(network, x, batch, pre, &eta)
        } else {
            let student = network.forward(x, false);
            let teacher = self.teacher(group).forward(x, true);
            rule::frozen(network, x, &teacher, student, pre, &eta)
        };
        let each = self.rules.loss.each(changes.rates.output(), target);
        let loss = each.view([network.runs, -1, batch]).mean_dim(-1, false, each.kind());
        let mut alive = group.rows(&self.live.alive);
        let alive = alive.logical_and_(&loss.le(self.rules.cap).all_dim(1, false));
        changes.apply(network, &alive.logical_not().view([-1, 1, 1]));
        loss
    }

    /// Some networks with the weights and biases with which phase 2 began.
    pub(super) fn teacher(&self, group: &RunGroup) -> Network {
        let runs = group.network.runs;
        let layers = self.initial.iter().map(|layer| layer.slice_runs(group.first, runs));
        Network { layers: layers.collect(), runs }
    }
}
