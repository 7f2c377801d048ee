//! The figures of a run that has come to its end.

use std::time::Instant;

use anyhow::Result;

use super::experiment::{Evaluation, Experiment};
use super::prepare::guard;
use super::session::Session;
use crate::lab::error::Failure;
use crate::lab::log::console::Console;

impl<E: Experiment> Session<E> {
    /// Draws the figures. One that can't be drawn is a warning, and `--resume` tries it again.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] where a signal comes meanwhile: what is not drawn then is drawn when
    /// the run is resumed. Everything else of it is saved.
    pub(super) fn draw_figures(&mut self) -> Result<()> {
        self.console.end();
        let start = Instant::now();
        let drawn = guard(|| {
            self.evaluate_for_figures()?;
            self.experiment.figures(&mut self.log, self.progress.step)
        });
        if let Err(error) = drawn {
            self.log.leave_out("a part of the figures", &error);
        }
        self.warn_of_log();
        self.drawing = start.elapsed();
        match self.stop.received() {
            Some(signal) => Err(Failure::Interrupted { signal }.into()),
            None => Ok(()),
        }
    }

    /// Evaluates a run that was resumed at its end, since figures may show what an evaluation found:
    /// as `--eval` does, which says the same as the run's own evaluation, and logs it a second time
    /// nowhere.
    fn evaluate_for_figures(&mut self) -> Result<()> {
        let step = self.progress.step;
        if self.evaluated == Some(step) {
            return Ok(());
        }
        let quiet = Console::new(true, false);
        self.log.mute(true);
        let mut evaluation = Evaluation::of_checkpoint(step, &mut self.log, &quiet);
        let evaluated = self.experiment.evaluate(&mut evaluation);
        self.log.mute(false);
        evaluated.map(|_| ())
    }
}
