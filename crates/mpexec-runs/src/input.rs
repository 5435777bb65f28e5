//! Which file an input was, so that a run and whoever resumes it see whether it still is.
//!
//! While a run goes on, that is the file itself: its inode, its length, and both of its times. Who writes into it can set the time of writing back, but not that of the
//! change (`ctime`), which the system sets. So what was computed before the last look was computed of what the plan says.
//!
//! Between runs a file may be copied, moved, or given other rights, which changes the inode or that time and no byte. Then the bytes count: of inputs that are short
//! together, all; of others the beginning (where formats have their header), the end (where others have it) and samples between, because to read the whole of a large input
//! takes as long as many a run. There, who changes a few bytes in the middle and sets the time of writing back is not seen, but that the file is another is told
//! ([`InputId::doubt`]).

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RunError;

/// So many samples are taken,
const SAMPLES: u64 = 16;

/// each of so many bytes.
const SAMPLE: u64 = 16 << 10;

/// If all inputs of a run have no more bytes than this together, all of them are hashed: that takes some hundredths of a second.
const WHOLE: u64 = 64 << 20;

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
#[serde(deny_unknown_fields)]
pub struct InputId {
    /// Where it was, in full. It may be elsewhere now.
    #[serde(with = "crate::plan::path_as_word")]
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: i64,
    /// When anything of it last changed, its rights and its name too; nobody can set that.
    pub changed: i64,
    /// A hash of its beginning, its end and samples between.
    pub hash: String,
    /// A hash of all of it, if it was short enough.
    pub whole: Option<String>,
    #[serde(skip)]
    place: Place,
}

/// Which file of this machine it is. On another machine, and as a copy, it is another, so it is no part of what an input was.
#[derive(Clone, Copy, Debug, Default, Eq)]
struct Place {
    device: u64,
    inode: u64,
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl InputId {
    /// Looks at a file.
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be read or is no file.
    pub fn of(path: &Path) -> Result<InputId, RunError> {
        InputId::look(path, WHOLE)
    }

    /// Looks at all inputs of a run.
    ///
    /// # Errors
    /// As [`of`](InputId::of).
    pub fn of_all<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<InputId>, RunError> {
        let sizes = paths.iter().map(|path| path.as_ref().metadata().map_or(0, |metadata| metadata.len()));
        let whole = if sizes.sum::<u64>() <= WHOLE { WHOLE } else { 0 };
        paths.iter().map(|path| InputId::look(path.as_ref(), whole)).collect()
    }

    /// Looks at a file; all of it is hashed if it has so many bytes at most.
    fn look(path: &Path, whole: u64) -> Result<InputId, RunError> {
        let (file, metadata) = open(path)?;
        let size = metadata.len();
        let failed = |cause| RunError::io(path, "read it")(cause);
        let mut id = InputId {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()),
            size,
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            hash: samples(&file, size).map_err(failed)?,
            whole: None,
            place: Place { device: metadata.dev(), inode: metadata.ino() },
        };
        if size <= whole {
            id.whole = Some(hash_of(file).map_err(failed)?);
        }
        Ok(id)
    }

    /// Whether the file of its name is still the one that was looked at, and nobody has touched it since. That is what can be known of it without reading it.
    pub(crate) fn is_untouched(&self) -> bool {
        // Opened, because a system that has its files from a server asks that only then how they are.
        open(&self.path).is_ok_and(|(_, now)| self.is(&now))
    }

    /// Whether this is the file that was looked at, untouched.
    fn is(&self, now: &Metadata) -> bool {
        let Place { device, inode } = self.place;
        (now.dev(), now.ino(), now.len()) == (device, inode, self.size)
            && nanoseconds(now.mtime(), now.mtime_nsec()) == self.modified
            && nanoseconds(now.ctime(), now.ctime_nsec()) == self.changed
    }

    /// What has become of an input between the look at it and its opening as `file`, in words; `None` if it is the same, and nobody has touched it. Whoever opens an
    /// input looks at it first, asks this, and gives the look to the plan: what is computed then is of the file that the plan says, whatever its name leads to meanwhile.
    ///
    /// ```
    /// # use std::fs::{self, File};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// fs::write(&path, "as it was")?;
    /// let looked = mpexec_runs::InputId::of(&path)?;
    /// assert_eq!(looked.opened(&File::open(&path)?)?, None);
    /// fs::rename(&path, folder.path().join("old"))?;
    /// fs::write(&path, "as it was")?;
    /// assert!(looked.opened(&File::open(&path)?)?.is_some(), "another file");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Io`] if the system tells nothing of the file.
    pub fn opened(&self, file: &File) -> Result<Option<String>, RunError> {
        let now = file.metadata().map_err(RunError::io(&self.path, "ask about it"))?;
        Ok((!self.is(&now)).then(|| self.in_other_hands()))
    }

    fn in_other_hands(&self) -> String {
        let name = crate::shown::path(&self.path);
        format!("the input {name} was written to, replaced, renamed, linked or given other rights")
    }

