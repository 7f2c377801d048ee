//! What an experiment is to the lab.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Tensor};

use super::finite::FiniteGuard;
use super::phase::{Phase, PhaseClock};
use super::step_work::StepWork;
use crate::lab::cli::{Config, Settings, Spec};
use crate::lab::figure::RgbImage;
use crate::lab::log::console::Console;
use crate::lab::log::metrics::{Metrics, Reading};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::store::{NamedTensors, Persist};
use crate::lab::tensor::optim::finite::FoundInf;

/// An experiment: how to take step t, and what its state is ([`Persist`]). The lab owns the rest.
pub trait Experiment: Persist + Figures + Sized {
    /// The experiment's own flags and keys.
    type Config: Config;

    /// Its name, tags, presets, and which of the shared flags it takes.
    const SPEC: Spec;

    /// What a step asks for at these settings, about: `--device auto` takes the GPU where that is
    /// the faster one. It is asked before any data are loaded.
    fn step_work(settings: &Settings<Self::Config>) -> StepWork;

    /// Loads the data and makes the model at step 0.
    ///
    /// # Errors
    /// Where data are missing or damaged (exit code 1), or don't fit the settings (exit code 2).
    fn build(settings: &Settings<Self::Config>, device: Device) -> Result<Self>;

    /// How long the run is and where its evaluations are.
    fn schedule(&self) -> RunSchedule;

    /// Takes one step, or [`Step::count`] of them. Anything random in it must come from
    /// (seed, stream, step), see [`crate::lab::tensor::rng`].
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] through [`Step::finite`], and what the work of the
    /// step returns.
    fn step(&mut self, step: &mut Step) -> Result<()>;

    /// Evaluates on held-out data, says the results and logs them. The score, if there is one,
    /// decides which checkpoint is the best, and when patience ends.
    ///
    /// # Errors
    /// Where a result can't be read from the device.
    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>>;

    /// Steps that one call of [`Experiment::step`] may take from `step` on, where a step is so short
    /// that the loop around it would cost more. A call ends wherever the loop logs, evaluates or
    /// saves, so the numbers must not depend on how the steps are divided into calls.
    fn steps_per_call(&self, _step: u64) -> u64 {
        1
    }

    /// Lines to say before the first step, such as the memory that the run needs.
    fn summary_lines(&self) -> Vec<String> {
        Vec::new()
    }

    /// Where the data came from, for the run's provenance.
    fn data_provenance(&self) -> Value {
        Value::Null
    }
}

/// What an experiment shows: its charts in the dashboard, and the figures of a run that has ended.
pub trait Figures {
    /// The curves that belong on one chart.
    fn charts(&self) -> Vec<Chart>;

    /// Draws the figures of a run that has ended, from the log's history, the state, and what the
    /// last evaluation found: this process has evaluated after the last step, and where the run was
    /// resumed there, as `--eval` does. All figures and numbers must come out the same then.
    ///
    /// # Errors
    /// Where a figure can't be drawn; that doesn't fail the run.
    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()>;
}

/// How long a run is, and where its evaluations are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSchedule {
    /// Steps in all.
    pub steps: u64,
    /// Steps between two evaluations, 1 or more: an epoch, where there are epochs.
    pub evaluate_every: u64,
    /// Whether there is an evaluation after the very first step too.
    pub evaluate_first: bool,
    /// Samples that a step takes, such as images, words or patches, of all networks together; none
    /// where a step has no such thing.
    pub samples_per_step: Option<u64>,
}

impl RunSchedule {
    /// So many steps, with an evaluation at the end of every `evaluate_every` of them.
    pub fn new(steps: u64, evaluate_every: u64) -> Self {
        Self { steps, evaluate_every, evaluate_first: false, samples_per_step: None }
    }

    /// The same, with so many samples in a step: `time/samples_per_second` says how fast they go.
    #[must_use]
    pub fn with_samples(self, batch: i64, replicates: i64) -> Self {
        let samples = u64::try_from(batch.saturating_mul(replicates)).ok();
        Self { samples_per_step: samples, ..self }
    }

    /// Whether there is an evaluation after so many steps, from 1.
    pub fn evaluates_at(&self, step: u64) -> bool {
        (step == 1 && self.evaluate_first) || step.is_multiple_of(self.evaluate_every)
    }
}

/// One training step, as the experiment sees it.
#[derive(Debug)]
pub struct Step<'a> {
    /// The number of the step, from 0.
    pub index: u64,
    /// Steps to take in this call: 1, or up to [`Experiment::steps_per_call`].
    pub count: u64,
    /// Whether the metrics are logged after this step: what costs a pass of its own is computed
    /// only then.
    pub logging: bool,
    pub(super) metrics: &'a mut Metrics,
    pub(super) clock: &'a mut PhaseClock,
    pub(super) guard: &'a mut FiniteGuard,
    pub(super) ended: &'a mut Option<String>,
}

