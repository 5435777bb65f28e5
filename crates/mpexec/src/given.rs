//! The names of inputs as they were given, before anything is opened.

use std::path::{Path, PathBuf};

use mpexec_data::files_in;

use crate::failure::Failure;

/// The files that were named, and those in folders that were.
///
/// # Errors
/// A [`Failure`] of files.
pub(crate) fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        match if path == Path::new("-") { None } else { files_in(path)? } {
            Some(inside) => files.extend(inside),
            None => files.push(path.clone()),
        }
    }
    Ok(files)
}
