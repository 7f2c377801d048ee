//! What the selection neurons of a transformer do: the notebook's monitoring table.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::layout::LinearShape;
use crate::lab::optim::clip::norm;
use crate::lab::params::Params;
use crate::lab::read;
use crate::selector::config::SelectorKind;
use crate::selector::eval::Usage;

/// Numbers of logits that are worked on at once: a bound on the memory.
const CHUNK: i64 = 1 << 22;

/// A selector layer over a text.
#[derive(Debug)]
pub struct Watch {
    kind: SelectorKind,
    /// Computation neurons (K) and neurons (N).
    axes: [i64; 2],
    /// Of the low-rank selector.
    projection: Option<Tensor>,
    weight: Tensor,
    bias: Tensor,
    /// Selections so far: [computation, neuron] i64.
    tally: Tensor,
    /// Sum over words and neurons of the selectors' entropy: [] f64.
    entropy: Tensor,
    words: i64,
}

/// What was measured of a selector layer.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Which computation neurons were selected.
    pub usage: Usage,
    /// Mean over words and neurons of the entropy of the selectors' probabilities in nats: at most ln K.
    pub entropy: f64,
}

impl Watch {
    /// Nothing seen yet; none where there is nothing to select.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(row: &LinearShape, params: &Params) -> Result<Option<Self>> {
        if !row.selects || !row.shape.has_selection() {
            return Ok(None);
        }
        let get = |part: &str| params.get(&format!("{}.{part}", row.name));
        let (weight, bias) = (get("selection.weight")?, get("selection.bias")?);
        let low = row.shape.selector == SelectorKind::LowRank;
        let axes = [row.shape.choices, row.shape.neurons];
        let options = (Kind::Int64, weight.device());
        Ok(Some(Self {
            kind: row.shape.selector,
            axes,
            projection: if low { Some(get("projection.weight")?) } else { None },
            weight: weight.reshape([-1, weight.size()[weight.dim() - 1]]),
            bias: bias.reshape([-1]),
            tally: Tensor::zeros(axes, options),
            entropy: Tensor::zeros([], (Kind::Double, options.1)),
            words: 0,
        }))
    }

    /// Adds what the selectors do with an input.
    ///
    /// - x: [row, input]; choice: [row, neuron]
    pub fn see(&mut self, x: &Tensor, choice: &Tensor) {
        let _guard = no_grad_guard();
        let [choices, neurons] = self.axes;
        let neuron = Tensor::arange(neurons, (Kind::Int64, x.device()));
        let pairs = choice.to_kind(Kind::Int64) * neurons + neuron;
        let counts = pairs.flatten(0, 1).bincount::<Tensor>(None, choices * neurons);
        let _ = self.tally.g_add_(&counts.view([choices, neurons]));
        let length = x.size()[0];
        let chunk = (CHUNK / (choices * neurons)).max(1);
        for start in (0..length).step_by(chunk as usize) {
            let p = self.probabilities(&x.narrow(0, start, chunk.min(length - start)));
            let entropy = p.special_entr().sum(Kind::Double);
            let _ = self.entropy.g_add_(&entropy);
        }
        self.words += length;
    }

    /// - x: [row, input]
    ///
    /// Gives [row, computation, neuron].
    fn probabilities(&self, x: &Tensor) -> Tensor {
        let [choices, neurons] = self.axes;
        let x = match &self.projection {
            Some(projection) => x.linear::<Tensor>(projection, None),
            None => x.shallow_clone(),
        };
        let logits = x.linear(&self.weight, Some(&self.bias)).unflatten(-1, [-1, neurons]);
        match self.kind {
            SelectorKind::Threshold | SelectorKind::Tree => leaves(&logits.sigmoid(), choices),
            _ => logits.softmax(1, logits.kind()),
        }
    }

    /// What was seen.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn read(&self) -> Result<Selection> {
        let [_, neurons] = self.axes;
        let usage = Usage::read(&self.tally, 1)?;
        let entropy = read::scalar(&self.entropy)? / (self.words * neurons) as f64;
        Ok(Selection { usage, entropy })
    }
}

