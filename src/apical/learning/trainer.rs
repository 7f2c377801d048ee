//! Networks in training, with everything that the phases carry from step to step. Nothing here is
//! read by the host.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::live_runs::LiveRuns;
use super::multipliers::{ABounds, AReduce, AUpdate};
use super::rule::{Pre, Target};
use crate::apical::model::layer::Layer;
use crate::apical::model::loss::Loss;
use crate::apical::model::network::Network;

/// Samples whose rates fit into the cache together.
pub(super) const CHUNK: i64 = 256;

/// How networks learn: what all runs have in common.
#[derive(Debug, Clone, Copy)]
pub struct LearningRules {
    /// The loss whose gradient phase 1 takes.
    pub loss: Loss,
    /// Samples in a batch.
    pub batch_size: i64,
    /// How the gradients of phase 1's batches become one.
    pub a_reduce: AReduce,
    /// What phase 1 does with its gradient.
    pub a_update: AUpdate,
    /// The bounds of the multipliers after a phase 1.
    pub a_bounds: ABounds,
    /// The rate of the presynaptic neuron in the rule of phase 2.
    pub pre: Pre,
    /// The rates that the rule of phase 2 aims at.
    pub target: Target,
    /// A run whose loss is above this has exploded.
    pub cap: f64,
}

/// The learning rates of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRates {
    /// Of the multipliers, in phase 1.
    pub a: f64,
    /// Of the weights, in phase 2.
    pub w: f64,
}

/// Networks in training.
#[derive(Debug)]
pub struct Trainer {
    /// The networks.
    pub network: Network,
    /// How they learn.
    pub rules: LearningRules,
    /// Learning rates of the multipliers: `[run, 1]`.
    pub(super) lr_a: Tensor,
    /// Learning rates of the weights: `[run, 1, 1]`.
    pub(super) lr_w: Tensor,
    /// The sum of phase 1's gradients so far, for each layer: `[run, neuron]`.
    pub gradient: Vec<Tensor>,
    /// v of the update, for each layer: `[run, neuron]`.
    pub velocity: Vec<Tensor>,
    /// The layers with the weights and biases with which phase 2 began, and the multipliers of the
    /// networks; of a frozen target only.
    pub initial: Vec<Layer>,
    /// The runs that have not exploded, and the passes of phase 2 until the others did.
    pub live: LiveRuns,
    /// The live runs as the host last knew them.
    known_alive: Vec<bool>,
}

/// Some successive runs that are worked on together.
pub(super) struct RunGroup {
    /// The number of the first run.
    pub first: i64,
    /// Their networks, with the tensors of all.
    pub network: Network,
}

impl RunGroup {
    /// The rows of these runs in a tensor of all of them: `[run, ..]`.
    pub fn rows(&self, of: &Tensor) -> Tensor {
        of.narrow(0, self.first, self.network.runs)
    }
}

impl Trainer {
    /// Networks at the beginning of training, with the learning rates of each run.
    ///
    /// # Panics
    /// If there are not as many learning rates as networks.
    pub fn new(network: Network, rules: LearningRules, rates: &[LearningRates]) -> Self {
        assert_eq!(rates.len() as i64, network.runs, "learning rates and networks");
        let weight = &network.layers[0].weight;
        let (kind, device) = (weight.kind(), weight.device());
        let column = |rates: Vec<f64>| Tensor::from_slice(&rates).to_kind(kind).to_device(device);
        let lr_a = column(rates.iter().map(|rates| rates.a).collect()).unsqueeze(-1);
        let lr_w = column(rates.iter().map(|rates| rates.w).collect()).view([-1, 1, 1]);
        let zeros = || network.layers.iter().map(|layer| layer.apical.zeros_like()).collect();
        let initial = match rules.target {
            Target::Moving => Vec::new(),
            Target::Frozen => network.layers.iter().map(Layer::copy_weights).collect(),
        };
        Self {
            gradient: zeros(),
            velocity: zeros(),
            initial,
            live: LiveRuns::new(network.runs, device),
            known_alive: vec![true; network.runs as usize],
            rules,
            lr_a,
            lr_w,
            network,
        }
    }

    /// Where the tensors are.
    pub fn device(&self) -> Device {
        self.live.alive.device()
    }

    /// The precision of weights and multipliers.
    pub(super) fn kind(&self) -> Kind {
        self.lr_a.kind()
    }

    /// Tells the host which runs are live, so that it can leave out the others; returns whether
    /// there is any.
    pub fn set_alive(&mut self, alive: Vec<bool>) -> bool {
        self.known_alive = alive;
        self.known_alive.contains(&true)
    }

    /// Whether the multipliers act outside of phase 1: not with a frozen target, where phase 2
    /// takes them into the weights.
    pub fn modulated(&self) -> bool {
        match self.rules.target {
            Target::Moving => true,
            Target::Frozen => false,
        }
    }

    /// All runs at once.
    pub(super) fn whole(&self) -> RunGroup {
        RunGroup { first: 0, network: self.network.slice_runs(0, self.network.runs) }
    }

    /// The runs in the groups that are worked on together. On the CPU one network alone keeps the
    /// processor busy, its weights stay in the cache, and those that are known to have exploded are
    /// left out.
    pub(super) fn groups(&self) -> Vec<RunGroup> {
        if self.device() != Device::Cpu {
            return vec![self.whole()];
        }
        let alive = (0..self.network.runs).zip(&self.known_alive).filter(|(_, alive)| **alive);
        let alone = |run| RunGroup { first: run, network: self.network.slice_runs(run, 1) };
        alive.map(|(run, _)| alone(run)).collect()
    }

    /// Ends the runs whose loss is over the cap, or not finite, after so many passes of phase 2.
    ///
    /// # Shapes
    /// - loss: `[run]`
    pub fn mark_exploded(&mut self, loss: &Tensor, passes: f64) {
        self.live.require(&loss.le(self.rules.cap));
        self.live.record_ends(passes);
    }
}

/// A range in chunks of this length, the last of which may be shorter.
pub(crate) fn chunks(range: Range<i64>, length: i64) -> impl Iterator<Item = Range<i64>> {
    let end = range.end;
    range.step_by(length as usize).map(move |start| start..end.min(start + length))
}

/// Successive samples: `[sample, ..]`.
///
/// # Shapes
/// - of: `[sample, ..]`
pub(crate) fn samples(of: &Tensor, range: &Range<i64>) -> Tensor {
    of.narrow(0, range.start, range.end - range.start)
}
