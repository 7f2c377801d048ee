//! How a layer goes through its computation neurons for a batch.

use tch::{Device, Kind};

use super::{Compute, LayerOptions, LayerShape, Rule};

/// Numbers of one block, [batch, count, neuron]: small enough for a core's cache, large enough for
/// the cost of calling libtorch not to matter.
const BLOCK: i64 = 1 << 17;

/// The way through a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Dense, streaming or gather.
    pub(super) compute: Compute,
    /// Computation neurons of a block.
    pub(super) block: i64,
    /// Whether probabilities and outputs are kept for the backward pass.
    pub(super) keep: bool,
    /// Whether the logits are, which the backward pass would else compute again.
    pub(super) keep_logits: bool,
}

impl Plan {
    pub(super) fn new(
        shape: &LayerShape,
        options: &LayerOptions,
        rows: i64,
        kind: Kind,
        device: Device,
    ) -> Self {
        let compute = match options.compute {
            Compute::Auto => automatic(shape, options.rule, rows, (kind, device)),
            asked => asked,
        };
        let block = match compute {
            Compute::Dense => shape.choices,
            _ => (BLOCK / (rows * shape.neurons).max(1)).clamp(1, shape.choices.max(1)),
        };
        let automatic = options.compute == Compute::Auto && compute == Compute::Gather;
        let keep_logits = automatic && numbers(shape, rows) <= LOGITS_LIMIT;
        Self { compute, block, keep: compute == Compute::Dense, keep_logits }
    }

    /// The blocks: first computation neuron and count.
    pub(super) fn blocks(&self, choices: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        let block = self.block;
        (0..choices).step_by(block as usize).map(move |start| (start, block.min(choices - start)))
    }
}

/// The way that two fixed limits give. They are not the break-even of every size, but they depend on
/// nothing that changes from run to run, so that a run's numbers don't either.
fn automatic(shape: &LayerShape, rule: Rule, rows: i64, (kind, device): (Kind, Device)) -> Compute {
    let real = matches!(kind, Kind::Float | Kind::Double);
    if device == Device::Cpu && real && !rule.needs_all() && shape.choices >= GATHER_FROM {
        return Compute::Gather;
    }
    match numbers(shape, rows) {
        0..=DENSE_LIMIT => Compute::Dense,
        _ => Compute::Streaming,
    }
}

/// Numbers [batch, computation, neuron].
fn numbers(shape: &LayerShape, rows: i64) -> i64 {
    shape.choices * shape.neurons * rows
}

impl LayerOptions {
    /// Logits that a layer in f32 on the CPU keeps between its passes over a batch of this many rows,
    /// where it keeps nothing else for all K.
    pub fn kept_logits(&self, shape: &LayerShape, rows: i64) -> i64 {
        let plan = Plan::new(shape, self, rows, Kind::Float, Device::Cpu);
        if plan.keep_logits { numbers(shape, rows) } else { 0 }
    }
}

/// Computation neurons from which the kernels are used. Forward and backward pass by `selected-only`
/// with a softmax selector were the faster with them from K = 4 on at three of four sizes; at the
/// fourth K = 4 takes 5 % more and K = 5 is level:
/// `cargo bench --bench selector_compute -- ways`, see the table in `docs/selector_mnist.md`.
const GATHER_FROM: i64 = 4;

/// Numbers [batch, computation, neuron] up to which everything is held: 8 MB in f32 for the
/// probabilities and as much for the outputs of a layer. Holding them is the faster at most sizes of
/// that table, above the limit too, which is there for the memory.
const DENSE_LIMIT: i64 = 1 << 21;

/// Numbers [batch, computation, neuron] up to which `auto` keeps the logits of a softmax for the
/// backward pass beside the kernels: 64 MB in f32 for a layer. It saves computing them again, a
/// matrix product of four, and was the faster at every size measured; the limit bounds the memory.
const LOGITS_LIMIT: i64 = 1 << 24;
