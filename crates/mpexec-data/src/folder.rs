//! A folder in the place of a file: the files in it are one table, as pyarrow and others write large ones.

use std::path::{Path, PathBuf};

use crate::DataError;

/// The files in a folder and in the folders in it, in the order of their paths; `None` if `path` is no folder. What is called
/// `.something` or `_something` is left out, as those who write such folders put notes of their own there.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// for name in ["part-1.csv", "part-0.csv", "_SUCCESS"] {
///     std::fs::write(folder.path().join(name), "1,2\n")?;
/// }
/// let files = mpexec_data::files_in(folder.path())?.unwrap();
/// assert_eq!(files, ["part-0.csv", "part-1.csv"].map(|name| folder.path().join(name)));
/// assert_eq!(mpexec_data::files_in(&files[0])?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DataError::NoFiles`] if there is none, [`DataError::Io`] if a folder cannot be read.
pub fn files_in(path: impl AsRef<Path>) -> Result<Option<Vec<PathBuf>>, DataError> {
    let path = path.as_ref();
    if !path.is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    collect(path, &mut files)?;
    if files.is_empty() {
        return Err(DataError::NoFiles { path: path.to_path_buf() });
    }
    files.sort();
    Ok(Some(files))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let io = |cause| DataError::Io { path: folder.to_path_buf(), doing: "look into it", cause };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if matches!(entry.file_name().as_encoded_bytes().first(), Some(b'.' | b'_')) {
            continue;
        }
        // Of a link to a folder nobody knows whether it leads back here, so it is taken for a file, and refused as one.
        match entry.file_type().map_err(io)? {
            kind if kind.is_dir() => collect(&entry.path(), files)?,
            _ => files.push(entry.path()),
        }
    }
    Ok(())
}
