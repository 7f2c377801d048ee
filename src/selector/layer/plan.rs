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
        Self { compute, block, keep: compute == Compute::Dense }
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
    match shape.choices * shape.neurons * rows {
        0..=DENSE_LIMIT => Compute::Dense,
        _ => Compute::Streaming,
    }
}

/// Computation neurons from which the kernels are used: at 256 samples, 512 inputs and 512 neurons
/// they were faster than products for all of them from here on, see the table in
/// `docs/selector_mnist.md`; other sizes may break even elsewhere.
const GATHER_FROM: i64 = 5;

/// Numbers [batch, computation, neuron] up to which everything is held: 8 MB in f32 for the
/// probabilities and as much for the outputs of a layer. It was chosen to bound the memory; from
/// which size on computing twice is the faster was not measured.
const DENSE_LIMIT: i64 = 1 << 21;
