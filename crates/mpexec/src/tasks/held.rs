//! What a worker keeps from one piece of a count to the next: the array it reads and the file it writes to.

use std::rc::Rc;

use mpexec_data::{FileRef, LastOpened, NpyFile, OutputError, OutputPart, since_it_was_opened};

use crate::limits;

thread_local! {
    static INPUT: LastOpened<NpyFile> = const { LastOpened::new() };
    static OUTPUT: LastOpened<OutputPart> = const { LastOpened::new() };
}

/// The input that `reference` names, opened now or before.
///
/// # Errors
/// One line that names the file as people do.
pub(super) fn input(reference: &FileRef) -> Result<Rc<NpyFile>, String> {
    let open = || NpyFile::open(&reference.path).map_err(|error| since_it_was_opened(error).to_string());
    INPUT.with(|last| last.get(reference, open))
}

/// The output that `reference` names, opened now or before.
///
/// # Errors
/// One line that names the file as people do.
pub(super) fn output(reference: &FileRef) -> Result<Rc<OutputPart>, String> {
    let open = || {
        limits::report_file_size();
        OutputPart::open(&reference.path).map_err(|error: OutputError| error.to_string())
    };
    OUTPUT.with(|last| last.get(reference, open))
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
