//! A run folder as whoever does not compute sees it: how far it is, and its end.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::ours::{foreign, is_run};
use super::who::who;
use super::{DONE, ENGINE, OUT, RunFolder, short};
use crate::error::RunError;
use crate::file;
use crate::lock::{alone, holder, lock};
use crate::plan::Plan;
use crate::result;

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it computes.
    pub plan: Plan,
    /// How many results are published, and their bytes.
    pub published: u64,
    /// See [`published`](Status::published).
    pub bytes: u64,
    /// How many ranges there are in all, if it is done.
    pub ranges: Option<u64>,
    /// Who works on it.
    pub holder: Option<String>,
    /// What [`write_engine`](RunFolder::write_engine) has kept.
    pub engine: Option<String>,
}

impl RunFolder {
    /// Who works in a folder as its coordinator, if somebody does.
    pub fn holder(path: &Path) -> Option<String> {
        holder(path)
    }

    /// What [`write_engine`](RunFolder::write_engine) has kept in a folder.
    pub fn engine_of(path: &Path) -> Option<String> {
        file::read_text(&path.join(ENGINE)).ok()
    }

    /// How far the run of a folder is. Each result's header and length are looked at, with `thorough` all of its bytes.
    ///
    /// # Errors
    /// A [`RunError`] if it is no run folder, or a result is not what was published.
    pub fn status(path: &Path, thorough: bool) -> Result<Status, RunError> {
        let plan = RunFolder::read_plan(path)?;
        let (hash, out) = (plan.hash(), path.join(OUT));
        let (names, mut bytes, mut result) = (results(path)?, 0, Vec::new());
        for name in &names {
            let file = out.join(name);
            bytes += match thorough {
                false => result::header(&file, &hash)?.0.length,
                true => {
                    result::read(&file, &hash, None, &mut result)?;
                    result.len() as u64
                }
            };
        }
        let (published, engine) = (names.len() as u64, RunFolder::engine_of(path));
        Ok(Status { plan, published, bytes, ranges: done(path, &names), holder: holder(path), engine })
    }

    /// Whether the run of a folder is done.
    ///
    /// # Errors
    /// A [`RunError`] if it is no run folder, or cannot be read.
    pub fn is_done(path: &Path) -> Result<bool, RunError> {
        RunFolder::read_plan(path)?;
        Ok(done(path, &results(path)?).is_some())
    }

    /// Removes a run folder. It loses its name at once, as a whole: what cannot be removed then is beside it, under a name that begins with a dot. `force`: also one that
    /// is not finished.
    ///
    /// # Errors
    /// A [`RunError`] if it is no run folder, is in use, is not finished, or holds what is no part of a run; if it is a link, or is not named, as `.` is not.
    pub fn clean(path: &Path, force: bool) -> Result<(), RunError> {
        // Without a slash behind it, which would be followed.
        let path = path.components().as_path();
        let name = path.file_name().filter(|_| !fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()));
        let Some(name) = name else { return Err(RunError::NotByName { path: path.to_path_buf() }) };
        if !force {
            RunFolder::read_plan(path)?;
        } else if !is_run(path)? {
            return Err(RunError::NoPlan { path: path.to_path_buf() });
        }
        let lock = lock(path)?;
        if !force && done(path, &results(path)?).is_none() {
            return Err(RunError::Unfinished { path: path.to_path_buf() });
        }
        if let Some(path) = foreign(path)? {
            return Err(RunError::Foreign { path });
        }
        let joined = alone(path)?;
        let removed = path.with_file_name(format!(".{}-removed-{}", name.to_string_lossy(), who()));
        fs::rename(path, &removed).map_err(RunError::io(path, "remove it"))?;
        drop((joined, lock));
        fs::remove_dir_all(&removed).map_err(RunError::io(&removed, "remove all that is left of the run"))
    }
}

/// The names of the results that are published, in order. What begins with a dot is none: it is being written, or was left there by a file system, as NFS does with what is
/// removed while somebody reads it.
pub(super) fn results(path: &Path) -> Result<Vec<OsString>, RunError> {
    let out = path.join(OUT);
    let entries = match out.read_dir() {
        // Whoever wrote the plan came no further.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(RunError::io(&out, "read the folder"))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(RunError::io(&out, "read the folder"))?.file_name());
    }
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    Ok(names)
}

/// How many ranges there are, if that was written down and they are published.
fn done(path: &Path, published: &[OsString]) -> Option<u64> {
    let text = file::read_text(&path.join(DONE)).ok()?;
    let mut lines = text.lines();
    let ranges: u64 = lines.next()?.parse().ok()?;
    let there: HashSet<u128> = published.iter().filter_map(|name| name.to_str()).map(short).collect();
    let all = lines.all(|key| u128::from_str_radix(key, 16).is_ok_and(|key| there.contains(&key)));
    (all && published.len() as u64 >= ranges).then_some(ranges)
}
