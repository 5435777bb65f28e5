//! What a worker keeps from one piece of a job to the next: the files it has opened.
//!
//! A job is many small tasks on the same file. Opening it and reading its header costs more than working on a small piece,
//! so each thread keeps the last file of a kind. A reference to a file names its device and inode, so equal references mean the same
//! file.

use std::cell::RefCell;
use std::rc::Rc;

use crate::{ColumnarFile, DataError, DataFile, FileRef, Format, NpyFile};

/// The last file of a kind that a thread has opened.
///
/// ```
/// use mpexec_data::{FileRef, LastOpened, NpyFile, since_it_was_opened};
/// thread_local! {
///     static ARRAY: LastOpened<NpyFile> = const { LastOpened::new() };
/// }
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("data.npy");
/// let file = std::fs::File::create(&path)?;
/// let input = FileRef::to(&file, &path)?;
/// let open = || NpyFile::open(&input.path).map_err(|error| since_it_was_opened(error).to_string());
/// let told = ARRAY.with(|last| last.get(&input, open)).unwrap_err();
/// assert!(told.ends_with("data.npy: was cut while it was read: needs 1 bytes, has 0 now"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LastOpened<T>(RefCell<Option<(FileRef, Rc<T>)>>);

impl<T> Default for LastOpened<T> {
    fn default() -> LastOpened<T> {
        LastOpened::new()
    }
}

impl<T> LastOpened<T> {
    /// None yet.
    pub const fn new() -> LastOpened<T> {
        LastOpened(RefCell::new(None))
    }

    /// The file that `reference` names, opened by `open` now or before.
    ///
    /// # Errors
    /// One line that names the file as people do.
    pub fn get(&self, reference: &FileRef, open: impl FnOnce() -> Result<T, String>) -> Result<Rc<T>, String> {
        if let Some((known, file)) = &*self.0.borrow()
            && known == reference
        {
            return Ok(Rc::clone(file));
        }
        let file = Rc::new(open().map_err(|message| reference.renamed(&message))?);
        if !reference.is_there() {
            return Err(format!("{}: was exchanged for another file meanwhile", reference.name));
        }
        self.0.replace(Some((reference.clone(), Rc::clone(&file))));
        Ok(file)
    }
}

thread_local! {
    static TABLE: LastOpened<DataFile> = const { LastOpened::new() };
    static COLUMNAR: LastOpened<ColumnarFile> = const { LastOpened::new() };
    static ARRAY: LastOpened<NpyFile> = const { LastOpened::new() };
}

impl FileRef {
    /// Opens the file, or takes it if it is the last that this thread has opened.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// # std::fs::write(&path, "1,2\n")?;
    /// let file = std::fs::File::open(&path)?;
    /// let reference = mpexec_data::FileRef::to(&file, &path)?;
    /// assert_eq!(reference.table()?.length(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// One line that names the file as people do.
    pub fn table(&self) -> Result<Rc<DataFile>, String> {
        let open = || DataFile::open(&self.path).map_err(|error| since_it_was_opened(error).to_string());
        TABLE.with(|last| last.get(self, open))
    }

    /// The same for a file that lies column by column.
    ///
    /// ```no_run
    /// # fn part(reference: mpexec_data::FileRef) -> Result<(), String> {
    /// let file = reference.columnar(mpexec_data::Format::Parquet)?;
    /// println!("{} row groups", file.parts());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// One line that names the file as people do.
    pub fn columnar(&self, format: Format) -> Result<Rc<ColumnarFile>, String> {
        let open = || {
            let opened = DataFile::open(&self.path).and_then(|file| ColumnarFile::open_as(file, format));
            opened.map_err(|error| since_it_was_opened(error).to_string())
        };
        COLUMNAR.with(|last| last.get(self, open))
    }

    /// The same for an array.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("data.npy");
    /// let file = std::fs::File::create(&path)?;
    /// let reference = mpexec_data::FileRef::to(&file, &path)?;
    /// assert!(reference.array().unwrap_err().ends_with("data.npy: was cut while it was read: needs 1 bytes, has 0 now"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// One line that names the file as people do.
    pub fn array(&self) -> Result<Rc<NpyFile>, String> {
        let open = || NpyFile::open(&self.path).map_err(|error| since_it_was_opened(error).to_string());
        ARRAY.with(|last| last.get(self, open))
    }
}

/// An error for whoever opens a file that another process found whole before: one that is too short has been cut since.
pub fn since_it_was_opened(error: DataError) -> DataError {
    match error {
        DataError::CutShort { path, expected, found } => DataError::Shrunk { path, expected, found },
        // Of a header, at least its first byte.
        DataError::Empty { path } => DataError::Shrunk { path, expected: 1, found: 0 },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_short_for_a_worker_was_cut_since_the_coordinator_opened_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.bin");
        let header = crate::npy_header(crate::DType::U8, crate::Shape::Vector(1000));
        for length in [header.len() + 10, 60, 3, 0] {
            std::fs::write(&path, &header).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_len(length as u64).unwrap();
            let told = FileRef::to(&file, std::path::Path::new("data.bin")).unwrap().array().unwrap_err();
            assert!(told.starts_with("data.bin: was cut while it was read: "), "{length}: {told}");
        }
    }
}
