//! Plain state dicts: a safetensors file of a model's tensors without a manifest, as PyTorch users and
//! `lab checkpoint --to-torch` write them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tch::Tensor;

use super::manifest::step_of;
use super::read::parse_tensors;
use crate::lab::store::{durable, regular};

/// How what `torch.save` writes begins: a zip archive, or a bare pickle in older files.
const PICKLES: [&[u8]; 2] = [b"PK\x03\x04", b"\x80"];

/// The tensors of a model in memory, on the CPU.
#[derive(Debug)]
pub struct StateDict {
    /// Their file.
    pub path: PathBuf,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Every tensor by name.
    pub tensors: BTreeMap<String, Tensor>,
}

impl StateDict {
    /// Whether a path means a plain state dict: a file without a manifest beside it. One that has the
    /// name of a checkpoint is a checkpoint that has lost its manifest, and is not proved whole.
    pub fn is_at(path: &Path) -> bool {
        path.is_file() && !path.with_extension("json").is_file() && step_of(path).is_none()
    }

    /// Reads a plain state dict. No pickle is read, since it may run any code.
    ///
    /// # Errors
    /// Where the file can't be read, or is not safetensors.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let data = regular::read_any_length(path).with_context(|| format!("reading {name}"))?;
        let is_npz = path.extension().is_some_and(|extension| extension == "npz");
        ensure!(
            !is_npz,
            "{name} has NumPy's arrays: give a .safetensors (`lab checkpoint --to-torch` writes one)"
        );
        ensure!(
            !PICKLES.iter().any(|beginning| data.starts_with(beginning)),
            "{name} is a file of torch.save, of which nothing is read: make a .safetensors of it \
             (docs/checkpoints.md shows how)"
        );
        ensure!(!data.is_empty(), "{name} is empty: expected a safetensors file");
        let tensors = parse_tensors(&data, path)?;
        Ok(Self { path: path.to_path_buf(), sha256: durable::sha256_of(&[&data]), tensors })
    }
}
