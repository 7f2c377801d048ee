//! Reading checkpoints: nothing is taken from a file that is not exactly what its manifest says.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tch::Tensor;

use super::write::KINDS;
use super::{Manifest, format1};
use crate::lab::error::one_line;
use crate::lab::store::durable;

/// A checkpoint that can't be used: its manifest, and one line that says why.
pub type Skipped = (PathBuf, String);

/// How often a folder is read whose files are deleted meanwhile.
const TRIES: u32 = 20;
/// Time between two of these.
const PAUSE: Duration = Duration::from_millis(10);

/// A checkpoint in memory, on the CPU.
#[derive(Debug)]
pub struct Checkpoint {
    /// What it is.
    pub manifest: Manifest,
    /// The file of its tensors.
    pub path: PathBuf,
    /// Every tensor by name.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Checkpoint {
    /// Reads the checkpoint that a path means, as [`find`] does. A folder is looked through again
    /// where the run that writes there has deleted the checkpoint meanwhile.
    ///
    /// # Errors
    /// Where there is none, or it is not what its manifest says.
    pub fn open(path: &Path, best: bool) -> Result<Self> {
        in_path(path, || Self::read(&find(path, best)?))
    }

    /// Reads the checkpoint of a manifest.
    ///
    /// # Errors
    /// With the file and what is wrong with it: missing, of another length, of another checksum,
    /// or not safetensors.
    pub fn read(manifest_path: &Path) -> Result<Self> {
        let mut manifest = Manifest::read(manifest_path)?;
        let path = manifest_path.with_file_name(&manifest.file);
        let name = path.display();
        let (sha256, bytes) = durable::sha256(&path).with_context(|| format!("reading {name}"))?;
        ensure!(
            bytes == manifest.bytes,
            "{name} has {bytes} bytes where its manifest says {}: it was cut or replaced",
            manifest.bytes
        );
        ensure!(
            sha256 == manifest.sha256,
            "{name} is damaged: its SHA-256 is {sha256}, its manifest says {}",
            manifest.sha256
        );
        let data = fs::read(&path).with_context(|| format!("reading {name}"))?;
        let mut tensors = parse_tensors(&data, &path)?;
        if manifest.format == 1 {
            format1::upgrade(&mut tensors, &mut manifest.numbers)
                .with_context(|| format!("{name}, a checkpoint of format 1"))?;
        }
        Ok(Self { manifest, path, tensors })
    }

    /// The newest checkpoint of a folder that is whole and that `fits`, and for each newer one its
    /// manifest's path and one line that says what is wrong. None where the folder has no
    /// checkpoint at all.
    ///
    /// # Errors
    /// Where there are checkpoints, but none can be used.
    pub fn newest(
        folder: &Path,
        mut fits: impl FnMut(&Self) -> Result<()>,
    ) -> Result<(Option<Self>, Vec<Skipped>)> {
        let mut skipped = Vec::new();
        for path in Manifest::list(folder) {
            match Self::read(&path).and_then(|found| fits(&found).map(|()| found)) {
                Ok(checkpoint) => return Ok((Some(checkpoint), skipped)),
                Err(error) => skipped.push((path, one_line(&error))),
            }
        }
        if skipped.is_empty() {
            return Ok((None, skipped));
        }
        let reasons: Vec<&str> = skipped.iter().map(|(_, reason)| reason.as_str()).collect();
        bail!("no checkpoint in {} can be used: {}", folder.display(), reasons.join("; "))
    }
}

/// The tensors in the bytes of a safetensors file, on the CPU.
///
/// - path: of the file, for messages
///
/// # Errors
/// Bytes that are no safetensors, or hold a kind of numbers that libtorch lacks.
pub(super) fn parse_tensors(data: &[u8], path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let name = path.display();
    let parsed = SafeTensors::deserialize(data)
        .with_context(|| format!("{name} is not a safetensors file"))?;
    let tensor = |(key, view): (&str, TensorView)| {
        let known = KINDS.iter().find(|(_, dtype)| *dtype == view.dtype());
        let (kind, _) = known.with_context(|| format!("{name}: {key} has an unknown kind"))?;
        let shape: Vec<i64> = view.shape().iter().map(|length| *length as i64).collect();
        Ok((key.to_string(), Tensor::f_from_data_size(view.data(), &shape, *kind)?))
    };
    parsed.iter().map(tensor).collect()
}

/// The manifest that a path means: of a tensors' file, a manifest, or a folder, of which the best
/// or the newest is taken.
///
/// # Errors
/// Where there is none.
pub fn find(path: &Path, best: bool) -> Result<PathBuf> {
    if path.is_dir() {
        let chosen = if best { in_path(path, || find_best(path))? } else { None };
        let chosen = chosen.or_else(|| Manifest::list(path).into_iter().next());
        return chosen.with_context(|| format!("no checkpoint in {}", path.display()));
    }
    ensure!(
        path.exists(),
        "no checkpoint {}: expected a file or a folder, such as checkpoints/EXPERIMENT/NAME",
        path.display()
    );
    let manifest = path.with_extension("json");
    ensure!(
        manifest.is_file(),
        "{} has no manifest {} beside it: not a checkpoint of this program",
        path.display(),
        manifest.file_name().unwrap_or_default().to_string_lossy()
    );
    Ok(manifest)
}

/// The manifest of the checkpoint that a path means, as [`find`] does.
///
/// # Errors
/// Where there is none, or it is damaged.
pub fn find_manifest(path: &Path, best: bool) -> Result<Manifest> {
    in_path(path, || Manifest::read(&find(path, best)?))
}

/// The manifest in a folder that is marked as the best.
///
/// # Errors
/// Where one was deleted since the folder was listed.
fn find_best(folder: &Path) -> Result<Option<PathBuf>> {
    for path in Manifest::list(folder) {
        match Manifest::read(&path) {
            Ok(manifest) if manifest.best => return Ok(Some(path)),
            Err(error) if is_gone(&error) => return Err(error),
            // One that is damaged is not the best.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Does something with a file, or with the files of a folder, and then again where one has gone
/// meanwhile.
///
/// # Errors
/// Those of the work; the last, where files go each time.
fn in_path<T>(path: &Path, mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let tries = if path.is_dir() { TRIES } else { 1 };
    for _ in 1..tries {
        match work() {
            Err(error) if is_gone(&error) => thread::sleep(PAUSE),
            done => return done,
        }
    }
    work()
}

/// Whether an error says that a file is not there.
fn is_gone(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind)
    };
    error.chain().any(|cause| io(cause) == Some(ErrorKind::NotFound))
}
