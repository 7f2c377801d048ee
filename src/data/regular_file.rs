//! The files that data are read from.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Result, ensure};

/// Opens a regular file. A pipe, a device or a socket is none: to open or to read it could take for
/// ever, and no signal would end that.
///
/// # Errors
/// Where it is missing, can't be opened or is no regular file; the caller says which it is.
pub fn open(path: &Path) -> Result<File> {
    ensure!(fs::metadata(path)?.is_file(), "not a regular file");
    Ok(File::open(path)?)
}

/// The bytes of a regular file.
///
/// # Errors
/// As [`open`]; where it can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        for path in [folder.path(), pipe.as_path(), socket.as_path(), Path::new("/dev/zero")] {
            assert_eq!(read(path).unwrap_err().to_string(), "not a regular file");
        }
        let line = read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(line.contains("No such file"), "{line}");
        fs::write(folder.path().join("file"), "text").unwrap();
        assert_eq!(read(&folder.path().join("file")).unwrap(), b"text");
    }
}
