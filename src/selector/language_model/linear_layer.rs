//! A linear layer of the transformer: plain, or of selection and computation neurons.

use anyhow::Result;
use tch::{Device, Tensor};

use super::layout::LinearShape;
use crate::lab::tensor::params::{ParamId, Params};
use crate::selector::layer::{LayerOptions, Noise, SelectorLayer};
use crate::selector::tape::Tape;

/// A linear layer.
#[derive(Debug)]
pub enum LinearLayer {
    /// x W^T + b
    Plain {
        /// `[output, input]`
        weight: ParamId,
        /// `[output]`
        bias: ParamId,
    },
    /// A selector layer.
    Selector(Box<SelectorLayer>),
}

impl LinearLayer {
    /// The layer in `params`.
    ///
    /// # Errors
    /// An [`InvalidLayer`](crate::selector::layer::check::InvalidLayer), or a parameter that `params`
    /// doesn't have.
    pub fn new(
        linear: &LinearShape,
        options: LayerOptions,
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        if linear.selects {
            let mut layer =
                SelectorLayer::with_options(linear.shape, options, &linear.name, params, device)?;
            layer.hold_up_to(linear.held);
            return Ok(Self::Selector(Box::new(layer)));
        }
        let id = |part: &str| params.id(&format!("{}.{part}", linear.name));
        Ok(Self::Plain { weight: id("weight")?, bias: id("bias")? })
    }

    /// The selector layer; none for a plain one.
    pub fn selector(&self) -> Option<&SelectorLayer> {
        match self {
            Self::Plain { .. } => None,
            Self::Selector(layer) => Some(layer),
        }
    }

    /// The selector layer, to be changed; none for a plain one.
    pub fn selector_mut(&mut self) -> Option<&mut SelectorLayer> {
        match self {
            Self::Plain { .. } => None,
            Self::Selector(layer) => Some(layer),
        }
    }

    /// The output, `[row, output]`, and of a selector layer which computation neurons it selected,
    /// `[row, output]`. Without a tape there is no backward pass through a selector layer.
    ///
    /// # Shapes
    /// - x: `[row, input]`, cut by the tape
    /// - noise: of the selectors
    pub fn forward<'a>(
        &'a self,
        params: &Params,
        x: &Tensor,
        tape: Option<&mut Tape<'a>>,
        noise: Option<Noise>,
    ) -> (Tensor, Option<Tensor>) {
        match (self, tape) {
            (Self::Plain { weight, bias }, _) => {
                (x.linear(params.of(*weight), Some(params.of(*bias))), None)
            }
            (Self::Selector(layer), Some(tape)) => {
                let (output, choice) = tape.layer(params, layer, x, noise);
                (output, Some(choice))
            }
            (Self::Selector(layer), None) => {
                let pass = layer.forward(params, x, noise);
                (pass.output, Some(pass.choice))
            }
        }
    }
}
