//! The experiment `selector_transformer`: a language model of selection and computation neurons.

use anyhow::{Context, Result};
use serde_json::Value;
use tch::{Device, Tensor};

use super::config::TransformerConfig;
use super::presets::PRESETS;
use super::state::{Findings, SelectorTransformer};
use super::{figures, report};
use crate::data::text::{self, TextData};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::nn::{cross_entropy, draw_params};
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};
use crate::selector::config::refuse_invalid;
use crate::selector::language_model::baselines::Baselines;
use crate::selector::language_model::corpus::{Corpus, TokenBatch};
use crate::selector::language_model::layout;
use crate::selector::language_model::model::Transformer;
use crate::selector::language_model::monitor::GradientNorms;
use crate::selector::tape::Tape;

impl Experiment for SelectorTransformer {
    type Config = TransformerConfig;

    const SPEC: Spec = Spec {
        name: "selector_transformer",
        about: "Trains a transformer of selection and computation neurons on text \
                (docs/selector_transformer.md)",
        // The built-in text is short: after some sixty steps the model begins to know it by heart, and
        // tells the held-out pieces worse.
        defaults: r#"{"num_computation": 5, "steps": 60, "evaluate_every": 20, "data": "built-in",
            "optimizer": "adam", "lr": 0.001, "log_every": 5}"#,
        presets: PRESETS,
        metrics: &["eval/loss", "train/average_loss"],
        tags: report::TAGS,
        loss: Some("train/loss"),
        sizes: &[
            "d-model",
            "feedforward",
            "layers",
            "num-computation",
            "vocab",
            "sequence",
            "batch-size",
        ],
        absent: &[
            Absent { key: "replicates", reason: "a transformer trains alone; use --seed" },
            Absent { key: "epochs", reason: "use --steps" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<TransformerConfig>) -> StepWork {
        settings.experiment.step_work()
    }

    fn build(settings: &Settings<TransformerConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let text = text::load(&run.data, &run.data_dir, config.vocab as usize)?;
        check_sequence(&text, config.sequence)?;
        let corpus = Corpus::new(&text, config.sequence, device)?;
        let shape = config.shape(text.vocabulary.len() as i64);
        let memory = config.memory(&shape);
        crate::lab::tensor::memory::require(device, memory.bytes(), "this transformer")?;
        let params = draw_params(run.seed, 1, &layout::parameters(&shape), device)?;
        let mut model = Transformer::new(&shape, &params, device).map_err(refuse_invalid)?;
        let linears = layout::linears(&shape);
        model.selectors_mut().for_each(|(_, layer)| config.guidance.prepare(layer));
        let norms = GradientNorms::new(&linears, &params)?;
        let words = config.batch_size.saturating_mul(config.sequence);
        let schedule = RunSchedule::new(run.steps.unwrap_or_default(), config.evaluate_every)
            .with_samples(words, 1);
        let learner = Learner::new(&config.learner, params, schedule.steps);
        Ok(Self {
            baselines: Baselines::of(&text),
            config,
            text,
            corpus,
            gradient_means: vec![f64::NAN; linears.len()],
            linears,
            model,
            learner,
            norms,
            seed: run.seed,
            last: None,
            schedule,
            memory,
        })
    }

    fn summary_lines(&self) -> Vec<String> {
        let words = self.text.vocabulary.len();
        vec![format!("{}: {words} words; {}", self.text.name, self.memory.line())]
    }

    fn schedule(&self) -> RunSchedule {
        self.schedule
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let (index, seed, size) = (step.index, self.seed, self.config.batch_size);
        let TokenBatch { tokens, next } =
            step.time(Phase::Data, || self.corpus.batch(self.seed, index, size));
        let counts = self.config.guidance.balances_by_counts();
        let mut choices = Vec::new();
        let Self { config, model, linears, learner, .. } = self;
        let noise = |number: usize| config.noise(seed, &linears[number].name, index);
        let mut tape = Tape::default();
        let loss = step.time(Phase::Forward, || {
            let logits = model.forward(
                &learner.params,
                &tokens,
                Some(&mut tape),
                &noise,
                &mut |_, _, choice| {
                    choices.extend(choice.filter(|_| counts).map(Tensor::shallow_clone));
                },
            );
            cross_entropy(&logits, &next.flatten(0, 1))
        });
        let Learner { params, gradients, .. } = learner;
        step.time(Phase::Backward, || tape.backward(params, gradients, &loss))?;
        let found = self.learner.apply(step, &loss)?;
        self.rebalance(&choices, found.as_ref());
        step.mean("train/loss", &loss);
        if step.logging {
            step.time(Phase::Logging, || self.norms.add(&self.learner.gradients));
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let held_out = self.hold_out()?;
        let findings = Findings { held_out, gradient_norms: self.norms.take()? };
        let score = report::report(self, &findings, evaluation)?;
        self.learner.observe(findings.held_out.loss);
        if evaluation.number > 0 {
            let mean = |norms: &Vec<f64>| norms.iter().sum::<f64>() / norms.len() as f64;
            self.gradient_means = findings.gradient_norms.iter().map(mean).collect();
        }
        self.last = Some(findings.held_out);
        Ok(Some(score))
    }

    fn data_provenance(&self) -> Value {
        let mut source = self.text.source.clone();
        source["vocabulary"] = self.text.vocabulary.words().into();
        source
    }
}

impl Figures for SelectorTransformer {
    fn charts(&self) -> Vec<Chart> {
        report::charts(&self.linears, self.config.selection.num_computation)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let held_out = self.last.take().context("there was no evaluation before the figures")?;
        figures::draw(self, &held_out, log, step)
    }
}

/// Refuses sequences that are longer than a part of the text.
fn check_sequence(text: &TextData, sequence: i64) -> Result<()> {
    let longest = Corpus::longest_sequence(text);
    if sequence <= longest {
        return Ok(());
    }
    Err(refuse(format!(
        "--sequence {sequence}: {} has {} words to learn from and {} held out: at most {longest}, or \
         a longer text",
        text.name,
        text.train.len(),
        text.held_out.len(),
    )))
}
