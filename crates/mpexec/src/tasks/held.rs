//! What a worker keeps from one piece of a job to the next: the files it has opened.
//!
//! A job is many small tasks on the same file. Opening it and reading its header costs more than counting a small piece,
//! so each worker thread keeps the last input and the last output. A reference to a file names its device and inode, so equal
//! references mean the same file.

use std::cell::RefCell;
use std::rc::Rc;

use mpexec_data::{ColumnarFile, DataError, DataFile, Format, NpyFile, OutputError, OutputPart};

use super::reference::FileRef;
use crate::limits;

thread_local! {
    static INPUT: RefCell<Option<(FileRef, Rc<NpyFile>)>> = const { RefCell::new(None) };
    static TABLE: RefCell<Option<(FileRef, Rc<DataFile>)>> = const { RefCell::new(None) };
    static COLUMNAR: RefCell<Option<(FileRef, Rc<ColumnarFile>)>> = const { RefCell::new(None) };
    static OUTPUT: RefCell<Option<(FileRef, Rc<OutputPart>)>> = const { RefCell::new(None) };
}

/// The input that `reference` names, opened now or before.
///
/// # Errors
/// One line that names the file as people do.
pub(super) fn input(reference: &FileRef) -> Result<Rc<NpyFile>, String> {
    kept(&INPUT, reference, || NpyFile::open(&reference.path).map_err(|error| since_it_was_opened(error).to_string()))
}

/// The same for a file of any other format.
///
/// # Errors
/// One line that names the file as people do.
pub(super) fn table(reference: &FileRef) -> Result<Rc<DataFile>, String> {
    kept(&TABLE, reference, || DataFile::open(&reference.path).map_err(|error| since_it_was_opened(error).to_string()))
}

/// The same for a file that lies column by column.
///
/// # Errors
/// One line that names the file as people do.
pub(super) fn columnar(reference: &FileRef, format: Format) -> Result<Rc<ColumnarFile>, String> {
    kept(&COLUMNAR, reference, || {
        let opened = DataFile::open(&reference.path).and_then(|file| ColumnarFile::open_as(file, format));
        opened.map_err(|error| since_it_was_opened(error).to_string())
    })
}

/// The coordinator found the file whole; so for a worker that comes later, one that is too short has been cut.
fn since_it_was_opened(error: DataError) -> DataError {
    match error {
        DataError::CutShort { path, expected, found } => DataError::Shrunk { path, expected, found },
        // Of a header, at least its first byte.
        DataError::Empty { path } => DataError::Shrunk { path, expected: 1, found: 0 },
        other => other,
    }
}

/// The output that `reference` names, opened now or before.
///
/// # Errors
/// One line that names the file as people do.
pub(super) fn output(reference: &FileRef) -> Result<Rc<OutputPart>, String> {
    kept(&OUTPUT, reference, || {
        limits::report_file_size();
        OutputPart::open(&reference.path).map_err(|error: OutputError| error.to_string())
    })
}

type Place<T> = std::thread::LocalKey<RefCell<Option<(FileRef, Rc<T>)>>>;

fn kept<T>(
    place: &'static Place<T>,
    reference: &FileRef,
    open: impl FnOnce() -> Result<T, String>,
) -> Result<Rc<T>, String> {
    let known = place.with_borrow(|last| {
        let (known, file) = last.as_ref()?;
        (known == reference).then(|| Rc::clone(file))
    });
    if let Some(file) = known {
        return Ok(file);
    }
    let file = Rc::new(open().map_err(|message| reference.renamed(&message))?);
    if !reference.is_there() {
        return Err(format!("{}: was exchanged for another file meanwhile", reference.name));
    }
    place.set(Some((reference.clone(), Rc::clone(&file))));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_short_for_a_worker_was_cut_since_the_coordinator_opened_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.bin");
        let header = mpexec_data::npy_header(mpexec_data::DType::U8, mpexec_data::Shape::Vector(1000));
        for length in [header.len() + 10, 60, 3, 0] {
            std::fs::write(&path, &header).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_len(length as u64).unwrap();
            let told = input(&FileRef::to(&file, std::path::Path::new("data.bin")).unwrap()).unwrap_err();
            assert!(told.starts_with("data.bin: was cut while it was read: "), "{length}: {told}");
        }
    }
}
