//! The lock that keeps a second process out of a folder.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{lacking, regular};
use crate::lab::error::refuse;

/// The file in a folder that its process has locked.
pub(super) const LOCK: &str = ".lock";

/// Tries for a moment: [`is_locked`] holds a lock for some microseconds.
fn patient_lock(file: &File) -> Result<(), TryLockError> {
    let mut tried = file.try_lock();
    for _ in 0..10 {
        if !matches!(tried, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        tried = file.try_lock();
    }
    tried
}

/// Whether a process, here or on another machine that shares the folder, is using it.
pub fn is_locked(folder: &Path) -> bool {
    let Ok(file) = regular::open(&folder.join(LOCK)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Locks a folder, which is made where it is missing. The lock is the kernel's, on the file
/// `.lock`, so that it ends with the process however that dies. A file system that has no locks is
/// said once, and done without.
///
/// # Errors
/// Exit code 2 where another process has it.
pub fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let path = folder.join(LOCK);
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    static SAID: Once = Once::new();
    match patient_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::Error(error)) if lacking::is_lacking(&error) => lacking::say_once(
            &SAID,
            folder,
            "has no locks: see to it yourself that no second process uses this run",
        ),
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            return Err(refuse(format!(
                "{} is in use by process {}: wait for it, or choose another --name",
                folder.display(),
                holder.trim()
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    // For people who ask which process it is; the lock does not depend on it.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}
