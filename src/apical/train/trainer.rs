//! The two phases and the evaluation, on tensors alone: nothing here is read by the host.

use tch::{Device, Kind, Tensor};

use super::config::{AReduce, AUpdate, ApicalTrainConfig};
use crate::apical::network::{Layer, Network, note_ends};
use crate::apical::rule::{self, Target};
use crate::apical::split::Part;
use crate::lab::store::checkpoint::State;

/// Samples whose rates fit into the cache together.
pub(super) const CHUNK: i64 = 256;
/// Smaller batches than this are taken in blocks, all runs at once.
const SMALL: i64 = 16;
/// Samples in a block.
const BLOCK: i64 = 64;

/// Networks in training, with everything that phases carry from step to step.
pub struct Trainer {
    /// The networks.
    pub network: Network,
    pub(super) config: ApicalTrainConfig,
    /// Learning rates: [run, 1] and [run, 1, 1].
    lr_a: Tensor,
    lr_w: Tensor,
    /// Sum of phase 1's gradients so far, and v of the update, for each layer: [run, neuron].
    gradient: Vec<Tensor>,
    velocity: Vec<Tensor>,
    /// The weights with which phase 2 began; of a frozen target only.
    initial: Vec<Tensor>,
    /// [run] bool: not exploded.
    pub alive: Tensor,
    /// The same as the host last knew it.
    live: Vec<bool>,
    /// Passes of phase 2 until each run exploded, NaN for those that have not: [run] f64.
    pub exploded_at: Tensor,
}

impl Trainer {
    /// Networks at the beginning of training.
    ///
    /// - rates: (lr_a, lr_w) of each run
    pub fn new(network: Network, config: &ApicalTrainConfig, rates: &[(f64, f64)]) -> Self {
        let weight = &network.layers[0].weight;
        let (kind, device) = (weight.kind(), weight.device());
        let column = |rates: Vec<f64>| Tensor::from_slice(&rates).to_kind(kind).to_device(device);
        let lr_a = column(rates.iter().map(|pair| pair.0).collect()).unsqueeze(-1);
        let lr_w = column(rates.iter().map(|pair| pair.1).collect()).view([-1, 1, 1]);
        let zeros = || network.layers.iter().map(|layer| layer.apical.zeros_like()).collect();
        let frozen = config.target == Target::Frozen;
        let initial = network.layers.iter().filter(|_| frozen).map(|l| l.weight.copy()).collect();
        let runs = network.runs;
        Self {
            gradient: zeros(),
            velocity: zeros(),
            initial,
            alive: Tensor::ones([runs], (Kind::Bool, device)),
            live: vec![true; runs as usize],
            exploded_at: Tensor::full([runs], f64::NAN, (Kind::Double, device)),
            config: config.clone(),
            lr_a,
            lr_w,
            network,
        }
    }

    /// Where the tensors are.
    pub fn device(&self) -> Device {
        self.alive.device()
    }

    /// Takes note of the runs that have not exploded; gives back whether there are any.
    pub fn know(&mut self, live: Vec<bool>) -> bool {
        self.live = live;
        self.live.contains(&true)
    }

    /// Whether the multipliers act outside of phase 1: not with a frozen target, where phase 2
    /// takes them into the weights.
    pub fn modulated(&self) -> bool {
        self.config.target == Target::Moving
    }

    /// Begins a phase 1.
    pub fn begin_first(&mut self) {
        for (layer, gradient) in self.network.layers.iter_mut().zip(&mut self.gradient) {
            let _ = gradient.zero_();
            if self.config.a_update == AUpdate::Reset {
                let one = layer.apical.ones_like();
                layer.apical.copy_(&one.where_self(&self.alive.unsqueeze(-1), &layer.apical));
            }
        }
    }

