//! Selection by the largest of K logits, all at once.

use tch::{Kind, Tensor};

use super::noise::Noise;
use super::options::RuleOutput;
use super::plan::ComputePlan;
use super::saved::{LayerPass, SavedForBackward, SelectionResult, SelectorCache};
use super::selector_layer::SelectorLayer;
use super::softmax_kernel::KernelSelection;
use crate::lab::tensor::params::Params;
use crate::selector::linear::{Linear, Span};

/// What a softmax selects by.
pub(super) struct Softmax<'a> {
    pub(super) selection: &'a Linear,
    /// `[.., batch, input]`
    pub(super) x: &'a Tensor,
    /// `[.., batch, input or rank]`
    pub(super) selector_input: &'a Tensor,
    pub(super) noise: Option<&'a Noise>,
}

impl SelectorLayer {
    /// The selection by softmax where the plan has all computation neurons in one block.
    pub(super) fn select_by_softmax(
        &self,
        params: &Params,
        softmax: &Softmax,
        plan: ComputePlan,
    ) -> SelectionResult {
        let rule = self.options.rule;
        let z = self.softmax_logits(params, softmax, self.all());
        let h = self.outputs(params, softmax.x, self.all());
        let trains = rule.trains_selector();
        let (choice, output, p) = match self.select_by_kernel(z, &h, trains) {
            Ok(KernelSelection { choice, selected, probabilities }) => {
                (choice, selected, probabilities)
            }
            Err(z) => {
                let (_, index) = self.with_balance_bias(&z, self.all()).max_dim(-2, true);
                let output = h.gather(-2, &index, false).squeeze_dim(-2);
                (index.squeeze_dim(-2), output, trains.then(|| z.softmax(-2, z.kind())))
            }
        };
        let (mixture, selected_probability) = match (rule.output(), &p) {
            (RuleOutput::Scaled, Some(p)) => {
                let index = choice.to_kind(Kind::Int64).unsqueeze(-2);
                (None, Some(p.gather(-2, &index, false).squeeze_dim(-2)))
            }
            (RuleOutput::Mixture, Some(p)) => {
                (Some((p * &h).sum_dim_intlist(-2, false, h.kind())), None)
            }
            (RuleOutput::Selected, _) | (_, None) => (None, None),
        };
        SelectionResult {
            choice,
            selected: Some(output),
            mixture,
            selected_probability,
            selector: match p {
                Some(_) => SelectorCache::Softmax,
                None => SelectorCache::None,
            },
            saved: SavedForBackward {
                logits: Vec::new(),
                probabilities: p.filter(|_| plan.save_all),
                outputs: Some(h).filter(|_| plan.save_all && rule.needs_all_outputs()),
            },
        }
    }

    /// Logits of a block: `[.., batch, count, neuron]`.
    pub(super) fn softmax_logits(&self, params: &Params, softmax: &Softmax, block: Span) -> Tensor {
        let Softmax { selection, selector_input, noise, .. } = softmax;
        let neurons = self.shape.neurons;
        let z = selection.outputs(params, selector_input, block.times(neurons));
        self.with_noise(z.unflatten(-1, [block.count, neurons]), block.start, *noise)
    }

    /// The probabilities of a block by softmax, saved or computed again:
    /// `[.., batch, count, neuron]`. None where the rule leaves the selector as it is.
    pub(super) fn recompute_softmax(
        &self,
        params: &Params,
        selection: &Linear,
        pass: &LayerPass,
        block: Span,
    ) -> Option<Tensor> {
        let log_sum = match &pass.selector {
            SelectorCache::Softmax => None,
            SelectorCache::RunningSoftmax { log_sum, .. } => Some(log_sum),
            SelectorCache::None => return None,
            SelectorCache::HalfSpaces { .. } | SelectorCache::OfTwo { .. } => {
                panic!("the pass is of a layer of half-spaces")
            }
        };
        if let Some(saved) = &pass.saved.probabilities {
            return Some(saved.shallow_clone());
        }
        let z = match pass.saved.logits.get((block.start / pass.plan.block) as usize) {
            Some(z) => z.shallow_clone(),
            None => {
                let (x, selector_input) = (&pass.x, &pass.selector_input);
                let softmax = Softmax { selection, x, selector_input, noise: pass.noise.as_ref() };
                self.softmax_logits(params, &softmax, block)
            }
        };
        Some(match log_sum {
            None => z.softmax(-2, z.kind()),
            Some(log_sum) => (z - log_sum.unsqueeze(-2)).exp_(),
        })
    }
}
