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

    /// Outputs of the selected ones among a block, and 0 where another block has it.
    fn pick_selected(&self, h: &Tensor, choice: &Tensor, block: Span) -> Tensor {
        if block.count == self.shape.choices {
            return h.gather(-2, &choice.unsqueeze(-2), false).squeeze_dim(-2);
        }
        (h * self.one_hot(choice, block)).sum_dim_intlist(-2, false, h.kind())
    }
}
