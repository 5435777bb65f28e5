//! Workers that the system cannot kill now, or that this process may not kill: their calls end all the same, and others take their
//! places at once.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mpexec_core::{Exit, Pool, Process, TaskError};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, Uid, getuid, kill_process};
use rustix::thread::set_thread_res_uid;

use crate::common::processes::{alive, children};
use crate::common::{Scratch, at_some_pace, builder, forever, open, pool, wait_until};
use crate::{LINKS, alone};

/// Three seconds, and what a slow and busy machine needs. Whoever is frozen is so until the test ends it.
const GIVEN_UP: Duration = Duration::from_secs(200);

/// Processes in there take no signal, not SIGKILL either, until it is dropped. Only cgroups of version 1 do that.
struct Freezer(PathBuf);

impl Freezer {
    /// `None`, and a word: there is none here.
    fn new(name: &str) -> Option<Freezer> {
        let folder = PathBuf::from(format!("/sys/fs/cgroup/freezer/mpexec-test-{}-{name}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) if folder.join("freezer.state").exists() => Some(Freezer(folder)),
            made => {
                drop(fs::remove_dir(&folder));
                crate::common::skipped(format!("nothing can be frozen here ({made:?})"));
                None
            }
        }
    }

    fn freeze(&self, pid: u32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
        fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
        let frozen = || fs::read_to_string(self.0.join("freezer.state")).unwrap().trim() == "FROZEN";
        wait_until("it is frozen", frozen);
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.thaw();
        let empty = || fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().is_empty();
        wait_until("nobody is in there", empty);
        fs::remove_dir(&self.0).unwrap();
    }
}

fn says_so(gate: String) {
    open(&gate);
    forever();
}

/// A task that runs in a worker that is frozen.
fn frozen_in(pool: &Pool, freezer: &Freezer, limit: Duration) -> (mpexec_core::Pending<()>, u32) {
    let started = Scratch::new();
    let call = pool.call().time_limit(limit).apply_async(says_so, (started.text(),));
    wait_until("it runs", || started.is_open());
    let stats = pool.stats();
    let worker = stats.workers.iter().find(|worker| worker.task.is_some()).unwrap().pid;
    freezer.freeze(worker);
    (call, worker)
}

#[test]
fn a_call_whose_worker_cannot_be_killed_ends_at_its_limit_and_the_place_is_filled() {
    let _alone = alone();
    // So long that it is frozen by then.
    at_some_pace(|slower| a_limit_of_one_that_is_frozen(Duration::from_millis(500) * slower));
}

fn a_limit_of_one_that_is_frozen(limit: Duration) {
    for link in LINKS {
        let Some(freezer) = Freezer::new("limit") else { return };
        // With one worker there is nobody else to serve what comes after.
        let pool = builder(link, 1).build().unwrap();
        let (call, worker) = frozen_in(&pool, &freezer, limit);
        let since = Instant::now();
        let ended = call.get();
        assert!(matches!(ended, Err(TaskError::TimedOut { pid, .. }) if pid == worker), "{ended:?}");
        assert!(since.elapsed() < GIVEN_UP, "{:?} on {link:?}", since.elapsed());
        assert_ne!(pool.apply(std::process::id, ()).unwrap(), worker);
        assert!(alive(worker), "it is still there");
        pool.close();
        pool.join().unwrap();
        assert!(since.elapsed() < GIVEN_UP * 2, "{:?} on {link:?}", since.elapsed());
        drop(freezer);
        wait_until("it is reaped when it has ended", || children().is_empty());
    }
}

#[test]
fn an_abort_and_the_end_of_a_pool_wait_for_no_worker_that_cannot_be_killed() {
    let _alone = alone();
    for link in LINKS {
        let Some(freezer) = Freezer::new("abort") else { return };
        let pool = pool(link, 1);
        let (call, worker) = frozen_in(&pool, &freezer, Duration::from_secs(3600));
        let since = Instant::now();
        assert!(call.abort());
        assert!(matches!(call.get(), Err(TaskError::Cancelled { .. })));
        freezer.thaw();
        wait_until("it is gone", || !alive(worker));
        let (call, _worker) = frozen_in(&pool, &freezer, Duration::from_secs(3600));
        pool.terminate();
        pool.join().unwrap();
        assert!(matches!(call.get(), Err(TaskError::Cancelled { .. })));
        assert!(since.elapsed() < GIVEN_UP, "{:?} on {link:?}", since.elapsed());
        drop(freezer);
        wait_until("it is reaped when it has ended", || children().is_empty());
    }
}

#[test]
fn a_process_that_cannot_be_killed_is_joined_and_told_as_killed() {
    let _alone = alone();
    let Some(freezer) = Freezer::new("process") else { return };
    let mut process = Process::spawn(forever, ()).unwrap();
    freezer.freeze(process.pid());
    let since = Instant::now();
    process.kill();
    let ended = process.join();
    let Err(TaskError::Crashed { stderr, .. }) = ended else { panic!("{ended:?}") };
    assert!(stderr.contains("the system has not ended it within 3s of its kill"), "{stderr:?}");
    assert_eq!(process.exit_status(), Some(Exit::Signal(9)));
    assert!(since.elapsed() < GIVEN_UP, "{:?}", since.elapsed());
    drop(freezer);
    wait_until("it is reaped when it has ended", || children().is_empty());
}

/// Runs something in a thread that has given up root's rights; `None`: it had none.
fn as_nobody<R: Send>(run: impl FnOnce() -> R + Send) -> Option<R> {
    if !getuid().is_root() {
        crate::common::skipped("only root can become another user");
        return None;
    }
    let nobody = Uid::from_raw(65534);
    std::thread::scope(|scope| {
        let runs = scope.spawn(|| {
            set_thread_res_uid(nobody, nobody, nobody).unwrap();
            run()
        });
        Some(runs.join().unwrap())
    })
}

#[test]
fn a_worker_that_may_not_be_killed_is_hung_up_on_and_its_guard_kills_it() {
    let _alone = alone();
    for link in LINKS {
        let mut process = Process::builder().transport(link).spawn(forever, ()).unwrap();
        let pid = Pid::from_raw(process.pid().cast_signed()).unwrap();
        let Some(may) = as_nobody(|| kill_process(pid, Signal::KILL)) else { return };
        assert_eq!(may, Err(Errno::PERM));
        as_nobody(|| process.kill());
        let Err(TaskError::Crashed { exit, stderr, .. }) = process.join() else { panic!("it ended well") };
        // Not as one that was given up, after three seconds: it is over.
        assert_eq!((exit, &*stderr), (Exit::Signal(9), ""), "on {link:?}");
    }
}
