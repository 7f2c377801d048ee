//! Why a run was stopped early.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::RecordFile;
use crate::lab::store::durable;

/// `stopped.json`: written into the folder of a run by who decides that it is not worth going on
/// with, before it is told to end. A run that ends with this in its folder has the status `stopped`;
/// one that goes on all the same takes it away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// What decided it, such as `median`.
    pub rule: String,
    /// The step of the evaluation by which it was decided.
    pub step: u64,
    /// The tag of the result.
    pub tag: String,
    /// The best result by then; none if no one was finite.
    pub best: Option<f64>,
    /// What it was compared with; none if that was not finite.
    pub median: Option<f64>,
}

impl RecordFile for EarlyStop {
    const FILE: &'static str = "stopped.json";
}

impl EarlyStop {
    /// Whether the run in a folder was stopped early, or is about to be.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(Self::FILE).exists()
    }

    /// Takes the decision back: the run goes on.
    ///
    /// # Errors
    /// Where there is one that can't be removed.
    pub fn forget(folder: &Path) -> Result<()> {
        let path = folder.join(Self::FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.with_context(|| format!("removing {}", path.display())),
        }?;
        Ok(durable::sync_folder(folder)?)
    }
}
