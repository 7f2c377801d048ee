//! What a forward pass finds, and what it saves for its backward pass.

use tch::Tensor;

use super::noise::Noise;
use super::plan::ComputePlan;

/// A forward pass, with what its backward pass needs.
#[derive(Debug)]
pub struct LayerPass {
    /// `[.., batch, neuron]`
    pub output: Tensor,
    /// Which computation neuron was selected: `[.., batch, neuron]`, whole numbers; on the CPU u8, or
    /// i16 for K above 256.
    pub choice: Tensor,
    pub(super) x: Tensor,
    /// What the selector sees: x, or its projection.
    pub(super) selector_input: Tensor,
    pub(super) selector: SelectorCache,
    /// Probability of the selected one, of the rules that scale with it: `[.., batch, neuron]`.
    pub(super) selected_probability: Option<Tensor>,
    pub(super) saved: SavedForBackward,
    pub(super) plan: ComputePlan,
    pub(super) noise: Option<Noise>,
}

/// What the backward pass of the selectors needs.
#[derive(Debug)]
pub(super) enum SelectorCache {
    /// The selector has no weights, or they don't learn.
    None,
    /// A softmax over all K at once, of which nothing is needed but what the plan saves.
    Softmax,
    /// ln Σ_k exp z_k and Σ_k p_k h_k of a softmax in several blocks: `[.., batch, neuron]` each.
    RunningSoftmax { log_sum: Tensor, mean: Option<Tensor> },
    /// The half-spaces' probabilities q and, where the rule needs all outputs,
    /// Σ_k p_k h_k ∂ ln p_k/∂z_l: `[.., batch, level, neuron]` each.
    HalfSpaces { q: Tensor, slopes: Option<Tensor> },
    /// ± (h_B - h_A), and z, one after the other: `[.., batch, 2 neuron]`.
    OfTwo { difference_and_logit: Tensor },
}

/// What the plan saves of all computation neurons.
#[derive(Debug, Default)]
pub(super) struct SavedForBackward {
    /// The logits of each block: `[.., batch, count, neuron]`.
    pub(super) logits: Vec<Tensor>,
    /// `[.., batch, computation, neuron]`
    pub(super) probabilities: Option<Tensor>,
    /// `[.., batch, computation, neuron]`
    pub(super) outputs: Option<Tensor>,
}

/// What a selector finds for a batch.
pub(super) struct SelectionResult {
    /// `[.., batch, neuron]`, whole numbers of any kind
    pub(super) choice: Tensor,
    /// Outputs of the selected ones, `[.., batch, neuron]`; none where they are still to be
    /// computed.
    pub(super) selected: Option<Tensor>,
    /// Σ_k p_k h_k, `[.., batch, neuron]`, where the rule needs it; none, too, where there is nothing
    /// to choose (K = 1).
    pub(super) mixture: Option<Tensor>,
    /// p_sel, `[.., batch, neuron]`, where the rule needs it; none, too, where there is nothing to
    /// choose (K = 1).
    pub(super) selected_probability: Option<Tensor>,
    pub(super) selector: SelectorCache,
    pub(super) saved: SavedForBackward,
}
