//! How the log comes to the disk, which may take nothing for a while.

use std::fs;

use anyhow::{Result, anyhow};

use super::{Log, Points};
use crate::lab::error::one_line;
use crate::lab::log::tensorboard::EventWriter;

impl Log {
    /// Opens the files, where that has not been possible yet. What was logged meanwhile comes after
    /// what is recalled.
    pub(super) fn open_again(&mut self) -> Result<()> {
        if self.files.is_some() {
            return Ok(());
        }
        let later = std::mem::take(&mut self.history);
        match self.open_files(self.resumed_at) {
            Ok(files) => {
                self.files = Some(files);
                for (tag, points) in later {
                    points.iter().for_each(|(step, value)| self.remember(&tag, *step, *value));
                }
                Ok(())
            }
            Err(error) => {
                self.history = later;
                Err(error)
            }
        }
    }

    /// Hands everything that waits to the operating system. What that does not take now, the next
    /// call tries again.
    pub fn flush(&mut self) {
        if self.silent {
            return;
        }
        match self.write_waiting() {
            Ok(()) => self.failure = None,
            Err(error) => self.fail(&error),
        }
    }

    fn write_waiting(&mut self) -> Result<()> {
        self.open_again()?;
        let Some(files) = &mut self.files else { return Ok(()) };
        let lines = files.lines.append(&self.lines);
        if lines.is_ok() {
            self.lines.clear();
        }
        let events = self.write_points();
        if events.is_ok() {
            self.points.clear();
        }
        lines?;
        events
    }

    /// Writes the numbers that wait to the event file; to a new one where a record of the last was
    /// cut short, since nobody can read on behind that.
    fn write_points(&mut self) -> Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        if files.events.is_intact() {
            return write(&mut files.events, &self.points);
        }
        let mut events = EventWriter::create(&self.folder)?;
        events.explain(self.meanings);
        // Some of the numbers may be in the file that broke off.
        let first = self.points.first();
        let begun = first.map_or(Ok(()), |points| events.session_start(points.step as i64));
        let written = begun.map_err(Into::into).and_then(|()| write(&mut events, &self.points));
        match written {
            Ok(()) => files.events = events,
            // The next try writes all of it again.
            Err(_) => _ = fs::remove_file(events.path()),
        }
        written
    }

    /// Ends the event file, everything on the disk: whether the run ended well, or none if it is to
    /// be resumed, since TensorBoard keeps the first end that it reads.
    pub fn close(&mut self, success: Option<bool>) {
        self.flush();
        if self.failure.is_none()
            && let Err(error) = self.end(success)
        {
            self.fail(&error);
        }
    }

    fn end(&mut self, success: Option<bool>) -> Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        if let Some(success) = success {
            files.events.hparams_end(success)?;
        }
        self.sync_files()
    }

    /// Waits until what was logged is on the disk, as it must be before a checkpoint that comes after
    /// it.
    pub fn sync(&mut self) {
        self.flush();
        if self.failure.is_none()
            && let Err(error) = self.sync_files()
        {
            self.fail(&error);
        }
    }

    fn sync_files(&mut self) -> Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        files.events.sync()?;
        Ok(files.lines.sync()?)
    }

    /// Writes an entry that TensorBoard can do without: what can't be encoded costs itself, and so
    /// does what comes while the disk takes nothing.
    pub(super) fn entry(&mut self, tag: &str, work: impl FnOnce(&mut EventWriter) -> Result<()>) {
        if self.silent || self.muted {
            return;
        }
        let written = match &mut self.files {
            Some(files) => work(&mut files.events),
            None => Err(anyhow!("the log is not open")),
        };
        let Err(error) = written else { return };
        if let Some(files) = &self.files
            && !files.events.is_intact()
        {
            self.fail(&error);
        }
        self.leave_out(tag, &error);
    }

    /// Takes note that the disk takes nothing now, with a warning the first time.
    pub(super) fn fail(&mut self, error: &anyhow::Error) {
        let failure = format!("writing the log in {}: {}", self.folder.display(), one_line(error));
        if !self.warned {
            self.warned = true;
            self.warnings
                .push(format!("{failure}; the run goes on without a log until that works"));
        }
        // Of an error that lasts, the first line says what it is.
        self.failure.get_or_insert(failure);
    }
}

fn write(events: &mut EventWriter, points: &[Points]) -> Result<()> {
    for Points { step, values } in points {
        for (tag, value) in values {
            events.scalar(tag, *step as i64, *value)?;
        }
    }
    Ok(events.flush()?)
}
