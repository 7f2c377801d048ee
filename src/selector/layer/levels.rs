//! Selection by half-spaces: the threshold selector (one level, two leaves) and the tree.
//!
//! Level l of a neuron has a logit z_l, q_l = sigmoid(z_l), and its bit is 1 where z_l >= 0. The
//! bits, the lowest level first, are the number of the leaf. Where K is no power of two, a leaf
//! K or above doesn't exist, and the leaf without its highest bit answers in its place: of that
//! leaf the highest level is no matter. So ceil(log2 K) logits select among K computation neurons.

use tch::{Device, Kind, Tensor};

use super::pass::{Found, Kept, Selection};
use super::plan::Plan;
use super::{Compute, Noise, Rule, SelectorLayer};
use crate::selector::rows::{Rows, Sum};

/// The bits of every leaf.
#[derive(Debug)]
pub(super) struct Levels {
    choices: i64,
    /// [level, K]: 1 or -1 where the level's bit is 1 or 0, and 0 where the level is no matter.
    slope: Tensor,
    /// [level, K]: 0 where the level's bit is 1, else 1, so that a leaf's probability is the product
    /// over levels of slope q + intercept.
    intercept: Tensor,
    /// [level, K]: 1 where the level's bit is 1.
    ones: Tensor,
    /// [level, K]: 1 where the level matters.
    counts: Tensor,
    /// [level, 1] i64: the value of each level's bit.
    values: Tensor,
}

impl Levels {
    pub(super) fn new(choices: i64, levels: i64, (kind, device): (Kind, Device)) -> Self {
        let top = 1 << (levels - 1);
        let entry = |level: i64, leaf: i64| -> f32 {
            let twin = leaf + top;
            match level {
                _ if level == levels - 1 && leaf < top && twin >= choices => 0.0,
                _ if leaf >> level & 1 == 1 => 1.0,
                _ => -1.0,
            }
        };
        let table: Vec<f32> = (0..levels)
            .flat_map(|level| (0..choices).map(move |leaf| entry(level, leaf)))
            .collect();
        let slope = Tensor::from_slice(&table).view([levels, choices]).to_kind(kind);
        let slope = slope.to_device(device);
        let ones = slope.clamp_min(0.0);
        let bits: Vec<i64> = (0..levels).map(|level| 1 << level).collect();
        Self {
            choices,
            intercept: 1.0 - &ones,
            counts: slope.abs(),
            ones,
            slope,
            values: Tensor::from_slice(&bits).unsqueeze(-1).to_device(device),
        }
    }

    fn highest(&self) -> i64 {
        1 << (self.slope.size()[0] - 1)
    }

    /// The leaf that answers: [.., batch, neuron] i64.
    ///
    /// - z: [.., batch, level, neuron]
    pub(super) fn choice(&self, z: &Tensor) -> Tensor {
        let bits = z.ge(0.0).to_kind(Kind::Int64) * &self.values;
        let leaf = bits.sum_dim_intlist(-2, false, Kind::Int64);
        if self.choices & (self.choices - 1) == 0 {
            return leaf;
        }
        let missing = leaf.ge(self.choices).to_kind(Kind::Int64);
        leaf - missing * self.highest()
    }

    /// Probabilities of some leaves: [.., batch, count, neuron].
    ///
    /// - q: [.., batch, level, neuron]
    pub(super) fn probabilities(&self, q: &Tensor, (start, count): (i64, i64)) -> Tensor {
        let factor = |level: i64| {
            let column = |table: &Tensor| table.get(level).narrow(0, start, count).unsqueeze(-1);
            q.narrow(-2, level, 1) * column(&self.slope) + column(&self.intercept)
        };
        (1..self.slope.size()[0]).fold(factor(0), |product, level| product * factor(level))
    }

    /// Σ_k w_k ∂ ln p_k / ∂z_l over some leaves: [.., batch, level, neuron]. At a level that matters to
    /// leaf k, ∂ ln p_k / ∂z_l = bit_l(k) - q_l.
    ///
    /// - weights: w, [.., batch, count, neuron]; q: [.., batch, level, neuron]
    pub(super) fn slopes(
        &self,
        weights: &Tensor,
        q: &Tensor,
        (start, count): (i64, i64),
    ) -> Tensor {
        let sum = |table: &Tensor| table.narrow(1, start, count).matmul(weights);
        sum(&self.ones) - q * sum(&self.counts)
    }

    /// ∂ ln p_sel / ∂z_l: [.., batch, level, neuron].
    ///
    /// - choice: [.., batch, neuron] i64
    pub(super) fn selected_slopes(&self, q: &Tensor, choice: &Tensor) -> Tensor {
        let choice = choice.unsqueeze(-2);
        let bits = choice.bitwise_and_tensor(&self.values).ne(0).to_kind(q.kind());
        let slopes = bits - q;
        match self.lone(&choice) {
            None => slopes,
            Some(lone) => {
                let levels = self.slope.size()[0];
                _ = slopes.narrow(-2, levels - 1, 1).masked_fill_(&lone, 0.0);
                slopes
            }
        }
    }

