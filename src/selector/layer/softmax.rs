//! Selection by the largest of K logits, a block of computation neurons at a time.

use tch::Tensor;

use super::pass::{Found, Kept, Selection};
use super::plan::Plan;
use super::{Compute, Noise, Rule, SelectorLayer};
use crate::selector::rows::{Rows, Sum};

/// What is known after some blocks: [.., batch, neuron] each.
struct Best {
    /// The largest key.
    key: Tensor,
    /// The logit of the largest key, where that is not the key itself.
    logit: Option<Tensor>,
    /// Its computation neuron, whole numbers of any kind.
    choice: Tensor,
    /// The output of it.
    selected: Option<Tensor>,
}

impl Best {
    fn merge(self, new: Self) -> Self {
        // The first of equal ones stays.
        let better = new.key.gt_tensor(&self.key);
        let either = |new: Tensor, old: Tensor| new.where_self(&better, &old);
        let both = |(new, old)| either(new, old);
        Self {
            logit: new.logit.zip(self.logit).map(both),
            choice: either(new.choice, self.choice),
            selected: new.selected.zip(self.selected).map(both),
            key: either(new.key, self.key),
        }
    }
}

/// The running softmax: Σ exp(z - max), and Σ exp(z - max) h, both for the largest z so far.
struct Running {
    sum: Tensor,
    weighted: Option<Tensor>,
}

impl SelectorLayer {
    /// The selection by softmax, with a softmax that runs along the blocks, so that nothing of the
    /// size of all K is held unless the plan is to keep it.
    pub(super) fn by_softmax(
        &self,
        rows: &Rows,
        x: &Tensor,
        features: &Tensor,
        plan: Plan,
        noise: Option<&Noise>,
    ) -> Found {
        let rule = self.options.rule;
        let (mut best, mut running): (Option<Best>, Option<Running>) = (None, None);
        let (mut largest, mut kept, mut numerators) = (None, Kept::default(), None);
        for block in plan.blocks(self.shape.choices) {
            let z = self.logits(rows, features, block, noise);
            let h = (plan.compute != Compute::Gather).then(|| self.hidden(x, block));
            let new = self.best(&z, h.as_ref(), block);
            let merged = match best {
                None => new,
                Some(old) => old.merge(new),
            };
            if rule.moves_selector() {
                let max = self.largest(&z, &merged, largest.as_ref());
                if plan.keep_logits {
                    kept.z.push(z);
                } else {
                    let weigh = h.as_ref().filter(|_| rule.needs_all());
                    let (e, sums) = accumulate(running.zip(largest), &z, &max, weigh);
                    running = Some(sums);
                    numerators = plan.keep.then_some(e);
                }
                largest = Some(max);
            }
            best = Some(merged);
            kept.h = h.filter(|_| plan.keep && rule.needs_all());
        }
        let Some(best) = best else { unreachable!("a layer has at least one computation neuron") };
        if let Some(max) = largest.as_ref().filter(|_| plan.keep_logits) {
            // With all logits at hand, the sum needn't run along.
            let mut sum = Sum::default();
            kept.z.iter().for_each(|z| sum.add(total(&(z - max.unsqueeze(-2)).exp_())));
            running = Some(Running { sum: sum.take(max), weighted: None });
        }
        let (selection, mixture, share) = match running.zip(largest) {
            None => (Selection::None, None, None),
            Some((Running { sum, weighted }, max)) => {
                kept.p = numerators.map(|e: Tensor| e / sum.unsqueeze(-2));
                let mean = weighted.map(|weighted| weighted / &sum);
                let log_sum = max + sum.log();
                let share = (rule == Rule::Switch)
                    .then(|| (best.logit.as_ref().unwrap_or(&best.key) - &log_sum).exp());
                let mixture = mean.as_ref().map(Tensor::shallow_clone);
                (Selection::Softmax { log_sum, mean }, mixture, share)
            }
        };
        Found { choice: best.choice, selected: best.selected, selection, share, mixture, kept }
    }

    /// Logits of a block: [.., batch, count, neuron].
    pub(super) fn logits(
        &self,
        rows: &Rows,
        features: &Tensor,
        (start, count): (i64, i64),
        noise: Option<&Noise>,
    ) -> Tensor {
        let neurons = self.shape.neurons;
        let z = rows.outputs(features, start * neurons, count * neurons);
        self.shaken(z.unflatten(-1, [count, neurons]), start, noise)
    }

    fn best(&self, z: &Tensor, h: Option<&Tensor>, block: (i64, i64)) -> Best {
        let keys = self.preferred(z, block);
        if block.1 == 1 {
            let one = |of: &Tensor| of.squeeze_dim(-2);
            let key = one(&keys);
            // Of later blocks a number is enough to choose between.
            let number = self.numbers.get(block.0).squeeze_dim(-1);
            let choice = if block.0 == 0 { number.expand_as(&key) } else { number };
            let logit = self.preference.is_some().then(|| one(z));
            return Best { key, logit, choice, selected: h.map(one) };
        }
        let (key, index) = keys.max_dim(-2, true);
        let one = |of: &Tensor| of.gather(-2, &index, false).squeeze_dim(-2);
        let logit = self.preference.is_some().then(|| one(z));
        let (key, choice) = (key.squeeze_dim(-2), index.squeeze_dim(-2) + block.0);
        Best { key, logit, choice, selected: h.map(one) }
    }

    /// The largest logit so far, from which the running softmax counts: [.., batch, neuron].
    fn largest(&self, z: &Tensor, best: &Best, before: Option<&Tensor>) -> Tensor {
        match (&self.preference, before) {
            (None, _) => best.key.shallow_clone(),
            (Some(_), None) => z.amax(-2, false),
            (Some(_), Some(before)) => before.maximum(&z.amax(-2, false)),
        }
    }
}

/// The sum over the computation neurons of a block: [.., batch, neuron].
fn total(of: &Tensor) -> Tensor {
    match of.size()[of.dim() - 2] {
        1 => of.squeeze_dim(-2),
        _ => of.sum_dim_intlist(-2, false, of.kind()),
    }
}

/// Takes a block into the running softmax. Gives exp(z - max) of the block, too.
///
/// - running: with the largest z before this block
/// - z, h: [.., batch, count, neuron], where h is to be weighed; max: of this block and all before
fn accumulate(
    running: Option<(Running, Tensor)>,
    z: &Tensor,
    max: &Tensor,
    h: Option<&Tensor>,
) -> (Tensor, Running) {
    let e = (z - max.unsqueeze(-2)).exp_();
    let mut sum = total(&e);
    let mut weighted = h.map(|h| total(&(&e * h)));
    if let Some((old, before)) = running {
        let shrink = (before - max).exp_();
        sum += old.sum * &shrink;
        weighted = weighted.zip(old.weighted).map(|(new, old)| new + old * shrink);
    }
    (e, Running { sum, weighted })
}
