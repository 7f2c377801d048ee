//! Files that are either whole or not there, whatever happens while they are written.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::lacking;
use super::regular;

/// The prefix of files that are being written; one that is left over belongs to a killed process.
/// Those of the safetensors library, which also writes to a temporary name, begin so too.
pub const TEMPORARY: &str = ".tmp";

/// A file that is being written, beside the one that it will be and under a name that nobody can
/// foresee. One that is dropped before [`Draft::commit`] is removed.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    path: PathBuf,
    /// Those of any new file here: the umask decides who may read it.
    permissions: Permissions,
}

impl Draft {
    /// Begins an empty file that will be `path`. No other process can have made it before.
    ///
    /// # Errors
    /// What the file system says.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let mut ending = OsString::from("-");
        ending.push(path.file_name().unwrap_or_default());
        let file = tempfile::Builder::new()
            .prefix(&format!("{TEMPORARY}-"))
            .suffix(&ending)
            .rand_bytes(12)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder_of(path))?;
        let permissions = file.as_file().metadata()?.permissions();
        Ok(Self { file, path: path.into(), permissions })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Makes the file appear where it belongs, its bytes synced. The name survives a power failure
    /// after [`sync_folder`].
    ///
    /// # Errors
    /// What the file system says.
    pub fn commit(self) -> io::Result<()> {
        // By its name: a library may have put another file there, for its owner alone.
        let written = File::open(self.path())?;
        if written.metadata()?.permissions() != self.permissions {
            written.set_permissions(self.permissions.clone())?;
        }
        written.sync_all()?;
        self.file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Syncs the names in the folder of `path`. A file system that can't is said once, and done
/// without.
///
/// # Errors
/// What the file system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    static SAID: Once = Once::new();
    let folder = folder_of(path);
    match File::open(folder)?.sync_all() {
        Err(error) if lacking::is_lacking(&error) => {
            lacking::say_once(
                &SAID,
                folder,
                "can't sync a folder: after a power cut, the newest files may be missing",
            );
            Ok(())
        }
        synced => synced,
    }
}

/// Makes the file that `work` writes at the path that it is given appear at `path`, durably. On
/// failure nothing is left behind and an old `path` is whole.
///
/// # Errors
/// What `work` or the file system says, with the path.
pub fn atomic_write(path: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let whole = || -> Result<()> {
        let draft = Draft::begin(path)?;
        work(draft.path())?;
        draft.commit()?;
        Ok(sync_folder(path)?)
    };
    whole().with_context(|| format!("writing {}", path.display()))
}

/// Writes `bytes` to `path` as [`atomic_write`] does.
///
/// # Errors
/// Where the file can't be written, with its path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_write(path, |draft| Ok(File::create(draft)?.write_all(bytes)?))
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
    let text = regular::read(path).with_context(|| format!("reading {}", path.display()))?;
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

/// The first free name beside `path` for something of that kind: `<kind>-<name>`, then
/// `<kind>-2-<name>` and so on.
pub fn free_name(path: &Path, kind: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let first = path.with_file_name(format!("{kind}-{name}"));
    let numbered = (2..).map(|number| path.with_file_name(format!("{kind}-{number}-{name}")));
    let mut all = std::iter::once(first.clone()).chain(numbered);
    all.find(|candidate| candidate.symlink_metadata().is_err()).unwrap_or(first)
}

/// The SHA-256 of a file's bytes in hexadecimal, and its length in bytes.
///
/// # Errors
/// Where the file can't be read.
pub fn sha256(path: &Path) -> io::Result<(String, u64)> {
    let mut file = regular::open(path)?;
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
    fn a_draft_can_not_be_foreseen_and_is_as_open_as_any_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let (one, two) = (Draft::begin(&path).unwrap(), Draft::begin(&path).unwrap());
        assert_ne!(one.path(), two.path());
        for draft in [&one, &two] {
            let name = draft.path().file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(TEMPORARY) && name.ends_with("-a.json"), "{name}");
        }
        drop(two);
        // As a library does that writes to a name of its own first.
        let own = folder.path().join("own");
        fs::write(&own, b"one").unwrap();
        fs::set_permissions(&own, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&own, one.path()).unwrap();
        one.commit().unwrap();
        let plain = folder.path().join("plain");
        File::create(&plain).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), mode(&plain)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_free_name_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for expected in ["damaged-a.json", "damaged-2-a.json", "damaged-3-a.json"] {
            let found = free_name(&path, "damaged");
            assert!(found.ends_with(expected), "{}", found.display());
            fs::write(found, b"").unwrap();
        }
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
