//! Settings of `selector_transformer`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::lab::{Config, LearnerConfig, Refusals, RunConfig, StepWork};
use crate::selector::config::{GATHERS, SelectionConfig};
use crate::selector::guidance::{Balance, GuidanceConfig, NoiseDraw, check_from_zero};
use crate::selector::language_model::layout::parameter_count;
use crate::selector::language_model::memory::Memory;
use crate::selector::language_model::shape::{Replace, TransformerShape};
use crate::selector::layer::{Compute, Inner, Noise};

/// In place of `nn.Linear`, a selector layer has no activation of its own.
const INNER: Inner = Inner::Identity;

/// What the embedding of a word is multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingScale {
    /// The root of d_model
    SqrtD,
    /// 1
    One,
}

/// The most transformer layers of a model: each has names and shapes in the host's memory, before
/// anything else is known of its size.
const MAX_LAYERS: i64 = 10_000;

/// Settings of a transformer of selection and computation neurons on a text.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct TransformerConfig {
    /// Transformer layers (L)
    #[arg(long, default_value_t = 2)]
    pub layers: i64,
    /// Width of the residual stream (d)
    #[arg(long, default_value_t = 64)]
    pub d_model: i64,
    /// Heads of the attention
    #[arg(long, default_value_t = 4)]
    pub heads: i64,
    /// Neurons of linear1
    #[arg(long, default_value_t = 256)]
    pub feedforward: i64,
    /// Which linear layers become selector layers
    #[arg(long, value_enum, default_value = "all")]
    pub replace: Replace,
    /// How its neurons select
    #[command(flatten)]
    #[serde(flatten)]
    pub selection: SelectionConfig,
    /// What leads its selections
    #[command(flatten)]
    #[serde(flatten)]
    pub guidance: GuidanceConfig,
    /// Steps over which the noise falls to 0
    #[arg(long, default_value_t = 300.0, value_name = "STEPS")]
    pub explore_steps: f64,
    /// What embeddings, drawn from N(0, 1), are multiplied by
    #[arg(long, value_enum, default_value = "sqrt-d")]
    pub embedding_scale: EmbeddingScale,
    /// Words of the vocabulary at most (V), the unknown word included
    #[arg(long, default_value_t = 4000)]
    pub vocab: i64,
    /// Words that the model sees at once
    #[arg(long, default_value_t = 64)]
    pub sequence: i64,
    /// Sequences in a batch
    #[arg(long, default_value_t = 8)]
    pub batch_size: i64,
    /// Steps between two evaluations
    #[arg(long, default_value_t = 100)]
    pub evaluate_every: u64,
    /// Sequences of the held-out text in an evaluation, at most
    #[arg(long, default_value_t = 32)]
    pub eval_sequences: i64,
    /// Words that the model writes at an evaluation
    #[arg(long, default_value_t = 40)]
    pub sample_words: i64,
    /// Temperature of what it writes
    #[arg(long, default_value_t = 0.8)]
    pub temperature: f64,
    /// Gradient descent
    #[command(flatten)]
    #[serde(flatten)]
    pub learner: LearnerConfig,
}

impl TransformerConfig {
    /// What a step of training asks for, with as many words as the vocabulary may have.
    pub fn step_work(&self) -> StepWork {
        if self.selection.compute.is_gather() {
            return GATHERS;
        }
        let embedding = self.vocab.saturating_mul(self.d_model);
        let in_products = parameter_count(&self.shape(self.vocab)) - embedding;
        let words = self.batch_size.saturating_mul(self.sequence);
        let (rest, of_layer) = match self.replace {
            Replace::None => (28.0, 56.0),
            Replace::Attention | Replace::Linear | Replace::All => (38.0, 112.0),
        };
        StepWork::training(in_products, words, rest + of_layer * self.layers as f64)
    }

    /// The noise on the selectors of a linear layer at a step.
    pub fn noise(&self, seed: u64, layer: &str, step: u64) -> Option<Noise> {
        self.guidance.noise(NoiseDraw { seed, layer, step, steps: self.explore_steps })
    }

    /// The memory of a run of a model of this shape. An auxiliary loss needs the probabilities of
    /// every computation neuron at once, as `--compute dense` does.
    pub fn memory(&self, shape: &TransformerShape) -> Memory {
        let mut shape = *shape;
        if self.guidance.balance == Balance::Loss {
            shape.options.compute = Compute::Dense;
        }
        Memory::of(&shape, self.batch_size, self.learner.optimizer.kind)
    }

    /// The sizes of the model, with this many words in the vocabulary.
    pub fn shape(&self, vocabulary: i64) -> TransformerShape {
        TransformerShape {
            layers: self.layers,
            width: self.d_model,
            heads: self.heads,
            feedforward: self.feedforward,
            sequence: self.sequence,
            vocabulary,
            embedding_scale: match self.embedding_scale {
                EmbeddingScale::SqrtD => (self.d_model as f64).sqrt(),
                EmbeddingScale::One => 1.0,
            },
            replace: self.replace,
            selection: self.selection.shape(self.d_model, self.d_model),
            options: self.selection.options(INNER),
        }
    }
}

impl Config for TransformerConfig {
    fn resolve(&mut self, run: &RunConfig, refusals: &mut Refusals) {
        refusals.unless(run.steps.is_some(), || {
            "the length of this experiment is --steps, 1 or more".into()
        });
        let least = [
            ("layers", self.layers, 1),
            ("d-model", self.d_model, 1),
            ("heads", self.heads, 1),
            ("feedforward", self.feedforward, 1),
            ("vocab", self.vocab, 2),
            ("sequence", self.sequence, 1),
            ("batch-size", self.batch_size, 1),
            ("eval-sequences", self.eval_sequences, 1),
            ("sample-words", self.sample_words, 0),
        ];
        for (flag, value, least) in least {
            refusals
                .unless(value >= least, || format!("--{flag} {value}: expected {least} or more"));
        }
        refusals
            .unless(self.evaluate_every > 0, || "--evaluate-every 0: expected 1 or more".into());
        let layers = self.layers;
        refusals.unless(layers <= MAX_LAYERS, || {
            format!("--layers {layers}: expected {MAX_LAYERS} or fewer")
        });
        let (width, heads) = (self.d_model, self.heads);
        refusals.unless(heads < 1 || width % heads == 0, || {
            format!("--heads {heads}: expected a divisor of --d-model {width}")
        });
        let temperature = self.temperature;
        refusals.unless(temperature > 0.0 && temperature.is_finite(), || {
            format!("--temperature {temperature}: expected a positive number")
        });
        self.guidance.resolve(false, &mut self.selection);
        self.selection.resolve(INNER, refusals);
        let has_logits = self.selection.kind().has_logit_each();
        refusals.unless(!self.guidance.balances() || has_logits, || {
            "--balance needs a logit for each computation neuron: use --selector softmax or \
             low-rank"
                .into()
        });
        self.guidance.check(&self.selection, refusals);
        check_from_zero(&[("explore-steps", self.explore_steps)], refusals);
        self.learner.validate(refusals);
    }
}
