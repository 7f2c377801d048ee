//! What an experiment is to the lab.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Tensor};

use super::finite::FiniteGuard;
use super::phase::{Phase, PhaseClock};
use crate::lab::cli::parse::{Config, Preset, Settings};
use crate::lab::figure::RgbImage;
use crate::lab::log::console::Console;
use crate::lab::log::metrics::{Metrics, Reading};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};

/// An experiment: how to take step t, and what its state is. The lab owns the rest.
pub trait Experiment: Sized {
    /// The name of the binary, of the folder in `runs/`, and of the page under `docs/`.
    const NAME: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;
    /// Defaults of the shared settings that differ for this experiment, as a JSON object.
    const DEFAULTS: &'static str;
    /// Named sets of values.
    const PRESETS: &'static [Preset];
    /// Tags of the metrics that TensorBoard compares runs by.
    const METRICS: &'static [&'static str];
    /// Every tag with one line that explains it; `*` stands for any part of a tag.
    const TAGS: &'static [(&'static str, &'static str)];
    /// The experiment's own flags and keys.
    type Config: Config;

    /// Fills in what depends on other settings, and checks that they fit together.
    ///
    /// # Errors
    /// [`crate::lab::error::refuse`], with the flag, its value and what to do.
    fn resolve(settings: &mut Settings<Self::Config>) -> Result<()>;

    /// Loads the data and makes the model at step 0.
    ///
    /// # Errors
    /// Where data are missing or damaged, or don't fit the settings.
    fn build(settings: &Settings<Self::Config>, device: Device) -> Result<Self>;

    /// Lines to say before the first step, such as the memory that the run needs.
    fn introduction(&self) -> Vec<String> {
        Vec::new()
    }

    /// How long the run is and where its evaluations are.
    fn plan(&self) -> Plan;

    /// Steps that one call of [`Experiment::step`] may take from `step` on, where a step is so short
    /// that the loop around it would cost more. A call ends wherever the loop logs, evaluates or
    /// saves, so the numbers must not depend on how the steps are divided into calls.
    fn block(&self, _step: u64) -> u64 {
        1
    }

    /// Whether there is an evaluation after the very first step too.
    fn evaluates_first(&self) -> bool {
        false
    }

    /// Takes one step, or [`Step::count`] of them. Anything random in it must come from (seed, stream, step), see
    /// [`crate::lab::tensor::rng`].
    ///
    /// # Errors
    /// Whatever goes wrong in it; [`crate::lab::error::Failure::NonFinite`] through [`Step::finite`].
    fn step(&mut self, step: &mut Step) -> Result<()>;

    /// Evaluates on held-out data, says the results and logs them. The score, if there is one,
    /// decides which checkpoint is the best, and when patience ends.
    ///
    /// # Errors
    /// Whatever goes wrong in it.
    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>>;

    /// Everything that the next steps depend on, as aliases of the live tensors.
    fn state(&self) -> State;

    /// Takes on the shape that the model has after `step` steps, where that depends on them, before
    /// a checkpoint of that step is read into it.
    ///
    /// # Errors
    /// Whatever goes wrong in it.
    fn reach(&mut self, _step: u64) -> Result<()> {
        Ok(())
    }

    /// Takes what is not a live tensor from a checkpoint whose tensors are already restored.
    ///
    /// # Errors
    /// Where the checkpoint lacks it.
    fn restored(&mut self, _checkpoint: &Checkpoint) -> Result<()> {
        Ok(())
    }

    /// Where the data came from, for the run's provenance.
    fn source(&self) -> Value {
        Value::Null
    }

    /// The experiment's curves that belong on one chart.
    fn charts(&self) -> Vec<Chart>;

    /// Draws the figures of a run that has ended, from the log's history and the model.
    ///
    /// # Errors
    /// Whatever goes wrong in it; a figure that can't be drawn doesn't fail the run.
    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()>;
}

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Steps in all.
    pub steps: u64,
    /// Steps between two evaluations: an epoch, where there are epochs.
    pub evaluate_every: u64,
}

/// One training step, as the experiment sees it.
#[derive(Debug)]
pub struct Step<'a> {
    /// The number of the step, from 0.
    pub index: u64,
    /// Steps to take in this call: 1, or up to [`Experiment::block`].
    pub count: u64,
    /// Whether the metrics are logged after this step: what costs a pass of its own is computed
    /// only then.
    pub logging: bool,
    pub(super) metrics: &'a mut Metrics,
    pub(super) clock: &'a mut PhaseClock,
    pub(super) guard: &'a mut FiniteGuard,
}

impl Step<'_> {
    /// Runs `work` as a part of the step whose time is logged.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.clock.time(phase, work)
    }

    /// Logs the mean of a value over the steps between two log entries, and gives the mean since the
    /// last evaluation to the next one ([`Evaluation::train_mean`]).
    ///
    /// - value: [] or [replicate]; stays on the device
    pub fn mean(&mut self, tag: &str, value: &Tensor) {
        let metrics = &mut *self.metrics;
        self.clock.time(Phase::Logging, || metrics.mean(tag, value));
    }

    /// Logs the last value before a log entry; [`Evaluation::train_mean`] has the mean of these.
    ///
    /// - value: [] or [replicate]; stays on the device
    pub fn last(&mut self, tag: &str, value: &Tensor) {
        let metrics = &mut *self.metrics;
        self.clock.time(Phase::Logging, || metrics.last(tag, value));
    }

    /// Says whether everything that this step is about to apply is finite. The update must be
    /// made only where the flag that comes back is true (or is none).
    ///
    /// - finite: [] bool
    ///
    /// # Errors
    /// [`crate::lab::error::Failure::NonFinite`] where the host looks at once, as on the CPU.
    pub fn finite(&mut self, finite: &Tensor) -> Result<Option<Tensor>> {
        self.guard.check(self.index, finite)
    }
}

/// An evaluation, as the experiment sees it.
pub struct Evaluation<'a> {
    /// Steps done.
    pub step: u64,
    /// Which evaluation this is, from 1: the epoch, where evaluations are at the end of epochs.
    pub number: u64,
    /// Means of the steps' values since the last evaluation.
    pub train: Vec<Reading>,
    pub(super) readings: Vec<Reading>,
    /// Time that the log took within the evaluation.
    pub(super) logging: Duration,
    pub(super) log: &'a mut Log,
    pub(super) console: &'a Console,
}

impl Evaluation<'_> {
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
    pub fn tensors(&mut self, name: &str, tensors: &State) {
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
