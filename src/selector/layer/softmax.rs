//! Selection by the largest of K logits, a block of computation neurons at a time.

use tch::Tensor;

use super::pass::{Found, Kept, Selection};
use super::plan::Plan;
use super::{Compute, Noise, Rule, SelectorLayer};
use crate::selector::rows::Rows;

/// What is known after some blocks: [.., batch, neuron] each.
struct Best {
    /// The largest key.
    key: Tensor,
    /// The logit of the largest key.
    logit: Tensor,
    /// Its computation neuron, i64.
    choice: Tensor,
    /// The output of it.
    selected: Option<Tensor>,
}

impl Best {
    fn merge(self, new: Self) -> Self {
        // The first of equal ones stays.
        let better = new.key.gt_tensor(&self.key);
        let either = |new: &Tensor, old: &Tensor| new.where_self(&better, old);
        Self {
            logit: either(&new.logit, &self.logit),
            choice: either(&new.choice, &self.choice),
            selected: new.selected.zip(self.selected).map(|(new, old)| either(&new, &old)),
            key: either(&new.key, &self.key),
        }
    }
}

/// The running softmax: Σ exp(z - max), and Σ exp(z - max) h, both for the largest z so far.
struct Running {
    max: Tensor,
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
        let (mut kept, mut numerators) = (Kept::default(), None);
        for block in plan.blocks(self.shape.choices) {
            let z = self.logits(rows, features, block, noise);
            let h = (plan.compute != Compute::Gather).then(|| self.hidden(x, block));
            let new = self.best(&z, h.as_ref(), block);
            if rule.moves_selector() {
                let (e, merged) = accumulate(running, &z, &new, h.as_ref(), self, rule);
                running = Some(merged);
                numerators = plan.keep.then_some(e);
            }
            best = Some(match best {
                None => new,
                Some(old) => old.merge(new),
            });
            kept.h = h.filter(|_| plan.keep && rule.needs_all());
        }
        let Some(best) = best else { unreachable!("a layer has at least one computation neuron") };
        let (selection, mixture, share) = match running {
            None => (Selection::None, None, None),
            Some(Running { max, sum, weighted }) => {
                kept.p = numerators.map(|e: Tensor| e / sum.unsqueeze(-2));
                let mean = weighted.map(|weighted| weighted / &sum);
                let log_sum = max + sum.log();
                let share = (rule == Rule::Switch).then(|| (&best.logit - &log_sum).exp());
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
        let (key, index) = keys.max_dim(-2, true);
        let one = |of: &Tensor| match block.1 {
            1 => of.squeeze_dim(-2),
            _ => of.gather(-2, &index, false).squeeze_dim(-2),
        };
        let key = key.squeeze_dim(-2);
        let logit = if self.preference.is_some() { one(z) } else { key.shallow_clone() };
        let selected = h.map(one);
        Best { key, logit, choice: index.squeeze_dim(-2) + block.0, selected }
    }
}

/// Takes a block into the running softmax. Gives exp(z - max) of the block, too.
fn accumulate(
    running: Option<Running>,
    z: &Tensor,
    new: &Best,
    h: Option<&Tensor>,
    layer: &SelectorLayer,
    rule: Rule,
) -> (Tensor, Running) {
    let top = match layer.preference {
        None => new.key.shallow_clone(),
        Some(_) => z.amax(-2, false),
    };
    let max = running.as_ref().map_or(top.shallow_clone(), |old| old.max.maximum(&top));
    let e = (z - max.unsqueeze(-2)).exp_();
    let total = |of: &Tensor| of.sum_dim_intlist(-2, false, of.kind());
    let mut sum = total(&e);
    let mut weighted = h.filter(|_| rule.needs_all()).map(|h| total(&(&e * h)));
    if let Some(old) = running {
        let shrink = (old.max - &max).exp_();
        sum += old.sum * &shrink;
        weighted = weighted.zip(old.weighted).map(|(new, old)| new + old * shrink);
    }
    (e, Running { max, sum, weighted })
}
