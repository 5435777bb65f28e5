//! Whether a folder is that of a run, and what in it is a part of that. Names alone do not say so: `plan.json`, `lock`, `bin`, `out` and `log` are names that others give
//! to files of theirs, and whoever starts over or cleans up removes what is called so.

use std::fs::{self, DirEntry, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{DONE, ENGINE, LOG, OUT, PLAN, PROGRAMS, temporary};
use crate::error::RunError;
use crate::file;
use crate::lock::{HOLDER, JOINED, LOCK};
use crate::plan::Plan;
use crate::result::{MAGIC, TEMPORARY};

/// Whether a run was begun in a folder: it has a plan of ours, whole or of another version, or a coordinator of ours has written its name into the lock.
pub(super) fn is_run(path: &Path) -> Result<bool, RunError> {
    if file::read(&path.join(PLAN)).is_ok_and(|text| Plan::is_meant_by(&text)) {
        return Ok(true);
    }
    match file::read_text(&path.join(LOCK)) {
        Ok(holder) if holder.starts_with(HOLDER) => Ok(true),
        // Whoever made it was killed before it wrote anything.
        Ok(holder) if holder.is_empty() => {
            let plan = temporary(Path::new(""), PLAN);
            let begun = |name: &Path| [Path::new(LOCK), Path::new(JOINED), &plan].contains(&name);
            Ok(entries(path)?.iter().all(|entry| begun(Path::new(&entry.file_name()))))
        }
        _ => Ok(false),
    }
}

/// Something in the folder of a run that is no part of it.
pub(super) fn foreign(path: &Path) -> Result<Option<PathBuf>, RunError> {
    for entry in entries(path)? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let other = match name.strip_prefix(TEMPORARY).unwrap_or(&name) {
            OUT if is_folder => first(&entry.path(), is_result)?,
            LOG if is_folder => first(&entry.path(), is_log)?,
            // A program may have any name.
            PROGRAMS if is_folder => programs(&entry.path())?,
            PLAN | DONE | ENGINE | LOCK | JOINED | PROGRAMS | OUT | LOG if !is_folder => None,
            _ => Some(entry.path()),
        };
        if other.is_some() {
            return Ok(other);
        }
    }
    Ok(None)
}

/// Each program is a file, or one in a folder for worker programs.
fn programs(path: &Path) -> Result<Option<PathBuf>, RunError> {
    for entry in entries(path)? {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(other) = first(&entry.path(), |_, _| true)?
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// The first file that is no part, and any folder.
fn first(path: &Path, is_part: impl Fn(&str, &Path) -> bool) -> Result<Option<PathBuf>, RunError> {
    let is_other = |entry: &DirEntry| {
        entry.file_type().is_ok_and(|kind| kind.is_dir())
            || !is_part(&entry.file_name().to_string_lossy(), &entry.path())
    };
    Ok(entries(path)?.iter().find(|entry| is_other(entry)).map(DirEntry::path))
}

/// By its name, so that one that is damaged is one too, or by what it begins with.
fn is_result(name: &str, path: &Path) -> bool {
    let is_key = || name.rsplit_once('-').is_some_and(|(_, number)| is_number(number));
    name.starts_with(TEMPORARY) || is_key() || begins_as_result(path).unwrap_or(false)
}

fn begins_as_result(path: &Path) -> io::Result<bool> {
    let mut begins = Vec::new();
    let file = file::open(path, OpenOptions::new().read(true))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut begins)?;
    Ok(begins == MAGIC.as_bytes())
}

/// What a process notes is called as the process, what the job of a shard has said as the shard.
fn is_log(name: &str, _: &Path) -> bool {
    let shard = name.strip_prefix("shard-").and_then(|name| name.strip_suffix(".txt"));
    shard.is_some_and(is_number) || name.strip_suffix(".log").is_some_and(|who| who.split('-').count() > 3)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn entries(path: &Path) -> Result<Vec<DirEntry>, RunError> {
    let unread = |cause| RunError::io(path, "read the folder")(cause);
    fs::read_dir(path).map_err(unread)?.map(|entry| entry.map_err(unread)).collect()
}
