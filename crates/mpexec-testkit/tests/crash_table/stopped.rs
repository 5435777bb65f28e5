//! Workers that are stopped (SIGSTOP) while somebody needs a word of them: to leave, to give back, to begin. Whoever waits for
//! it is served within the response limit, and nobody who has no part in it fails.

use std::time::{Duration, Instant};

use mpexec_core::{Exit, Pool, TaskError, Transport};
use mpexec_testkit::processes::{alive, signal, stopped};
use mpexec_testkit::table::{GRACE, RESPONSE_LIMIT};
use mpexec_testkit::{LINKS, Scratch, at_some_pace, builder, forever, open, pass, wait_until};
use rustix::process::Signal;

use crate::alone;

fn pool(link: Transport, workers: usize) -> Pool {
    let pool = builder(link, workers).response_limit(RESPONSE_LIMIT).build().unwrap();
    assert!(pool.wait_ready(None));
    pool
}

fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    wait_until("it is stopped", || stopped(pid));
}

#[test]
fn idle_workers_that_are_stopped_hold_up_no_join() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        let pids = pool.pids();
        pids.iter().copied().for_each(stop);
        let since = Instant::now();
        pool.close();
        pool.join().unwrap();
        assert!(since.elapsed() < RESPONSE_LIMIT + GRACE, "{:?} on {link:?}", since.elapsed());
        assert!(!pids.into_iter().any(alive));
    }
}

#[test]
fn a_pool_that_shrinks_gets_rid_of_a_worker_that_is_stopped() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        let last = pool.pids()[1];
        stop(last);
        pool.resize(1).unwrap();
        wait_until("it is gone", || !alive(last));
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    }
}

/// A task that lies in the batch of a stopped worker, behind one that runs: it never starts. Over shared memory it is taken back;
/// over the socket the worker would have to answer, and the running task fails with it.
#[test]
fn a_task_in_the_hands_of_a_stopped_worker_is_cancelled_in_time() {
    let _alone = alone();
    for link in LINKS {
        for force in [false, true] {
            let pool = pool(link, 1);
            let [started, ran] = [Scratch::new(), Scratch::new()];
            let runs = pool.apply_async(
                |started: String| {
                    open(&started);
                    forever();
                },
                (started.text(),),
            );
            let behind = pool.apply_async(|ran: String| open(&ran), (ran.text(),));
            wait_until("it runs", || started.is_open());
            stop(pool.pids()[0]);
            let since = Instant::now();
            assert!(if force { behind.abort() } else { behind.cancel() }, "{link:?} {force}");
            assert!(since.elapsed() < RESPONSE_LIMIT * 2 + GRACE, "{:?} on {link:?}", since.elapsed());
            assert!(matches!(behind.get(), Err(TaskError::Cancelled { .. })));
            if link == Transport::Shm {
                assert!(runs.abort());
            } else {
                let Err(TaskError::Crashed { exit, stderr, .. }) = runs.get() else { panic!("it ended well") };
                assert_eq!(exit, Exit::Signal(9));
                assert!(stderr.contains("it did not answer within 2s"), "{stderr}");
            }
            assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
            assert!(!ran.is_open());
        }
    }
}

#[test]
fn a_running_task_of_a_stopped_worker_is_aborted_in_time() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let started = Scratch::new();
        let task = |started: String| {
            open(&started);
            forever();
        };
        let pending = pool.apply_async(task, (started.text(),));
        wait_until("it runs", || started.is_open());
        stop(pool.pids()[0]);
        let since = Instant::now();
        assert!(pending.abort());
        assert!(since.elapsed() < RESPONSE_LIMIT * 2 + GRACE, "{:?} on {link:?}", since.elapsed());
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    }
}

/// A worker is not taken for one that does not respond as long as it runs something, whatever lies behind that.
#[test]
fn a_long_task_is_no_want_of_a_response() {
    let _alone = alone();
    at_some_pace(|slower| long_tasks(Duration::from_millis(100) * slower));
}

fn long_tasks(limit: Duration) {
    for link in LINKS {
        let pool = builder(link, 1).response_limit(limit).build().unwrap();
        let gate = Scratch::new();
        let task = |n: u8, gate: String| {
            pass(&gate);
            (n, std::process::id())
        };
        let pending: Vec<_> = (0..5).map(|n| pool.apply_async(task, (n, gate.text()))).collect();
        let worker = pool.pids();
        let since = Instant::now();
        wait_until("many limits have passed", || since.elapsed() > limit * 10);
        gate.open();
        for (n, pending) in (0..5).zip(pending) {
            assert_eq!(pending.get().unwrap(), (n, worker[0]), "on {link:?}");
        }
    }
}

/// What the worker had not begun is not charged to anybody, however often it is to be tried.
#[test]
fn a_call_that_goes_to_a_stopped_worker_runs_elsewhere_free_of_charge() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let first = pool.pids()[0];
        stop(first);
        let since = Instant::now();
        let all = pool.map(|n: u32| (n, std::process::id()), 0..200).unwrap();
        assert!(since.elapsed() < RESPONSE_LIMIT * 2 + GRACE, "{:?} on {link:?}", since.elapsed());
        assert!((0..200).zip(all).all(|(n, (value, pid))| n == value && pid != first));
        // One that runs its task when it is stopped and killed is charged, and told as it was.
        let started = Scratch::new();
        let task = |started: String| {
            open(&started);
            forever();
        };
        let runs = pool.apply_async(task, (started.text(),));
        wait_until("it runs", || started.is_open());
        let pid = pool.pids()[0];
        stop(pid);
        signal(pid, Signal::KILL);
        let Err(TaskError::Crashed { pid: told, exit, .. }) = runs.get() else { panic!("it ended well") };
        assert_eq!((told, exit), (pid, Exit::Signal(9)));
    }
}
