//! Writing checkpoints.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use safetensors::{Dtype, View};
use tch::{Kind, Tensor};

use super::super::durable::{self, Draft};
use super::super::state_writer::{NamedTensors, StateWriter};
use super::{Manifest, file_name};
use crate::lab::tensor::{host_memory, to_host};

/// A tensor that is copied to the host only while its bytes are written, so that a checkpoint
/// takes no more memory than its largest tensor; on the CPU it is written from where it is.
struct Payload {
    tensor: Tensor,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl View for Payload {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        // SAFETY: the loop that trains also saves, so that nothing writes to the state meanwhile.
        if let Ok(bytes) = unsafe { host_memory::as_bytes(&self.tensor) } {
            return Cow::Borrowed(bytes);
        }
        match to_host::bytes(&self.tensor) {
            Ok(bytes) => Cow::Owned(bytes),
            // The trait has no way to say so.
            Err(error) => panic!("copying a tensor for a checkpoint: {error}"),
        }
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

/// The kinds of tensors that checkpoints hold.
pub(super) const KINDS: [(Kind, Dtype); 9] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Int16, Dtype::I16),
    (Kind::Uint8, Dtype::U8),
    (Kind::Bool, Dtype::BOOL),
];

/// Writes the state of a step, and then its manifest, of which the numbers and all that describes
/// the tensors' file are filled in here.
///
/// # Errors
/// Where a file can't be written, or a tensor is of a kind that no file can hold. What was written
/// before stays whole, and nothing half-written is left.
pub fn save(folder: &Path, manifest: &mut Manifest, state: &StateWriter) -> Result<()> {
    manifest.file = file_name(manifest.step);
    let path = folder.join(&manifest.file);
    manifest.numbers = state.numbers().clone();
    let payloads = payloads(state.tensors())?;
    let described = serde_json::json!({
        "format": manifest.format,
        "experiment": manifest.experiment,
        "step": manifest.step,
    });
    let metadata = HashMap::from([("neuron_lab".to_string(), described.to_string())]);
    let write = |manifest: &mut Manifest| -> Result<()> {
        let draft = Draft::begin(&path)?;
        safetensors::serialize_to_file(payloads, Some(metadata), draft.path())?;
        (manifest.sha256, manifest.bytes) = durable::sha256(draft.path())?;
        Ok(draft.commit()?)
    };
    write(manifest).with_context(|| format!("writing {}", path.display()))?;
    // Syncing the manifest's name syncs that of the tensors too: they are in one folder.
    let written = manifest.write(folder);
    if written.is_err() && !manifest.path(folder).exists() {
        // Without its manifest it counts for nothing, and takes the room of the next try.
        let _ = fs::remove_file(&path);
    }
    written
}

/// Tensors as one safetensors file, without a manifest: for what a run leaves besides checkpoints.
///
/// # Errors
/// Where a tensor is of a kind that no file can hold.
pub fn serialize(tensors: &NamedTensors) -> Result<Vec<u8>> {
    Ok(safetensors::serialize(payloads(tensors.iter())?, None)?)
}

fn payloads<'a>(
    tensors: impl Iterator<Item = &'a (String, Tensor)>,
) -> Result<Vec<(&'a str, Payload)>> {
    tensors
        .map(|(name, tensor)| Ok((name.as_str(), payload(tensor).context(name.clone())?)))
        .collect()
}

fn payload(tensor: &Tensor) -> Result<Payload> {
    let kind = tensor.kind();
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    let (_, dtype) = known.with_context(|| format!("no checkpoint can hold kind {kind:?}"))?;
    let shape = tensor.size().into_iter().map(|length| length as usize).collect();
    Ok(Payload { tensor: tensor.shallow_clone(), shape, dtype: *dtype })
}

/// About how many bytes a checkpoint of this state takes.
pub fn estimate_bytes(state: &StateWriter) -> u64 {
    let bytes = |tensor: &Tensor| tensor.numel() * tensor.kind().elt_size_in_bytes() + 200;
    state.tensors().map(|(_, tensor)| bytes(tensor) as u64).sum()
}

/// Free bytes on the file system of a folder, where it says so.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let status = rustix::fs::statvfs(folder).ok()?;
    Some(status.f_bavail * status.f_frsize)
}
