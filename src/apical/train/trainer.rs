//! The two phases and the evaluation, on tensors alone: nothing here is read by the host.

use tch::{Device, Kind, Tensor};

use super::config::{AReduce, AUpdate, ApicalTrainConfig};
use crate::apical::network::Network;
use crate::apical::rule::{Target, apply_frozen, apply_moving};
use crate::apical::split::Part;
use crate::lab::checkpoint::State;

/// Networks in training, with everything that phases carry from step to step.
pub struct Trainer {
    /// The networks.
    pub network: Network,
    config: ApicalTrainConfig,
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
    pub fn accumulate(&mut self, part: &Part, (from, to): (i64, i64)) -> Tensor {
        let x = part.images.narrow(0, from, to - from);
        let target = part.target.narrow(0, from, to - from);
        let pass = self.network.forward(&x, true);
        let each = self.config.loss.each(pass.output(), &target);
        let weight = self.sample_weights(part.samples(), (from, to));
        let delta = self.config.loss.gradient(pass.output(), &target, &weight);
        let found = self.network.backward(&x, &pass, delta, false).apical;
        for (sum, gradient) in self.gradient.iter_mut().zip(found) {
            let _ = sum.g_add_(&gradient.sum_dim_intlist(1, false, gradient.kind()));
        }
        each.sum_dim_intlist(-1, false, Kind::Double)
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

    /// One step of phase 2, and the loss of the batch before it: [run].
    ///
    /// - x: [sample, input]
    /// - target: one-hot, [sample, output]
    pub fn learn(&mut self, x: &Tensor, target: &Tensor, factor: f64) -> Tensor {
        let pass = self.network.forward(x, self.modulated());
        let loss = self.config.loss.mean(pass.output(), target);
        let _ = self.alive.logical_and_(&loss.le(self.config.cap));
        let still = self.alive.logical_not().view([-1, 1, 1]);
        let rates = &self.lr_w * (factor / x.size()[0] as f64);
        let pre = self.config.pre;
        if self.modulated() {
            apply_moving(&self.network, x, &pass, pre, &rates, &still);
        } else {
            let teacher = self.teacher().forward(x, true);
            apply_frozen(&self.network, x, (&teacher, &pass), pre, &rates, &still);
        }
        loss
    }

    /// The network of the weights with which phase 2 began.
    fn teacher(&self) -> Network {
        let layers = self.network.layers.iter().zip(&self.initial).map(|(layer, initial)| {
            crate::apical::network::Layer {
                weight: initial.shallow_clone(),
                apical: layer.apical.shallow_clone(),
                activation: layer.activation,
            }
        });
        Network { layers: layers.collect(), runs: self.network.runs }
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
        let known = self.exploded_at.isnan().logical_not().logical_or(&self.alive);
        let now = Tensor::full_like(&self.exploded_at, passes);
        self.exploded_at.copy_(&self.exploded_at.where_self(&known, &now));
    }

    /// Mean loss and share correct of every run: [2, run] f64.
    ///
    /// - modulated: with the multipliers
    pub fn test(&self, part: &Part, modulated: bool) -> Tensor {
        let chunk = (20_000 / self.network.runs).clamp(100, 1000);
        let mut sums = Tensor::zeros([2, self.network.runs], (Kind::Double, self.device()));
        for from in (0..part.samples()).step_by(chunk as usize) {
            let length = chunk.min(part.samples() - from);
            let pass = self.network.forward(&part.images.narrow(0, from, length), modulated);
            let target = part.target.narrow(0, from, length);
            let loss = self.config.loss.each(pass.output(), &target);
            let labels = part.labels.narrow(0, from, length);
            let correct = pass.output().argmax(-1, false).eq_tensor(&labels);
            let row = [loss, correct].map(|each| each.sum_dim_intlist(-1, false, Kind::Double));
            let _ = sums.g_add_(&Tensor::stack(&row, 0));
        }
        sums / part.samples() as f64
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
