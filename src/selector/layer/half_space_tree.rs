//! Selection by half-spaces: the threshold selector (one level, two leaves) and the tree.
//!
//! Level l of a neuron has a logit z_l, q_l = sigmoid(z_l), and its bit is 1 where z_l >= 0. The
//! bits, the lowest level first, are the number of the leaf. Where K is no power of two, a leaf
//! K or above doesn't exist, and the leaf without its highest bit answers in its place: of that
//! leaf the highest level doesn't matter. So ceil(log2 K) logits select among K computation neurons.

use tch::{Device, Kind, Tensor};

use crate::selector::linear::Span;

/// The bits of every leaf of the tree, which all neurons share.
#[derive(Debug)]
pub(super) struct HalfSpaceTree {
    choices: i64,
    /// `[level, K]`: 1 or -1 where the level's bit is 1 or 0, and 0 where the level doesn't matter.
    slope: Tensor,
    /// `[level, K]`: 0 where the level's bit is 1, else 1, so that a leaf's probability is the
    /// product over levels of slope q + intercept.
    intercept: Tensor,
    /// `[level, K]`: 1 where the level's bit is 1.
    ones: Tensor,
    /// `[level, K]`: 1 where the level matters.
    matters: Tensor,
    /// `[level, 1]` i64: the value of each level's bit.
    values: Tensor,
}

impl HalfSpaceTree {
    /// The tree of K leaves, in `kind` on `device`.
    pub(super) fn new(choices: i64, levels: i64, kind: Kind, device: Device) -> Self {
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
            matters: slope.abs(),
            ones,
            slope,
            values: Tensor::from_slice(&bits).unsqueeze(-1).to_device(device),
        }
    }

    /// The value of the highest level's bit.
    fn top_value(&self) -> i64 {
        1 << (self.slope.size()[0] - 1)
    }

    /// The leaf that answers: `[.., batch, neuron]` i64.
    ///
    /// # Shapes
    /// - z: `[.., batch, level, neuron]`
    pub(super) fn choice(&self, z: &Tensor) -> Tensor {
        let bits = z.ge(0.0).to_kind(Kind::Int64) * &self.values;
        let leaf = bits.sum_dim_intlist(-2, false, Kind::Int64);
        if self.choices & (self.choices - 1) == 0 {
            return leaf;
        }
        let missing = leaf.ge(self.choices).to_kind(Kind::Int64);
        leaf - missing * self.top_value()
    }

    /// Probabilities of some leaves: `[.., batch, count, neuron]`.
    ///
    /// # Shapes
    /// - q: `[.., batch, level, neuron]`
    pub(super) fn probabilities(&self, q: &Tensor, leaves: Span) -> Tensor {
        let factor = |level: i64| {
            let column = |table: &Tensor| {
                table.get(level).narrow(0, leaves.start, leaves.count).unsqueeze(-1)
            };
            q.narrow(-2, level, 1) * column(&self.slope) + column(&self.intercept)
        };
        (1..self.slope.size()[0]).fold(factor(0), |product, level| product * factor(level))
    }

    /// Σ_k w_k ∂ ln p_k / ∂z_l over some leaves: `[.., batch, level, neuron]`. At a level that
    /// matters to leaf k, ∂ ln p_k / ∂z_l = bit_l(k) - q_l.
    ///
    /// # Shapes
    /// - weights: w, `[.., batch, count, neuron]`; q: `[.., batch, level, neuron]`
    pub(super) fn slopes(&self, weights: &Tensor, q: &Tensor, leaves: Span) -> Tensor {
        let sum = |table: &Tensor| table.narrow(1, leaves.start, leaves.count).matmul(weights);
        sum(&self.ones) - q * sum(&self.matters)
    }

    /// ∂ ln p_sel / ∂z_l: `[.., batch, level, neuron]`.
    ///
    /// # Shapes
    /// - q: `[.., batch, level, neuron]`
    /// - choice: `[.., batch, neuron]` i64
    pub(super) fn selected_slopes(&self, q: &Tensor, choice: &Tensor) -> Tensor {
        let choice = choice.unsqueeze(-2);
        let bits = choice.bitwise_and_tensor(&self.values).ne(0).to_kind(q.kind());
        let slopes = bits - q;
        match self.ignores_top_level(&choice) {
            None => slopes,
            Some(ignored) => {
                let levels = self.slope.size()[0];
                _ = slopes.narrow(-2, levels - 1, 1).masked_fill_(&ignored, 0.0);
                slopes
            }
        }
    }

    /// The probability of the leaf that answers: `[.., batch, neuron]`.
    ///
    /// # Shapes
    /// - q: `[.., batch, level, neuron]`
    /// - choice: `[.., batch, neuron]` i64
    pub(super) fn selected_probability(&self, q: &Tensor, choice: &Tensor) -> Tensor {
        let choice = choice.unsqueeze(-2);
        let bits = choice.bitwise_and_tensor(&self.values).ne(0);
        let factors = q.where_self(&bits, &(1.0 - q));
        let levels = self.slope.size()[0];
        if let Some(ignored) = self.ignores_top_level(&choice) {
            _ = factors.narrow(-2, levels - 1, 1).masked_fill_(&ignored, 1.0);
        }
        let product = |p: Tensor, l: i64| p * factors.select(-2, l);
        (1..levels).fold(factors.select(-2, 0), product)
    }

    /// Where the highest level doesn't matter to the leaf that answers, like `choice`; none where it
    /// matters to every leaf.
    fn ignores_top_level(&self, choice: &Tensor) -> Option<Tensor> {
        let whole = self.choices & (self.choices - 1) == 0;
        let from = self.choices - self.top_value();
        (!whole).then(|| choice.ge(from).logical_and(&choice.lt(self.top_value())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_share_all_the_probability() {
        let q = Tensor::from_slice(&[0.5, 0.25, 0.9]).view([1, 3, 1]);
        let leaves = |q: &Tensor, choices: i64| {
            HalfSpaceTree::new(choices, q.size()[1], Kind::Double, Device::Cpu)
                .probabilities(q, Span { start: 0, count: choices })
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
