//! Selection by the largest of K logits, a block of computation neurons at a time.

use tch::Tensor;

use super::options::RuleOutput;
use super::plan::ComputePlan;
use super::saved::{SavedForBackward, SelectionResult, SelectorCache};
use super::selector_layer::SelectorLayer;
use super::softmax::Softmax;
use crate::lab::tensor::params::Params;
use crate::selector::linear::{Accumulator, Span};

/// The best computation neuron of the blocks so far: `[.., batch, neuron]` each.
struct Best {
    /// The largest score: the logit with its balance bias.
    score: Tensor,
    /// The logit of the largest score, where a balance bias makes them differ.
    logit: Option<Tensor>,
    /// The computation neuron that has it, whole numbers of any kind.
    choice: Tensor,
    /// The output of that computation neuron; none where it is still to be computed.
    selected: Option<Tensor>,
}

impl Best {
    fn merge(self, new: Self) -> Self {
        // The first of equal ones stays.
        let better = new.score.gt_tensor(&self.score);
        let either = |new: Tensor, old: Tensor| new.where_self(&better, &old);
        let both = |(new, old)| either(new, old);
        Self {
            logit: new.logit.zip(self.logit).map(both),
            choice: either(new.choice, self.choice),
            selected: new.selected.zip(self.selected).map(both),
            score: either(new.score, self.score),
        }
    }
}

/// The running softmax: Σ exp(z - max), and Σ exp(z - max) h, both for the largest z so far.
struct RunningSoftmax {
    sum: Tensor,
    weighted: Option<Tensor>,
}

impl SelectorLayer {
    /// The selection by softmax, with a softmax that runs along the blocks, so that nothing of the
    /// size of all K is held unless the plan is to save the logits.
    pub(super) fn select_by_running_softmax(
        &self,
        params: &Params,
        softmax: &Softmax,
        plan: ComputePlan,
    ) -> SelectionResult {
        let rule = self.options.rule;
        let (mut best, mut running): (Option<Best>, Option<RunningSoftmax>) = (None, None);
        let mut largest = None;
        let mut saved = SavedForBackward::default();
        for block in plan.blocks(self.shape.choices) {
            let z = self.softmax_logits(params, softmax, block);
            let h = (!plan.gathers()).then(|| self.outputs(params, softmax.x, block));
            let new = self.best_of_block(&z, h.as_ref(), block);
            let merged = match best {
                None => new,
                Some(old) => old.merge(new),
            };
            if rule.trains_selector() {
                let max = self.largest_logit(&z, &merged, largest.as_ref());
                if plan.save_logits {
                    saved.logits.push(z);
                } else {
                    let weighed = h.as_ref().filter(|_| rule.needs_all_outputs());
                    running = Some(accumulate(running.zip(largest), &z, &max, weighed));
                }
                largest = Some(max);
            }
            best = Some(merged);
        }
        let Some(best) = best else { unreachable!("a layer has at least one computation neuron") };
        if let Some(max) = largest.as_ref().filter(|_| plan.save_logits) {
            // With all logits at hand, the sum needn't run along.
            let mut sum = Accumulator::default();
            saved.logits.iter().for_each(|z| sum.add(total(&(z - max.unsqueeze(-2)).exp_())));
            running = Some(RunningSoftmax { sum: sum.or_zeros_like(max), weighted: None });
        }
        let (selector, mixture, selected_probability) = match running.zip(largest) {
            None => (SelectorCache::None, None, None),
            Some((RunningSoftmax { sum, weighted }, max)) => {
                let mean = weighted.map(|weighted| weighted / &sum);
                let log_sum = max + sum.log();
                let logit = best.logit.as_ref().unwrap_or(&best.score);
                let probability = match rule.output() {
                    RuleOutput::Scaled => Some((logit - &log_sum).exp()),
                    RuleOutput::Selected | RuleOutput::Mixture => None,
                };
                let mixture = mean.as_ref().map(Tensor::shallow_clone);
                (SelectorCache::RunningSoftmax { log_sum, mean }, mixture, probability)
            }
        };
        SelectionResult {
            choice: best.choice,
            selected: best.selected,
            mixture,
            selected_probability,
            selector,
            saved,
        }
    }

    fn best_of_block(&self, z: &Tensor, h: Option<&Tensor>, block: Span) -> Best {
        let scores = self.with_balance_bias(z, block);
        if block.count == 1 {
            let one = |of: &Tensor| of.squeeze_dim(-2);
            let score = one(&scores);
            // The index of a later block need not be expanded, since a choice broadcasts.
            let index = self.indices.get(block.start).squeeze_dim(-1);
            let choice = if block.start == 0 { index.expand_as(&score) } else { index };
            let logit = self.balance_bias.is_some().then(|| one(z));
            return Best { score, logit, choice, selected: h.map(one) };
        }
        let (score, index) = scores.max_dim(-2, true);
        let one = |of: &Tensor| of.gather(-2, &index, false).squeeze_dim(-2);
        let logit = self.balance_bias.is_some().then(|| one(z));
        let (score, choice) = (score.squeeze_dim(-2), index.squeeze_dim(-2) + block.start);
        Best { score, logit, choice, selected: h.map(one) }
    }

    /// The largest logit so far, from which the running softmax counts: `[.., batch, neuron]`.
    fn largest_logit(&self, z: &Tensor, best: &Best, before: Option<&Tensor>) -> Tensor {
        match (&self.balance_bias, before) {
            (None, _) => best.score.shallow_clone(),
            (Some(_), None) => z.amax(-2, false),
            (Some(_), Some(before)) => before.maximum(&z.amax(-2, false)),
        }
    }
}

/// The sum over the computation neurons of a block: `[.., batch, neuron]`.
fn total(of: &Tensor) -> Tensor {
    match of.size()[of.dim() - 2] {
        1 => of.squeeze_dim(-2),
        _ => of.sum_dim_intlist(-2, false, of.kind()),
    }
}

/// Takes a block into the running softmax.
///
/// # Shapes
/// - running: the sums and the largest z before this block, `[.., batch, neuron]`
/// - z, h: `[.., batch, count, neuron]`, h where it is to be weighed
/// - max: the largest z of this block and all before, `[.., batch, neuron]`
fn accumulate(
    running: Option<(RunningSoftmax, Tensor)>,
    z: &Tensor,
    max: &Tensor,
    h: Option<&Tensor>,
) -> RunningSoftmax {
    let e = (z - max.unsqueeze(-2)).exp_();
    let mut sum = total(&e);
    let mut weighted = h.map(|h| total(&(&e * h)));
    if let Some((old, before)) = running {
        let shrink = (before - max).exp_();
        sum += old.sum * &shrink;
        weighted = weighted.zip(old.weighted).map(|(new, old)| new + old * shrink);
    }
    RunningSoftmax { sum, weighted }
}
