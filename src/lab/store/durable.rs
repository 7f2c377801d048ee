//! Files that are either whole or not there, whatever happens while they are written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The prefix of files that are being written; one that is left over belongs to a killed process.
/// Those of the safetensors library, which also writes to a temporary name, begin so too.
pub const TEMPORARY: &str = ".tmp";

/// Where the bytes of `path` are written until they are complete.
pub fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{TEMPORARY}-{}-{name}", std::process::id()))
}

/// Makes a complete file at [`temporary`]`(path)` appear at `path`, its bytes synced. The name
/// survives a power failure after [`sync_folder`].
///
/// # Errors
/// What the file system says.
pub fn commit(path: &Path) -> io::Result<()> {
    let temporary = temporary(path);
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, path)
}

/// Syncs the names in the folder of `path`.
///
/// # Errors
/// What the file system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes the file that `work` writes at the path that it is given appear at `path`, durably. On
/// failure nothing is left behind and an old `path` is whole.
///
/// # Errors
/// What `work` or the file system says, with the path.
pub fn atomic_write(path: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temporary = temporary(path);
    let written = work(&temporary).and_then(|()| {
        commit(path)?;
        Ok(sync_folder(path)?)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("writing {}", path.display()))
}

/// Writes `bytes` to `path` as [`atomic_write`] does.
///
/// # Errors
/// Where the file can't be written, with its path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_write(path, |temporary| Ok(File::create(temporary)?.write_all(bytes)?))
}

/// Writes a value as indented JSON, durably. A non-finite number becomes null.
///
/// # Errors
/// Where the value has no JSON, or the file can't be written; with its path.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write(path, &text)
}

/// Reads a JSON file.
///
/// # Errors
/// With the path, and what is wrong with it.
pub fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not valid JSON", path.display()))
}

/// Removes what killed processes left half-written in a folder that the caller has locked.
pub fn remove_temp_files(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The SHA-256 of a file's bytes in hexadecimal, and its length in bytes.
///
/// # Errors
/// Where the file can't be read.
pub fn sha256(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
    Ok((hex(&hasher.finalize()), length))
}

/// The SHA-256 of the `parts` one after the other, in hexadecimal.
pub fn sha256_of(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hex(&hasher.finalize())
}

/// Bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_sweeps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::write(folder.path().join(".tmp-1-a.json"), b"half").unwrap();
        fs::write(folder.path().join(".tmpAb3dE6"), b"half").unwrap();
        remove_temp_files(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/a.json");
        let error = write(&path, b"one").unwrap_err();
        assert!(error.to_string().contains("missing/a.json"));
    }

    #[test]
    fn hash_of_abc() {
        // FIPS 180-2, appendix B.1: the message "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        write(&path, b"abc").unwrap();
        let (hash, length) = sha256(&path).unwrap();
        assert_eq!((hash.as_str(), length), (expected, 3));
        assert_eq!(sha256_of(&[b"a", b"bc"]), expected);
    }
}
