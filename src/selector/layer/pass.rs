//! The forward pass without a graph.

use tch::{Kind, Tensor, no_grad_guard};

use super::plan::Plan;
use super::{Noise, Rule, SelectorLayer};

/// A forward pass, with what its backward pass needs.
#[derive(Debug)]
pub struct Pass {
    /// [.., batch, neuron]
    pub output: Tensor,
    /// Which computation neuron was selected: [.., batch, neuron], u8, or i16 for K above 256.
    pub choice: Tensor,
    pub(super) x: Tensor,
    /// What the selector sees: x, or its projection.
    pub(super) features: Tensor,
    pub(super) selection: Selection,
    /// Probability of the selected one, of the rules that scale with it: [.., batch, neuron].
    pub(super) share: Option<Tensor>,
    /// What the plan is to keep for all K: [.., batch, computation, neuron] each.
    pub(super) kept: Kept,
    pub(super) plan: Plan,
    pub(super) noise: Option<Noise>,
}

/// What the backward pass of the selectors needs.
#[derive(Debug)]
pub(super) enum Selection {
    /// One computation neuron, or a selector that doesn't learn.
    None,
    /// ln Σ_k exp z_k and Σ_k p_k h_k of a softmax: [.., batch, neuron] each.
    Softmax { log_sum: Tensor, mean: Option<Tensor> },
    /// The levels' probabilities q and, where the rule needs all, Σ_k p_k h_k ∂ ln p_k/∂z_l:
    /// [.., batch, level, neuron] each.
    Levels { q: Tensor, slopes: Option<Tensor> },
}

/// Probabilities and outputs of all computation neurons, or the logits block by block.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) z: Vec<Tensor>,
    pub(super) p: Option<Tensor>,
    pub(super) h: Option<Tensor>,
}

/// What a forward pass finds out about the selection.
pub(super) struct Found {
    /// [.., batch, neuron], whole numbers of any kind
    pub(super) choice: Tensor,
    /// Outputs of the selected ones; none where they are still to be computed.
    pub(super) selected: Option<Tensor>,
    pub(super) selection: Selection,
    pub(super) share: Option<Tensor>,
    /// Σ_k p_k h_k, where the rule needs it.
    pub(super) mixture: Option<Tensor>,
    pub(super) kept: Kept,
}

impl SelectorLayer {
    /// The forward pass, whose backward pass is [`SelectorLayer::backward`]. Its output is bit for
    /// bit that of the selected computation neuron, but for `switch` and `soft`.
    ///
    /// - x: [.., batch, input]; other leading axes must be made one before
    pub fn run(&self, x: &Tensor, noise: Option<Noise>) -> Pass {
        let _guard = no_grad_guard();
        let x = x.detach();
        let plan = self.plan(x.size()[x.dim() - 2]);
        let features = self.features(&x);
        let found = match (&self.selection, &self.levels) {
            (None, _) => self.without_choice(&x),
            (Some(rows), None) => self.by_softmax(rows, &x, &features, plan, noise.as_ref()),
            (Some(rows), Some(levels)) => {
                self.by_levels((rows, levels), &x, &features, plan, noise.as_ref())
            }
        };
        let choice = found.choice;
        let selected = match found.selected {
            Some(selected) => selected,
            None => self.gathered(&x, &choice),
        };
        let output = match (self.options.rule, found.mixture, &found.share) {
            (Rule::Soft, Some(mixture), _) => mixture,
            (Rule::Switch, _, Some(share)) => selected * share,
            _ => selected,
        };
        Pass {
            output,
            choice: choice.to_kind(self.numbers.kind()),
            x,
            features,
            selection: found.selection,
            share: found.share,
            kept: found.kept,
            plan,
            noise,
        }
    }

    /// The pass of a layer with one computation neuron.
    fn without_choice(&self, x: &Tensor) -> Found {
        let output = self.hidden(x, (0, 1)).squeeze_dim(-2);
        Found {
            choice: output.zeros_like().to_kind(Kind::Int64),
            mixture: (self.options.rule == Rule::Soft).then(|| output.shallow_clone()),
            selected: Some(output),
            selection: Selection::None,
            share: None,
            kept: Kept::default(),
        }
    }

    /// Logits for a choice: with noise, and with the preference where there is one.
    ///
    /// - z: [.., batch, computation, neuron], of all computation neurons
    pub(super) fn keys(&self, z: &Tensor) -> Tensor {
        self.preferred(z, (0, self.shape.choices))
    }

    /// The same of some computation neurons.
    pub(super) fn preferred(&self, z: &Tensor, (start, count): (i64, i64)) -> Tensor {
        match &self.preference {
            None => z.shallow_clone(),
            Some(bias) => z + bias.narrow(-2, start, count).unsqueeze(-3),
        }
    }

    /// Adds the noise of some logits.
    pub(super) fn shaken(&self, z: Tensor, start: i64, noise: Option<&Noise>) -> Tensor {
        match noise {
            None => z,
            Some(noise) => &z + noise.like(&z, start, !self.lead.is_empty(), self.levels.is_some()),
        }
    }
}
