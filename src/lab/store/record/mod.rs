//! The record of a run: the JSON files of its folder, as types that experiments write and the
//! program `lab` reads.
//!
//! Keys are an interface. A file that an older version wrote lacks some of them and still opens:
//! what may be missing is an [`Option`] or has a default, and keys that are unknown are skipped.

mod configuration;
mod early_stop;
mod labels;
mod package;
mod provenance;
mod status;
mod summary;

pub use configuration::Configuration;
pub use early_stop::EarlyStop;
pub use labels::Labels;
pub use package::Package;
pub(super) use provenance::host;
pub use provenance::{InitFrom, Process, Provenance, Resumption, libtorch_version};
pub use status::Status;
pub use summary::{Best, ProcessStamp, Summary};

use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::{durable, regular};

/// Writes a path as text. What is not UTF-8 in it is replaced, since JSON can't hold it, and a run is
/// worth more than the name of a folder in its record.
fn lossy<P: AsRef<Path>, S: Serializer>(path: &P, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.as_ref().to_string_lossy())
}

/// As [`lossy`], of a path that may be unknown.
fn lossy_or_none<P: AsRef<Path>, S: Serializer>(
    path: &Option<P>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, serializer),
        None => serializer.serialize_none(),
    }
}

/// A JSON file of a run folder.
pub trait RecordFile: Serialize + DeserializeOwned {
    /// Its name in the folder.
    const FILE: &'static str;

    /// Reads the file in a run folder.
    ///
    /// # Errors
    /// Where the file can't be read, or is no JSON of this type; with its path.
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FILE);
        let text = regular::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes the file into a run folder, whole or not at all.
    ///
    /// # Errors
    /// Where the file system refuses it, for example because it is full; with the path.
    fn write(&self, folder: &Path) -> Result<()> {
        durable::write_json(&folder.join(Self::FILE), self)
    }
}
