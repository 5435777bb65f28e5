//! Output files that are complete or absent.
//!
//! The file is written without a name (`O_TMPFILE`) in the folder where it will stand and gets its name at the end, so
//! a program that fails or is killed at any moment leaves nothing behind. File systems that cannot do that get a hidden
//! file that is renamed; there, and only there, a killed program leaves the hidden file.

mod error;
mod place;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use error::OutputError;

/// A file in the making. [`commit`](Output::commit) gives it its name; dropped without that, it never existed.
///
/// Write it from its beginning with [`Write`], or at places of your own with [`write_at`](Output::write_at). The errors
/// of [`Write`] are [`OutputError`]s in an [`io::Error`], so they name the file too. Nothing is buffered here.
///
/// ```
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("counts.csv");
/// let mut output = mpexec_data::Output::create(&path)?;
/// output.write_all(b"row,count\n")?;
/// assert!(!path.exists());
/// output.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"row,count\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Output {
    file: File,
    /// The path as it was given, for messages.
    path: PathBuf,
    /// The path with links followed.
    target: PathBuf,
    /// The hidden name, where the file system made one necessary.
    hidden: Option<PathBuf>,
}

impl Output {
    /// Begins a file that will stand at `path` and replace what stands there. A link is followed: what it leads to is
    /// replaced, and keeps its permissions. Nothing is visible before [`commit`](Output::commit).
    ///
    /// # Errors
    /// An [`OutputError`] if the folder is missing or may not be written, or if `path` is a folder, a pipe or a device.
    pub fn create(path: impl AsRef<Path>) -> Result<Output, OutputError> {
        let path = path.as_ref().to_path_buf();
        let target = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let existing = std::fs::metadata(&target).ok();
        if existing.as_ref().is_some_and(|existing| existing.is_dir()) || target.file_name().is_none() {
            return Err(OutputError::Directory { path });
        }
        if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
            return Err(OutputError::NotRegular { path });
        }
        let (file, hidden) =
            place::create(place::folder(&target)).map_err(|cause| OutputError::new(&path, "create it", cause))?;
        let output = Output { file, path, target, hidden };
        if let Some(existing) = existing {
            // As a shell's redirection does. Where it is refused, the user's default is as good.
            let _ = output.file.set_permissions(existing.permissions());
        }
        Ok(output)
    }

    /// The path the file will stand at, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// A path by which other processes of this user can open the file with [`OutputPart::open`], as long as this
    /// process lives and holds it.
    pub fn shared_path(&self) -> PathBuf {
        match &self.hidden {
            Some(hidden) => std::path::absolute(hidden).unwrap_or_else(|_| hidden.clone()),
            None => format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into(),
        }
    }

    /// Gives the file its full length in bytes; what is not written reads as zeros.
    ///
    /// # Errors
    /// [`OutputError::Full`] if a file may not be so long.
    pub fn set_len(&self, bytes: u64) -> Result<(), OutputError> {
        self.file.set_len(bytes).map_err(|cause| self.error("set its length", cause))
    }

    /// Writes all of `bytes` at `offset`, whatever is written elsewhere at the same time.
    ///
    /// # Errors
    /// [`OutputError::Full`] if there is no space, and whatever else the operating system refuses.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), OutputError> {
        self.file.write_all_at(bytes, offset).map_err(|cause| self.error("write it", cause))
    }

    /// Gives the file its name; from now on it is there, and complete.
    ///
    /// That holds however this or another process ends. A machine that loses its power may lose what it had not yet
    /// written to the disk; call `file().sync_all()` before, if that matters more than the time it takes.
    ///
    /// # Errors
    /// An [`OutputError`] if the folder is gone or may no longer be written. The file is absent then.
    pub fn commit(mut self) -> Result<(), OutputError> {
        let named = match self.hidden.take() {
            None => place::link(&self.file, &self.target),
            Some(hidden) => std::fs::rename(&hidden, &self.target).inspect_err(|_| self.hidden = Some(hidden)),
        };
        named.map_err(|cause| self.error("give it its name", cause))
    }

    fn error(&self, doing: &'static str, cause: io::Error) -> OutputError {
        OutputError::new(&self.path, doing, cause)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            // Left as it is, because callers know it and try again.
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => Err(cause),
            Err(cause) => Err(self.error("write it", cause).into()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // A destructor cannot report; a hidden file that stays is harmless.
            let _ = std::fs::remove_file(hidden);
        }
    }
}

/// Another process's hold on an [`Output`], to write its part of the results to their place.
#[derive(Debug)]
pub struct OutputPart {
    file: File,
    path: PathBuf,
}

impl OutputPart {
    /// Opens an output by its [`shared_path`](Output::shared_path).
    ///
    /// # Errors
    /// An [`OutputError`] if the process that makes the output is gone or belongs to another user.
    pub fn open(shared_path: impl AsRef<Path>) -> Result<OutputPart, OutputError> {
        let path = shared_path.as_ref().to_path_buf();
        match File::options().write(true).open(&path) {
            Ok(file) => Ok(OutputPart { file, path }),
            Err(cause) => Err(OutputError::Io { path, doing: "open the output of another process", cause }),
        }
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// [`OutputError::Full`] if there is no space, and whatever else the operating system refuses.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), OutputError> {
        let written = self.file.write_all_at(bytes, offset);
        written.map_err(|cause| OutputError::new(&self.path, "write it", cause))
    }
}

#[cfg(test)]
mod tests;
