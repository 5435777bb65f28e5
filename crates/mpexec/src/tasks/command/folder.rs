//! The files into which a command prints, where it has a folder for them. A name without `.part` is that of a whole output.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What the files of a command are called when it has ended,
const WHOLE: [&str; 2] = ["stdout", "stderr"];
/// and as long as it runs.
const PARTS: [&str; 2] = ["stdout.part", "stderr.part"];

/// Empty files for what a command prints. What lies there is another try's, or another run's, and is taken away.
pub(super) fn open(folder: &Path) -> io::Result<[File; 2]> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", crate::names::shown(folder)));
    fs::create_dir_all(folder).map_err(named)?;
    for name in WHOLE {
        // Most often there is none.
        let _ = fs::remove_file(folder.join(name));
    }
    let [stdout, stderr] = PARTS.map(|name| File::create(folder.join(name)).map_err(named));
    Ok([stdout?, stderr?])
}

/// What a command that has ended printed is whole, as far as it came.
pub(super) fn put_in_place(folder: &Path) -> io::Result<()> {
    PARTS.iter().zip(WHOLE).try_for_each(|(part, whole)| fs::rename(folder.join(part), folder.join(whole)))
}

/// Takes away what a command left in its folder that was killed with its worker.
///
/// ```
/// mpexec::tasks::leave_no_part(std::path::Path::new("/nowhere/at/all"));
/// ```
pub fn leave_no_part(folder: &Path) {
    for part in PARTS {
        // Most often there is none.
        let _ = fs::remove_file(folder.join(part));
    }
}
