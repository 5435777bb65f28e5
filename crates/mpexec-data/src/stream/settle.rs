//! What can be read only once is put into a temporary file, which has no name and ends with this process: then workers read their
//! own parts of it, as of any other file, and as often as they need.

use std::fs::File;
use std::io::Seek;
use std::path::Path;

use super::{Packing, TextStream};
use crate::DataError;

/// A file of which every byte can be read at any time: `file` itself if it is regular, not compressed, and nobody has read of it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data");
/// use std::io::Write;
/// let mut packed = mpexec_data::PackedWriter::new(std::fs::File::create(&path)?, Some(mpexec_data::Packing::Zstd))?;
/// packed.write_all(b"1,2\n")?;
/// packed.finish()?;
/// let file = mpexec_data::settled(std::fs::File::open(&path)?, &path)?;
/// assert_eq!(file.metadata()?.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DataError::Directory`], [`DataError::Temporary`], [`DataError::Packed`] if what is compressed is broken, [`DataError::Io`] if it cannot be read or
/// the temporary file not be written.
pub fn settled(mut file: File, path: &Path) -> Result<File, DataError> {
    let io = |doing| move |cause| DataError::Io { path: path.to_path_buf(), doing, cause };
    let metadata = file.metadata().map_err(io("learn its length"))?;
    if metadata.is_dir() {
        return Err(DataError::Directory { path: path.to_path_buf() });
    }
    if metadata.is_file() && file.stream_position().map_err(io("read it"))? == 0 {
        let mut start = [0; 4];
        let read = std::os::unix::fs::FileExt::read_at(&file, &mut start, 0).map_err(io("read it"))?;
        if Packing::of(&start[..read]).is_none() {
            return Ok(file);
        }
    }
    TextStream::live(file, path)?.into_file()
}
