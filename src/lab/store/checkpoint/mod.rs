//! Checkpoints: one safetensors file a step, with a manifest that says what it is and proves that
//! it is whole. The format is described in `docs/checkpoints.md`.
//!
//! A checkpoint counts once its manifest is there: the tensors are written, synced and renamed
//! first, then the manifest in the same way, so that a process may die at any moment.

mod manifest;
mod read;
mod retention;
mod write;

pub use manifest::{FORMAT, Manifest, Score};
pub use read::{Checkpoint, Skipped, find};
pub use retention::prune;
pub use write::{estimate_bytes, free_bytes, save, serialize};

use tch::Tensor;

/// Named tensors that alias the live ones: saving reads them, restoring writes to them.
/// Model tensors have the names that a PyTorch user would give them; the rest is under `optim.`
/// and `state.`.
pub type State = Vec<(String, Tensor)>;

/// Whether a tensor of this name belongs to the model itself.
pub fn is_model(name: &str) -> bool {
    !name.starts_with("optim.") && !name.starts_with("state.")
}

/// The name of the tensors' file of a step.
pub fn file_name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

#[cfg(test)]
mod tests;
