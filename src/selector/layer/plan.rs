//! How a layer goes through its computation neurons for a batch.

use tch::{Device, Kind};

use super::options::{Compute, LayerOptions, Rule};
use super::shape::LayerShape;
use crate::selector::linear::Span;

/// Numbers of one block, `[batch, count, neuron]`: small enough for a core's cache, large enough
/// for the cost of calling libtorch not to matter.
const BLOCK: i64 = 1 << 17;

/// The batch that a plan is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    /// Samples.
    pub(super) rows: i64,
    pub(super) kind: Kind,
    pub(super) device: Device,
}

/// The way through a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComputePlan {
    /// Dense, streaming or gather.
    pub(super) compute: Compute,
    /// Computation neurons of a block.
    pub(super) block: i64,
    /// Whether probabilities and outputs are saved for the backward pass.
    pub(super) save_all: bool,
    /// Whether the logits are saved, which the backward pass would else compute again.
    pub(super) save_logits: bool,
}

impl ComputePlan {
    /// The way through a batch where up to `limit` numbers `[batch, computation, neuron]` are held.
    pub(super) fn new(
        shape: &LayerShape,
        options: &LayerOptions,
        batch: Batch,
        limit: i64,
    ) -> Self {
        let (compute, save_logits) = match options.compute {
            Compute::Auto => {
                let compute = automatic(shape, options.rule, batch, limit);
                let few = numbers(shape, batch.rows) <= LOGITS_LIMIT;
                (compute, compute.is_gather() && few)
            }
            asked @ (Compute::Dense | Compute::Streaming | Compute::Gather) => (asked, false),
        };
        let (block, save_all) = match compute {
            Compute::Dense => (shape.choices, true),
            Compute::Auto | Compute::Streaming | Compute::Gather => {
                let block = BLOCK / batch.rows.saturating_mul(shape.neurons).max(1);
                (block.clamp(1, shape.choices.max(1)), false)
            }
        };
        Self { compute, block, save_all, save_logits }
    }

    /// The blocks of K computation neurons.
    pub(super) fn blocks(&self, choices: i64) -> impl Iterator<Item = Span> + use<> {
        let block = self.block;
        let span = move |start| Span { start, count: block.min(choices - start) };
        (0..choices).step_by(block as usize).map(span)
    }

    /// Whether the kernels compute the selected outputs, in place of the outputs of each block.
    pub(super) fn gathers(&self) -> bool {
        self.compute.is_gather()
    }
}

/// The way that two fixed limits give. They are not the break-even of every size, but they depend on
/// nothing that changes from run to run, so that a run's numbers don't either.
fn automatic(shape: &LayerShape, rule: Rule, batch: Batch, limit: i64) -> Compute {
    let real = matches!(batch.kind, Kind::Float | Kind::Double);
    let on_cpu = batch.device == Device::Cpu;
    if on_cpu && real && !rule.needs_all_outputs() && shape.choices >= GATHER_FROM {
        return Compute::Gather;
    }
    if numbers(shape, batch.rows) <= limit { Compute::Dense } else { Compute::Streaming }
}

/// Numbers `[batch, computation, neuron]`, or the largest number there is.
fn numbers(shape: &LayerShape, rows: i64) -> i64 {
    shape.choices.saturating_mul(shape.neurons).saturating_mul(rows)
}

impl LayerOptions {
    /// Numbers for all K that a layer in f32 on the CPU holds between its passes over a batch of this
    /// many rows, and may hold `limit` of: probabilities and outputs, or the logits alone. The backward pass
    /// makes as many again.
    pub fn held_numbers(&self, shape: &LayerShape, rows: i64, limit: i64) -> i64 {
        let batch = Batch { rows, kind: Kind::Float, device: Device::Cpu };
        let ComputePlan { save_all, save_logits, .. } = ComputePlan::new(shape, self, batch, limit);
        match (save_all, save_logits) {
            (true, _) => numbers(shape, rows).saturating_mul(2),
            (false, true) => numbers(shape, rows),
            (false, false) => 0,
        }
    }
}

/// Computation neurons from which the kernels are used. Forward and backward pass by `selected-only`
/// with a softmax selector were the faster with them from K = 4 on at three of four sizes; at the
/// fourth K = 4 takes 5 % more and K = 5 is level:
/// `cargo bench --bench selector_compute -- ways`, see the table in `docs/selector_mnist.md`.
const GATHER_FROM: i64 = 4;

/// Numbers `[batch, computation, neuron]` up to which a layer holds everything: 8 MB in f32 for the
/// probabilities and as much for the outputs. Holding them is the faster at most sizes of that table,
/// above the limit too, which is there for the memory of deep networks.
pub const HELD: i64 = 1 << 21;

/// The same of a read-out as wide as a vocabulary, of which a network has one: 64 MB in f32 for each. It
/// makes the step of a transformer with five computation neurons and 4000 words faster.
pub const HELD_BY_READ_OUT: i64 = 1 << 24;

/// Numbers `[batch, computation, neuron]` up to which `auto` saves the logits of a softmax for the
/// backward pass beside the kernels: 64 MB in f32 for a layer. It saves computing them again, a
/// matrix product of four, and was the faster at every size measured; the limit bounds the memory.
const LOGITS_LIMIT: i64 = 1 << 24;
