//! What a worker keeps from one piece of a count to the next: the file it writes to. The array it reads is kept by the data crate.

use std::rc::Rc;

use mpexec_data::{FileRef, LastOpened, OutputError, OutputPart};

use crate::limits;

thread_local! {
    static OUTPUT: LastOpened<OutputPart> = const { LastOpened::new() };
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
