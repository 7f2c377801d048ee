//! What some file systems lack: the lab says so once, and does without.

use std::io;
use std::path::Path;
use std::sync::Once;

use rustix::io::Errno;

use crate::lab::log::console::Console;

/// ENOTSUPP, which Linux keeps to itself, but which NFS lets through.
const NOT_SUPPORTED: Errno = Errno::from_raw_os_error(524);

/// Whether an error says that the file system does not have what was asked of it, and not that it
/// failed.
pub(super) fn is_lacking(error: &io::Error) -> bool {
    let lacking = [Errno::NOSYS, Errno::NOLCK, Errno::OPNOTSUPP, Errno::INVAL, NOT_SUPPORTED];
    Errno::from_io_error(error).is_some_and(|errno| lacking.contains(&errno))
}

/// Warns of what the file system of a folder lacks, once in a process for each `said`.
pub(super) fn say_once(said: &Once, folder: &Path, what: &str) {
    said.call_once(|| {
        let line = format!("the file system of {} {what}", folder.display());
        Console::new(false, false).warn(&line);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_no_lack() {
        let is = |errno: Errno| is_lacking(&errno.into());
        assert!(is(Errno::NOSYS) && is(Errno::NOLCK) && is(Errno::INVAL));
        assert!(is_lacking(&io::Error::from_raw_os_error(524)));
        assert!(!is(Errno::IO) && !is(Errno::NOSPC) && !is(Errno::WOULDBLOCK));
        assert!(!is_lacking(&io::Error::other("something else")));
    }
}
