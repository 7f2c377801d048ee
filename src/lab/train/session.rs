//! The one training loop.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Map, Value};
use tch::Device;

use super::beginning::Beginning;
use super::experiment::{Evaluation, Experiment, RunSchedule, Step};
use super::failed_saves::FailedSaves;
use super::finite::{FiniteGuard, FinitePolicy};
use super::phase::{PHASES, Phase, PhaseClock};
use super::progress::Progress;
use super::signals::StopSignal;
use crate::lab::cli::Settings;
use crate::lab::error::Failure;
use crate::lab::log::console::Console;
use crate::lab::log::metrics::{Metrics, Reading};
use crate::lab::log::run_log::Log;
use crate::lab::log::system::SystemMonitor;
use crate::lab::store::checkpoint::Score;
use crate::lab::store::folder::RunFolder;
use crate::lab::store::record::ProcessStamp;
use crate::lab::tensor::to_host;

/// Time after which an evaluation is followed by a checkpoint, where no interval is set.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(60);

/// What a session runs in.
pub struct RunContext {
    /// The terminal.
    pub console: Console,
    /// The signals that end a run.
    pub stop: StopSignal,
    /// Where the experiment computes.
    pub device: Device,
}

/// A run under way.
pub struct Session<E: Experiment> {
    pub(super) experiment: E,
    pub(super) folder: RunFolder,
    pub(super) log: Log,
    pub(super) console: Console,
    pub(super) progress: Progress,
    pub(super) settings: Settings<E::Config>,
    pub(super) config: Map<String, Value>,
    pub(super) device: Device,
    schedule: RunSchedule,
    pub(super) metrics: Metrics,
    pub(super) clock: PhaseClock,
    guard: FiniteGuard,
    pub(super) stop: StopSignal,
    begun: Instant,
    /// This process, as the run's record names it.
    pub(super) process: ProcessStamp,
    /// Seconds that earlier processes of this run took.
    earlier: f64,
    pub(super) saved: Instant,
    pub(super) saved_step: Option<u64>,
    pub(super) failed_saves: FailedSaves,
    /// The score of the last evaluation, with its step.
    pub(super) scored: Option<(Score, u64)>,
    /// The step of the last evaluation in this process.
    pub(super) evaluated: Option<u64>,
    /// Time that drawing the figures took.
    pub(super) drawing: Duration,
    interval_begun: (u64, Instant),
    system: SystemMonitor,
}

impl<E: Experiment> Session<E> {
    /// Puts a session together.
    ///
    /// # Errors
    /// Where a path among the settings is not UTF-8.
    pub fn new(
        settings: Settings<E::Config>,
        start: Beginning<E>,
        folder: RunFolder,
        context: RunContext,
    ) -> Result<Self> {
        let RunContext { console, stop, device } = context;
        let Beginning { experiment, progress, metrics, earlier, saved_step } = start;
        let mut log = Log::open(&folder.path, saved_step);
        log.explain(E::SPEC.tags);
        log.bands(&experiment.charts());
        log.stop_drawing_at(stop.clone());
        log.draw_as(&settings.run.figure_format);
        let (now, config, schedule) = (Instant::now(), settings.to_map()?, experiment.schedule());
        let guard = FiniteGuard::new(FinitePolicy::of(device), device, progress.step);
        Ok(Self {
            interval_begun: (progress.step, now),
            saved_step,
            clock: PhaseClock::new(device),
            begun: now,
            process: ProcessStamp::beginning(),
            earlier,
            saved: now,
            failed_saves: FailedSaves::default(),
            scored: None,
            evaluated: None,
            drawing: Duration::ZERO,
            system: SystemMonitor::new(device),
            experiment,
            folder,
            log,
            console,
            progress,
            settings,
            config,
            device,
            schedule,
            metrics,
            guard,
            stop,
        })
    }

    /// The experiment: for tests that look into it between steps.
    pub fn experiment(&self) -> &E {
        &self.experiment
    }

