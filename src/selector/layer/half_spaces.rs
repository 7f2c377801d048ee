//! Selection by the sides of half-spaces.

use tch::Tensor;

use super::half_space_tree::HalfSpaceTree;
use super::noise::Noise;
use super::options::RuleOutput;
use super::plan::ComputePlan;
use super::saved::{SavedForBackward, SelectionResult, SelectorCache};
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::Params;
use crate::selector::linear::{Accumulator, Linear, Span};

impl SelectorLayer {
    /// The logits of all half-spaces: `[.., batch, level, neuron]`.
    pub(super) fn half_space_logits(
        &self,
        params: &Params,
        selection: &Linear,
        selector_input: &Tensor,
        noise: Option<&Noise>,
    ) -> Tensor {
        let z = selection.outputs(params, selector_input, selection.all());
        self.with_noise(z.unflatten(-1, [self.shape.logits(), self.shape.neurons]), 0, noise)
    }

    /// The selection by half-spaces.
    ///
    /// # Shapes
    /// - z: `[.., batch, level, neuron]`
    /// - x: `[.., batch, input]`
    pub(super) fn select_by_half_spaces(
        &self,
        params: &Params,
        tree: &HalfSpaceTree,
        z: &Tensor,
        x: &Tensor,
        plan: ComputePlan,
    ) -> SelectionResult {
        let rule = self.options.rule;
        if self.shape.choices == 2 && plan.save_all && rule.is_straight_through() {
            return self.select_of_two(params, &z.squeeze_dim(-2), x);
        }
        let choice = tree.choice(z);
        let q = z.sigmoid();
        let (mixes, selected_probability) = match rule.output() {
            RuleOutput::Selected => (false, None),
            RuleOutput::Scaled => (false, Some(tree.selected_probability(&q, &choice))),
            RuleOutput::Mixture => (true, None),
        };
        let (mut selected, mut mixture, mut slopes) =
            (Accumulator::default(), Accumulator::default(), Accumulator::default());
        let mut saved = SavedForBackward::default();
        if !plan.gathers() {
            for block in plan.blocks(self.shape.choices) {
                let h = self.outputs(params, x, block);
                selected.add(self.pick_selected(&h, &choice, block));
                if rule.needs_all_outputs() {
                    let weighted = tree.probabilities(&q, block) * &h;
                    slopes.add(tree.slopes(&weighted, &q, block));
                    if mixes {
                        mixture.add(weighted.sum_dim_intlist(-2, false, h.kind()));
                    }
                }
                saved.outputs = Some(h).filter(|_| plan.save_all && mixes);
            }
        }
        let selector = match rule.trains_selector() {
            true => SelectorCache::HalfSpaces { q, slopes: slopes.into_inner() },
            false => SelectorCache::None,
        };
        SelectionResult {
            choice,
            selected: selected.into_inner(),
            mixture: mixture.into_inner(),
            selected_probability,
            selector,
            saved,
        }
    }

    /// The selection of one of two computation neurons by the straight-through estimator, in fewer
    /// operations: Σ_k p_k h_k ∂ ln p_k/∂z is (h_B - h_A) q (1 - q).
    ///
    /// # Shapes
    /// - z: `[.., batch, neuron]`
    fn select_of_two(&self, params: &Params, z: &Tensor, x: &Tensor) -> SelectionResult {
        let h = self.outputs(params, x, self.all());
        let (a, b) = (h.select(-2, 0), h.select(-2, 1));
        let choice = z.ge(0.0);
        let q = z.sigmoid();
        let slopes = Tensor::sigmoid_backward(&(&b - &a), &q).unsqueeze(-2);
        SelectionResult {
            selected: Some(b.where_self(&choice, &a)),
            choice,
            mixture: None,
            selected_probability: None,
            selector: SelectorCache::HalfSpaces { q: q.unsqueeze(-2), slopes: Some(slopes) },
            saved: SavedForBackward::default(),
        }
    }

    /// Outputs of the selected ones among a block, and 0 where another block has it.
    fn pick_selected(&self, h: &Tensor, choice: &Tensor, block: Span) -> Tensor {
        if block.count == self.shape.choices {
            return h.gather(-2, &choice.unsqueeze(-2), false).squeeze_dim(-2);
        }
        (h * self.one_hot(choice, block)).sum_dim_intlist(-2, false, h.kind())
    }
}
