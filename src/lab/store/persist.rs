//! State goes out and comes in by one trait, by name, so that saving, resuming, evaluating and
//! loading elsewhere can't disagree.

use anyhow::Result;

use super::state_reader::StateReader;
use super::state_writer::StateWriter;

/// What a checkpoint saves and restores.
pub trait Persist {
    /// Hands over every part of the state that the next steps depend on, by name.
    ///
    /// # Errors
    /// Where a number has to be read from a device, and can't be.
    fn save(&self, writer: &mut StateWriter) -> Result<()>;

    /// Takes every part from a checkpoint, in place, under the names that [`Persist::save`] gave
    /// it. Where the shape of the state depends on the step, it is brought to that of
    /// [`StateReader::step`] first.
    ///
    /// The state may be changed in part where this fails; it is then loaded again, from another
    /// checkpoint, or dropped.
    ///
    /// # Errors
    /// Where the checkpoint lacks a number, or has something of another kind there. Of tensors
    /// [`StateReader::finish`] says it.
    fn load(&mut self, reader: &mut StateReader) -> Result<()>;
}
