//! A cgroup (version 2) for each worker, so that a kill takes what has left the worker's process group too.
//!
//! A pool has a folder in the cgroup of this process, and each worker one within that. A worker enters its own at the top of
//! `init`, before anything of the user's runs; moving it from outside would make the supervisor wait for the kernel (10 to 20 ms).
//! A thread of the pool kills and removes: a folder can be removed only when the last process in it is gone.
//!
//! The pool's folder is locked as long as its coordinator lives, whatever ends that. So whoever makes another one can tell which
//! were left behind, also from a container in which numbers of processes mean something else, and removes these. A child that the coordinator
//! has forked holds the lock with it (the kernel knows no lock of a folder that a fork does not share): as long as that lives, an empty folder stays.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};

/// How the folders of pools are called at the beginning.
const MARK: &str = "mpexec-";
/// So many names are tried.
const NAMES: u64 = 1_000;
/// So long it is waited until the last process of a folder is gone.
const DYING: Duration = Duration::from_secs(2);

/// What there is to do for the thread of a pool.
enum Errand {
    /// A worker is over.
    Remove(PathBuf),
    /// The pool is.
    End,
}

/// The folder of one pool. Dropping it kills what is left in it and removes it, behind the back of whoever drops it.
#[derive(Debug)]
pub(crate) struct PoolGroup {
    path: PathBuf,
    next: AtomicU64,
    errands: Sender<Errand>,
    ended: Arc<(Mutex<bool>, Condvar)>,
}

/// The folder of one worker. Dropping it has what is left in it killed, and itself removed.
#[derive(Debug)]
pub(crate) struct WorkerGroup {
    path: PathBuf,
    errands: Sender<Errand>,
}

impl PoolGroup {
    /// Makes one, and has those removed whose coordinators were killed.
    ///
    /// # Errors
    /// Why none can be had.
    pub(crate) fn new() -> io::Result<PoolGroup> {
        let home = home()?;
        let (path, lock) = make_locked(&home)?;
        let (errands, received) = channel();
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (own, done) = (path.clone(), ended.clone());
        let serve = move || {
            serve(&home, &own, &received);
            // From here on it is nobody's, should it still be there.
            drop(lock);
            *done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            done.1.notify_all();
        };
        let started = std::thread::Builder::new().name("mpexec-cgroup".into()).stack_size(128 << 10).spawn(serve);
        started.inspect_err(|_| drop(fs::remove_dir(&path)))?;
        Ok(PoolGroup { path, next: AtomicU64::new(0), errands, ended })
    }

    /// A folder for a worker.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn for_worker(&self) -> io::Result<WorkerGroup> {
        let path = self.path.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&path)?;
        Ok(WorkerGroup { path, errands: self.errands.clone() })
    }

    /// The pool is over: what is left is killed, the folders are removed.
    pub(crate) fn end(&self) {
        let _ = self.errands.send(Errand::End);
    }

    /// Waits for that.
    pub(crate) fn wait_ended(&self, deadline: Option<Instant>) {
        let last = Instant::now() + DYING;
        let last = deadline.map_or(last, |deadline| deadline.min(last));
        let mut ended = self.ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            let left = last.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            ended = self.ended.1.wait_timeout(ended, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for PoolGroup {
    fn drop(&mut self) {
        self.end();
    }
}

impl WorkerGroup {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a process is in it.
    pub(crate) fn is_populated(&self) -> bool {
        is_populated(&self.path)
    }
}

impl Drop for WorkerGroup {
    fn drop(&mut self) {
        let _ = self.errands.send(Errand::Remove(std::mem::take(&mut self.path)));
    }
}

/// Enters a cgroup with the whole process that calls this.
///
/// # Errors
/// What the system says.
pub(crate) fn enter(path: &Path) -> io::Result<()> {
    fs::write(path.join("cgroup.procs"), "0")
}

/// The thread's life.
fn serve(home: &Path, own: &Path, errands: &Receiver<Errand>) {
    sweep(home);
    // The other end lives as long as the folder.
    while let Ok(Errand::Remove(path)) = errands.recv() {
        kill_and_remove(&path);
    }
    kill_and_remove(own);
}

/// Removes what coordinators have left that were killed, and kills what is in there.
fn sweep(home: &Path) {
    let Ok(entries) = fs::read_dir(home) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_a_pools)) {
        let Ok(folder) = File::open(entry.path()) else { continue };
        // Whoever holds the lock lives.
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            kill_and_remove(&entry.path());
        }
    }
}

