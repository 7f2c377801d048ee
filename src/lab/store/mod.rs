//! What a run leaves on disk: its folder, files that are whole or absent, checkpoints, the record.

pub mod checkpoint;
pub mod durable;
pub mod folder;
pub mod record;
