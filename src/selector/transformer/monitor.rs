//! What the selection neurons of a transformer do: the notebook's monitoring table.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::layout::LinearShape;
use crate::lab::params::Params;
use crate::lab::read;
use crate::selector::config::SelectorKind;
use crate::selector::eval::Usage;

/// Numbers of logits, or of gradients, that are worked on at once: a bound on the memory.
const CHUNK: i64 = 1 << 22;

/// A selector layer over a text.
#[derive(Debug)]
pub struct Watch {
    kind: SelectorKind,
    /// Computation neurons (K) and neurons (N).
    axes: [i64; 2],
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
    /// Mean over words and neurons of the entropy of softmax(z) in nats: at most ln K.
    pub entropy: f64,
}

impl Watch {
    /// Nothing seen yet; none where the layer is plain.
    ///
    /// # Errors
    /// Where a parameter is missing.
    pub fn new(row: &LinearShape, params: &Params) -> Result<Option<Self>> {
        if !row.selects {
            return Ok(None);
        }
        let get = |part: &str| params.get(&format!("{}.selection.{part}", row.name));
        let (weight, bias) = (get("weight")?, get("bias")?);
        let axes = [row.shape.choices, row.shape.neurons];
        let options = (Kind::Int64, weight.device());
        Ok(Some(Self {
            kind: row.shape.selector,
            axes,
            weight: weight.reshape([-1, row.shape.inputs]),
            bias: bias.reshape([-1]),
            tally: Tensor::zeros(axes, options),
            entropy: Tensor::zeros([], (Kind::Double, options.1)),
            words: 0,
        }))
    }

    /// Adds what the selectors do with an input.
    ///
    /// - x: [.., input]
    pub fn see(&mut self, x: &Tensor) {
        let _guard = no_grad_guard();
        let rows = x.reshape([-1, self.weight.size()[1]]);
        let length = rows.size()[0];
        let chunk = (CHUNK / (self.axes[0] * self.axes[1])).max(1);
        for start in (0..length).step_by(chunk as usize) {
            self.see_rows(&rows.narrow(0, start, chunk.min(length - start)));
        }
        self.words += length;
    }

    fn see_rows(&mut self, rows: &Tensor) {
        let [choices, neurons] = self.axes;
        let logits = rows.linear(&self.weight, Some(&self.bias));
        let logits = match self.kind {
            SelectorKind::Softmax => logits.unflatten(-1, self.axes),
            // A is selected below 0.
            SelectorKind::Threshold => Tensor::stack(&[logits.neg(), logits.zeros_like()], 1),
        };
        let log_p = logits.log_softmax(1, logits.kind());
        let entropy = (log_p.exp() * log_p).sum(Kind::Double);
        let _ = self.entropy.g_sub_(&entropy);
        let neuron = Tensor::arange(neurons, (Kind::Int64, rows.device()));
        let pairs = logits.argmax(1, false) * neurons + neuron;
        let counts = pairs.flatten(0, 1).bincount::<Tensor>(None, choices * neurons);
        let _ = self.tally.g_add_(&counts.view([choices, neurons]));
    }

    /// What was seen.
    ///
    /// # Errors
    /// Where the device can't be read.
    pub fn read(&self) -> Result<Selection> {
        let [choices, neurons] = self.axes;
        let usage = Usage::read(&self.tally, 1, choices, self.words as u64)?;
        let entropy = read::scalar(&self.entropy)? / (self.words * neurons) as f64;
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
            norms.push(row_norms(&gradient.reshape([*choices, -1])));
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

/// Euclidean norm of each row, summed in f64: [row].
fn row_norms(rows: &Tensor) -> Tensor {
    let (count, length) = rows.size2().unwrap_or((0, 1));
    let at_once = (CHUNK / length.max(1)).max(1);
    let parts: Vec<Tensor> = (0..count)
        .step_by(at_once as usize)
        .map(|start| rows.narrow(0, start, at_once.min(count - start)).to_kind(Kind::Double))
        .map(|part| part.square().sum_dim_intlist(1, false, Kind::Double).sqrt())
        .collect();
    Tensor::cat(&parts, 0)
}
