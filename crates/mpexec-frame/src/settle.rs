//! What can be read only once is put into a temporary file, which has no name and ends with this process: then workers read their
//! own parts of it, as of any other file, and as often as they need.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use mpexec_data::{DataError, Packing, TextStream};

use crate::FrameError;

/// A file of which every byte can be read at any time: `file` itself if it is regular, not compressed, and nobody has read of it.
pub(crate) fn settled(mut file: File, path: &Path) -> Result<File, FrameError> {
    let io = |doing| move |cause| DataError::Io { path: path.to_path_buf(), doing, cause };
    let metadata = file.metadata().map_err(io("learn its length"))?;
    if metadata.is_dir() {
        return Err(DataError::Directory { path: path.to_path_buf() }.into());
    }
    if !metadata.is_file() || file.stream_position().map_err(io("read it"))? != 0 {
        let mut kept = temporary()?;
        io::copy(&mut file, &mut kept).map_err(io("be read and kept in a temporary file"))?;
        file = kept;
    }
    let mut start = [0; 4];
    rewind(&mut file, path)?;
    let read = file.read_at(&mut start, 0).map_err(io("read it"))?;
    if Packing::of(&start[..read]).is_none() {
        return Ok(file);
    }
    let mut packed = TextStream::new(file, path)?;
    packed.format()?;
    let mut kept = temporary()?;
    while let Some(lines) = packed.next_lines()? {
        kept.write_all(&lines).map_err(io("be unpacked into a temporary file"))?;
    }
    rewind(&mut kept, path)?;
    Ok(kept)
}

/// A file without a name, in the folder for such files.
pub(crate) fn temporary() -> Result<File, FrameError> {
    let failed = |error: io::Error| FrameError::Format {
        what: format!("a temporary file in {}", std::env::temp_dir().display()),
        cause: format!("cannot be made: {error}"),
    };
    tempfile::tempfile().map_err(failed)
}

fn rewind(file: &mut File, path: &Path) -> Result<(), DataError> {
    file.rewind().map_err(|cause| DataError::Io { path: path.to_path_buf(), doing: "read it", cause })
}
