//! The locks of a run folder: `lock`, which its coordinator has for itself, and `joined`, which all have together who compute shares of it beside that.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::error::RunError;
use crate::file::open;

pub(crate) const LOCK: &str = "lock";

/// With this begins what whoever has it writes into it.
pub(crate) const HOLDER: &str = "process ";

/// Nothing of the folder is removed while somebody has this one.
pub(crate) const JOINED: &str = "joined";

/// Whoever only looks who holds the lock has it for a moment: so often it is tried, with this pause between.
const TRIES: u32 = 9;
const PAUSE: Duration = Duration::from_millis(25);

/// Takes the lock and writes down who has it.
pub(crate) fn lock(path: &Path) -> Result<File, RunError> {
    lock_with(path, || std::thread::sleep(PAUSE))
}

fn lock_with(path: &Path, mut pause: impl FnMut()) -> Result<File, RunError> {
    let file = path.join(LOCK);
    let failed = |cause| RunError::io(&file, "lock it")(cause);
    for left in (0..TRIES).rev() {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = open(&file, &mut options).map_err(failed)?;
        match lock.try_lock() {
            // Whoever had it may have removed it.
            Ok(()) if !is_at(&lock, &file) => {}
            Ok(()) => {
                let who = format!("{HOLDER}{} on {}\n", std::process::id(), host());
                let written =
                    lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(who.as_bytes()));
                return written.map(|()| lock).map_err(failed);
            }
            Err(TryLockError::WouldBlock) if left == 0 => {
                let mut holder = String::new();
                // Only for the message.
                let _ = lock.read_to_string(&mut holder);
                return Err(in_use(path, holder.trim()));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        if left > 0 {
            pause();
        }
    }
    Err(in_use(path, ""))
}

/// Says that somebody computes a share, as long as the file is open. The coordinator has made it.
pub(crate) fn join(path: &Path) -> Result<File, RunError> {
    let file = path.join(JOINED);
    let failed = |cause| RunError::io(&file, "lock it")(cause);
    for left in (0..TRIES).rev() {
        let joined = open(&file, OpenOptions::new().read(true)).map_err(failed)?;
        match joined.try_lock_shared() {
            Ok(()) if is_at(&joined, &file) => return Ok(joined),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            // Whoever has it for himself removes what is in the folder, or only looks.
            Ok(()) | Err(TryLockError::WouldBlock) if left > 0 => std::thread::sleep(PAUSE),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
        }
    }
    Err(in_use(path, "a process that removes what is in it"))
}

/// Sees that nobody computes a share, and lets nobody begin with one, as long as the file is open.
pub(crate) fn alone(path: &Path) -> Result<File, RunError> {
    let file = path.join(JOINED);
    let failed = |cause| RunError::io(&file, "lock it")(cause);
    let mut options = OpenOptions::new();
    let joined = open(&file, options.read(true).write(true).create(true).truncate(false)).map_err(failed)?;
    match joined.try_lock() {
        Ok(()) => Ok(joined),
        Err(TryLockError::WouldBlock) => Err(in_use(path, "processes that compute shares of it (mpexec runs element)")),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn in_use(path: &Path, holder: &str) -> RunError {
    let holder = if holder.is_empty() { "another process" } else { holder };
    RunError::InUse { path: path.to_path_buf(), holder: holder.to_owned() }
}

fn is_at(open: &File, path: &Path) -> bool {
    match (open.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Who holds the lock, if somebody does.
pub(crate) fn holder(path: &Path) -> Option<String> {
    let mut lock = open(&path.join(LOCK), OpenOptions::new().read(true)).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).ok()?;
            Some(crate::shown::line(holder.trim()))
        }
        _ => None,
    }
}

pub(crate) fn host() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '.').collect();
    if host.is_empty() { "localhost".to_owned() } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        drop(lock(folder.path()).unwrap());
        let looking = File::open(folder.path().join(LOCK)).unwrap();
        looking.lock_shared().unwrap();
        let (mut looking, mut pauses) = (Some(looking), 0);
        let held = lock_with(folder.path(), || {
            pauses += 1;
            looking.take();
        });
        assert!(held.is_ok());
        assert_eq!(pauses, 1);
        assert_eq!(holder(folder.path()), Some(format!("process {} on {}", std::process::id(), host())));
        let mut pauses = 0;
        let refused = lock_with(folder.path(), || pauses += 1);
        assert!(matches!(refused, Err(RunError::InUse { .. })));
        assert_eq!(pauses, TRIES - 1);
    }

    #[test]
    fn any_number_may_join_and_then_nobody_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(join(folder.path()), Err(RunError::Io { .. })), "there is no coordinator yet");
        drop(alone(folder.path()).unwrap());
        let joined = [join(folder.path()).unwrap(), join(folder.path()).unwrap()];
        let told = alone(folder.path()).unwrap_err().to_string();
        assert!(told.contains(": is in use by processes that compute shares of it"), "{told}");
        drop(joined);
        let alone = alone(folder.path()).unwrap();
        assert!(matches!(join(folder.path()), Err(RunError::InUse { .. })));
        drop(alone);
        join(folder.path()).unwrap();
    }

    #[test]
    fn a_lock_that_was_removed_meanwhile_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Some(lock(folder.path()).unwrap());
        let second = lock_with(folder.path(), || {
            if first.take().is_some() {
                fs::remove_file(folder.path().join(LOCK)).unwrap();
            }
        });
        let (second, place) = (second.unwrap(), folder.path().join(LOCK));
        assert!(is_at(&second, &place));
        fs::remove_file(&place).unwrap();
        let third = lock(folder.path()).unwrap();
        assert!(is_at(&third, &place) && !is_at(&second, &place));
    }
}
