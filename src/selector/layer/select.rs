//! What the selector of a layer finds for a batch, with a graph and without.

use tch::{Kind, Tensor};

use super::noise::Noise;
use super::plan::ComputePlan;
use super::saved::{SavedForBackward, SelectionResult, SelectorCache};
use super::selector::Selector;
use super::selector_layer::SelectorLayer;
use super::softmax::Softmax;
use crate::lab::tensor::params::Params;
use crate::selector::linear::Linear;

/// What a selector finds with a graph.
pub(super) struct GraphSelection {
    /// `[.., batch, 1, neuron]` i64
    pub(super) choice: Tensor,
    /// `[.., batch, computation, neuron]`; none where the selected one has the probability 1.
    pub(super) probabilities: Option<Tensor>,
}

impl SelectorLayer {
    /// What the selector sees: the input, or its projection to a low rank.
    pub(super) fn selector_input(&self, params: &Params, x: &Tensor) -> Tensor {
        match &self.selector {
            Selector::LowRank { projection, .. } => projection.outputs(params, x),
            Selector::One | Selector::Softmax { .. } | Selector::HalfSpaces { .. } => {
                x.shallow_clone()
            }
        }
    }

    /// The selection without a graph.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    /// - selector_input: `[.., batch, input or rank]`
    pub(super) fn select(
        &self,
        params: &Params,
        x: &Tensor,
        selector_input: &Tensor,
        plan: ComputePlan,
        noise: Option<&Noise>,
    ) -> SelectionResult {
        match &self.selector {
            Selector::One => self.select_the_only(params, x),
            Selector::Softmax { selection } | Selector::LowRank { selection, .. } => {
                let softmax = Softmax { selection, x, selector_input, noise };
                match plan.block >= self.shape.choices && !plan.gathers() {
                    true => self.select_by_softmax(params, &softmax, plan),
                    false => self.select_by_running_softmax(params, &softmax, plan),
                }
            }
            Selector::HalfSpaces { tree, selection } => {
                if let Some(maps) = self.selects_of_two(plan) {
                    return self.select_of_two(params, maps, x, noise);
                }
                let z = self.half_space_logits(params, selection, selector_input, noise);
                self.select_by_half_spaces(params, tree, &z, x, plan)
            }
        }
    }

    /// The selection with a graph, along which the probabilities are differentiable.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub(super) fn select_with_graph(&self, params: &Params, x: &Tensor) -> GraphSelection {
        match &self.selector {
            Selector::One => {
                let mut size = x.size();
                size.pop();
                size.extend([1, self.shape.neurons]);
                let choice = Tensor::zeros(size, (Kind::Int64, x.device()));
                GraphSelection { choice, probabilities: None }
            }
            Selector::Softmax { selection } | Selector::LowRank { selection, .. } => {
                let z = self.all_logits(params, selection, x);
                let choice = self.with_balance_bias(&z.detach(), self.all()).argmax(-2, true);
                GraphSelection { choice, probabilities: Some(z.softmax(-2, z.kind())) }
            }
            Selector::HalfSpaces { tree, selection } => {
                let z = self.all_logits(params, selection, x);
                let choice = tree.choice(&z.detach()).unsqueeze(-2);
                let probabilities = tree.probabilities(&z.sigmoid(), self.all());
                GraphSelection { choice, probabilities: Some(probabilities) }
            }
        }
    }

    /// The probabilities that the selectors give: `[.., batch, computation, neuron]`; none where the
    /// selected one has the probability 1.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub fn probabilities(&self, params: &Params, x: &Tensor) -> Option<Tensor> {
        match &self.selector {
            Selector::One => None,
            Selector::Softmax { selection } | Selector::LowRank { selection, .. } => {
                let z = self.all_logits(params, selection, x);
                Some(z.softmax(-2, z.kind()))
            }
            Selector::HalfSpaces { tree, selection } => {
                let q = self.all_logits(params, selection, x).sigmoid();
                Some(tree.probabilities(&q, self.all()))
            }
        }
    }

    /// The selection of a layer with one computation neuron.
    fn select_the_only(&self, params: &Params, x: &Tensor) -> SelectionResult {
        let output = self.outputs(params, x, self.all()).squeeze_dim(-2);
        SelectionResult {
            choice: output.zeros_like().to_kind(Kind::Int64),
            mixture: None,
            selected: Some(output),
            selector: SelectorCache::None,
            selected_probability: None,
            saved: SavedForBackward::default(),
        }
    }

    /// The logits of all selectors: `[.., batch, logit, neuron]`.
    fn all_logits(&self, params: &Params, selection: &Linear, x: &Tensor) -> Tensor {
        let z = selection.outputs(params, &self.selector_input(params, x), selection.all());
        z.unflatten(-1, [self.shape.logits(), self.shape.neurons])
    }
}
