//! Forks of the process that has the pool: what they do with their copy harms nobody, and nothing in them waits for what cannot come.
#![expect(unsafe_code, reason = "a fork of the tests, as a program makes one that knows nothing of this library")]

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use mpexec_core::{
    JobError, Pending, Pool, PoolError, Process, TaskError, Transport, Workers, as_completed, wait_all, wait_any,
};

use crate::common::processes::children;
use crate::common::{Scratch, pass, pool, wait_until};
use crate::{LINKS, alone};

/// Says that it runs, and ends when the gate is open.
fn waits(ran: String, gate: String, n: u32) -> u32 {
    std::fs::File::options().append(true).create(true).open(ran).unwrap().write_all(b"x").unwrap();
    if n > 0 {
        pass(&gate);
    }
    n
}

#[test]
fn a_forked_child_of_the_coordinator_drops_nothing_of_it() {
    let _alone = alone();
    for link in LINKS {
        let (pool, ran, gate) = (pool(link, 1), Scratch::new(), Scratch::new());
        let pids = pool.pids();
        let items = |from: u32| (from..from + 20).map(|n| (ran.text(), gate.text(), n)).collect::<Vec<_>>();
        let wait = |(ran, gate, n): (String, String, u32)| waits(ran, gate, n);
        let mut half_read = pool.call().chunk_size(10).imap(wait, items(0));
        assert_eq!(half_read.next().unwrap().unwrap(), 0);
        let job = pool.call().chunk_size(10).starmap_async(waits, items(20));
        let call = pool.apply_async(waits, (ran.text(), gate.text(), 40));
        // SAFETY: the child drops what it has of the pool, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop((half_read, job, call, pool));
            // SAFETY: ends the process, and runs nothing of the tests.
            unsafe { libc::_exit(7) };
        }
        let mut status = 0;
        // SAFETY: waits for the child, and writes a local value.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status:#x}");
        gate.open();
        assert!(half_read.map(Result::unwrap).eq(1..20));
        assert!(job.get().unwrap().into_iter().eq(20..40));
        assert_eq!(call.get().unwrap(), 40);
        assert_eq!(pool.pids(), pids, "its worker lives on");
        assert_eq!(std::fs::read(ran.path()).unwrap().len(), 41, "each ran once");
    }
}

/// What a fork may do with its copy of a pool, until something is answered that is not to be.
fn uses(pool: &Pool, job: Pending<Vec<u32>, JobError>, call: Pending<u32>) -> Result<(), String> {
    let is = |what: &str, right: bool| if right { Ok(()) } else { Err(what.to_owned()) };
    let forked = |error: &TaskError| matches!(error, TaskError::Pool(PoolError::Forked));
    is("apply", pool.apply(|n: u8| n, (1,)).is_err_and(|error| forked(&error)))?;
    is("map", pool.map(|n: u8| n, 0..100).is_err_and(|error| forked(&error.error)))?;
    is("cancel", !call.cancel())?;
    is("get", call.get().is_err_and(|error| forked(&error)))?;
    is("get of a job", job.get().is_err_and(|error| forked(&error.error)))?;
    is("resize", pool.resize(3).is_err())?;
    is("pids", pool.pids().is_empty())?;
    pool.close();
    is("join", matches!(pool.join(), Err(PoolError::Forked)))?;
    pool.terminate();
    is("join", matches!(pool.join_timeout(Duration::from_secs(1)), Err(PoolError::Forked)))?;
    let own =
        Pool::builder().workers(Workers::Exact(1)).transport(pool.transport()).build().map_err(|e| e.to_string())?;
    is("a pool of its own", own.map(|n: u32| n + 1, 0..100).is_ok_and(|all| all.into_iter().eq(1..101)))?;
    own.close();
    own.join().map_err(|error| error.to_string())
}

/// How a fork ends that has used its copy of a pool, or could not because a thread that is not there had it locked.
const USED: i32 = 7;
const LOCKED: i32 = 3;
/// A fork that waits for what does not come is ended after so many seconds.
const HANGS: u32 = 60;

/// The files of the tasks, which a fork is not to take away: where they say that they run, and what they wait for.
#[derive(Clone)]
struct Files(Arc<(Scratch, Scratch)>);

impl Files {
    /// The arguments of a task.
    fn task(&self, n: u32) -> (String, String, u32) {
        (self.0.0.text(), self.0.1.text(), n)
    }

    /// How many have run.
    fn ran(&self) -> usize {
        std::fs::read(self.0.0.path()).unwrap().len()
    }

    fn open_the_gate(&self) {
        self.0.1.open();
    }
}

/// Has a fork use its copy of what was made for it by `make`, until none of our threads is at it in that moment; what was made, for whoever is left.
fn in_a_fork<T>(link: Transport, make: impl Fn(&Files) -> T, uses: impl Fn(T) -> Result<(), String>) -> (T, Files) {
    loop {
        let files = Files(Arc::new((Scratch::new(), Scratch::new())));
        let made = make(&files);
        // SAFETY: the child uses what it has of the pool, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: a number.
            unsafe { libc::alarm(HANGS) };
            let used = catch_unwind(AssertUnwindSafe(|| uses(made)));
            if let Ok(Err(what)) = &used {
                eprintln!("in the fork, {link:?}: {what}");
            }
            let code = used.map_or(LOCKED, |used| if used.is_ok() { USED } else { 1 });
            // SAFETY: ends the process, and runs nothing of the tests.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: waits for the child, and writes a local value.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status), "{status:#x}");
        match libc::WEXITSTATUS(status) {
            USED => return (made, files),
            // The supervisor was at the pool just then; it says so, and that is all that can be done.
            LOCKED => {
                files.open_the_gate();
                drop(made);
                wait_until("its workers have left", || children().is_empty());
            }
            code => panic!("it ended with {code}"),
        }
    }
}

