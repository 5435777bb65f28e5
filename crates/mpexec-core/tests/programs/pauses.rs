//! A coordinator that is stopped and goes on, as by Ctrl-Z and `fg`: no time limit runs meanwhile, and each holds afterwards. This
//! program starts itself again as that coordinator.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mpexec_core::{Pool, TaskError, Transport, Workers};
use rustix::process::Signal;

use crate::common::processes::{alive, kill, signal, stopped};
use crate::common::{Scratch, Watchdog, at_some_pace, forever, open, pass, wait_until};
use crate::refusing::Lease;
use crate::slow_starts::{adds_one, leaves, script};

const LINK: &str = "MPEXEC_TEST_LINK";
/// Where the coordinator writes what happens.
const TOLD: &str = "MPEXEC_TEST_TOLD";
/// The worker program of the coordinator that has one.
const PROGRAM: &str = "MPEXEC_TEST_PROGRAM";
/// How long the task may run, in seconds: see [`at_some_pace`].
const LIMIT: &str = "MPEXEC_TEST_LIMIT";
const SECONDS: u32 = 2;

fn limit() -> Duration {
    Duration::from_secs(std::env::var(LIMIT).unwrap().parse().unwrap())
}

#[test]
#[ignore = "the coordinator that another test starts and stops"]
fn a_coordinator_with_a_limited_task() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = std::env::var(LINK).unwrap().parse().unwrap();
    let pool = Pool::builder().workers(Workers::Exact(1)).transport(link).time_limit(limit()).build().unwrap();
    let task = |told: String| {
        std::fs::write(format!("{told}.draft"), std::process::id().to_string()).unwrap();
        std::fs::rename(format!("{told}.draft"), format!("{told}.running")).unwrap();
        pass(&format!("{told}.gate"));
    };
    let first = pool.apply(task, (told.clone(),));
    let second = pool.apply(forever, ());
    let second = matches!(second, Err(TaskError::TimedOut { limit, .. }) if limit == self::limit());
    std::fs::write(format!("{told}.draft"), format!("{first:?} {second}")).unwrap();
    std::fs::rename(format!("{told}.draft"), told).unwrap();
}

fn prints_and_dies() {
    std::io::stderr().write_all(&[b'x'; 200_000]).unwrap();
    std::process::abort()
}

/// The task of one worker has a limit. Others die meanwhile, and each time the supervisor waits for their last words to be taken, of which
/// there are more than is taken: a quarter of a second, several times within the limit.
#[test]
#[ignore = "the coordinator that another test starts, whose stderr is read slowly"]
fn a_coordinator_whose_supervisor_has_much_to_do() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = std::env::var(LINK).unwrap().parse().unwrap();
    let pool = Pool::builder().workers(Workers::Exact(2)).transport(link).build().unwrap();
    let since = Instant::now();
    let limited = pool.call().time_limit(limit()).apply_async(forever, ());
    let mut deaths = 0;
    while !limited.is_ready() && since.elapsed() < limit() * 4 {
        assert!(matches!(pool.apply(prints_and_dies, ()), Err(TaskError::Crashed { .. })));
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1, "no crash loop");
        deaths += 1;
    }
    std::fs::write(format!("{told}.draft"), format!("{deaths} {}", since.elapsed().as_millis())).unwrap();
    std::fs::rename(format!("{told}.draft"), told).unwrap();
    std::process::exit(0);
}

/// Were the time forgiven that the supervisor waits for last words, the task would have many times its limit.
#[test]
fn the_time_that_the_supervisor_works_counts() {
    let _watchdog = Watchdog::new();
    at_some_pace(|slower| last_words_while_a_limit_runs(SECONDS * slower));
}

fn last_words_while_a_limit_runs(seconds: u32) {
    let limit = Duration::from_secs(seconds.into());
    let coordinators = ["shm", "socket"].map(|link| {
        let told = Scratch::new();
        let _turn = crate::writing_or_starting();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["pauses::a_coordinator_whose_supervisor_has_much_to_do", "--exact", "--ignored"])
            .envs([(LINK, link), (TOLD, &told.text()), (LIMIT, &seconds.to_string())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        (link, told, child)
    });
    std::thread::scope(|scope| {
        for (link, told, mut child) in coordinators {
            scope.spawn(move || {
                let (mut stderr, mut some) = (child.stderr.take().unwrap(), [0; 1024]);
                while stderr.read(&mut some).unwrap() > 0 {
                    // Whoever reads slowly does something else meanwhile.
                    std::thread::park_timeout(Duration::from_millis(2));
                }
                assert!(child.wait().unwrap().success(), "on {link}");
                let told = std::fs::read_to_string(told.path()).unwrap();
                let (deaths, millis) = told.split_once(' ').unwrap();
                let took = Duration::from_millis(millis.parse().unwrap());
                assert!(limit <= took && took < limit * 3, "on {link}: ended after {took:?} and {deaths} deaths");
            });
        }
    });
}

struct Coordinator {
    child: Child,
    told: Scratch,
    worker: u32,
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        [self.worker].into_iter().filter(|pid| alive(*pid)).for_each(kill);
        for end in ["running", "gate", "draft"] {
            let _ = std::fs::remove_file(format!("{}.{end}", self.told.text()));
        }
    }
}

