//! A file that grows by whole lines, whatever the disk does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file to which lines are added, all of them or none.
#[derive(Debug)]
pub(super) struct WholeLines {
    file: File,
    /// Bytes of the lines that it has.
    length: u64,
}

impl WholeLines {
    /// A file whose first `length` bytes are kept.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(file: File, length: u64) -> io::Result<Self> {
        file.set_len(length)?;
        Ok(Self { file, length })
    }

    /// Adds some lines. On failure the file has none of them, so that they can be added later.
    ///
    /// # Errors
    /// What the file system says, for example that the disk is full.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(lines, self.length);
        match written {
            Ok(()) => self.length += lines.len() as u64,
            // Where this fails too, the next lines are written over what is torn.
            Err(_) => _ = self.file.set_len(self.length),
        }
        written
    }

    /// Waits until the lines are on the disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};

    #[test]
    fn lines_come_after_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        fs::write(&path, "one\ntwo\nthr").unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let mut lines = WholeLines::new(file, 8).unwrap();
        lines.append(b"three\n").unwrap();
        lines.append(b"").unwrap();
        lines.append(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\nfour\n");
    }

    #[test]
    fn lines_that_the_disk_does_not_take_are_not_counted() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut lines = WholeLines { file: full, length: 0 };
        assert_eq!(lines.append(b"one\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(lines.length, 0);
    }
}
