//! The last worker is gone and the system gives no process any more: whoever calls is told, and the pool tries again now and then without
//! running hot.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpexec_core::{Pool, Transport};
use rustix::process::Resource;

use crate::common::processes::children;
use crate::common::{Watchdog, wait_until};
use crate::scarcity::{as_somebody_with_limits, builder, limit};

/// The processor time of this process, all its threads together.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap())
}

/// How often the thread that starts processes has gone to sleep: once after each thing that it was asked for.
fn starts_tried() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let is_it = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|it| it.trim() == "mpexec-spawn")
    };
    let spawner = tasks.into_iter().find(is_it).unwrap();
    let status = std::fs::read_to_string(spawner.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

/// The program that is short of processes.
pub(crate) fn processes(link: Transport) {
    let pool = builder(link, 1).build().unwrap();
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    let enough = rustix::process::getrlimit(Resource::Nproc).current;
    limit(Resource::Nproc, 1);
    callbacks_have_a_thread_of_their_own(&pool);
    assert!(pool.apply(|| -> u8 { std::process::abort() }, ()).is_err());
    wait_until("the last worker is gone", || pool.pids().is_empty());
    let told = pool.apply(|n: u8| n, (1,)).unwrap_err().to_string();
    assert!(told.contains("temporarily unavailable"), "{told}");
    let (since, worked, tried) = (Instant::now(), cpu_time(), starts_tried());
    let mut more = 0;
    wait_until("it was tried three times more, and a second and a half has passed", || {
        // Not to look too often: what is looked at is how much this process works.
        std::thread::park_timeout(Duration::from_millis(50));
        more = starts_tried() - tried;
        more >= 3 && since.elapsed() > Duration::from_millis(1_500)
    });
    let (passed, worked) = (since.elapsed(), cpu_time() - worked);
    // A second lies between two tries. Who runs hot tries thousands of times, and has no time left for anything else.
    assert!(more < 100 + passed.as_secs() * 20, "{more} tries within {passed:?}");
    assert!(worked < passed / 2, "{worked:?} of {passed:?}");
    let mut more = rustix::process::getrlimit(Resource::Nproc);
    more.current = enough;
    rustix::process::setrlimit(Resource::Nproc, more).unwrap();
    wait_until("there is room again", || pool.apply(|n: u8| n + 1, (1,)).is_ok());
    pool.close();
    pool.join().unwrap();
    assert!(children().is_empty());
}

/// Also where none can be started any more: whoever asks, cancels or waits may hold what a callback wants.
fn callbacks_have_a_thread_of_their_own(pool: &Pool) {
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "no thread is to be had");
    let (wanted, (told, ends)) = (Arc::new(Mutex::new(())), channel());
    let held = wanted.lock().unwrap();
    let call = |n: u8| {
        let (wanted, told) = (wanted.clone(), told.clone());
        pool.apply_async(|n: u8| n, (n,)).on_success(move |n| {
            drop(wanted.lock());
            told.send((*n, std::thread::current().name().map(str::to_owned))).unwrap();
        })
    };
    let asked = call(1);
    while !asked.is_ready() {
        std::thread::yield_now();
    }
    assert!(!asked.cancel() && !asked.abort(), "it has ended");
    call(2).wait();
    drop(held);
    let names: Vec<_> = ends.iter().take(2).collect();
    assert_eq!(names, [1, 2].map(|n| (n, Some("mpexec-callbacks".to_owned()))));
}

#[test]
fn where_the_last_worker_is_gone_and_none_can_be_started_calls_are_told_and_nothing_runs_hot() {
    let _watchdog = Watchdog::new();
    as_somebody_with_limits("no-more-processes");
}
