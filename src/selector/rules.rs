//! What a layer back-propagates, and how it computes.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which gradients a selector layer has. With δ the upstream gradient, h_k the output of
/// computation neuron k, p_k the probability that the selector gives it, and "selected" the
/// computation neuron that answers:
///
/// | rule | y | selector's logits | computation neurons | gradient to x |
/// |---|---|---|---|---|
/// | full-ste | h_sel | δ Σ_k h_k ∂p_k | δ to the selected | both paths |
/// | hidden | h_sel | as full-ste | δ to the selected | computation only |
/// | selected-only | h_sel | δ h_sel ∂ ln p_sel | δ to the selected | both paths |
/// | switch | p_sel h_sel | δ h_sel ∂p_sel | δ p_sel to the selected | both paths |
/// | frozen | h_sel | none | δ to the selected | computation only |
/// | soft | Σ_k p_k h_k | δ Σ_k h_k ∂p_k | δ p_k to each | both paths |
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The straight-through estimator, with the term of every computation neuron
    FullSte,
    /// As full-ste, but the gradient to the layer's input skips the selector
    Hidden,
    /// Only what was selected is needed: y = h_sel p_sel / stop(p_sel)
    SelectedOnly,
    /// y = p_sel h_sel, as in the Switch Transformer
    Switch,
    /// The selector keeps its initial weights
    Frozen,
    /// The mixture of all computation neurons, y = sum of p_k h_k
    Soft,
}

impl Rule {
    /// Whether the gradient needs the output of every computation neuron.
    pub fn needs_all(self) -> bool {
        matches!(self, Self::FullSte | Self::Hidden | Self::Soft)
    }

    /// Whether the selector learns.
    pub fn moves_selector(self) -> bool {
        self != Self::Frozen
    }

    /// Whether the gradient to the layer's input has the selector's path.
    pub fn passes_selector(self) -> bool {
        !matches!(self, Self::Hidden | Self::Frozen)
    }
}

/// What a computation neuron does to w·x + b.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inner {
    /// max(0, ·): the notebook's neuron
    Relu,
    /// Nothing: a layer in the place of a linear one
    Identity,
}

/// How a layer goes through its computation neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compute {
    /// Gather from K = 4 on where it is there, else dense for few numbers and streaming for many
    Auto,
    /// All computation neurons at once, kept for the backward pass: memory grows with K
    Dense,
    /// A few at a time, computed again in the backward pass: memory does not grow with K
    Streaming,
    /// Only the selected one of each neuron and sample; on the CPU, for the rules that allow it
    Gather,
}

/// What a layer does beyond its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerOptions {
    /// Its gradients.
    pub rule: Rule,
    /// What its computation neurons do to w·x + b.
    pub inner: Inner,
    /// How it computes.
    pub compute: Compute,
}

impl Default for LayerOptions {
    fn default() -> Self {
        Self { rule: Rule::FullSte, inner: Inner::Relu, compute: Compute::Auto }
    }
}