impl Step<'_> {
    /// Runs `work` as a part of the step whose time is logged.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.clock.time(phase, work)
    }

    /// Logs the mean of a value over the steps between two log entries, and gives the mean since the
    /// last evaluation to the next one ([`Evaluation::train_mean`]).
    ///
    /// - value: `[]` or `[replicate]`; stays on the device
    pub fn mean(&mut self, tag: &str, value: &Tensor) {
        let metrics = &mut *self.metrics;
        self.clock.time(Phase::Logging, || metrics.mean(tag, value));
    }

    /// Logs the last value before a log entry; [`Evaluation::train_mean`] has the mean of these.
    ///
    /// - value: `[]` or `[replicate]`; stays on the device
    pub fn last(&mut self, tag: &str, value: &Tensor) {
        let metrics = &mut *self.metrics;
        self.clock.time(Phase::Logging, || metrics.last(tag, value));
    }

    /// Says that the run is over with this step, and why: it is evaluated, saved and done.
    pub fn end_run(&mut self, reason: impl Into<String>) {
        *self.ended = Some(reason.into());
    }

    /// Says whether everything that this step is about to apply is finite. The update must be
    /// made only where nothing was found, as what comes back says ([`FoundInf::applies`]), or none.
    ///
    /// - finite: `[]` bool
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] where the host looks at once, as on the CPU.
    pub fn finite(&mut self, finite: &Tensor) -> Result<Option<FoundInf>> {
        self.guard.check(self.index, finite)
    }

    /// As [`Step::finite`], of all these: the update must be made only where nothing was found. It is
    /// a part of the optimizer's time.
    ///
    /// - tensors: of any floating kind and shape
    ///
    /// # Errors
    /// As [`Step::finite`].
    pub fn all_finite(&mut self, tensors: &[&Tensor]) -> Result<Option<FoundInf>> {
        let (guard, index) = (&mut *self.guard, self.index);
        self.clock.time(Phase::Optimizer, || guard.check_all(index, tensors))
    }

    /// Says how many of this call's steps were finite, in place of [`Step::finite`]: the experiment
    /// itself changes nothing from the first on that was not, in this call and later ones.
    ///
    /// - good: `[]` i64, steps before the first that was not finite; 0 once there was one
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] where the host looks at once, as on the CPU.
    pub fn finite_steps(&mut self, good: &Tensor) -> Result<()> {
        self.guard.check_steps(self.index, self.count, good)
    }
}

/// An evaluation, as the experiment sees it.
pub struct Evaluation<'a> {
    /// Steps done.
    pub step: u64,
    /// Which evaluation of the run this is, from 1: the epoch, where evaluations are at the end of
    /// epochs. 0 where a checkpoint is evaluated and nothing is trained: for `--eval`, and for the
    /// figures of a run that was resumed at its end.
    pub number: u64,
    /// Means of the steps' values since the last evaluation.
    pub train: Vec<Reading>,
    pub(super) readings: Vec<Reading>,
    /// Time that the log took within the evaluation.
    pub(super) logging: Duration,
    pub(super) log: &'a mut Log,
    pub(super) console: &'a Console,
    pub(super) ended: Option<String>,
}

impl<'a> Evaluation<'a> {
    /// That of a checkpoint after so many steps, with nothing trained before it.
    pub(super) fn of_checkpoint(step: u64, log: &'a mut Log, console: &'a Console) -> Self {
        Self {
            step,
            number: 0,
            train: Vec::new(),
            readings: Vec::new(),
            logging: Duration::ZERO,
            log,
            console,
            ended: None,
        }
    }

    /// Says that the run is over with this evaluation, and why: it is saved and done.
    pub fn end_run(&mut self, reason: impl Into<String>) {
        self.ended = Some(reason.into());
    }

    /// Reports a line in the terminal.
    pub fn say(&self, line: &str) {
        self.console.report(line);
    }

    /// Logs a value.
    ///
    /// - values: one, or one a replicate
    pub fn scalar(&mut self, tag: &str, values: Vec<f64>) {
        self.readings.push(Reading { tag: tag.into(), values });
    }

    /// The mean of a training value since the last evaluation; empty where no step gave one.
    pub fn train_mean(&self, tag: &str) -> Vec<f64> {
        let reading = self.train.iter().find(|reading| reading.tag == tag);
        reading.map(|reading| reading.values.clone()).unwrap_or_default()
    }

    /// Logs a histogram.
    pub fn histogram(&mut self, tag: &str, values: &[f32]) {
        let start = Instant::now();
        self.log.histogram(tag, self.step, values);
        self.logging += start.elapsed();
    }

    /// Keeps tensors as `figures/<name>.safetensors`, in place of what was there.
    pub fn tensors(&mut self, name: &str, tensors: &NamedTensors) {
        let start = Instant::now();
        self.log.tensors(name, tensors);
        self.logging += start.elapsed();
    }

    /// Logs text in Markdown.
    pub fn text(&mut self, tag: &str, markdown: &str) {
        let start = Instant::now();
        self.log.text(tag, self.step, markdown);
        self.logging += start.elapsed();
    }

    /// Logs a picture of a matrix.
    pub fn image(&mut self, tag: &str, image: &RgbImage) {
        let start = Instant::now();
        self.log.image(tag, self.step, image);
        self.logging += start.elapsed();
    }
}
