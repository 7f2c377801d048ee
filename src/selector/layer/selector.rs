//! What a layer selects by.

use anyhow::Result;
use tch::Device;

use super::half_space_tree::HalfSpaceTree;
use super::selector_kind::SelectorKind;
use super::shape::LayerShape;
use crate::lab::tensor::params::Params;
use crate::selector::linear::{Linear, LowRankProjection};

/// What a layer selects by, with the model's parameters for it. Every pass matches on it.
#[derive(Debug)]
pub(super) enum Selector {
    /// There is one computation neuron.
    One,
    /// The largest of K logits.
    Softmax {
        /// `[K N, D]`
        selection: Linear,
    },
    /// The largest of K logits of a projection of the input.
    LowRank {
        /// `[r, D]`
        projection: LowRankProjection,
        /// `[K N, r]`
        selection: Linear,
    },
    /// The sides of half-spaces.
    HalfSpaces {
        /// Which sides lead to which computation neuron.
        tree: HalfSpaceTree,
        /// `[level N, D]`
        selection: Linear,
    },
}

impl Selector {
    /// The selector of the layer called `name` in `params`.
    ///
    /// # Errors
    /// A parameter that `params` doesn't have, or has in another size.
    pub(super) fn new(
        shape: &LayerShape,
        name: &str,
        params: &Params,
        device: Device,
    ) -> Result<Self> {
        let selection = || {
            let (rows, inputs) = (shape.logits() * shape.neurons, shape.selector_inputs());
            Linear::new(params, &format!("{name}.selection"), rows, inputs)
        };
        Ok(match shape.selector {
            SelectorKind::None => Self::One,
            SelectorKind::Softmax => Self::Softmax { selection: selection()? },
            SelectorKind::LowRank => Self::LowRank {
                projection: LowRankProjection::new(params, &format!("{name}.projection"))?,
                selection: selection()?,
            },
            SelectorKind::Threshold | SelectorKind::Tree => {
                let kind = params.values.kind();
                let tree = HalfSpaceTree::new(shape.choices, shape.logits(), kind, device);
                Self::HalfSpaces { tree, selection: selection()? }
            }
        })
    }
}
