//! A transformer in training, and the tensors that a checkpoint has of it.

use anyhow::Result;

use super::config::TransformerConfig;
use crate::data::text::TextData;
use crate::lab::store::checkpoint::State;
use crate::lab::train::experiment::Plan;
use crate::lab::train::learner::Learner;
use crate::selector::language_model::baselines::Baselines;
use crate::selector::language_model::corpus::Corpus;
use crate::selector::language_model::evaluation::{HeldOutResult, hold_out};
use crate::selector::language_model::layout::LinearShape;
use crate::selector::language_model::memory::Memory;
use crate::selector::language_model::model::Transformer;
use crate::selector::language_model::monitor::GradientNorms;

/// A transformer in training.
pub struct SelectorTransformer {
    pub(super) config: TransformerConfig,
    pub(super) text: TextData,
    pub(super) corpus: Corpus,
    pub(super) baselines: Baselines,
    /// The linear layers, rows of the monitoring table.
    pub(super) linears: Vec<LinearShape>,
    pub(super) model: Transformer,
    pub(super) learner: Learner,
    pub(super) norms: GradientNorms,
    pub(super) seed: u64,
    /// What the last evaluation in this process found.
    pub(super) last: Option<Findings>,
    pub(super) plan: Plan,
    pub(super) memory: Memory,
}

/// What an evaluation finds.
pub(super) struct Findings {
    /// How the model does on held-out text.
    pub(super) held_out: HeldOutResult,
    /// For each linear layer, the mean norm of each computation neuron's gradient since the last
    /// evaluation.
    pub(super) gradient_norms: Vec<Vec<f64>>,
}

impl SelectorTransformer {
    /// Parameters and the optimizer's state, and the sums of gradient norms.
    pub(super) fn tensors(&self) -> State {
        let mut state = self.learner.state();
        state.extend(self.norms.tensors());
        state
    }

    /// Runs the held-out sequences.
    ///
    /// # Errors
    /// Results that can't be read from the device.
    pub(super) fn hold_out(&self) -> Result<HeldOutResult> {
        let batches = self.corpus.held_out(self.config.eval_sequences, self.config.batch_size);
        hold_out(&self.model, &self.linears, &self.learner.params, &batches)
    }
}