    /// Adds the gradient of some samples of D_A, and gives back their summed loss: [run].
    ///
    /// - range: first sample and end
    pub fn accumulate(&mut self, part: &Part, range: (i64, i64)) -> Tensor {
        let weights = self.sample_weights(part.samples(), range);
        let losses = Tensor::zeros([self.network.runs], (Kind::Double, self.device()));
        for (first, network) in self.parts() {
            for (from, to) in pieces(range, CHUNK) {
                let x = part.images.narrow(0, from, to - from);
                let target = part.target.narrow(0, from, to - from);
                let weight = weights.narrow(0, from - range.0, to - from);
                let pass = network.forward(&x, true);
                let each = self.config.model.loss.each(pass.output(), &target);
                let delta = self.config.model.loss.gradient(pass.output(), &target, &weight);
                let found = network.backward(&x, &pass, delta, false).apical;
                for (sum, gradient) in self.gradient.iter().zip(found) {
                    let mut sum = sum.narrow(0, first, network.runs);
                    let _ = sum.g_add_(&gradient.sum_dim_intlist(1, false, gradient.kind()));
                }
                let mut sum = losses.narrow(0, first, network.runs);
                let _ = sum.g_add_(&each.sum_dim_intlist(-1, false, Kind::Double));
            }
        }
        losses
    }

    /// The networks as they are worked on, each part with the number of its first run. On the CPU
    /// one network alone keeps the processor busy, its weights stay in the cache, and those that
    /// are known to have exploded are left out.
    pub(super) fn parts(&self) -> Vec<(i64, Network)> {
        let runs = self.network.runs;
        if self.device() != Device::Cpu {
            return vec![(0, self.network.part(0, runs))];
        }
        let live = (0..runs).zip(&self.live).filter(|(_, live)| **live);
        live.map(|(run, _)| (run, self.network.part(run, 1))).collect()
    }

    /// What each sample's gradient counts: 1 over the size of its batch, of which the last may be
    /// smaller; for the mean over batches also over their number.
    fn sample_weights(&self, samples: i64, (from, to): (i64, i64)) -> Tensor {
        let batch = self.config.batch_size;
        let (batches, whole) = (((samples + batch - 1) / batch), samples / batch * batch);
        let share = match self.config.a_reduce {
            AReduce::Mean => 1.0 / batches as f64,
            AReduce::Sum => 1.0,
        };
        let weight =
            Tensor::full([to - from, 1], share / batch as f64, (self.kind(), self.device()));
        if to > whole {
            let start = whole.max(from) - from;
            let last = share / (samples - whole) as f64;
            let _ = weight.narrow(0, start, to - from - start).fill_(last);
        }
        weight
    }

    fn kind(&self) -> Kind {
        self.lr_a.kind()
    }

    /// Ends a phase 1: moves the multipliers of the live runs whose gradient is finite; the
    /// others have exploded.
    pub fn update_multipliers(&mut self, factor: f64, passes: f64) {
        let finite: Vec<Tensor> =
            self.gradient.iter().map(|g| g.isfinite().all_dim(-1, false)).collect();
        let _ = self.alive.logical_and_(&Tensor::stack(&finite, 0).all_dim(0, false));
        let live = self.alive.unsqueeze(-1);
        let rates = &self.lr_a * factor;
        let beta = self.config.a_update.beta();
        for ((layer, velocity), gradient) in
            self.network.layers.iter_mut().zip(&mut self.velocity).zip(&self.gradient)
        {
            let next = &*velocity * beta + gradient;
            velocity.copy_(&next.where_self(&live, velocity));
            let moved = &layer.apical - &*velocity * &rates;
            layer.apical.copy_(&moved.where_self(&live, &layer.apical));
        }
        self.mark(passes);
    }

    /// Begins a phase 2 that follows a phase 1.
    pub fn begin_second(&mut self) {
        for (initial, layer) in self.initial.iter_mut().zip(&self.network.layers) {
            initial.copy_(&layer.weight);
        }
    }

