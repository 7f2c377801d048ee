//! Checkpoints: one safetensors file a step, with a manifest that says what it is and proves that
//! it is whole. The format is described in `docs/checkpoints.md`.
//!
//! A checkpoint counts once its manifest is there: the tensors are written, synced and renamed
//! first, then the manifest in the same way, so that a process may die at any moment.

mod format1;
mod manifest;
mod read;
mod retention;
mod state_dict;
mod write;

pub use manifest::{FORMAT, Manifest, Score};
pub use read::{Checkpoint, Skipped, find, find_manifest};
pub use retention::{finish_pruning, prune, without_manifest};
pub use state_dict::StateDict;
pub use write::{estimate_bytes, free_bytes, save, serialize};

/// The name of the tensors' file of a step.
pub fn file_name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

#[cfg(test)]
mod tests;
