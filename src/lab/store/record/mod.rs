//! The record of a run: the JSON files of its folder, as types that experiments write and the
//! program `lab` reads.
//!
//! Keys are an interface. A file that an older version wrote lacks some of them and still opens:
//! what may be missing is an [`Option`] or has a default, and keys that are unknown are skipped.

mod configuration;
mod package;
mod provenance;
mod status;
mod summary;

pub use configuration::Configuration;
pub use package::Package;
pub use provenance::{InitFrom, Process, Provenance, Resumption, libtorch_version};
pub use status::Status;
pub use summary::{Best, ProcessStamp, Summary};

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::durable;

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
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
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
