//! A transformer in training, and the tensors that a checkpoint has of it.

use anyhow::{Result, ensure};
use tch::Tensor;

use super::config::TransformerConfig;
use crate::data::text::TextData;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::optim::finite::FoundInf;
use crate::lab::train::experiment::RunSchedule;
use crate::lab::train::learner::Learner;
use crate::selector::language_model::baselines::Baselines;
use crate::selector::language_model::corpus::Corpus;
use crate::selector::language_model::evaluation::{HeldOutResult, hold_out};
use crate::selector::language_model::layout::LinearShape;
use crate::selector::language_model::memory::Memory;
use crate::selector::language_model::model::Transformer;
use crate::selector::language_model::monitor::GradientNorms;

/// The name of [`SelectorTransformer::gradient_means`] in a checkpoint.
const GRADIENT_MEANS: &str = "state.gradient_means";

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
    /// How the model did on held-out text at the last evaluation in this process.
    pub(super) last: Option<HeldOutResult>,
    /// Of each linear layer, the mean over its computation neurons of their gradients' norms, as the
    /// run's last evaluation found them; NaN before the first.
    pub(super) gradient_means: Vec<f64>,
    pub(super) schedule: RunSchedule,
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
    /// Runs the held-out sequences.
    ///
    /// # Errors
    /// Results that can't be read from the device.
    pub(super) fn hold_out(&self) -> Result<HeldOutResult> {
        let batches = self.corpus.held_out(self.config.eval_sequences, self.config.batch_size);
        hold_out(&self.model, &self.linears, &self.learner.params, &batches)
    }

    /// Moves the balance biases after a step.
    ///
    /// - choices: what the batch selected in each selector layer, `[row, neuron]`; none where the
    ///   balance does not count
    /// - found: what held the step back, where it is known on the device alone
    pub(super) fn rebalance(&mut self, choices: &[Tensor], found: Option<&FoundInf>) {
        let Some(rows) = choices.first().map(|choice| choice.size()[0]) else { return };
        let layers = self.model.selectors().zip(choices);
        let counts: Vec<Tensor> =
            layers.map(|((_, layer), choice)| layer.selection_counts(choice)).collect();
        let counted = self.model.selectors_mut().map(|(_, layer)| layer).zip(&counts);
        self.config.guidance.rebalance(counted, rows, found);
    }
}

/// The learner, the norms of gradients since the last evaluation, and for each selector layer that
/// has a balance bias `<layer>.preference`, as in a network of images.
impl Persist for SelectorTransformer {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.learner.save(writer)?;
        self.norms.save(writer)?;
        writer.number(GRADIENT_MEANS, &self.gradient_means);
        for (number, layer) in self.model.selectors() {
            if let Some(bias) = layer.balance_bias() {
                writer.model(format!("{}.preference", self.linears[number].name), bias);
            }
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.learner.load(reader)?;
        self.norms.load(reader)?;
        for (number, layer) in self.model.selectors() {
            if let Some(bias) = layer.balance_bias() {
                reader.model(&format!("{}.preference", self.linears[number].name), bias)?;
            }
        }
        // Checkpoints of earlier versions have none.
        if reader.resumes() && reader.has(GRADIENT_MEANS) {
            let mut means: Vec<f64> = Vec::new();
            reader.number(GRADIENT_MEANS, &mut means)?;
            let (found, linears, file) = (means.len(), self.linears.len(), reader.file().display());
            ensure!(
                found == linears,
                "{file}: {GRADIENT_MEANS} has {found} numbers, not {linears}"
            );
            self.gradient_means = means;
        }
        Ok(())
    }
}
