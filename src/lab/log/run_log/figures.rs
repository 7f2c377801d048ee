//! What the log draws: the files of `figures/`, and the same pictures in TensorBoard.

use std::path::PathBuf;

use anyhow::Result;

use super::Log;
use crate::lab::error::one_line;
use crate::lab::figure::{Drawing, Format, Picture, Sheet, files};
use crate::lab::log::tensorboard::pictures_at;
use crate::lab::store::NamedTensors;
use crate::lab::store::checkpoint::serialize;
use crate::lab::store::durable;
use crate::lab::train::signals::StopSignal;

impl Log {
    /// Draws nothing any more once this signal has come.
    pub fn stop_drawing_at(&mut self, stop: StopSignal) {
        self.stop = stop;
    }

    /// Leaves out, or takes again, what goes to TensorBoard alone: an evaluation that was logged
    /// before is not to be there twice.
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Draws figures in these formats.
    pub fn draw_as(&mut self, formats: &[Format]) {
        self.formats = formats.to_vec();
    }

    /// Draws a figure into `figures/`: in the formats of [`Log::draw_as`] as `<name>.png` and so on, with
    /// the numbers behind it as `<name>.csv` and what it can be drawn from again as `<name>.json`; and
    /// into TensorBoard. Where one of them can't be written, the others still are, and a file that was
    /// there before is as it was. A figure that can't be drawn is left out.
    pub fn draw(&mut self, name: &str, step: u64, figure: &dyn Drawing) {
        self.draw_with(name, step, figure, &figure.numbers());
    }

    /// Draws a figure as [`Log::draw`] does, with another table of the numbers behind it.
    pub fn draw_with(&mut self, name: &str, step: u64, figure: &dyn Drawing, numbers: &str) {
        if self.silent || self.stop.received().is_some() {
            return;
        }
        let drawn = figure.picture(&Sheet::SCREEN).and_then(|picture| {
            let data = files::write_data(&self.figures(), name, figure, numbers);
            self.keep(name, step, &picture).and(data)
        });
        if let Err(error) = drawn {
            self.leave_out(&format!("figures/{name}"), &error);
        }
    }

    fn figures(&self) -> PathBuf {
        self.folder.join("figures")
    }

    /// Writes a picture in the formats that are asked for, and in those that are there already, so that
    /// no file is of another step than the numbers beside it.
    fn keep(&mut self, name: &str, step: u64, picture: &Picture) -> Result<()> {
        let folder = self.figures();
        let mut kept = Ok(());
        for format in Format::ALL {
            let there = || files::path(&folder, name, format.extension()).exists();
            let is_wanted = self.formats.contains(&format) || there();
            // TensorBoard has the PNG whatever is asked for.
            let is_shown = format == Format::Png;
            if !is_wanted && !is_shown {
                continue;
            }
            let written = picture.encode(format).and_then(|bytes| {
                if is_shown {
                    self.show(name, step, picture.pixels(), &bytes);
                }
                if is_wanted { files::write_picture(&folder, name, format, &bytes) } else { Ok(()) }
            });
            kept = kept.and(written);
        }
        kept
    }

    /// Puts a picture into TensorBoard, unless it is there.
    fn show(&mut self, name: &str, step: u64, size: (u32, u32), png: &[u8]) {
        let tag = format!("figures/{name}");
        if !self.is_pictured(&tag, step) {
            self.entry(&tag, |events| Ok(events.png(&tag, step as i64, size, png)?));
        }
    }

    /// Whether an earlier process of the run, which died before its end, has put this picture into
    /// TensorBoard.
    fn is_pictured(&mut self, tag: &str, step: u64) -> bool {
        if self.resumed_at != Some(step) {
            return false;
        }
        let folder = &self.folder;
        self.pictured.get_or_insert_with(|| pictures_at(folder, step)).contains(tag)
    }

    /// Writes tensors to `figures/<name>.safetensors`.
    pub fn tensors(&mut self, name: &str, tensors: &NamedTensors) {
        if self.silent {
            return;
        }
        let path = files::path(&self.figures(), name, "safetensors");
        let tag = format!("figures/{name}");
        let written: Result<()> =
            serialize(tensors).and_then(|bytes| durable::write(&path, &bytes));
        match written {
            // What was missing is there now.
            Ok(()) => _ = self.left_out.remove(&tag),
            Err(error) => self.leave_out(&tag, &error),
        }
    }

    /// Takes note that something is not in the log, with one warning for its tag; with none where
    /// the disk takes nothing, which has been said.
    pub fn leave_out(&mut self, tag: &str, error: &anyhow::Error) {
        if self.left_out.contains_key(tag) {
            return;
        }
        let missing = format!("{tag} is not in the log: {}", one_line(error));
        if self.failure.is_none() {
            self.warnings.push(format!("{missing}; the run goes on"));
        }
        self.left_out.insert(tag.into(), missing);
    }
}
