//! Which file an input was, so that a later resume sees whether it still is: its length, its time, and a hash of samples.
//!
//! A hash of everything would read the whole of a large file once more. The beginning (where formats have their header), the end (where others
//! have it) and samples between are read: what was written anew differs in its time, its length or there. Who changes a few bytes in the
//! middle and sets the time back is not seen.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RunError;

/// So many samples are taken,
const SAMPLES: u64 = 16;

/// each of so many bytes.
const SAMPLE: u64 = 16 << 10;

/// What is known of an input.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data.csv");
/// std::fs::write(&path, "a,b\n1,2\n")?;
/// let before = mpexec_runs::InputId::of(&path)?;
/// std::fs::write(&path, "a,b\n1,3\n")?;
/// let after = mpexec_runs::InputId::of(&path)?;
/// assert_ne!(before.hash, after.hash);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputId {
    /// Where it was, in full. It may be elsewhere now.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: i64,
    /// A hash of its beginning, its end and samples between.
    pub hash: String,
}

impl InputId {
    /// Looks at a file.
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be read or is no file.
    pub fn of(path: &Path) -> Result<InputId, RunError> {
        let file = File::open(path).map_err(RunError::io(path, "open it"))?;
        let metadata = file.metadata().map_err(RunError::io(path, "ask about it"))?;
        if !metadata.is_file() {
            let cause = io::Error::new(
                io::ErrorKind::InvalidInput,
                "a run folder needs inputs that can be read again, so files",
            );
            return Err(RunError::io(path, "take it as an input")(cause));
        }
        Ok(InputId {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
            size: metadata.len(),
            modified: modified(&metadata),
            hash: samples(&file, metadata.len()).map_err(RunError::io(path, "read it"))?,
        })
    }

    /// Whether the file of this name has still its length and its time.
    pub(crate) fn seems_to_hold(&self) -> bool {
        self.path.metadata().is_ok_and(|now| now.len() == self.size && modified(&now) == self.modified)
    }

    /// What differs between it as it was and as it is now; `None` if nothing does. Where it lies does not count.
    pub(crate) fn difference(&self, now: &InputId) -> Option<String> {
        let name = crate::shown::path(&self.path);
        if self.size != now.size {
            return Some(format!("the input {name} had {} bytes and has {}", self.size, now.size));
        }
        if self.hash != now.hash {
            return Some(format!("the input {name} holds other bytes"));
        }
        (self.modified != now.modified).then(|| format!("the input {name} was written again since"))
    }
}

/// In nanoseconds since 1970.
fn modified(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

fn samples(file: &File, size: u64) -> io::Result<String> {
    let mut hash = blake3::Hasher::new();
    let mut buffer = vec![0; SAMPLE as usize];
    let step = if size <= SAMPLES * SAMPLE { SAMPLE } else { (size - SAMPLE) / (SAMPLES - 1) };
    for sample in 0..SAMPLES {
        let at = sample * step;
        if at >= size {
            break;
        }
        let part = &mut buffer[..SAMPLE.min(size - at) as usize];
        file.read_exact_at(part, at)?;
        hash.update(part);
    }
    Ok(hash.finalize().to_hex().to_string())
}

/// The hash of all of a file: of a program, of which each byte counts.
///
/// # Errors
/// [`RunError::Io`] if it cannot be read.
pub fn hash_of_file(path: &Path) -> Result<String, RunError> {
    let mut file = File::open(path).map_err(RunError::io(path, "open it"))?;
    let mut hash = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer).map_err(RunError::io(path, "read it"))? {
            0 => return Ok(hash.finalize().to_hex().to_string()),
            length => hash.update(&buffer[..length]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_at_the_beginning_at_the_end_or_in_a_sample_is_seen_and_so_is_a_new_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let bytes = vec![7_u8; 4 << 20];
        std::fs::write(&path, &bytes).unwrap();
        let before = InputId::of(&path).unwrap();
        for at in [0, bytes.len() - 1, (bytes.len() - SAMPLE as usize) / 15] {
            let mut changed = bytes.clone();
            changed[at] = 8;
            std::fs::write(&path, &changed).unwrap();
            let now = InputId { modified: before.modified, ..InputId::of(&path).unwrap() };
            assert!(before.difference(&now).unwrap().contains("other bytes"), "{at}");
        }
        std::fs::write(&path, &bytes[1..]).unwrap();
        assert!(before.difference(&InputId::of(&path).unwrap()).unwrap().contains("had 4194304 bytes and has 4194303"));
        let later = InputId { modified: before.modified + 1, ..before.clone() };
        assert!(before.difference(&later).unwrap().contains("written again"));
        let moved = InputId { path: "elsewhere".into(), ..before.clone() };
        assert_eq!(before.difference(&moved), None);
    }

    #[test]
    fn files_of_any_length_have_a_hash_and_what_is_no_file_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let mut hashes = std::collections::HashSet::new();
        for length in [0, 1, SAMPLE, SAMPLE + 1, SAMPLES * SAMPLE, SAMPLES * SAMPLE + 1] {
            std::fs::write(&path, vec![1; length as usize]).unwrap();
            let id = InputId::of(&path).unwrap();
            assert!(hashes.insert(id.hash) || length > SAMPLES * SAMPLE, "{length}");
        }
        assert!(InputId::of(folder.path()).unwrap_err().to_string().contains("needs inputs that can be read again"));
    }
}
