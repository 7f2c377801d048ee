//! Opens files that somebody else may have put into a folder, to read or to write: regular files alone.
//!
//! Opening a named pipe waits for its other end, for ever where there is none, and a device may never
//! end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Most bytes of a file that is read as a whole.
const LONGEST: u64 = 256 << 20;

/// Opens a regular file to read, without waiting for anybody.
///
/// # Errors
/// What the file system says, or that it is something else: a pipe, a device, a socket, a folder.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, File::options().read(true))
}

/// As [`open`], by options of the caller's, which may make the file where it is missing.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let expect_file = |found: fs::Metadata| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a regular file")),
    };
    match fs::metadata(path) {
        Ok(found) => expect_file(found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // Another one may have taken its place meanwhile. A pipe without another end then opens at once, or
    // not at all; a regular file is read and written as ever.
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = options.custom_flags(at_once).open(path)?;
    expect_file(file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file of any length, as data are that the user named.
///
/// # Errors
/// Those of [`open`], or what the file system says while it is read.
pub fn read_any_length(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a regular file that is small, as records and pictures are: one of any length would
/// take all memory.
///
/// # Errors
/// Those of [`open`], what the file system says while it is read, or that there are too many bytes.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.len() <= LONGEST {
        // It may grow meanwhile.
        file.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= LONGEST {
            return Ok(bytes);
        }
    }
    let much = format!("it has more than {} MiB", LONGEST >> 20);
    Err(io::Error::new(io::ErrorKind::FileTooLarge, much))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_file_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), b"one").unwrap();
        assert_eq!(read(&path("file")).unwrap(), b"one");
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("device")).unwrap();
        assert_eq!(read_any_length(&path("file")).unwrap(), b"one");
        for name in ["pipe", "socket", "device", ""] {
            for said in [read(&path(name)), read_any_length(&path(name))] {
                assert_eq!(said.unwrap_err().to_string(), "this is not a regular file", "{name}");
            }
            let written = open_with(&path(name), File::options().create(true).append(true));
            assert_eq!(written.unwrap_err().to_string(), "this is not a regular file", "{name}");
        }
        assert_eq!(read(&path("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
        open_with(&path("new"), File::options().create(true).append(true)).unwrap();
        File::create(path("long")).unwrap().set_len(LONGEST + 1).unwrap();
        assert_eq!(read(&path("long")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
