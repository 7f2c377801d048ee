//! What a person sees while a run goes on: a progress bar on a terminal, plain lines elsewhere.

use std::fmt;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Seconds between two plain progress lines where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Reports on standard output, progress and warnings on standard error.
#[derive(Debug)]
pub struct Console {
    bar: Option<ProgressBar>,
    total: u64,
    quiet: bool,
    json: bool,
    last_plain: Instant,
    /// Steps and time when progress began, for the rate.
    start: (u64, Instant),
}

impl Console {
    /// A console that shows no progress yet. With `json`, reports go to standard error, so that
    /// standard output has the summary alone.
    pub fn new(quiet: bool, json: bool) -> Self {
        let now = Instant::now();
        Self { bar: None, total: 0, quiet, json, last_plain: now, start: (0, now) }
    }

    /// Starts showing progress.
    pub fn begin(&mut self, step: u64, total: u64) {
        self.total = total;
        self.start = (step, Instant::now());
        if self.quiet || !stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5));
        let template = "{bar:30} {pos}/{len}  {msg}  {rate} steps/s  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = write!(out, "{:.0}", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_position(step);
        bar.reset_eta();
        self.bar = Some(bar);
    }

    /// Counts some steps.
    pub fn tick(&self, steps: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(steps);
        }
    }

    /// Shows a logged loss.
    pub fn progress(&mut self, step: u64, loss: Option<f64>) {
        let loss = loss.map(|loss| format!("loss {loss:.4}")).unwrap_or_default();
        if let Some(bar) = &self.bar {
            bar.set_message(loss);
        } else if !self.quiet && self.last_plain.elapsed() > PLAIN_EVERY {
            self.last_plain = Instant::now();
            let rate = (step - self.start.0) as f64 / self.start.1.elapsed().as_secs_f64();
            let left = (self.total - step) as f64 / rate;
            let total = self.total;
            self.note(&format!("step {step}/{total}  {loss}  {rate:.0} steps/s  {left:.0} s left"));
        }
    }

    /// A report: what the experiment says of its results.
    pub fn report(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.json { self.note(line) } else { self.print(line) }
    }

    /// A line on standard output, whatever the settings.
    pub fn print(&self, line: &str) {
        // A closed pipe behind us is no reason to end a run.
        self.suspend(|| drop(writeln!(stdout(), "{line}")));
    }

    /// A line on standard error, unless quiet.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.suspend(|| drop(writeln!(stderr(), "{line}")));
        }
    }

    /// A warning: on standard error, whatever the settings.
    pub fn warn(&self, line: &str) {
        self.suspend(|| drop(writeln!(stderr(), "warning: {line}")));
    }

    /// The one line of an error that ends the program.
    pub fn fail(&self, line: &str) {
        self.suspend(|| drop(writeln!(stderr(), "error: {line}")));
    }

    /// What follows the line of an error for who asked for more: a backtrace.
    pub fn detail(&self, text: &str) {
        self.suspend(|| drop(writeln!(stderr(), "{text}")));
    }

    /// Takes the progress bar away.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn suspend(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}
