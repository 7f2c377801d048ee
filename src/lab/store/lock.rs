//! The lock that keeps a second process out of a folder.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result};

use super::record::host;
use super::{lacking, regular};
use crate::lab::error::refuse;

/// The file in a folder that its process has locked.
pub(super) const LOCK: &str = ".lock";

/// Most bytes of a lock that are read: somebody else may have written it.
const LONGEST: u64 = 300;

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

/// The process that a lock's file names, for people, and its host: those of older versions name none.
fn holder(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    regular::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut words = text.split_whitespace();
    let process = words.next()?;
    let host = words.next().map(|host| format!(" on {host}")).unwrap_or_default();
    Some(format!("process {process}{host}"))
}

/// Locks a folder, which is made where it is missing. The lock is the kernel's, on the file
/// `.lock`, so that it ends with the process however that dies. A file system that has no locks is
/// said once, and done without.
///
/// # Errors
/// Exit code 2 where another process has it; 1 where there can be no such file.
pub fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let path = folder.join(LOCK);
    let mut file = regular::open_with(&path, File::options().create(true).write(true))
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
            let holder = holder(&path).unwrap_or_else(|| "another process".into());
            return Err(refuse(format!(
                "{} is in use by {holder}: wait for it, or choose another --name",
                folder.display()
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    // For people who ask which process it is; the lock does not depend on it.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{} {}", std::process::id(), host()));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::lab::error::{exit_status, one_line};

    fn refusal(folder: &Path) -> String {
        let error = lock(folder).unwrap_err();
        assert_eq!(exit_status(&error), 2, "{error:#}");
        one_line(&error)
    }

    #[test]
    fn whoever_has_a_folder_is_named_with_its_host() {
        let folder = tempfile::tempdir().unwrap();
        let kept = lock(folder.path()).unwrap();
        let (path, shown) = (folder.path().join(LOCK), folder.path().display());
        let whole = |holder: &str| {
            format!("{shown} is in use by {holder}: wait for it, or choose another --name")
        };
        let own = format!("process {} on {}", std::process::id(), host());
        assert_eq!(refusal(folder.path()), whole(&own));
        for (written, holder) in [
            // As older versions wrote it, and as it is before its process has written it.
            ("4321\n", "process 4321"),
            ("", "another process"),
            ("4321 node7\n", "process 4321 on node7"),
        ] {
            fs::write(&path, written).unwrap();
            assert_eq!(refusal(folder.path()), whole(holder));
        }
        drop(kept);
        drop(lock(folder.path()).unwrap());
    }

    #[test]
    fn what_is_no_file_is_an_error_and_no_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let error = lock(folder.path()).unwrap_err();
        assert_eq!(exit_status(&error), 1);
        let said = format!("opening {}: this is not a regular file", path.display());
        assert_eq!(one_line(&error), said);
        assert!(!is_locked(folder.path()));
    }
}
