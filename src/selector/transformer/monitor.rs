//! What the selection neurons of a transformer do: the notebook's monitoring table.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::layout::LinearShape;
use crate::lab::tensor::optim::clip::norm;
use crate::lab::tensor::params::Params;
use crate::lab::tensor::to_host;
use crate::selector::eval::Usage;
use crate::selector::layer::SelectorLayer;

/// Numbers of logits that are worked on at once: a bound on the memory.
const CHUNK: i64 = 1 << 22;

/// A selector layer over a text.
#[derive(Debug)]
pub struct Watch {
    layer: SelectorLayer,
    /// Selections so far: [computation, neuron] f64.
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
        let device = params.values.device();
        let layer = SelectorLayer::new(row.shape, &row.name, params, device)?;
        let (tally, entropy) = (layer.no_tally(), Tensor::zeros([], (Kind::Double, device)));
        Ok(Some(Self { layer, tally, entropy, words: 0 }))
    }

    /// Adds what the selectors do with an input.
    ///
    /// - x: [row, input]; choice: [row, neuron]
    pub fn see(&mut self, x: &Tensor, choice: &Tensor) {
        let _guard = no_grad_guard();
        let _ = self.tally.g_add_(&self.layer.tally(choice));
        let length = x.size()[0];
        let chunk = (CHUNK / self.tally.numel() as i64).max(1);
        for start in (0..length).step_by(chunk as usize) {
            let x = x.narrow(0, start, chunk.min(length - start));
            if let Some(p) = self.layer.probabilities(&x) {
                let _ = self.entropy.g_add_(&p.special_entr().sum(Kind::Double));
            }
        }
        self.words += length;
    }

    /// What was seen.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn read(&self) -> Result<Selection> {
        let neurons = self.layer.shape().neurons;
        let usage = Usage::read(&self.tally, 1)?;
        let entropy = to_host::scalar(&self.entropy)? / (self.words * neurons) as f64;
        Ok(Selection { usage, entropy })
    }
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
        let steps = to_host::scalar(&self.steps)?;
        let mut means = to_host::values(&self.sums)?.into_iter().map(|sum| sum / steps);
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
