//! The manifest of a checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::super::durable;

/// The newest format that this program writes and reads.
pub const FORMAT: u32 = 2;

/// The value by which checkpoints are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The tag of the metric.
    pub tag: String,
    /// Its value. One that is not finite is null in JSON, and NaN when it is read again.
    #[serde(deserialize_with = "number_or_null")]
    pub value: f64,
    /// Whether a higher value is better.
    pub higher_is_better: bool,
}

impl Score {
    /// Whether this one is better than another. A non-finite value never is.
    pub fn beats(&self, other: f64) -> bool {
        let better = if self.higher_is_better { self.value > other } else { self.value < other };
        better && self.value.is_finite()
    }
}

fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// What stands in `step-<step>.json`. A key more is an error: the checksum would not cover it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// The experiment's name.
    pub experiment: String,
    /// The run's name.
    pub run: String,
    /// Steps done.
    pub step: u64,
    /// Name of the tensors' file, in the same folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Whether it is the best of the run so far; taken from it when a better one is saved.
    pub best: bool,
    /// The result of the evaluation at this step, where there was one.
    pub score: Option<Score>,
    /// The configuration, every value.
    pub config: Map<String, Value>,
    /// Kind of device that computed it: `cpu` or `cuda:N`.
    pub device: String,
    /// Threads of libtorch: results are bit-equal only at equal counts.
    pub threads: i32,
    /// Version of libtorch.
    pub libtorch: String,
    /// Version of this program.
    pub neuron_lab: String,
    /// Seconds that the run had taken by then.
    pub seconds: f64,
    /// When it was written, in UTC.
    pub saved: String,
    /// The plain numbers of the state, by name.
    #[serde(default)]
    pub numbers: Map<String, Value>,
    /// The SHA-256 of this manifest as JSON with this value empty; format 1 has none.
    #[serde(default)]
    pub manifest_sha256: String,
}

impl Manifest {
    /// Where the manifest of this step is.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.file).with_extension("json")
    }

    /// Writes the manifest beside its tensors, with its own checksum.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn write(&mut self, folder: &Path) -> Result<()> {
        self.manifest_sha256 = self.own_sha256()?;
        durable::write_json(&self.path(folder), self)
    }

    fn own_sha256(&self) -> Result<String> {
        let bare = Self { manifest_sha256: String::new(), ..self.clone() };
        Ok(durable::sha256_of(&[&serde_json::to_vec(&bare)?]))
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Where it is no manifest of ours, is of a newer format, was changed after it was written, or
    /// is of another step than its name says.
    pub fn read(path: &Path) -> Result<Self> {
        let value = durable::read_json(path)?;
        match value["format"].as_u64() {
            Some(format) if format > u64::from(FORMAT) => bail!(
                "{}: format {format} is newer than this program's {FORMAT}: use a newer version",
                path.display()
            ),
            Some(_) => {}
            None => bail!("{} is not a manifest of a checkpoint", path.display()),
        }
        let manifest: Self = serde_json::from_value(value)
            .with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(
            (manifest.format == 1 && manifest.manifest_sha256.is_empty())
                || manifest.own_sha256()? == manifest.manifest_sha256,
            "{} is damaged: it is not what its own SHA-256 says",
            path.display()
        );
        ensure!(
            step_of(path).is_none_or(|named| named == manifest.step),
            "{} is the manifest of step {}: it was renamed or copied",
            path.display(),
            manifest.step
        );
        Ok(manifest)
    }

    /// The paths of the manifests in a folder, the newest step first.
    pub fn list(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>());
        let mut paths: Vec<PathBuf> = entries
            .unwrap_or_default()
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .filter(|path| step_of(path).is_some())
            .collect();
        paths.sort_by_key(|path| std::cmp::Reverse(step_of(path)));
        paths
    }
}

/// The step in the name `step-<step>.<extension>`.
pub fn step_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.strip_prefix("step-")?.parse().ok()
}