impl Coordinator {
    fn start(link: &str, seconds: u32) -> Coordinator {
        let told = Scratch::new();
        let turn = crate::writing_or_starting();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["pauses::a_coordinator_with_a_limited_task", "--exact", "--ignored"])
            .envs([(LINK, link), (TOLD, &told.text()), (LIMIT, &seconds.to_string())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        drop(turn);
        let mut coordinator = Coordinator { child, told, worker: 0 };
        let running = format!("{}.running", coordinator.told.text());
        wait_until("the task runs", || {
            coordinator.worker = std::fs::read_to_string(&running).map_or(0, |pid| pid.parse().unwrap());
            coordinator.worker != 0
        });
        coordinator
    }
}

#[test]
fn no_time_limit_runs_while_the_program_is_stopped() {
    let _watchdog = Watchdog::new();
    at_some_pace(|slower| stopped_programs(SECONDS * slower));
}

fn stopped_programs(seconds: u32) {
    let limit = Duration::from_secs(seconds.into());
    let kinds = [("shm", false), ("socket", false), ("shm", true), ("socket", true)];
    // Each is stopped as soon as its task runs: what it ran before counts.
    let mut stop = Vec::new();
    let all = kinds.map(|(link, whole)| {
        let coordinator = Coordinator::start(link, seconds);
        let pids = [Some(coordinator.child.id()), whole.then_some(coordinator.worker)].into_iter().flatten();
        stop.extend(pids.inspect(|pid| signal(*pid, Signal::STOP)));
        (coordinator, whole)
    });
    wait_until("all stand still", || stop.iter().copied().all(stopped));
    let since = Instant::now();
    wait_until("more than the limit has passed", || since.elapsed() > limit + limit / 2);
    stop.iter().for_each(|pid| signal(*pid, Signal::CONT));
    wait_until("all go on", || !stop.iter().copied().any(stopped));
    // As long as the supervisor needs to see that the time is up, were it so.
    let since = Instant::now();
    wait_until("some looks have passed", || since.elapsed() > limit / 8);
    for (coordinator, _) in &all {
        open(&format!("{}.gate", coordinator.told.text()));
    }
    for (coordinator, whole) in &all {
        wait_until("it tells what happened", || coordinator.told.is_open());
        let told = std::fs::read_to_string(coordinator.told.path()).unwrap();
        assert_eq!(told, "Ok(()) true", "whole: {whole}");
    }
}

#[test]
#[ignore = "the coordinator that another test stops while it starts a worker"]
fn a_coordinator_that_starts_a_worker() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = std::env::var(LINK).unwrap().parse().unwrap();
    let builder = Pool::builder().worker_program(std::env::var_os(PROGRAM).unwrap()).transport(link);
    let pool = builder.workers(Workers::Exact(1)).handshake_limit(limit()).build().unwrap();
    assert!(pool.wait_ready(None));
    std::fs::write(format!("{told}.running"), "").unwrap();
    pass(&format!("{told}.gate"));
    let dies = pool.apply(leaves, ());
    let next = pool.apply(adds_one, (0,));
    std::fs::write(format!("{told}.draft"), format!("{} {next:?}", matches!(dies, Err(TaskError::Crashed { .. }))))
        .unwrap();
    std::fs::rename(format!("{told}.draft"), told).unwrap();
}

/// Who was told to start a process had stood still as well, and the system had started none meanwhile. At the slowest pace it takes less than the 45
/// seconds of the lease.
#[test]
fn the_time_to_start_a_worker_does_not_run_while_the_program_is_stopped() {
    let _watchdog = Watchdog::new();
    at_some_pace(|slower| ["shm", "socket"].iter().for_each(|link| stopped_at_a_start(link, slower)));
}

fn stopped_at_a_start(link: &str, seconds: u32) {
    let (limit, program, told) = (Duration::from_secs(seconds.into()), script(), Scratch::new());
    let turn = crate::writing_or_starting();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["pauses::a_coordinator_that_starts_a_worker", "--exact", "--ignored"])
        .envs([(LINK, link), (TOLD, &told.text()), (LIMIT, &seconds.to_string()), (PROGRAM, &program.text())])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    drop(turn);
    let coordinator = Coordinator { child, told, worker: 0 };
    let (pid, told) = (coordinator.child.id(), coordinator.told.text());
    wait_until("it has a worker", || std::fs::exists(format!("{told}.running")).unwrap());
    let Some(lease) = Lease::of(program.path()) else {
        crate::common::skipped("no file can be leased here");
        return;
    };
    open(&format!("{told}.gate"));
    wait_until("another worker is being started", || lease.is_wanted());
    signal(pid, Signal::STOP);
    let since = Instant::now();
    wait_until("more than the limit has passed", || since.elapsed() > limit + limit / 2);
    signal(pid, Signal::CONT);
    // As long as the supervisor needs to see that the time is up, were it so.
    let since = Instant::now();
    wait_until("some looks have passed", || since.elapsed() > limit / 8);
    assert!(lease.is_wanted());
    drop(lease);
    wait_until("it tells what happened", || coordinator.told.is_open());
    assert_eq!(std::fs::read_to_string(coordinator.told.path()).unwrap(), "true Ok(1)");
}
