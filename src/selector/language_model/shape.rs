//! The sizes of a transformer.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::selector::layer::{LayerOptions, LayerShape};

/// Which linear layers are made of selection and computation neurons; the others are plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replace {
    /// No layer: the base model
    None,
    /// linear1, linear2 and linear_out, as in the notebook's first version
    Linear,
    /// The four projections of the attention
    Attention,
    /// All of these
    All,
}

impl Replace {
    /// Whether the four projections of the attention select.
    pub fn attention(self) -> bool {
        match self {
            Self::Attention | Self::All => true,
            Self::None | Self::Linear => false,
        }
    }

    /// Whether linear1, linear2 and linear_out select.
    pub fn linear(self) -> bool {
        match self {
            Self::Linear | Self::All => true,
            Self::None | Self::Attention => false,
        }
    }
}

/// The sizes of a transformer, and what its selector layers are.
#[derive(Debug, Clone, Copy)]
pub struct TransformerShape {
    /// Transformer layers (L).
    pub layers: i64,
    /// Width of the residual stream (d).
    pub width: i64,
    /// Heads of the attention, a divisor of the width.
    pub heads: i64,
    /// Neurons of linear1.
    pub feedforward: i64,
    /// Words that the model sees at once.
    pub sequence: i64,
    /// Words of the vocabulary (V).
    pub vocabulary: i64,
    /// What the embedding of a word is multiplied by.
    pub embedding_scale: f64,
    /// Which linear layers select.
    pub replace: Replace,
    /// How a selector layer's neurons select; its inputs and neurons are each layer's own.
    pub selection: LayerShape,
    /// What a selector layer does beyond its shape.
    pub options: LayerOptions,
}

impl TransformerShape {
    /// The shape of a linear layer.
    pub fn linear(&self, inputs: i64, neurons: i64) -> LayerShape {
        LayerShape { inputs, neurons, ..self.selection }
    }
}
