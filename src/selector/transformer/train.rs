//! The experiment `selector_transformer`: a language model of selection and computation neurons.

use anyhow::Result;
use serde_json::Value;
use tch::Device;

use super::config::TransformerConfig;
use super::corpus::Corpus;
use super::eval::{Baselines, Held};
use super::layout::{self, LinearShape};
use super::memory::Memory;
use super::model::Transformer;
use super::monitor::GradientNorms;
use super::presets::PRESETS;
use super::report;
use crate::data::text::{self, TextData};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::nn::{cross_entropy, draw};
use crate::lab::tensor::params::ParamsBuilder;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};
use crate::selector::tape::Tape;

/// A transformer in training.
pub struct SelectorTransformer {
    pub(super) config: TransformerConfig,
    pub(super) text: TextData,
    pub(super) corpus: Corpus,
    pub(super) baselines: Baselines,
    /// The linear layers, rows of the monitoring table.
    pub(super) rows: Vec<LinearShape>,
    pub(super) model: Transformer,
    pub(super) learner: Learner,
    pub(super) norms: GradientNorms,
    pub(super) seed: u64,
    /// What the last evaluation found, and the mean gradient norms that it showed.
    pub(super) last: Option<(Held, Vec<Vec<f64>>)>,
    pub(super) plan: Plan,
    memory: Memory,
}

impl Experiment for SelectorTransformer {
    const NAME: &'static str = "selector_transformer";
    const ABOUT: &'static str = "Trains a transformer of selection and computation neurons on text \
                                 (docs/selector_transformer.md)";
    const DEFAULTS: &'static str = r#"{"num_computation": 5, "steps": 300, "data": "built-in", "optimizer": "adam", "lr": 0.001,
        "log_every": 20}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["eval/loss", "train/average_loss"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = TransformerConfig;

    fn resolve(settings: &mut Settings<TransformerConfig>) -> Result<()> {
        let run = &settings.run;
        if run.replicates != 1 {
            let replicates = run.replicates;
            return Err(refuse(format!(
                "--replicates {replicates}: a transformer trains alone; use --seed"
            )));
        }
        if run.epochs != 1 || run.steps.is_none_or(|steps| steps == 0) {
            return Err(refuse("the length of this experiment is --steps, 1 or more"));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<TransformerConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let text = text::load(&run.data, &run.data_dir, config.vocab as usize)?;
        let corpus = Corpus::new(&text, config.sequence, device)?;
        let vocabulary = text.vocabulary.len() as i64;
        let memory = Memory::of(&config, vocabulary);
        crate::lab::tensor::memory::require(device, memory.bytes(), "this transformer")?;
        let mut builder = ParamsBuilder::default();
        for (name, value) in draw(run.seed, 1, &layout::parameters(&config, vocabulary))? {
            builder.add(name, value);
        }
        let params = builder.build(device)?;
        let model = Transformer::new(&config, vocabulary, &params, device)?;
        let rows = layout::linears(&config, vocabulary);
        let norms = GradientNorms::new(&rows, &params);
        let plan =
            Plan { steps: run.steps.unwrap_or_default(), evaluate_every: config.evaluate_every };
        let learner = Learner::new(&config.learner, params, plan.steps);
        let baselines = Baselines::of(&text);
        let seed = run.seed;
        let last = None;
        Ok(Self {
            config,
            text,
            corpus,
            baselines,
            rows,
            model,
            learner,
            norms,
            seed,
            last,
            plan,
            memory,
        })
    }

    fn introduction(&self) -> Vec<String> {
        let words = self.text.vocabulary.len();
        vec![format!("{}: {words} words; {}", self.text.name, self.memory.line())]
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let (index, size) = (step.index, self.config.batch_size);
        let (words, next) = step.time(Phase::Data, || self.corpus.batch(self.seed, index, size));
        let mut tape = Tape::default();
        let loss = step.time(Phase::Forward, || {
            let logits = self.model.forward(&words, Some(&mut tape), &mut |_, _, _| ());
            cross_entropy(&logits, &next.flatten(0, 1))
        });
        step.time(Phase::Backward, || tape.backward(&loss, &mut self.learner.params))?;
        self.learner.apply(step, &loss)?;
        step.mean("train/loss", &loss);
        if step.logging {
            step.time(Phase::Logging, || self.norms.add(&self.learner.params));
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        report::report(self, evaluation).map(Some)
    }

    fn state(&self) -> State {
        let mut state = self.learner.state();
        state.extend(self.norms.state());
        state
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restored(checkpoint)
    }

    fn source(&self) -> Value {
        let mut source = self.text.source.clone();
        source["vocabulary"] = self.text.vocabulary.words().into();
        source
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(&self.rows)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}