    /// The experiment, to change it.
    pub fn experiment_mut(&mut self) -> &mut E {
        &mut self.experiment
    }

    /// The configuration, every value.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// The configuration, typed.
    pub fn settings(&self) -> &Settings<E::Config> {
        &self.settings
    }

    /// Replaces the policy of the finite check: for tests of CUDA's policy on the CPU.
    pub fn set_finite_policy(&mut self, policy: FinitePolicy) {
        self.guard = FiniteGuard::new(policy, self.device, self.progress.step);
    }

    /// Seconds since the run began, earlier processes included.
    pub fn seconds(&self) -> f64 {
        self.earlier + self.begun.elapsed().as_secs_f64()
    }

    /// Seconds of each phase in this process, by name.
    pub fn phase_seconds(&self) -> Map<String, Value> {
        let totals = self.clock.totals();
        PHASES.iter().zip(totals).map(|((_, name), time)| ((*name).into(), time.into())).collect()
    }

    /// Trains to the end of the run schedule, or to where something else ends the run.
    ///
    /// # Errors
    /// [`Failure::NonFinite`] or [`Failure::Interrupted`], or what made going on impossible.
    pub fn train(&mut self) -> Result<()> {
        self.check_disk();
        self.console.begin(self.progress.step, self.schedule.steps);
        while !self.is_over() {
            self.one_step()?;
            let step = self.progress.step;
            let ending = step == self.schedule.steps || self.progress.ended.is_some();
            let mut due =
                self.settings.run.checkpoint_every.is_some_and(|every| step.is_multiple_of(every));
            if self.schedule.evaluates_at(step) || ending {
                let better = self.evaluate()?;
                let late = self.settings.run.checkpoint_every.is_none()
                    && self.saved.elapsed() > CHECKPOINT_AFTER;
                due = due || better || late;
            }
            let ending = ending || self.is_over();
            let signal = self.stop.received();
            if due || ending || signal.is_some() {
                self.save(ending || signal.is_some())?;
            }
            if let Some(signal) = signal.filter(|_| !ending) {
                return Err(Failure::Interrupted { signal }.into());
            }
        }
        let patience = self.settings.run.patience;
        if let Some(reason) = &self.progress.ended {
            self.console.report(reason);
        } else if self.progress.out_of_patience(patience) {
            self.console.report(&format!("no better result in {patience} evaluations: stopped"));
        }
        Ok(())
    }

    /// Whether no step is left to take.
    fn is_over(&self) -> bool {
        self.progress.is_over(self.schedule.steps, self.settings.run.patience)
    }

    /// Steps that the next call takes: as many as the experiment likes, up to where the loop has
    /// something of its own to do.
    fn steps_of_next_call(&self) -> u64 {
        let (index, run) = (self.progress.step, &self.settings.run);
        let stops = [Some(run.log_every), Some(self.schedule.evaluate_every), run.checkpoint_every];
        let next = stops.into_iter().flatten().map(|every| every - index % every);
        let left = self.schedule.steps.saturating_sub(index);
        let first = if self.schedule.evaluates_at(index + 1) { 1 } else { u64::MAX };
        next.chain([left, first]).fold(self.experiment.steps_per_call(index), u64::min).max(1)
    }

