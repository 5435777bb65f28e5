//! The folder of a run: `plan.json`, `out/` with one result a range, `log/` with a file for each process that worked in it, and `lock`.
//!
//! A coordinator holds `lock` as long as it lives, so that two do not compute the same. That is for thrift alone: publishing is safe without it.
//! Whoever computes a share of the ranges beside others ([`RunFolder::join`]) holds `joined` together with them, so that nobody removes what is in the folder meanwhile.

mod elsewhere;
mod inputs;
mod others;
mod ours;
mod outside;
mod publishing;
mod who;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Fault, RunError};
use crate::file;
use crate::lock::{alone, join, lock};
use crate::plan::Plan;
use crate::result::{self, TEMPORARY};
pub(crate) use elsewhere::Role;
pub use elsewhere::{Elsewhere, Missing, Share, Stage};
pub use outside::Status;
pub(crate) use publishing::Finished;
use who::{is_left_behind, who};

const PLAN: &str = "plan.json";
const DONE: &str = "done";
/// What others who compute have been told; see `folder/others.rs`.
const ENGINE: &str = "engine.json";
const PROGRAMS: &str = "bin";
const OUT: &str = "out";
const LOG: &str = "log";

/// A run folder, open.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use mpexec_runs::{Cut, Plan, Program, RunError, RunFolder};
/// # let folder = tempfile::tempdir()?;
/// # let dir = folder.path().join("run");
/// # let plan = Plan {
/// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
/// #     task: "square".into(), signature: String::new(), inputs: Vec::new(), command: None,
/// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 4096 },
/// # };
/// let run = RunFolder::open(&dir, &plan, false)?;
/// assert!(!run.is_published("rows-0"));
/// run.publish("rows-0", "-", b"the result")?;
/// assert!(matches!(RunFolder::open(&dir, &plan, false), Err(RunError::InUse { .. })));
/// drop(run);
///
/// let run = RunFolder::open(&dir, &plan, false)?;
/// assert!(run.is_published("rows-0"));
/// assert_eq!(run.result("rows-0", None)?, b"the result");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    hash: String,
    plan: Plan,
    /// What nobody can know of its inputs.
    doubts: Vec<String>,
    /// The host and the number of this process, and what makes it another than any of that name and number.
    who: String,
    /// What is published, by short hashes of the names: there may be a million.
    published: Mutex<HashSet<u128>>,
    /// What is to be published, in the same way.
    wanted: Mutex<HashSet<u128>>,
    role: Role,
    log: Mutex<File>,
    /// That it is not done was seen to.
    undone: AtomicBool,
    /// At all inputs.
    looks: inputs::Looks,
    /// Held until it is dropped.
    _lock: File,
}

impl RunFolder {
    /// Makes the folder, or opens it if it has this plan. `afresh`: the run that is in it is dropped first.
    ///
    /// # Errors
    /// A [`RunError`]: among others if it has another plan, if another process works in it, or if it holds what is no part of a run.
    pub fn open(path: &Path, plan: &Plan, afresh: bool) -> Result<RunFolder, RunError> {
        make(path)?;
        if !is_empty(path)? && !ours::is_run(path)? {
            return Err(RunError::Occupied { path: path.to_path_buf() });
        }
        let lock = lock(path)?;
        match alone(path) {
            Ok(_alone) if afresh => {
                if let Some(path) = ours::foreign(path)? {
                    return Err(RunError::Foreign { path });
                }
                empty(path)?;
            }
            // To compute beside others is no harm.
            Err(RunError::InUse { .. }) if !afresh => {}
            other => drop(other?),
        }
        let mut doubts = Vec::new();
        match RunFolder::read_plan(path) {
            Ok(begun) => {
                let changes = begun.changes(plan);
                if !changes.is_empty() {
                    return Err(RunError::Changed { path: path.to_path_buf(), changes });
                }
                doubts = begun.doubts(plan);
                // What is resumed is what was typed last, and it is done when that is.
                if begun != *plan {
                    undone(path)?;
                    write_whole(path, PLAN, &plan.to_text())?;
                }
            }
            Err(RunError::NoPlan { .. }) => {
                refuse_results_of_others(path, plan)?;
                write_whole(path, PLAN, &plan.to_text())?;
            }
            Err(error) => return Err(error),
        }
        RunFolder::enter(path, plan, doubts, lock)
    }

