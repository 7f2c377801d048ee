//! What a person sees while a run goes on: a progress bar on a terminal, plain lines elsewhere.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Seconds between two plain progress lines where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Why standard output did not take an answer.
static OUTPUT_FAILURE: OnceLock<String> = OnceLock::new();

/// Why standard output did not take an answer of this process, if so: the first reason. That nobody
/// reads any more, as behind `| head`, is none.
pub fn output_failure() -> Option<&'static str> {
    OUTPUT_FAILURE.get().map(String::as_str)
}

/// Text in which every control character is escaped, as JSON escapes it: a name or a setting that
/// somebody else wrote begins no line of its own, and the terminal takes none for a command.
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if character.is_control() => line += &format!("\\u{:04x}", u32::from(character)),
            _ => line.push(character),
        }
    }
    line
}

/// As [`printable`], line by line.
fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

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
        if self.json {
            return self.note(line);
        }
        // A reader that has gone, or a full disk behind standard output, is no reason to end a run.
        self.suspend(|| drop(writeln!(stdout(), "{}", printable_lines(line))));
    }

    /// An answer: a line on standard output, whatever the settings. Where that does not take it, the
    /// program fails in the end ([`output_failure`]).
    pub fn print(&self, line: &str) {
        self.suspend(|| match writeln!(stdout(), "{}", printable_lines(line)) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                OUTPUT_FAILURE.get_or_init(|| error.to_string());
            }
            _ => {}
        });
    }

    /// A line on standard error, unless quiet.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.suspend(|| drop(writeln!(stderr(), "{}", printable_lines(line))));
        }
    }

    /// A warning: on standard error, whatever the settings.
    pub fn warn(&self, line: &str) {
        self.suspend(|| drop(writeln!(stderr(), "warning: {}", printable(line))));
    }

    /// The one line of an error that ends the program.
    pub fn fail(&self, line: &str) {
        self.suspend(|| drop(writeln!(stderr(), "error: {}", printable(line))));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_as_in_json() {
        let name = "a\x1b[2Jb\nc\u{9b}1m\u{7f}µ";
        assert_eq!(printable(name), r"a\u001b[2Jb\nc\u009b1m\u007fµ");
        assert_eq!(printable_lines("a\nb\r"), "a\nb\\r");
        let json = serde_json::json!({ "name": name }).to_string();
        let shown: serde_json::Value = serde_json::from_str(&printable_lines(&json)).unwrap();
        assert_eq!(shown["name"], name);
    }
}