/// Probabilities of the leaves of half-spaces that are on the side 1 with probability q: leaf k has the
/// bits of k, the lowest at the first level. Where k and the highest bit together are no leaf, k
/// has both sides of the highest level.
///
/// - q: [row, level, neuron]
///
/// Gives [row, leaf, neuron].
fn leaves(q: &Tensor, choices: i64) -> Tensor {
    let levels = q.size()[1];
    let top = 1 << (levels - 1);
    let leaf = |k: i64| {
        let matters = |level: &i64| *level < levels - 1 || k >= top || k + top < choices;
        let side = |level: i64| {
            let q = q.select(1, level);
            if k >> level & 1 == 1 { q } else { 1.0 - q }
        };
        let sides = (0..levels).filter(matters).map(side);
        sides.reduce(|p, side| p * side).unwrap_or_else(|| q.select(1, 0).ones_like())
    };
    Tensor::stack(&(0..choices).map(leaf).collect::<Vec<Tensor>>(), 1)
}

/// Norms of the weight gradients of each computation neuron of each linear layer, summed over the
/// steps that were logged. A plain layer counts as one computation neuron.
#[derive(Debug)]
pub struct GradientNorms {
    /// For each linear layer the name of its weight, and K.
    weights: Vec<(String, i64)>,
    /// [layer and computation neuron] f64
    sums: Tensor,
    /// Steps in the sums: [] f64
    steps: Tensor,
}

impl GradientNorms {
    /// No step yet.
    pub fn new(rows: &[LinearShape], params: &Params) -> Self {
        let weight = |row: &LinearShape| match row.selects {
            true => (format!("{}.computation.weight", row.name), row.shape.choices),
            false => (format!("{}.weight", row.name), 1),
        };
        let weights: Vec<(String, i64)> = rows.iter().map(weight).collect();
        let length: i64 = weights.iter().map(|(_, choices)| choices).sum();
        let options = (Kind::Double, params.gradient.device());
        let (sums, steps) = (Tensor::zeros([length], options), Tensor::zeros([], options));
        Self { weights, sums, steps }
    }

    /// Adds the gradient of the last step: a pass over it.
    pub fn add(&mut self, params: &Params) {
        let _guard = no_grad_guard();
        let gradients = params.split(&params.gradient);
        let mut norms = Vec::with_capacity(self.weights.len());
        for (name, choices) in &self.weights {
            let Some((_, gradient)) = gradients.iter().find(|(known, _)| known == name) else {
                continue;
            };
            norms.push(norm(&gradient.reshape([*choices, -1])));
        }
        let _ = self.sums.g_add_(&Tensor::cat(&norms, 0));
        let _ = self.steps.g_add_scalar_(1.0);
    }

    /// Mean norm of each computation neuron of each linear layer, and starts again. Empty lists
    /// where no step was added.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn take(&mut self) -> Result<Vec<Vec<f64>>> {
        let _guard = no_grad_guard();
        let steps = read::scalar(&self.steps)?;
        let mut means = read::values(&self.sums)?.into_iter().map(|sum| sum / steps);
        let rows = self.weights.iter().map(|(_, choices)| *choices as usize);
        let means = rows.map(|choices| means.by_ref().take(choices).collect()).collect();
        let empty = vec![Vec::new(); self.weights.len()];
        let _ = (self.sums.zero_(), self.steps.zero_());
        Ok(if steps > 0.0 { means } else { empty })
    }

    /// The sums as tensors of a checkpoint.
    pub fn state(&self) -> [(String, Tensor); 2] {
        let (sums, steps) = (self.sums.shallow_clone(), self.steps.shallow_clone());
        [("state.gradient_norms".into(), sums), ("state.gradient_steps".into(), steps)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_share_all_the_probability() {
        let q = Tensor::from_slice(&[0.5, 0.25, 0.9]).view([1, 3, 1]);
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
