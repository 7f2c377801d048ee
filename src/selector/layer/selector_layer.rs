//! The layer's weights, and what every pass computes of them.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::check::InvalidLayer;
use super::noise::Noise;
use super::options::{Compute, Inner, LayerOptions};
use super::plan::{Batch, ComputePlan, HELD};
use super::selector::Selector;
use super::shape::LayerShape;
use crate::lab::tensor::params::Params;
use crate::selector::linear::{JoinedMaps, Linear, Span, leading_axes};

/// Computation neurons up to which a comparison with each is faster than a sorting addition.
const FEW: i64 = 8;

/// A layer: its shape, its options, and which of a model's parameters are its own.
///
/// The parameters are given to each pass, and must be those of the model that the layer was made for,
/// or of one with the same parameters.
#[derive(Debug)]
pub struct SelectorLayer {
    pub(super) shape: LayerShape,
    pub(super) options: LayerOptions,
    /// The kind of the parameters.
    pub(super) kind: Kind,
    /// The number of replicates, where there are several.
    pub(super) leading: Vec<i64>,
    pub(super) selector: Selector,
    /// `[K N, D]`
    pub(super) computation: Linear,
    /// The computation neurons and the one half-space of two, `[3 N, D]`, where they are neighbours.
    pub(super) of_two: Option<JoinedMaps>,
    /// `[K, 1]`, the number of each computation neuron: u8, or i16 for K above 256.
    pub(super) indices: Tensor,
    /// `[.., K, N]`, added to the logits where the largest is taken and nowhere else.
    pub(super) balance_bias: Option<Tensor>,
    /// Weight of the auxiliary loss for even use; 0 for none.
    pub(super) aux_loss_weight: f64,
    /// Numbers `[batch, computation, neuron]` up to which everything is held between the passes.
    pub(super) held: i64,
}

impl SelectorLayer {
    /// The layer of this name in `params`, with the default options.
    ///
    /// # Errors
    /// As [`SelectorLayer::with_options`].
    pub fn new(shape: LayerShape, name: &str, params: &Params, device: Device) -> Result<Self> {
        Self::with_options(shape, LayerOptions::default(), name, params, device)
    }

    /// The layer of this name in `params`.
    ///
    /// # Errors
    /// An [`InvalidLayer`] where shape, options and device don't go together, or a parameter that
    /// `params` doesn't have, or has in another size.
    pub fn with_options(
        shape: LayerShape,
        options: LayerOptions,
        name: &str,
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        shape.check()?;
        options.check(&shape)?;
        let kind = params.values.kind();
        let real = matches!(kind, Kind::Float | Kind::Double);
        if options.compute.is_gather() && (device != Device::Cpu || !real) {
            return Err(InvalidLayer::GatherUnavailable.into());
        }
        let selector = Selector::new(&shape, name, params, device)?;
        let (part, rows) = (format!("{name}.computation"), shape.choices * shape.neurons);
        let computation = Linear::new(params, &part, rows, shape.inputs)?;
        let of_two = match &selector {
            Selector::HalfSpaces { selection, .. } if shape.choices == 2 => {
                JoinedMaps::new(params, &[&computation, selection])
            }
            Selector::HalfSpaces { .. }
            | Selector::One
            | Selector::Softmax { .. }
            | Selector::LowRank { .. } => None,
        };
        let index_kind = if shape.choices <= 256 { Kind::Uint8 } else { Kind::Int16 };
        Ok(Self {
            shape,
            options,
            kind,
            leading: leading_axes(params),
            selector,
            computation,
            of_two,
            indices: Tensor::arange(shape.choices, (index_kind, device)).unsqueeze(-1),
            balance_bias: None,
            aux_loss_weight: 0.0,
            held: HELD,
        })
    }

    /// How often each computation neuron was selected over the batch: `[.., computation, neuron]`
    /// f64, whole numbers.
    ///
    /// # Shapes
    /// - choice: as in [`LayerOutput`](super::LayerOutput) or [`LayerPass`](super::LayerPass)
    pub fn selection_counts(&self, choice: &Tensor) -> Tensor {
        let _guard = no_grad_guard();
        if self.shape.choices <= FEW {
            let here = choice.unsqueeze(-2).eq_tensor(&self.indices);
            return here.sum_dim_intlist(-3, false, Kind::Int64).to_kind(Kind::Double);
        }
        self.zero_counts().scatter_value_reduce_(-2, &choice.to_kind(Kind::Int64), 1.0, "add")
    }

    /// Zeros to add selection counts to: `[.., computation, neuron]` f64.
    pub fn zero_counts(&self) -> Tensor {
        let size = [self.leading.as_slice(), &[self.shape.choices, self.shape.neurons]].concat();
        Tensor::zeros(size, (Kind::Double, self.indices.device()))
    }

    /// Sets up to how many numbers `[batch, computation, neuron]` are held between the passes, where
    /// the way to compute is automatic: [`HELD`] unless said otherwise.
    pub fn hold_up_to(&mut self, numbers: i64) {
        self.held = numbers;
    }

    /// The size of the layer.
    pub fn shape(&self) -> &LayerShape {
        &self.shape
    }

    /// All computation neurons.
    pub(super) fn all(&self) -> Span {
        Span { start: 0, count: self.shape.choices }
    }

    /// Outputs of some computation neurons: `[.., batch, count, neuron]`.
    pub(super) fn outputs(&self, params: &Params, x: &Tensor, block: Span) -> Tensor {
        let h = self.computation.outputs(params, x, block.times(self.shape.neurons));
        let h = match self.options.inner {
            Inner::Relu if h.requires_grad() => h.relu(),
            Inner::Relu => {
                let mut h = h;
                h.relu_()
            }
            Inner::Identity => h,
        };
        h.unflatten(-1, [block.count, self.shape.neurons])
    }

    /// Where a block's computation neurons are selected: `[.., batch, count, neuron]` bool.
    pub(super) fn one_hot(&self, choice: &Tensor, block: Span) -> Tensor {
        choice.unsqueeze(-2).eq_tensor(&self.indices.narrow(0, block.start, block.count))
    }

    /// Logits that choose: with the balance bias of the block where the layer has one.
    ///
    /// # Shapes
    /// - z: `[.., batch, count, neuron]`
    pub(super) fn with_balance_bias(&self, z: &Tensor, block: Span) -> Tensor {
        match &self.balance_bias {
            None => z.shallow_clone(),
            Some(bias) => z + bias.narrow(-2, block.start, block.count).unsqueeze(-3),
        }
    }

    /// Logits with their noise, where there is any.
    ///
    /// # Shapes
    /// - z: `[.., batch, count, neuron]`, from the logit `start` on
    pub(super) fn with_noise(&self, z: Tensor, start: i64, noise: Option<&Noise>) -> Tensor {
        match noise {
            None => z,
            Some(noise) => {
                let half_spaces = self.shape.selector.has_half_spaces();
                &z + noise.like(&z, start, !self.leading.is_empty(), half_spaces)
            }
        }
    }

    /// How a batch of this many rows is gone through. The auxiliary loss needs the probabilities of
    /// the whole batch at once.
    pub(super) fn plan(&self, rows: i64) -> ComputePlan {
        let mut options = self.options;
        if self.aux_loss_weight > 0.0 {
            options.compute = Compute::Dense;
        }
        let batch = Batch { rows, kind: self.kind, device: self.indices.device() };
        ComputePlan::new(&self.shape, &options, batch, self.held)
    }
}
