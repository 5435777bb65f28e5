//! How a file that the coordinator has opened is named to workers.
//!
//! Not by its path: between the coordinator's look and the worker's, somebody may put another file there, and
//! `/dev/stdin` or a path from another folder would mean something else in a worker. The coordinator's own descriptor,
//! seen through `/proc`, is the very same file also after it was renamed or removed. Where there is no `/proc`, it is the
//! path after all; device and inode then tell a file that was exchanged.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::one_line::one_line;

/// A file that the coordinator holds open, for workers to open too.
///
/// It is good as long as the coordinator keeps the file open, unless it was made [`by_name`](FileRef::by_name).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Where to open it.
    pub path: PathBuf,
    /// What people call it, fit to be printed.
    pub name: String,
    /// The device it lies on.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
}

impl FileRef {
    /// Refers to `file`, which people call `name`.
    ///
    /// # Errors
    /// What the operating system says when it is asked about the file.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data.bin");
    /// let file = std::fs::File::create(&path)?;
    /// let reference = mpexec_data::FileRef::to(&file, &path)?;
    /// std::fs::remove_file(&path)?;
    /// assert!(std::fs::File::open(&reference.path).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn to(file: &File, name: &Path) -> io::Result<FileRef> {
        let metadata = file.metadata()?;
        let held = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        let path = if held.exists() { held } else { std::path::absolute(name)? };
        Ok(FileRef { path, name: one_line(&name.to_string_lossy()), device: metadata.dev(), inode: metadata.ino() })
    }

    /// Refers to `file` by its name, so that it may be closed meanwhile: for whoever has more files than can be open at once. One that takes
    /// its place is noticed when it is opened.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// std::fs::write(&path, "1\n")?;
    /// let reference = mpexec_data::FileRef::by_name(&std::fs::File::open(&path)?, &path)?;
    /// std::fs::rename(&path, folder.path().join("old"))?;
    /// std::fs::write(&path, "2\n")?;
    /// let told = reference.table().unwrap_err();
    /// assert!(told.ends_with("data: was exchanged for another file meanwhile"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`to`](FileRef::to).
    pub fn by_name(file: &File, name: &Path) -> io::Result<FileRef> {
        Ok(FileRef { path: std::path::absolute(name)?, ..FileRef::to(file, name)? })
    }

    /// Whether the path still leads to the file.
    pub(crate) fn is_there(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }

    /// Names the file as people do in a message about its path.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let file = std::fs::File::create(folder.path().join("data.bin"))?;
    /// let reference = mpexec_data::FileRef::to(&file, std::path::Path::new("data.bin"))?;
    /// let told = format!("{}: is empty", reference.path.display());
    /// assert_eq!(reference.renamed(&told), "data.bin: is empty");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn renamed(&self, message: &str) -> String {
        message.replacen(&*self.path.to_string_lossy(), &self.name, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_exchanged_behind_the_path_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.bin");
        let file = File::create(&path).unwrap();
        let mut reference = FileRef::to(&file, &path).unwrap();
        assert!(reference.is_there());
        reference.path = path.clone();
        assert!(reference.is_there());
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        std::fs::write(&path, "another").unwrap();
        assert!(!reference.is_there());
    }

    #[test]
    fn a_message_about_the_held_file_names_it_as_people_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.bin");
        let file = File::create(&path).unwrap();
        let reference = FileRef::to(&file, Path::new("data.bin")).unwrap();
        let error = crate::NpyFile::open(&reference.path).unwrap_err();
        assert_eq!(reference.renamed(&error.to_string()), "data.bin: is empty");
    }
}
