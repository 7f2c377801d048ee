//! How a layer selects, what it back-propagates, and how it computes.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which way the straight-through gradient of a selector goes. The notebook has the threshold of two
/// computation neurons alone; the printed sign of the other selectors is an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SteSign {
    /// As the notebook's code has it: d mask / d sigmoid = +1, although the mask falls with the
    /// sigmoid, so that the selector climbs the loss; with several probabilities p, d mask_k / d p_k = -1
    AsPrinted,
    /// d mask / d sigmoid = -1, d mask_k / d p_k = +1: the selector descends the loss
    Consistent,
}

impl SteSign {
    /// The factor of the selector's gradient.
    pub fn factor(self) -> f64 {
        match self {
            Self::AsPrinted => -1.0,
            Self::Consistent => 1.0,
        }
    }
}

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
///
/// The columns are [`Rule::output`], [`Rule::selector_gradient`] and
/// [`Rule::has_selector_path`]: the layer's passes ask these, so that a rule must be thought of in
/// each of them.
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

/// What a layer gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleOutput {
    /// h_sel
    Selected,
    /// p_sel h_sel
    Scaled,
    /// Σ_k p_k h_k
    Mixture,
}

/// What the selector's logits learn by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectorGradient {
    /// Nothing: the selector keeps its weights.
    None,
    /// The output of the selected computation neuron.
    SelectedOutput,
    /// The outputs of all computation neurons.
    AllOutputs,
}

impl Rule {
    /// What the layer gives out.
    pub fn output(self) -> RuleOutput {
        match self {
            Self::FullSte | Self::Hidden | Self::SelectedOnly | Self::Frozen => {
                RuleOutput::Selected
            }
            Self::Switch => RuleOutput::Scaled,
            Self::Soft => RuleOutput::Mixture,
        }
    }

    /// What the selector's logits learn by.
    pub fn selector_gradient(self) -> SelectorGradient {
        match self {
            Self::FullSte | Self::Hidden | Self::Soft => SelectorGradient::AllOutputs,
            Self::SelectedOnly | Self::Switch => SelectorGradient::SelectedOutput,
            Self::Frozen => SelectorGradient::None,
        }
    }

    /// Whether the gradient to the layer's input has the selector's path.
    pub fn has_selector_path(self) -> bool {
        match self {
            Self::FullSte | Self::SelectedOnly | Self::Switch | Self::Soft => true,
            Self::Hidden | Self::Frozen => false,
        }
    }

    /// Whether the gradient needs the output of every computation neuron.
    pub fn needs_all_outputs(self) -> bool {
        match self.selector_gradient() {
            SelectorGradient::AllOutputs => true,
            SelectorGradient::None | SelectorGradient::SelectedOutput => false,
        }
    }

    /// Whether the selector learns.
    pub fn trains_selector(self) -> bool {
        match self.selector_gradient() {
            SelectorGradient::SelectedOutput | SelectorGradient::AllOutputs => true,
            SelectorGradient::None => false,
        }
    }

    /// Whether the selector learns by the straight-through estimator: the output is that of the
    /// selected computation neuron, and the gradient is that of the mixture.
    pub fn is_straight_through(self) -> bool {
        match self {
            Self::FullSte | Self::Hidden => true,
            Self::SelectedOnly | Self::Switch | Self::Frozen | Self::Soft => false,
        }
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

impl Compute {
    /// Whether the kernels compute the selected outputs, in place of the outputs of each block.
    pub fn is_gather(self) -> bool {
        match self {
            Self::Gather => true,
            Self::Auto | Self::Dense | Self::Streaming => false,
        }
    }
}

/// What a layer does beyond its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerOptions {
    /// Which gradients it has.
    pub rule: Rule,
    /// What its computation neurons do to w·x + b.
    pub inner: Inner,
    /// How it goes through its computation neurons.
    pub compute: Compute,
}

impl Default for LayerOptions {
    fn default() -> Self {
        Self { rule: Rule::FullSte, inner: Inner::Relu, compute: Compute::Auto }
    }
}
