//! What the selection neurons of a transformer do: the notebook's monitoring table.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::layout::LinearShape;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::optim::clip::norm;
use crate::lab::tensor::params::{Gradients, ParamId, Params};
use crate::lab::tensor::to_host;
use crate::selector::layer::SelectorLayer;
use crate::selector::usage::Usage;

/// Logits whose entropy is computed at once: a bound on the memory.
const CHUNK: i64 = 1 << 22;

/// Gathers what the selectors of a layer do with a text.
#[derive(Debug)]
pub struct SelectionMonitor {
    layer: SelectorLayer,
    /// Selections so far: `[computation, neuron]` f64.
    counts: Tensor,
    /// Sum over words and neurons of the selectors' entropy: `[]` f64.
    entropy: Tensor,
    words: i64,
}

/// What was measured of a selector layer.
#[derive(Debug, Clone)]
pub struct SelectionStatistics {
    /// Which computation neurons were selected.
    pub usage: Usage,
    /// Mean over words and neurons of the entropy of the selectors' probabilities in nats: at most
    /// ln K.
    pub entropy: f64,
}

impl SelectionMonitor {
    /// A monitor of a layer that has seen nothing yet; none where the layer has nothing to select.
    ///
    /// # Errors
    /// A parameter that `params` doesn't have.
    pub fn new(linear: &LinearShape, params: &Params) -> Result<Option<Self>> {
        if !linear.selects || !linear.shape.selector.selects() {
            return Ok(None);
        }
        let device = params.values.device();
        let layer = SelectorLayer::new(linear.shape, &linear.name, params, device)?;
        let (counts, entropy) = (layer.zero_counts(), Tensor::zeros([], (Kind::Double, device)));
        Ok(Some(Self { layer, counts, entropy, words: 0 }))
    }

    /// Adds what the selectors do with an input.
    ///
    /// # Shapes
    /// - x: `[row, input]`
    /// - choice: `[row, neuron]`
    pub fn observe(&mut self, params: &Params, x: &Tensor, choice: &Tensor) {
        let _guard = no_grad_guard();
        let _ = self.counts.g_add_(&self.layer.selection_counts(choice));
        let length = x.size()[0];
        let chunk = (CHUNK / self.counts.numel() as i64).max(1);
        for start in (0..length).step_by(chunk as usize) {
            let x = x.narrow(0, start, chunk.min(length - start));
            if let Some(p) = self.layer.probabilities(params, &x) {
                let _ = self.entropy.g_add_(&p.special_entr().sum(Kind::Double));
            }
        }
        self.words += length;
    }

    /// What was gathered.
    ///
    /// # Errors
    /// Counts that can't be read from the device.
    pub fn read(&self) -> Result<SelectionStatistics> {
        let neurons = self.layer.shape().neurons;
        let usage = Usage::read(&self.counts, 1)?;
        let entropy = to_host::scalar(&self.entropy)? / (self.words * neurons) as f64;
        Ok(SelectionStatistics { usage, entropy })
    }
}

/// The weight of a linear layer.
#[derive(Debug)]
struct Weight {
    id: ParamId,
    /// K, or 1 for a plain layer.
    choices: i64,
}

/// Norms of the weight gradients of each computation neuron of each linear layer, summed over the
/// steps that were logged. A plain layer counts as one computation neuron.
#[derive(Debug)]
pub struct GradientNorms {
    weights: Vec<Weight>,
    /// `[layer and computation neuron]` f64
    sums: Tensor,
    /// Steps in the sums: a whole number.
    steps: f64,
}

impl GradientNorms {
    /// Sums of no step.
    ///
    /// # Errors
    /// A parameter that `params` doesn't have.
    pub fn new(linears: &[LinearShape], params: &Params) -> Result<Self> {
        let weight = |linear: &LinearShape| -> Result<Weight> {
            let (part, choices) =
                if linear.selects { (".computation", linear.shape.choices) } else { ("", 1) };
            Ok(Weight { id: params.id(&format!("{}{part}.weight", linear.name))?, choices })
        };
        let weights = linears.iter().map(weight).collect::<Result<Vec<_>>>()?;
        let length: i64 = weights.iter().map(|weight| weight.choices).sum();
        let sums = Tensor::zeros([length], (Kind::Double, params.values.device()));
        Ok(Self { weights, sums, steps: 0.0 })
    }

    /// Adds the gradient of the last step: a pass over it.
    pub fn add(&mut self, gradients: &Gradients) {
        let _guard = no_grad_guard();
        let of_weight =
            |weight: &Weight| norm(&gradients.of(weight.id).reshape([weight.choices, -1]));
        let norms: Vec<Tensor> = self.weights.iter().map(of_weight).collect();
        let _ = self.sums.g_add_(&Tensor::cat(&norms, 0));
        self.steps += 1.0;
    }

    /// The mean norm of each computation neuron of each linear layer, after which the sums begin
    /// again. The lists are empty where no step was added.
    ///
    /// # Errors
    /// Sums that can't be read from the device.
    pub fn take(&mut self) -> Result<Vec<Vec<f64>>> {
        let _guard = no_grad_guard();
        let steps = std::mem::take(&mut self.steps);
        let mut means = to_host::values(&self.sums)?.into_iter().map(|sum| sum / steps);
        let of_layer = |weight: &Weight| means.by_ref().take(weight.choices as usize).collect();
        let means = self.weights.iter().map(of_layer).collect();
        let empty = vec![Vec::new(); self.weights.len()];
        let _ = self.sums.zero_();
        Ok(if steps > 0.0 { means } else { empty })
    }
}

impl Persist for GradientNorms {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.auxiliary("state.gradient_norms", &self.sums);
        writer.number("state.gradient_steps", &self.steps);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        reader.auxiliary("state.gradient_norms", &self.sums)?;
        reader.number("state.gradient_steps", &mut self.steps)
    }
}
