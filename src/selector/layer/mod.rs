//! A layer of neurons that each have a selection neuron and K computation neurons.
//!
//! Axes: [replicate,] batch, computation (K), neuron (N), input (D); the axis of replicates is
//! there for more than one.
//!
//! There are two ways to use a layer. [`SelectorLayer::forward`] is built of libtorch's
//! differentiable operations, holds everything for all K, and is what the other way is tested
//! against. [`SelectorLayer::run`] and [`SelectorLayer::backward`] have the derivatives written out:
//! they need no graph, write the gradient where the optimizer reads it, and hold as little as
//! [`Compute`] allows.

mod backward;
mod balance;
mod check;
mod differentiable;
mod gather;
mod levels;
mod noise;
mod pass;
mod plan;

mod shape;
mod softmax;

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::rows::{Projection, Rows, leading};
pub use differentiable::Activation;
use levels::Levels;
pub use noise::{Noise, NoiseKind};
pub use pass::Pass;
use plan::Plan;
pub use shape::LayerShape;

use super::config::{SelectorKind, SteSign};
pub use super::rules::{Compute, Inner, LayerOptions, Rule};
use crate::lab::error::refuse;
use crate::lab::tensor::params::Params;

/// Computation neurons up to which a comparison with each is faster than a sorting addition.
const FEW: i64 = 8;

/// A layer whose weights are views of a model's parameters.
#[derive(Debug)]
pub struct SelectorLayer {
    shape: LayerShape,
    options: LayerOptions,
    /// Replicates, where there are several.
    lead: Vec<i64>,
    projection: Option<Projection>,
    /// [logit N, D or r]; none where there is nothing to choose.
    selection: Option<Rows>,
    /// [K N, D]
    computation: Rows,
    levels: Option<Levels>,
    /// [K, 1], the number of each computation neuron: u8, or i16 for K above 256.
    numbers: Tensor,
    /// [.., K, N], added to the logits where the largest is taken and nowhere else.
    preference: Option<Tensor>,
    /// Weight of the auxiliary loss for even use.
    evenness: f64,
}

impl SelectorLayer {
    /// The layer of this name in `params`, with the default options.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(shape: LayerShape, name: &str, params: &Params, device: Device) -> Result<Self> {
        Self::with_options(shape, LayerOptions::default(), name, params, device)
    }

    /// The layer of this name in `params`.
    ///
    /// # Errors
    /// Where a parameter is missing, or shape and options don't fit together
    /// ([`LayerShape::check`], [`LayerOptions::check`]), or the device lacks the computation.
    pub fn with_options(
        shape: LayerShape,
        options: LayerOptions,
        name: &str,
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        shape.check()?;
        options.check(&shape)?;
        let real = matches!(params.values.kind(), Kind::Float | Kind::Double);
        if options.compute == Compute::Gather && (device != Device::Cpu || !real) {
            return Err(refuse(
                "--compute gather is there on the CPU only, for f32 and f64: use --compute dense \
                 or streaming",
            ));
        }
        let low_rank = shape.selector == SelectorKind::LowRank;
        let projection = match low_rank {
            true => Some(Projection::new(params, &format!("{name}.projection"))?),
            false => None,
        };
        let features = if low_rank { shape.rank } else { shape.inputs };
        let rows = |part: &str, rows: i64, inputs: i64| {
            Rows::new(params, &format!("{name}.{part}"), rows * shape.neurons, inputs)
        };
        let levels = matches!(shape.selector, SelectorKind::Threshold | SelectorKind::Tree);
        let kind = params.values.kind();
        let number = if shape.choices <= 256 { Kind::Uint8 } else { Kind::Int16 };
        Ok(Self {
            shape,
            options,
            lead: leading(params),
            projection,
            selection: match shape.has_selection() {
                true => Some(rows("selection", shape.logits(), features)?),
                false => None,
            },
            computation: rows("computation", shape.choices, shape.inputs)?,
            levels: levels.then(|| Levels::new(shape.choices, shape.logits(), (kind, device))),
            numbers: Tensor::arange(shape.choices, (number, device)).unsqueeze(-1),
            preference: None,
            evenness: 0.0,
        })
    }

    /// How often each computation neuron was selected over the batch: [.., computation, neuron]
    /// f64, whole numbers.
    ///
    /// - choice: as in [`Activation`] or [`Pass`]
    pub fn tally(&self, choice: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        if self.shape.choices <= FEW {
            let here = choice.unsqueeze(-2).eq_tensor(&self.numbers);
            return here.sum_dim_intlist(-3, false, Kind::Int64).to_kind(Kind::Double);
        }
        let mut tally = self.no_tally();
        let choice = choice.to_kind(Kind::Int64);
        let one = Tensor::ones([], (Kind::Double, self.numbers.device())).expand_as(&choice);
        tally.scatter_add_(-2, &choice, &one)
    }

    /// The number of computation neurons of each neuron (K).
    pub fn choices(&self) -> i64 {
        self.shape.choices
    }

    /// Its size.
    pub fn shape(&self) -> &LayerShape {
        &self.shape
    }

    /// Its options, as they were given.
    pub fn options(&self) -> &LayerOptions {
        &self.options
    }

    /// How it computes a batch of this many rows.
    pub fn compute(&self, rows: i64) -> Compute {
        self.plan(rows).compute
    }

    /// Zeros to add tallies to: [.., computation, neuron] f64.
    pub fn no_tally(&self) -> Tensor {
        let shape = [self.lead.as_slice(), &[self.shape.choices, self.shape.neurons]].concat();
        Tensor::zeros(shape, (Kind::Double, self.numbers.device()))
    }

    /// What the selector's gradient is multiplied by.
    fn direction(&self) -> f64 {
        match (self.shape.selector, self.shape.sign) {
            (SelectorKind::Threshold, SteSign::AsPrinted) => -1.0,
            _ => 1.0,
        }
    }

    /// What the selector looks at: the input, or what is left of it at a low rank.
    fn features(&self, x: &Tensor) -> Tensor {
        self.projection.as_ref().map_or_else(|| x.shallow_clone(), |map| map.outputs(x))
    }

    /// Outputs of some computation neurons: [.., batch, count, neuron].
    fn hidden(&self, x: &Tensor, (start, count): (i64, i64)) -> Tensor {
        let neurons = self.shape.neurons;
        let mut h = self.computation.outputs(x, start * neurons, count * neurons);
        if self.options.inner == Inner::Relu {
            h = if h.requires_grad() { h.relu() } else { h.relu_() };
        }
        h.unflatten(-1, [count, neurons])
    }

    fn plan(&self, rows: i64) -> Plan {
        let mut options = self.options;
        if self.evenness > 0.0 {
            options.compute = Compute::Dense;
        }
        Plan::new(
            &self.shape,
            &options,
            rows,
            self.computation.weight.kind(),
            self.numbers.device(),
        )
    }
}