/// Whether a folder of this name is one of ours: what only begins like it is somebody else's, with all that runs in there.
fn is_a_pools(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix(MARK).and_then(|rest| rest.split_once('-')).is_some_and(|(pid, nth)| number(pid) && number(nth))
}

/// Makes a folder that nobody sweeps away.
fn make_locked(home: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let pid = std::process::id();
    for _ in 0..NAMES {
        let path = home.join(format!("{MARK}{pid}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        // As long as it is not locked somebody may take it for one that was left behind, and remove it.
        if !path.join("cgroup.kill").exists() {
            match fs::remove_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                _ => return Err(io::Error::other("the kernel is older than Linux 5.14")),
            }
        }
        let Ok(folder) = File::open(&path) else { continue };
        let held = flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok();
        let same = fs::metadata(&path).and_then(|now| Ok(now.ino() == folder.metadata()?.ino()));
        if held && same.unwrap_or(false) {
            return Ok((path, folder));
        }
    }
    Err(io::Error::other("all names are taken"))
}

fn is_populated(path: &Path) -> bool {
    File::open(path.join("cgroup.events")).is_ok_and(|mut events| says_populated(&mut events))
}

/// Read anew. Who polls the file is told of what has changed since it was read through the very same descriptor, and without that
/// of something at once, each time.
fn says_populated(events: &mut File) -> bool {
    let mut text = String::new();
    let read = events.rewind().and_then(|()| events.read_to_string(&mut text));
    read.is_ok() && text.lines().any(|line| line == "populated 1")
}

/// Kills all in it and in those below, and removes it when the last is gone.
fn kill_and_remove(path: &Path) {
    let kill = || fs::OpenOptions::new().write(true).open(path.join("cgroup.kill"))?.write_all(b"1");
    if kill().is_err() {
        // It is gone; or it is not ours to kill, and then not ours to remove.
        return;
    }
    let deadline = Instant::now() + DYING;
    let Ok(mut events) = File::open(path.join("cgroup.events")) else { return };
    while says_populated(&mut events) {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return };
        // The kernel tells of a change.
        let _ = poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&left));
        if Instant::now() >= deadline {
            return;
        }
    }
    remove_tree(path);
}

fn remove_tree(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    let _ = fs::remove_dir(path);
}

/// Which of the trees of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// The one of version 2.
    Unified,
    /// That of version 1 for memory.
    Memory,
}

/// Where this process may make cgroups: its own one.
fn home() -> io::Result<PathBuf> {
    folder_in(Tree::Unified)
        .ok_or_else(|| io::Error::other("no cgroup of version 2 is mounted here that this process is in"))
}

/// The folder of the cgroup that this process is in.
pub(super) fn folder_in(tree: Tree) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    locate(&mounts, &groups, tree)
}

/// The folder of the cgroup that a process is in, by what the system tells it of its mounts and its groups.
fn locate(mounts: &str, groups: &str, tree: Tree) -> Option<PathBuf> {
    let has_memory = |list: &str| list.split(',').any(|one| one == "memory");
    let own = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, own) = (fields.next()?, fields.next()?);
        let fits = if tree == Tree::Unified { controllers.is_empty() } else { has_memory(controllers) };
        fits.then_some(own)
    })?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (unescaped(fields.next()?), unescaped(fields.next()?));
        let mut kind = kind.split(' ');
        let fits = match (kind.next()?, tree) {
            ("cgroup2", Tree::Unified) => true,
            ("cgroup", Tree::Memory) => kind.nth(1).is_some_and(has_memory),
            _ => false,
        };
        // Of a part of the tree only what lies below it can be seen.
        let below = Path::new(own).strip_prefix(&root).ok().filter(|_| fits)?;
        let outside = below.components().any(|part| part == std::path::Component::ParentDir);
        (!outside).then(|| Path::new(&point).join(below))
    })
}

/// Blanks and a few other characters are written as three octal digits.
fn unescaped(field: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(field.to_owned(), |field, (code, plain)| field.replace(code, plain))
}

#[cfg(test)]
mod tests;
