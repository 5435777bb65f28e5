//! What can be wrong with the place of an output file. One line each, that names the file and says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::one_line::Named;

/// Why an output file cannot be made.
///
/// ```
/// let error = mpexec_data::Output::create("nowhere/counts.csv").unwrap_err();
/// assert_eq!(error.to_string(), "nowhere/counts.csv: its folder does not exist; make it first");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are described, the names of their fields say the rest")]
pub enum OutputError {
    /// The folder that the file shall stand in is not there.
    #[error("{}: its folder does not exist; make it first", Named(path))]
    MissingFolder { path: PathBuf },
    /// The name belongs to a folder.
    #[error("{}: is a directory; name a file in it", Named(path))]
    Directory { path: PathBuf },
    /// The name belongs to a pipe or a device, which cannot be replaced as a whole.
    #[error("{}: is a pipe or a device; only a regular file is complete or absent", Named(path))]
    NotRegular { path: PathBuf },
    /// The user may not write there.
    #[error("{}: may not be written: {cause}", Named(path))]
    Denied { path: PathBuf, cause: io::Error },
    /// The disk, the user's share of it or the longest possible file is full.
    #[error("{}: {}: {cause}", Named(path), no_space(cause))]
    Full { path: PathBuf, cause: io::Error },
    /// Anything else that the operating system refused. The cause is part of the line, so it is not given again as a
    /// source.
    #[error("{}: cannot {doing}: {cause}", Named(path))]
    Io { path: PathBuf, doing: &'static str, cause: io::Error },
}

fn no_space(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::FileTooLarge => "files may not be so long here (ulimit -f, or the file system)",
        _ => "there is no space for it",
    }
}

impl OutputError {
    pub(super) fn new(path: &Path, doing: &'static str, cause: io::Error) -> OutputError {
        use io::ErrorKind as Kind;
        let path = path.to_path_buf();
        match cause.kind() {
            Kind::NotFound | Kind::NotADirectory => OutputError::MissingFolder { path },
            Kind::IsADirectory => OutputError::Directory { path },
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => OutputError::Denied { path, cause },
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => OutputError::Full { path, cause },
            _ => OutputError::Io { path, doing, cause },
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            OutputError::MissingFolder { .. } => io::ErrorKind::NotFound,
            OutputError::Directory { .. } => io::ErrorKind::IsADirectory,
            OutputError::NotRegular { .. } => io::ErrorKind::InvalidInput,
            OutputError::Denied { cause, .. } | OutputError::Full { cause, .. } | OutputError::Io { cause, .. } => {
                cause.kind()
            }
        }
    }
}

impl From<OutputError> for io::Error {
    fn from(error: OutputError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_told_apart() {
        let says = |errno| {
            let cause = io::Error::from_raw_os_error(errno);
            let error = OutputError::new(Path::new("x/y.npy"), "create it", cause);
            let kind = error.kind();
            let line = error.to_string();
            assert!(line.starts_with("x/y.npy: ") && !line.contains('\n'), "{line}");
            assert_eq!(io::Error::from(error).to_string(), line);
            (line, kind)
        };
        use rustix::io::Errno;
        assert_eq!(says(Errno::NOENT.raw_os_error()).0, "x/y.npy: its folder does not exist; make it first");
        assert_eq!(says(Errno::NOTDIR.raw_os_error()).0, "x/y.npy: its folder does not exist; make it first");
        for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
            assert!(says(errno.raw_os_error()).0.contains("may not be written"));
        }
        for errno in [Errno::NOSPC, Errno::DQUOT] {
            assert!(says(errno.raw_os_error()).0.contains("there is no space for it"));
        }
        assert!(says(Errno::FBIG.raw_os_error()).0.contains("ulimit -f"));
        let (line, kind) = says(Errno::MFILE.raw_os_error());
        assert!(line.contains("cannot create it: "), "{line}");
        assert_ne!(kind, io::ErrorKind::NotFound);
    }
}