#[test]
fn a_fork_of_the_coordinator_that_uses_the_pool_has_errors_and_its_parent_all_results() {
    let _alone = alone();
    for link in LINKS {
        let make = |files: &Files| {
            let pool = pool(link, 2);
            assert!(pool.wait_ready(None));
            let items = (20..40).map(|n| files.task(n)).collect::<Vec<_>>();
            let job = pool.call().chunk_size(3).starmap_async(waits, items);
            let call = pool.apply_async(waits, files.task(40));
            (pool.pids(), job, call, pool)
        };
        let ((pids, job, call, pool), files) = in_a_fork(link, make, |(_, job, call, pool)| uses(&pool, job, call));
        files.open_the_gate();
        assert!(job.get().unwrap().into_iter().eq(20..40));
        assert_eq!(call.get().unwrap(), 40);
        assert_eq!(pool.pids(), pids, "its workers live on");
        assert_eq!(files.ran(), 21, "each ran once");
    }
}

/// What was begun before the fork.
struct Begun {
    pool: Pool,
    done: Pending<u32>,
    done_job: Pending<Vec<u32>, JobError>,
    /// These say to `told` that they have ended.
    call: Pending<u32>,
    job: Pending<Vec<u32>, JobError>,
    process: Process<u32>,
    told: Arc<AtomicU32>,
}

/// Waits in a fork in every way that there is.
fn waits_for_all(begun: Begun) -> Result<(), String> {
    let is = |what: &str, right: bool| if right { Ok(()) } else { Err(what.to_owned()) };
    let forked = |ended: Result<u32, TaskError>| matches!(ended, Err(TaskError::Pool(PoolError::Forked)));
    let fresh = || [1, 2].map(|n| begun.pool.apply_async(|n: u32| n, (n,)));
    wait_all(&mut fresh());
    is("wait_any", wait_any(&mut fresh()).is_some())?;
    is("as_completed", as_completed(fresh()).filter(|(_, ended)| forked(ended.clone())).count() == 2)?;
    is("as_completed of one that had ended", matches!(as_completed([begun.done]).next(), Some((0, Ok(1)))))?;
    let mut ended = [begun.done_job];
    wait_all(&mut ended);
    let (here, [first, second]) = (Arc::new(AtomicU32::new(0)), fresh());
    let counted = here.clone();
    let first = first.on_error(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    is("get with a callback", forked(first.get()) && here.load(Ordering::SeqCst) == 1)?;
    let (heard, hear) = channel();
    let second = second.on_error(move |_| heard.send(()).unwrap());
    is("a callback without get", hear.recv().is_ok())?;
    drop(second);
    is("get with a callback of before", forked(begun.call.get()))?;
    is("the same of a job", begun.job.get().is_err())?;
    is("the parent's callbacks are not run", begun.told.load(Ordering::SeqCst) == 0)?;
    let mut process = begun.process;
    is("a process that is waited for a while", process.join_timeout(Duration::from_secs(60)).is_ok_and(forked))
}

#[test]
fn a_fork_of_the_coordinator_that_waits_for_what_it_cannot_have_is_told_so() {
    let _alone = alone();
    for link in LINKS {
        let make = |files: &Files| {
            let pool = pool(link, 2);
            assert!(pool.wait_ready(None));
            let done = pool.apply_async(|n: u32| n, (1,));
            let done_job = pool.map_async(|n: u32| n, [1, 2]);
            done.wait();
            done_job.wait();
            let told = Arc::new(AtomicU32::new(0));
            let tells = || {
                let told = told.clone();
                move || {
                    told.fetch_add(1, Ordering::SeqCst);
                }
            };
            let (one, other) = (tells(), tells());
            let call = pool.apply_async(waits, files.task(3)).on_success(move |_| one());
            let failed = tells();
            let call = call.on_error(move |_| failed());
            let items = [files.task(4)];
            let job = pool.starmap_async(waits, items).on_success(move |_| other());
            let process = Process::spawn(waits, files.task(5)).unwrap();
            Begun { pool, done, done_job, call, job, process, told }
        };
        let (mut begun, files) = in_a_fork(link, make, waits_for_all);
        files.open_the_gate();
        assert_eq!(begun.call.get().unwrap(), 3);
        assert_eq!(begun.job.get().unwrap(), [4]);
        assert_eq!(begun.process.join().unwrap(), 5);
        assert_eq!(begun.told.load(Ordering::SeqCst), 2, "each callback has run, once, in the parent");
        assert_eq!(begun.done.get().unwrap(), 1);
        assert_eq!(begun.done_job.get().unwrap(), [1, 2]);
    }
}
