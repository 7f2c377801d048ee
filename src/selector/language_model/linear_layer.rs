//! A linear layer of the transformer: plain, or of selection and computation neurons.

use anyhow::Result;
use tch::{Device, Tensor};

use super::layout::LinearShape;
use crate::lab::tensor::params::Params;
use crate::selector::layer::{LayerOptions, SelectorLayer};
use crate::selector::tape::Tape;

/// A linear layer.
#[derive(Debug)]
pub enum LinearLayer {
    /// x W^T + b
    Plain {
        /// [output, input]
        weight: Tensor,
        /// [output]
        bias: Tensor,
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
            let layer =
                SelectorLayer::with_options(linear.shape, options, &linear.name, params, device)?;
            return Ok(Self::Selector(Box::new(layer)));
        }
        let get = |part: &str| params.get(&format!("{}.{part}", linear.name));
        Ok(Self::Plain { weight: get("weight")?, bias: get("bias")? })
    }

    /// The output, [row, output], and of a selector layer which computation neurons it selected,
    /// [row, output]. Without a tape there is no backward pass through a selector layer.
    ///
    /// # Shapes
    /// - x: [row, input], cut by the tape
    pub fn forward<'a>(
        &'a self,
        x: &Tensor,
        tape: Option<&mut Tape<'a>>,
    ) -> (Tensor, Option<Tensor>) {
        match (self, tape) {
            (Self::Plain { weight, bias }, _) => (x.linear(weight, Some(bias)), None),
            (Self::Selector(layer), Some(tape)) => {
                let (output, choice) = tape.layer(layer, x, None);
                (output, Some(choice))
            }
            (Self::Selector(layer), None) => {
                let pass = layer.run(x, None);
                (pass.output, Some(pass.choice))
            }
        }
    }
}
