//! Phase 1: the multipliers follow the gradient of the loss on D_A.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::split::Subset;
use super::trainer::{CHUNK, Trainer, chunks, samples};

impl Trainer {
    /// Begins a phase 1, which may be the first of its epoch.
    pub fn begin_phase1(&mut self, is_first: bool) {
        let resets = is_first && self.rules.a_update.resets();
        for (layer, gradient) in self.network.layers.iter_mut().zip(&mut self.gradient) {
            let _ = gradient.zero_();
            if resets {
                let one = layer.apical.ones_like();
                let alive = self.live.alive.unsqueeze(-1);
                layer.apical.copy_(&one.where_self(&alive, &layer.apical));
            }
        }
    }

    /// Adds the gradient of some samples of D_A, and returns their summed loss: `[run]` f64.
    pub fn accumulate_gradient(&mut self, data: &Subset, range: Range<i64>) -> Tensor {
        let weights = self.sample_weights(data.len(), &range);
        let losses = Tensor::zeros([self.network.runs], (Kind::Double, self.device()));
        let loss = self.rules.loss;
        for group in self.groups() {
            for chunk in chunks(range.clone(), CHUNK) {
                let x = samples(&data.images, &chunk);
                let target = samples(&data.target, &chunk);
                let weight = weights.narrow(0, chunk.start - range.start, x.size()[0]);
                let rates = group.network.forward(&x, true);
                let each = loss.each(rates.output(), &target);
                let delta = loss.gradient(rates.output(), &target, &weight);
                let found = group.network.backward(&x, &rates, delta, false).apical;
                for (sum, gradient) in self.gradient.iter().zip(found) {
                    let gradient = gradient.sum_dim_intlist(1, false, gradient.kind());
                    let _ = group.rows(sum).g_add_(&gradient);
                }
                let each = each.sum_dim_intlist(-1, false, Kind::Double);
                let _ = group.rows(&losses).g_add_(&each);
            }
        }
        losses
    }

    /// What the gradient of each sample in `range` counts: `[sample, 1]`.
    fn sample_weights(&self, all: i64, range: &Range<i64>) -> Tensor {
        let weights = self.rules.a_reduce.sample_weights(all, self.rules.batch_size);
        let length = range.end - range.start;
        let weight = Tensor::full([length, 1], weights.of_whole, (self.kind(), self.device()));
        if range.end > weights.whole {
            let start = weights.whole.max(range.start) - range.start;
            let _ = weight.narrow(0, start, length - start).fill_(weights.of_rest);
        }
        weight
    }

    /// Ends a phase 1 after so many passes of phase 2: moves the multipliers of the live runs whose
    /// gradient is finite, and clamps them to their bounds; the other runs have exploded. The
    /// velocity knows nothing of the bounds.
    pub fn update_multipliers(&mut self, lr_factor: f64, passes: f64) {
        let finite: Vec<Tensor> =
            self.gradient.iter().map(|g| g.isfinite().all_dim(-1, false)).collect();
        self.live.require(&Tensor::stack(&finite, 0).all_dim(0, false));
        let alive = self.live.alive.unsqueeze(-1);
        let rates = &self.lr_a * lr_factor;
        let beta = self.rules.a_update.beta();
        for ((layer, velocity), gradient) in
            self.network.layers.iter_mut().zip(&mut self.velocity).zip(&self.gradient)
        {
            let next = &*velocity * beta + gradient;
            velocity.copy_(&next.where_self(&alive, velocity));
            let moved = self.rules.a_bounds.clamp(&layer.apical - &*velocity * &rates);
            layer.apical.copy_(&moved.where_self(&alive, &layer.apical));
        }
        self.live.record_ends(passes);
    }
}
