//! What the log draws: the files of `figures/`, and the same pictures in TensorBoard.

use anyhow::Result;

use super::Log;
use crate::lab::error::one_line;
use crate::lab::figure::{Drawing, RgbImage};
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

    /// Writes a picture to `figures/<name>.png`, with the numbers behind it in
    /// `figures/<name>.csv`, and to TensorBoard. Where one of the three can't be written, the others
    /// still are, and a file that was there before is as it was.
    pub fn figure(&mut self, name: &str, step: u64, image: &RgbImage, csv: &str) {
        if self.silent || self.stop.received().is_some() {
            return;
        }
        let path = self.folder.join("figures").join(name);
        let tag = format!("figures/{name}");
        let numbers = durable::write(&path.with_extension("csv"), csv.as_bytes());
        let picture = image.to_png().and_then(|png| {
            let size = (image.width, image.height);
            if !self.is_pictured(&tag, step) {
                self.entry(&tag, |events| Ok(events.png(&tag, step as i64, size, &png)?));
            }
            durable::write(&path.with_extension("png"), &png)
        });
        if let Err(error) = numbers.and(picture) {
            self.leave_out(&tag, &error);
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

    /// Draws a figure and writes it as [`Log::figure`] does. One that can't be drawn is left out.
    pub fn draw(&mut self, name: &str, step: u64, figure: &dyn Drawing) {
        if self.silent || self.stop.received().is_some() {
            return;
        }
        match figure.draw() {
            Ok(image) => self.figure(name, step, &image, &figure.numbers()),
            Err(error) => self.leave_out(&format!("figures/{name}"), &error),
        }
    }

    /// Writes tensors to `figures/<name>.safetensors`.
    pub fn tensors(&mut self, name: &str, tensors: &NamedTensors) {
        if self.silent {
            return;
        }
        let path = self.folder.join("figures").join(name).with_extension("safetensors");
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
