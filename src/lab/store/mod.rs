//! What a run leaves on disk: its folder, files that are whole or absent, checkpoints, the record.

pub mod checkpoint;
pub mod durable;
pub mod folder;
mod lacking;
pub mod locate;
mod lock;
pub mod persist;
pub mod record;
pub mod regular;
pub mod state_reader;
pub mod state_writer;

pub use persist::Persist;
pub use state_reader::{Purpose, StateReader};
pub use state_writer::{NamedTensors, StateWriter};
