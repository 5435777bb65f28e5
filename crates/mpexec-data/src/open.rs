//! Opens what may be a file of numbers, and says what a path leads to that is none.

use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::DataError;

/// Opens a file to read. Whether it is a regular one is asked afterwards, with [`regular_length`].
pub(crate) fn open(path: &Path) -> Result<File, DataError> {
    // Without NONBLOCK, opening a pipe that nobody writes to would never return.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    opened.map_err(|error| {
        // A socket cannot be opened, but it can be named.
        let found = std::fs::metadata(path).ok();
        let special = found.and_then(|metadata| special(metadata.file_type()));
        let path = path.to_path_buf();
        match (error.kind(), special) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) => DataError::Missing { path },
            (_, Some(kind)) => DataError::NotRegular { path, kind },
            _ => DataError::Io { path, doing: "open it", cause: error },
        }
    })
}

/// The length of a regular file that is not empty.
pub(crate) fn regular_length(file: &File, path: &Path) -> Result<u64, DataError> {
    let io = |cause| DataError::Io { path: path.to_path_buf(), doing: "learn its length", cause };
    let metadata = file.metadata().map_err(io)?;
    let path = || path.to_path_buf();
    if metadata.is_dir() {
        return Err(DataError::Directory { path: path() });
    }
    if let Some(kind) = special(metadata.file_type()) {
        return Err(DataError::NotRegular { path: path(), kind });
    }
    match metadata.len() {
        0 => Err(DataError::Empty { path: path() }),
        length => Ok(length),
    }
}

/// What a file is called that has no bytes of its own.
fn special(kind: FileType) -> Option<&'static str> {
    match () {
        () if kind.is_file() || kind.is_dir() => None,
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}