    /// What has become of an input that is no longer untouched or whose bytes are others; `None` if nothing has.
    pub(crate) fn touched(&self) -> Result<Option<String>, RunError> {
        let (untouched, now) = (self.is_untouched(), InputId::look(&self.path, 0)?);
        Ok(self.difference(&now).or_else(|| (!untouched).then(|| self.in_other_hands())))
    }

    /// What differs between it as it was and as it is now; `None` if nothing does. Where it lies does not count.
    pub(crate) fn difference(&self, now: &InputId) -> Option<String> {
        let name = crate::shown::path(&self.path);
        if self.size != now.size {
            return Some(format!("the input {name} had {} bytes and has {}", self.size, now.size));
        }
        let others = |(before, after): (&String, &String)| before != after;
        if self.hash != now.hash || self.whole.as_ref().zip(now.whole.as_ref()).is_some_and(others) {
            return Some(format!("the input {name} holds other bytes"));
        }
        (self.modified != now.modified).then(|| format!("the input {name} was written again since"))
    }

    /// What nobody can know between it as it was and as it is now, if there is no difference: the file was touched, and only samples of it are known.
    pub(crate) fn doubt(&self, now: &InputId) -> Option<String> {
        let known = self.changed == now.changed || self.whole.is_some() && self.whole == now.whole;
        (!known).then(|| {
            let name = crate::shown::path(&now.path);
            format!(
                "the input {name} was copied, renamed, given other rights, or changed and its time set back since the run was begun: its length, its time of writing and \
                 samples of its bytes are the same, so it is taken to be the same"
            )
        })
    }
}

/// Opens a file that is one: whoever writes into a pipe may never come.
fn open(path: &Path) -> Result<(File, Metadata), RunError> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path).map_err(RunError::io(path, "open it"))?;
    let metadata = file.metadata().map_err(RunError::io(path, "ask about it"))?;
    if !metadata.is_file() {
        let cause =
            io::Error::new(io::ErrorKind::InvalidInput, "a run folder needs inputs that can be read again, so files");
        return Err(RunError::io(path, "take it as an input")(cause));
    }
    Ok((file, metadata))
}

/// Since 1970.
fn nanoseconds(seconds: i64, more: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(more)
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
    let file = File::open(path).map_err(RunError::io(path, "open it"))?;
    hash_of(file).map_err(RunError::io(path, "read it"))
}

fn hash_of(mut file: File) -> io::Result<String> {
    let mut hash = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
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
        let moved = InputId { path: "elsewhere".into(), changed: before.changed + 1, ..before.clone() };
        assert_eq!((before.difference(&moved), before.doubt(&moved)), (None, None));
        let [long, copied] = [&before, &moved].map(|id| InputId { whole: None, ..id.clone() });
        assert_eq!((long.difference(&copied), long.doubt(&long)), (None, None));
        assert!(long.doubt(&copied).unwrap().contains("so it is taken to be the same"));
        // Between the samples, with the time as it was.
        let mut changed = bytes;
        changed[SAMPLE as usize + 1] = 8;
        std::fs::write(&path, &changed).unwrap();
        let now = InputId { modified: before.modified, ..InputId::of(&path).unwrap() };
        assert_eq!(before.hash, now.hash);
        assert!(before.difference(&now).unwrap().contains("other bytes"));
    }

    #[test]
    fn whoever_touches_a_file_is_seen_whatever_he_puts_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("data"), folder.path().join("other"));
        std::fs::write(&path, "as it was").unwrap();
        let look = || InputId::of(&path).unwrap();
        let time = path.metadata().unwrap().modified().unwrap();
        let put_back = || {
            std::fs::write(&path, "as it was").unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        // Clocks of file systems tick every few milliseconds.
        let later = |id: &InputId| {
            mpexec_testkit::wait_until("the clock went on", || {
                std::fs::write(&other, "").unwrap();
                InputId::of(&other).unwrap().changed > id.changed
            });
        };
        let id = look();
        assert!(id.is_untouched() && id.touched().unwrap().is_none());
        later(&id);
        std::fs::write(&path, "as it is!").unwrap();
        put_back();
        assert_eq!((id.difference(&look()), id.is_untouched()), (None, false));
        assert!(id.touched().unwrap().unwrap().contains("data was written to, replaced, renamed"));
        let id = look();
        std::fs::rename(&path, &other).unwrap();
        assert!(!id.is_untouched() && id.touched().is_err());
        put_back();
        assert!(!id.is_untouched(), "another file");
    }

    #[test]
    fn files_of_any_length_have_a_hash_and_what_is_no_file_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let mut hashes = std::collections::HashSet::new();
        for length in [0, 1, SAMPLE, SAMPLE + 1, SAMPLES * SAMPLE, SAMPLES * SAMPLE + 1] {
            std::fs::write(&path, vec![1; length as usize]).unwrap();
            let id = InputId::of(&path).unwrap();
            assert!(id.whole.is_some());
            assert!(hashes.insert(id.hash) || length > SAMPLES * SAMPLE, "{length}");
        }
        let status = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(status.success());
        assert!(InputId::of(&folder.path().join("pipe")).unwrap_err().to_string().contains("so files"));
        assert!(InputId::of(folder.path()).unwrap_err().to_string().contains("needs inputs that can be read again"));
    }
}
