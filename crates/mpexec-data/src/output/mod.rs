//! Output files that are complete or absent.
//!
//! The file is written without a name (`O_TMPFILE`) in the folder where it will stand and gets its name at the end, so
//! a program that fails or is killed leaves nothing behind. Two cases are different, because a rename needs a name to begin
//! with. Where an older file is replaced, the complete new one has a hidden name (`.mpexec-` and 16 digits) for the moment
//! between two system calls; killed in this moment, the program leaves that second file beside the old one. File systems
//! without unnamed files, and systems without `/proc`, get the hidden name from the beginning; there a killed program
//! leaves an incomplete hidden file. Under its own name the output is complete or absent (or the old one) in every case.

mod error;
mod place;

use std::fs::{File, Permissions};
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
    /// What everybody may do with it once it is complete; until then it is its owner's alone.
    permissions: Permissions,
}

impl Output {
    /// Begins a file that will stand at `path` and replace what stands there. A link is followed: what it leads to is
    /// replaced, and keeps its permissions, or is made if nothing is there. Nothing is visible before
    /// [`commit`](Output::commit).
    ///
    /// # Errors
    /// An [`OutputError`] if the folder is missing or may not be written, or if `path` is a folder, a pipe or a device.
    pub fn create(path: impl AsRef<Path>) -> Result<Output, OutputError> {
        let path = path.as_ref().to_path_buf();
        let target = place::follow(&path).map_err(|cause| OutputError::new(&path, "follow its links", cause))?;
        let existing = std::fs::metadata(&target).ok();
        if existing.as_ref().is_some_and(|existing| existing.is_dir()) || target.file_name().is_none() {
            return Err(OutputError::Directory { path });
        }
        if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
            return Err(OutputError::NotRegular { path });
        }
        let refused = |cause| OutputError::new(&path, "create it", cause);
        let (file, hidden) = place::create(place::folder(&target)).map_err(refused)?;
        let usual = place::withhold(&file).map_err(refused)?;
        // Those of the file that is replaced, as a shell's redirection does.
        let permissions = existing.map_or(usual, |existing| existing.permissions());
        Ok(Output { file, path, target, hidden, permissions })
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

    /// Gives the file its full length in bytes, and the space on the disk for all of them; what is not written reads as
    /// zeros. A disk that is too small is so found before the work and not in the middle of it. Where the file system cannot
    /// promise space, only the length is set.
    ///
    /// # Errors
    /// [`OutputError::Full`] if there is no space, or a file may not be so long.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("counts.npy");
    /// let output = mpexec_data::Output::create(&path)?;
    /// assert!(matches!(output.reserve(u64::MAX), Err(mpexec_data::OutputError::Full { .. })));
    /// output.reserve(3)?;
    /// output.commit()?;
    /// assert_eq!(std::fs::read(&path)?, [0, 0, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve(&self, bytes: u64) -> Result<(), OutputError> {
        if i64::try_from(bytes).is_err() {
            return Err(self.error("reserve space for it", rustix::io::Errno::FBIG.into()));
        }
        match place::allocate(&self.file, bytes) {
            Ok(true) => Ok(()),
            Ok(false) => self.set_len(bytes),
            Err(cause) => Err(self.error("reserve space for it", cause)),
        }
    }

    /// Gives the file its full length in bytes; what is not written reads as zeros and takes no space.
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
    /// written to the disk: see [`commit_to_disk`](Output::commit_to_disk), if that matters more than the time it takes.
    ///
    /// # Errors
    /// An [`OutputError`] if the folder is gone or may no longer be written. The file is absent then.
    pub fn commit(mut self) -> Result<(), OutputError> {
        self.permit();
        self.name()
    }

    /// The same of a file that is to be there after a power cut too: its bytes are on the disk before it has its name, and the name is there as soon as this returns.
    ///
    /// ```
    /// use std::io::Write;
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("counts.csv");
    /// let mut output = mpexec_data::Output::create(&path)?;
    /// output.write_all(b"row,count\n")?;
    /// output.commit_to_disk()?;
    /// assert_eq!(std::fs::read(&path)?, b"row,count\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`commit`](Output::commit), and an [`OutputError`] if the disk does not take it. If it is the folder that is not taken, the file is there, as long as the machine runs.
    pub fn commit_to_disk(mut self) -> Result<(), OutputError> {
        self.permit();
        self.file.sync_all().map_err(|cause| self.error("bring it to the disk", cause))?;
        self.name()?;
        place::sync_name(&self.file, &self.target).map_err(|cause| self.error("bring its name to the disk", cause))
    }

    fn permit(&self) {
        // Where it is refused, the file system knows no permissions.
        let _ = self.file.set_permissions(self.permissions.clone());
    }

    fn name(&mut self) -> Result<(), OutputError> {
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