    /// Steps of phase 2 on batches that follow each other, and the mean of their losses, each
    /// before its step: [run] f64, NaN for runs that are left out. A run whose loss is over the cap
    /// in one of them, or not finite, keeps the weights that it had before them.
    ///
    /// - order: samples of `part`: [sample] i64
    pub fn learn(&mut self, part: &Part, order: &Tensor, factor: f64) -> Tensor {
        let (samples, batch) = (order.size()[0], self.config.batch_size);
        let blocked = batch < SMALL && self.modulated();
        let block = if blocked { BLOCK / batch * batch } else { batch };
        let parts = match blocked {
            true => vec![(0, self.network.part(0, self.network.runs))],
            false => self.parts(),
        };
        let whole = samples / batch * batch;
        // Images are fetched for all networks together, or just before they are needed.
        let slab = if parts.len() == 1 { block } else { (CHUNK / block).max(1) * block };
        let mut losses: Vec<Vec<Tensor>> = parts.iter().map(|_| Vec::new()).collect();
        for (from, to) in pieces((0, whole), slab).chain(pieces((whole, samples), batch)) {
            let order = order.narrow(0, from, to - from);
            let x = part.images.index_select(0, &order);
            let target = part.target.index_select(0, &order);
            for ((first, network), losses) in parts.iter().zip(&mut losses) {
                losses.extend(pieces((0, to - from), block).map(|(from, to)| {
                    let piece = |of: &Tensor| of.narrow(0, from, to - from);
                    self.block(*first, network, &piece(&x), &piece(&target), factor)
                }));
            }
        }
        let mean = Tensor::full([self.network.runs], f64::NAN, (Kind::Double, self.device()));
        for ((first, network), losses) in parts.iter().zip(&losses) {
            let found = Tensor::cat(losses, 1).mean_dim(1, false, Kind::Double);
            mean.narrow(0, *first, network.runs).copy_(&found);
        }
        mean
    }

    /// The steps of one block for some runs, and the loss of each batch: [run, batch].
    fn block(
        &self,
        first: i64,
        network: &Network,
        x: &Tensor,
        target: &Tensor,
        factor: f64,
    ) -> Tensor {
        let batch = self.config.batch_size.min(x.size()[0]);
        let rates = self.lr_w.narrow(0, first, network.runs) * (factor / batch as f64);
        let pre = self.config.pre;
        let changes = if self.modulated() {
            rule::moving(network, x, batch, pre, &rates)
        } else {
            let own = network.forward(x, false);
            let teacher = self.teacher(first, network).forward(x, true);
            rule::frozen(network, x, (&teacher, own), pre, &rates)
        };
        let each = self.config.model.loss.each(changes.pass.output(), target);
        let loss = each.view([network.runs, -1, batch]).mean_dim(-1, false, each.kind());
        let mut alive = self.alive.narrow(0, first, network.runs);
        let alive = alive.logical_and_(&loss.le(self.config.cap).all_dim(1, false));
        changes.apply(network, &alive.logical_not().view([-1, 1, 1]));
        loss
    }

    /// Some networks with the weights with which phase 2 began.
    fn teacher(&self, first: i64, network: &Network) -> Network {
        let layers = network.layers.iter().zip(&self.initial).map(|(layer, initial)| Layer {
            weight: initial.narrow(0, first, network.runs),
            apical: layer.apical.shallow_clone(),
            activation: layer.activation,
        });
        Network { layers: layers.collect(), runs: network.runs }
    }

    /// Says that runs whose loss is over the cap, or not finite, have exploded.
    ///
    /// - loss: [run]
    pub fn check(&mut self, loss: &Tensor, passes: f64) {
        let _ = self.alive.logical_and_(&loss.le(self.config.cap));
        self.mark(passes);
    }

    /// Notes when the runs that are no longer alive exploded.
    pub fn mark(&mut self, passes: f64) {
        note_ends(&mut self.exploded_at, &self.alive, passes);
    }

    /// Every tensor by name; with the axis of runs only where there are several.
    pub fn state(&self) -> State {
        let mut state = State::new();
        let plain = |tensor: &Tensor| match self.network.runs {
            1 => tensor.get(0),
            _ => tensor.shallow_clone(),
        };
        for (k, layer) in self.network.layers.iter().enumerate() {
            state.push((format!("layer{k}.weight"), plain(&layer.weight)));
            state.push((format!("layer{k}.apical"), plain(&layer.apical)));
            state.push((format!("state.gradient.layer{k}"), plain(&self.gradient[k])));
            state.push((format!("state.velocity.layer{k}"), plain(&self.velocity[k])));
            if let Some(initial) = self.initial.get(k) {
                state.push((format!("state.initial.layer{k}"), plain(initial)));
            }
        }
        state.push(("state.alive".into(), self.alive.shallow_clone()));
        state.push(("state.exploded_at".into(), self.exploded_at.shallow_clone()));
        state
    }
}

/// The ranges of so many things, or fewer at the end, that a range consists of.
pub(super) fn pieces((from, to): (i64, i64), length: i64) -> impl Iterator<Item = (i64, i64)> {
    (from..to).step_by(length as usize).map(move |start| (start, to.min(start + length)))
}