    /// One call of [`Experiment::step`] and, at the logging interval, its log entry.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn one_step(&mut self) -> Result<()> {
        let index = self.progress.step;
        let count = self.steps_of_next_call();
        let ending = index + count == self.schedule.steps;
        // An evaluation ends an interval, so that the means that it is given are complete.
        let every = [self.settings.run.log_every, self.schedule.evaluate_every];
        let due = every.iter().any(|every| (index + count).is_multiple_of(*every));
        let logging = ending || due || self.schedule.evaluates_at(index + count);
        self.clock.begin_step(logging);
        self.experiment.step(&mut Step {
            index,
            count,
            logging,
            metrics: &mut self.metrics,
            clock: &mut self.clock,
            guard: &mut self.guard,
            ended: &mut self.progress.ended,
        })?;
        self.guard.end_step(count);
        self.progress.step += count;
        self.console.tick(count);
        if logging || self.progress.ended.is_some() { self.log_interval() } else { Ok(()) }
    }

    fn log_interval(&mut self) -> Result<()> {
        let start = Instant::now();
        let pending = self.guard.pending();
        let (mut readings, pending) = self.metrics.take(pending.as_ref())?;
        self.guard.verify(&pending)?;
        let step = self.progress.step;
        let loss = E::SPEC.loss.and_then(|tag| readings.iter().find(|reading| reading.tag == tag));
        let loss = loss.map(|reading| crate::lab::statistics::mean_and_sd(&reading.values).0);
        readings.extend(self.time_readings());
        readings.extend(self.system.readings());
        self.log.scalars(step, self.seconds(), &readings);
        self.log.flush();
        self.warn_of_log();
        self.console.progress(step, loss);
        self.clock.add(Phase::Logging, start.elapsed());
        Ok(())
    }

    /// Mean milliseconds of each phase a step, and steps a second, since the last log entry.
    fn time_readings(&mut self) -> Vec<Reading> {
        let (step, begun) = self.interval_begun;
        let steps = (self.progress.step - step).max(1) as f64;
        let rate = steps / begun.elapsed().as_secs_f64();
        self.interval_begun = (self.progress.step, Instant::now());
        let timed = if self.device == Device::Cpu { steps } else { 1.0 };
        let reading = |tag: String, value: f64| Reading { tag, values: vec![value] };
        // Few experiments factorise; the others have no curve of it.
        let factorizes = self.clock.totals()[Phase::Factorization as usize] > 0.0;
        let mut readings: Vec<Reading> = PHASES
            .iter()
            .zip(self.clock.take_interval())
            .filter(|((phase, _), _)| *phase != Phase::Factorization || factorizes)
            .map(|((_, name), time)| reading(format!("time/{name}_ms"), 1e3 * time / timed))
            .collect();
        readings.push(reading("time/steps_per_second".into(), rate));
        if let Some(samples) = self.schedule.samples_per_step {
            readings.push(reading("time/samples_per_second".into(), samples as f64 * rate));
        }
        readings
    }

    /// Evaluates, logs it, and says whether the result is the best so far.
    fn evaluate(&mut self) -> Result<bool> {
        self.verify_finite()?;
        self.progress.evaluations += 1;
        let train = self.metrics.take_epoch();
        let mut evaluation = Evaluation {
            step: self.progress.step,
            number: self.progress.evaluations,
            train,
            readings: Vec::new(),
            logging: Duration::ZERO,
            log: &mut self.log,
            console: &self.console,
            ended: None,
        };
        let start = Instant::now();
        let score = self.experiment.evaluate(&mut evaluation)?;
        let Evaluation { readings, logging, ended, .. } = evaluation;
        self.progress.ended = self.progress.ended.take().or(ended);
        self.clock.add(Phase::Evaluation, start.elapsed().saturating_sub(logging));
        let start = Instant::now();
        self.log.scalars(self.progress.step, self.seconds(), &readings);
        self.log.flush();
        self.warn_of_log();
        self.clock.add(Phase::Logging, start.elapsed() + logging);
        self.evaluated = Some(self.progress.step);
        self.scored = score.clone().map(|score| (score, self.progress.step));
        Ok(score.is_some_and(|score| self.progress.compare(score)))
    }

    /// Reads the finite flag where it was left on the device, before anything is kept.
    pub(super) fn verify_finite(&mut self) -> Result<()> {
        match self.guard.pending() {
            Some(pending) => self.guard.verify(&to_host::values(&pending)?),
            None => Ok(()),
        }
    }

    pub(super) fn warn_of_log(&mut self) {
        for warning in self.log.take_warnings() {
            self.console.warn(&warning);
        }
    }
}