    /// The probability of the leaf that answers: [.., batch, neuron].
    pub(super) fn selected_probability(&self, q: &Tensor, choice: &Tensor) -> Tensor {
        let choice = choice.unsqueeze(-2);
        let bits = choice.bitwise_and_tensor(&self.values).ne(0);
        let factors = q.where_self(&bits, &(1.0 - q));
        let levels = self.slope.size()[0];
        if let Some(lone) = self.lone(&choice) {
            _ = factors.narrow(-2, levels - 1, 1).masked_fill_(&lone, 1.0);
        }
        let product = |p: Tensor, l: i64| p * factors.select(-2, l);
        (1..levels).fold(factors.select(-2, 0), product)
    }

    /// Where the highest level is no matter to the leaf that answers; none where it always is.
    fn lone(&self, choice: &Tensor) -> Option<Tensor> {
        let whole = self.choices & (self.choices - 1) == 0;
        let from = self.choices - self.highest();
        (!whole).then(|| choice.ge(from).logical_and(&choice.lt(self.highest())))
    }
}

impl SelectorLayer {
    /// The selection by half-spaces.
    pub(super) fn by_levels(
        &self,
        (rows, levels): (&Rows, &Levels),
        x: &Tensor,
        features: &Tensor,
        plan: Plan,
        noise: Option<&Noise>,
    ) -> Found {
        let (rule, count) = (self.options.rule, self.shape.logits());
        let z = rows.outputs(features, 0, count * self.shape.neurons);
        let z = self.shaken(z.unflatten(-1, [count, self.shape.neurons]), 0, noise);
        if self.shape.choices == 2 && plan.keep && matches!(rule, Rule::FullSte | Rule::Hidden) {
            return self.by_threshold(&z.squeeze_dim(-2), x);
        }
        let choice = levels.choice(&z);
        let q = z.sigmoid();
        let share = (rule == Rule::Switch).then(|| levels.selected_probability(&q, &choice));
        let (mut selected, mut mixture, mut slopes) =
            (Sum::default(), Sum::default(), Sum::default());
        let mut kept = Kept::default();
        if plan.compute != Compute::Gather {
            for block in plan.blocks(self.shape.choices) {
                let h = self.hidden(x, block);
                let total = |of: &Tensor| of.sum_dim_intlist(-2, false, h.kind());
                selected.add(self.pick(&h, &choice, block));
                if rule.needs_all() {
                    let weighted = levels.probabilities(&q, block) * &h;
                    slopes.add(levels.slopes(&weighted, &q, block));
                    if rule == Rule::Soft {
                        mixture.add(total(&weighted));
                    }
                }
                kept.h = Some(h).filter(|_| plan.keep && rule == Rule::Soft);
            }
        }
        let selection = match rule.moves_selector() {
            true => Selection::Levels { q, slopes: slopes.into_inner() },
            false => Selection::None,
        };
        Found {
            choice,
            selected: selected.into_inner(),
            selection,
            share,
            mixture: mixture.into_inner(),
            kept,
        }
    }

    /// The same of two computation neurons by the straight-through estimator, in fewer operations:
    /// Σ_k p_k h_k ∂ ln p_k/∂z is (h_B - h_A) q (1 - q).
    ///
    /// - z: [.., batch, neuron]
    fn by_threshold(&self, z: &Tensor, x: &Tensor) -> Found {
        let h = self.hidden(x, (0, 2));
        let (a, b) = (h.select(-2, 0), h.select(-2, 1));
        let choice = z.ge(0.0);
        let q = z.sigmoid();
        let slopes = Tensor::sigmoid_backward(&(&b - &a), &q).unsqueeze(-2);
        Found {
            selected: Some(b.where_self(&choice, &a)),
            choice,
            selection: Selection::Levels { q: q.unsqueeze(-2), slopes: Some(slopes) },
            share: None,
            mixture: None,
            kept: Kept::default(),
        }
    }

    /// Outputs of the selected ones among a block, and 0 where another block has it.
    fn pick(&self, h: &Tensor, choice: &Tensor, (start, count): (i64, i64)) -> Tensor {
        let index = choice.unsqueeze(-2);
        if count == self.shape.choices {
            return h.gather(-2, &index, false).squeeze_dim(-2);
        }
        let here = index.eq_tensor(&self.numbers.narrow(0, start, count));
        (h * here).sum_dim_intlist(-2, false, h.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_share_all_the_probability() {
        let options = (Kind::Double, Device::Cpu);
        let q = Tensor::from_slice(&[0.5, 0.25, 0.9]).view([1, 3, 1]);
        let leaves = |q: &Tensor, choices: i64| {
            Levels::new(choices, q.size()[1], options).probabilities(q, (0, choices))
        };
        for choices in [5, 6, 7, 8] {
            let p = leaves(&q, choices);
            assert_eq!(p.size(), [1, choices, 1]);
            assert!((p.sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-15);
        }
        // Of 5, only leaf 0 has another one, 4, on the other side of the highest level.
        let p = leaves(&q, 5).view(-1);
        let expected = [0.5 * 0.75 * 0.1, 0.5 * 0.75, 0.5 * 0.25, 0.5 * 0.25, 0.5 * 0.75 * 0.9];
        for (k, expected) in expected.iter().enumerate() {
            assert!((p.double_value(&[k as i64]) - expected).abs() < 1e-15, "{k}");
        }
        let threshold = leaves(&q.narrow(1, 1, 1), 2).view(-1);
        assert_eq!(threshold, Tensor::from_slice(&[0.75, 0.25]));
    }
}