    /// Enters a folder whose plan was written by a coordinator, to compute a share of its ranges beside others. Nobody can remove what is in it then.
    ///
    /// # Errors
    /// As [`open`](RunFolder::open), but for one that is in use by a coordinator.
    pub fn join(path: &Path, plan: &Plan) -> Result<RunFolder, RunError> {
        // There is none in a folder that is no run.
        RunFolder::read_plan(path)?;
        let joined = join(path)?;
        let begun = RunFolder::read_plan(path)?;
        let changes = begun.changes(plan);
        if !changes.is_empty() {
            return Err(RunError::Changed { path: path.to_path_buf(), changes });
        }
        RunFolder::enter(path, plan, begun.doubts(plan), joined)
    }

    fn enter(path: &Path, plan: &Plan, doubts: Vec<String>, lock: File) -> Result<RunFolder, RunError> {
        let mut made = false;
        for name in [OUT, LOG] {
            match fs::create_dir(path.join(name)) {
                Ok(()) => made = true,
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(RunError::io(&path.join(name), "make the folder")(error));
                }
                Err(_) => {}
            }
        }
        if made {
            // What is published in them is not there after a power cut if they are not.
            result::sync_folder(path)?;
        }
        let who = who();
        let log = path.join(LOG).join(format!("{who}.log"));
        let opened = file::open(&log, OpenOptions::new().append(true).create(true));
        let log = Mutex::new(opened.map_err(RunError::io(&log, "open it"))?);
        let (plan, hash) = (plan.clone(), plan.hash());
        let (path, published, wanted, role) = (path.to_path_buf(), Mutex::default(), Mutex::default(), Role::Here);
        let undone = AtomicBool::new(false);
        let looks = inputs::Looks::begin();
        let run = RunFolder { path, hash, plan, doubts, who, published, wanted, role, log, undone, looks, _lock: lock };
        run.scan(true)?;
        run.note("opened");
        run.doubts.iter().for_each(|doubt| run.note(doubt));
        Ok(run)
    }

    /// Sees what is published, and removes what nobody writes any more, if it is said that this process writes nothing.
    fn scan(&self, remove: bool) -> Result<(), RunError> {
        let out = self.path.join(OUT);
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in out.read_dir().map_err(RunError::io(&out, "read the folder"))? {
            let name = entry.map_err(RunError::io(&out, "read the folder"))?.file_name();
            let name = name.to_string_lossy();
            match name.strip_prefix(TEMPORARY) {
                None if !name.starts_with('.') => drop(published.insert(short(&name))),
                Some(owner) if remove && is_left_behind(owner) => {
                    // Somebody else may be as quick.
                    let _ = fs::remove_file(out.join(&*name));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The plan of a run folder.
    ///
    /// # Errors
    /// A [`RunError`] if there is none, or none that can be read.
    pub fn read_plan(path: &Path) -> Result<Plan, RunError> {
        let file = path.join(PLAN);
        match file::read(&file) {
            Ok(text) => match Plan::of_text(&text, &file) {
                // Others call their files so too.
                Err(_) if !ours::is_run(path)? => Err(RunError::NoPlan { path: path.to_path_buf() }),
                plan => plan,
            },
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(RunError::NoPlan { path: path.to_path_buf() })
            }
            Err(error) => Err(RunError::io(&file, "read it")(error)),
        }
    }

    /// What it computes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What nobody can know of its inputs, in words: those that are too long for a hash of all their bytes, and were touched since the run was begun.
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the result of this range is published, as far as this process has seen.
    pub fn is_published(&self, key: &str) -> bool {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).contains(&short(key))
    }

    /// How many results are published, as far as this process has seen.
    pub fn published(&self) -> u64 {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// The result of this range is one of those that are asked for.
    pub(crate) fn wants(&self, key: &str) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(short(key));
    }

    /// The run is done: so many ranges have their results. They are written down, so that nobody takes the results of others, which nobody asks for any more, for theirs.
    ///
    /// # Errors
    /// [`RunError::Io`] if that cannot be written.
    pub fn finish(&self, ranges: u64) -> Result<(), RunError> {
        if self.is_share() {
            return Ok(());
        }
        self.note(&format!("done {ranges}"));
        self.undone.store(false, Ordering::Relaxed);
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = format!("{ranges}\n");
        text.extend(wanted.iter().map(|key| format!("{key:032x}\n")));
        write_whole(&self.path, DONE, text.as_bytes())
    }

    /// There is work to do: if the run was done, it no longer is.
    pub(crate) fn undone(&self) -> Result<(), RunError> {
        // One look is enough: nobody else says that it is done.
        if self.undone.swap(true, Ordering::Relaxed) { Ok(()) } else { undone(&self.path) }
    }

    /// Adds a line to the log of this process, behind the time in seconds since 1970.
    pub fn note(&self, line: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let line = format!("{now:.3} {}\n", crate::shown::line(line));
        // It is told to whoever wants to know; no result depends on it.
        let _ = self.log.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

/// Where the plan is missing, results tell of which it was: another must not take its place, for they would be lost then.
fn refuse_results_of_others(path: &Path, plan: &Plan) -> Result<(), RunError> {
    for name in outside::results(path)? {
        if let Err(RunError::BadResult { fault: Fault::OtherPlan, .. }) =
            result::header(&path.join(OUT).join(&name), &plan.hash())
        {
            let name = crate::shown::path(Path::new(&name));
            let changes = vec![format!("its plan is missing, and {OUT}/{name} was not computed by this command")];
            return Err(RunError::Changed { path: path.to_path_buf(), changes });
        }
    }
    Ok(())
}

/// What stands for a name: no two of them are the same, as far as anybody lives to see it.
fn short(name: &str) -> u128 {
    let hash = blake3::hash(name.as_bytes());
    u128::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}

fn is_empty(path: &Path) -> Result<bool, RunError> {
    Ok(path.read_dir().map_err(RunError::io(path, "read the folder"))?.next().is_none())
}

/// Takes back that a run is done.
fn undone(path: &Path) -> Result<(), RunError> {
    match fs::remove_file(path.join(DONE)) {
        Ok(()) => result::sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(RunError::io(&path.join(DONE), "remove it")(error)),
    }
}

/// Removes all of a run but its locks.
fn empty(path: &Path) -> Result<(), RunError> {
    let gone = |name: &str, removed: io::Result<()>| match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RunError::io(&path.join(name), "remove it")(error))
        }
        _ => Ok(()),
    };
    // The plan at last: until then the folder is one of that plan, of which results are missing.
    for name in [DONE, ENGINE, PLAN] {
        gone(name, fs::remove_file(temporary(path, name)))?;
    }
    gone(DONE, fs::remove_file(path.join(DONE)))?;
    gone(ENGINE, fs::remove_file(path.join(ENGINE)))?;
    gone(PROGRAMS, fs::remove_dir_all(path.join(PROGRAMS)))?;
    gone(OUT, fs::remove_dir_all(path.join(OUT)))?;
    gone(LOG, fs::remove_dir_all(path.join(LOG)))?;
    gone(PLAN, fs::remove_file(path.join(PLAN)))
}

/// As what a file is written.
fn temporary(path: &Path, name: &str) -> PathBuf {
    path.join(format!("{TEMPORARY}{name}"))
}

/// Makes a folder and those above it that are missing; each is there after a power cut too.
fn make(path: &Path) -> Result<(), RunError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(above)?;
    match fs::create_dir(path) {
        // Somebody else may be as quick.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            Err(RunError::io(path, "make the folder")(error))
        }
        _ => match File::open(above) {
            Ok(above) => above.sync_all(),
            // One that may be entered and written, but not read: what a file system keeps a journal of goes to the disk with what came after it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                File::open(path).and_then(|made| made.sync_all())
            }
            Err(error) => Err(error),
        }
        .map_err(RunError::io(above, "sync it")),
    }
}

/// Writes a file that is there as a whole or not at all.
fn write_whole(path: &Path, name: &str, bytes: &[u8]) -> Result<(), RunError> {
    let (file, temporary) = (path.join(name), temporary(path, name));
    let opened = file::open(&temporary, OpenOptions::new().write(true).create(true).truncate(true));
    let written = opened.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    let named = written.and_then(|()| fs::rename(&temporary, &file));
    if named.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    named.map_err(RunError::io(&file, "write it"))?;
    result::sync_folder(path)
}
