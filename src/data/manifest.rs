//! What the files of a known data set must look like, to the byte.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The part of a manifest that loaders need. A manifest is JSON in a constant `MANIFEST` of the
/// loader's file, where `scripts/data` finds it; it also says where the files come from.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    /// The folder of the files in the folder of data sets, and the name that `scripts/data` takes.
    pub name: String,
    /// Each file by its name.
    files: BTreeMap<String, KnownFile>,
}

/// What to do where the files of a data set are not where they are looked for, or not as they should be.
pub fn advice(name: &str) -> String {
    format!("fetch it with `scripts/data {name}`, or say with --data-dir where it is")
}

/// The content of a file, uncompressed.
#[derive(Debug, Deserialize)]
struct KnownFile {
    sha256: String,
    /// Lengths of the axes of an idx file.
    shape: Option<Vec<usize>>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// If it is no manifest, which is a fault of the program.
    pub fn parse(manifest: &str) -> Result<Self> {
        serde_json::from_str(manifest).context("a manifest that is compiled into the program")
    }

    /// What to do where the files are not as they should be.
    pub fn advice(&self) -> String {
        advice(&self.name)
    }

    /// The SHA-256 that a file must have.
    ///
    /// # Errors
    /// If the manifest has no such file, which is a fault of the program.
    pub fn sha256(&self, file: &str) -> Result<&str> {
        let known = self.files.get(file);
        known.map(|known| known.sha256.as_str()).with_context(|| {
            format!(
                "the manifest of {}, which is compiled into the program, has no {file}",
                self.name
            )
        })
    }

    /// The shape that an idx file must have, if the manifest says it.
    pub fn shape(&self, file: &str) -> Option<&[usize]> {
        self.files.get(file)?.shape.as_deref()
    }

    /// Checks the hash of the uncompressed file `file`.
    ///
    /// # Errors
    /// If it is another one, with both.
    pub fn check(&self, file: &str, found: &str) -> Result<()> {
        let expected = self.sha256(file)?;
        if expected != found {
            bail!(
                "the content is not that of {}: its SHA-256 is {found}, expected {expected}",
                self.name
            )
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::store::durable::sha256_of;

    #[test]
    fn a_foreign_hash_is_refused_with_both_hashes() {
        let manifest = r#"{"name": "letters", "files": {"a.txt": {"sha256": "ff7bcfd4"}}}"#;
        let (manifest, found) = (Manifest::parse(manifest).unwrap(), sha256_of(&[b"abc"]));
        assert!(manifest.check("a.txt", "ff7bcfd4").is_ok());
        let error = manifest.check("a.txt", &found).unwrap_err().to_string();
        assert!(error.contains(&found) && error.contains("ff7bcfd4"), "{error}");
        assert!(manifest.check("b.txt", &found).unwrap_err().to_string().contains("b.txt"));
    }
}
