//! A linear layer of the transformer: plain, or of selection and computation neurons.

use anyhow::Result;
use tch::{Device, Tensor};

use super::layout::LinearShape;
use crate::lab::params::Params;
use crate::selector::config::{SelectorKind, SteSign};

/// A linear layer. In place of `nn.Linear`, a selector layer has no activation of its own.
#[derive(Debug)]
pub enum Projection {
    /// x W^T + b
    Plain {
        /// [output, input]
        weight: Tensor,
        /// [output]
        bias: Tensor,
    },
    /// Selection and computation neurons.
    Selector {
        /// s
        s: (Tensor, Tensor),
        /// w
        w: (Tensor, Tensor),
        /// K N
        axes: [i64; 2],
        /// threshold
        sign: Option<f64>,
    },
}

impl Projection {
    /// The layer in `params`.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(row: &LinearShape, params: &Params, _device: Device) -> Result<Self> {
        let get = |part: &str| params.get(&format!("{}.{part}", row.name));
        if row.selects {
            let flat = |t: Tensor| if t.dim() > 1 { t.flatten(0, 1) } else { t };
            let threshold = row.shape.selector == SelectorKind::Threshold;
            let sign = if row.shape.sign == SteSign::AsPrinted { 1.0 } else { -1.0 };
            if threshold {
                return Ok(Self::Selector {
                    s: (get("selection.weight")?, get("selection.bias")?),
                    w: (flat(get("computation.weight")?), flat(get("computation.bias")?)),
                    axes: [row.shape.choices, row.shape.neurons],
                    sign: Some(sign),
                });
            }
            return Ok(Self::Selector {
                s: (flat(get("selection.weight")?), flat(get("selection.bias")?)),
                w: (flat(get("computation.weight")?), flat(get("computation.bias")?)),
                axes: [row.shape.choices, row.shape.neurons],
                sign: None,
            });
        }
        Ok(Self::Plain { weight: get("weight")?, bias: get("bias")? })
    }

    /// - x: [.., input]
    ///
    /// Gives [.., output].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Plain { weight, bias } => x.linear(weight, Some(bias)),
            Self::Selector { s, w, axes, sign } => {
                let hidden = x.linear(&w.0, Some(&w.1)).unflatten(-1, axes);
                if let Some(sign) = sign {
                    let p = x.linear(&s.0, Some(&s.1)).sigmoid();
                    let choice = p.detach().lt(0.5).to_kind(p.kind());
                    let mask = choice + (&p - p.detach()) * *sign;
                    return hidden.select(-2, 1).lerp_tensor(&hidden.select(-2, 0), &mask);
                }
                let logits = x.linear(&s.0, Some(&s.1)).unflatten(-1, axes);
                let p = logits.softmax(-2, logits.kind());
                let choice = logits.detach().argmax(-2, true);
                let selected = hidden.gather(-2, &choice, false).squeeze_dim(-2);
                let through = hidden.detach() * (&p - p.detach());
                selected + through.sum_dim_intlist(-2, false, p.kind())
            }
        }
    }
}
