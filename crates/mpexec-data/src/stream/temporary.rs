//! Files for what can be read only once.

use std::fs::File;

use crate::DataError;

/// A file without a name, in the folder for such files.
///
/// ```
/// assert_eq!(mpexec_data::temporary()?.metadata()?.len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DataError::Temporary`] if there can be none.
pub fn temporary() -> Result<File, DataError> {
    tempfile::tempfile().map_err(|cause| DataError::Temporary { path: std::env::temp_dir(), cause })
}
