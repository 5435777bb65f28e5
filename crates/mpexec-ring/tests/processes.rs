//! Two real processes: this test program starts itself again as the worker.
//!
//! The descriptors travel as they do in the engine, over a socket that is the worker's standard
//! input.

#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod common;

use std::io::{IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use common::echo::{Plan, drive, serve};
use common::{Bell, LOST, pattern, write_pattern};
use mpexec_ring::{
    PoolPage, Progress, ResultReceiver, ResultSender, Segments, TaskSender, Upto, Woken, create, open, space_wait,
};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// What the worker is to do.
const ECHO: u8 = 1;
const FLOOD: u8 = 2;

/// Results in a group of the flood.
const GROUP: u64 = 100;

struct Worker {
    child: Child,
    /// The worker leaves when this closes.
    socket: UnixStream,
    tasks: TaskSender,
    results: ResultReceiver,
    page: PoolPage,
    bell: Bell,
}

impl Worker {
    fn start(role: u8, capacity: usize) -> Worker {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_worker_process", "--ignored", "--nocapture"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (tasks, results, segments) = create(capacity).unwrap();
        let page = PoolPage::create().unwrap();
        let bell = Bell::new().unwrap();
        let fds = [segments.tasks.as_fd(), segments.results.as_fd(), page.fd().unwrap(), bell.fd().as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&ours, &[IoSlice::new(&[role])], &mut ancillary, SendFlags::empty()).unwrap();
        Worker { child, socket: ours, tasks, results, page, bell }
    }

    /// Lets it answer, and waits for its end.
    fn drive(self, plan: Plan<impl Fn(u64) -> usize>) {
        let Worker { mut child, socket, tasks, results, page, bell } = self;
        drive(tasks, results, &page, &bell, plan);
        assert!(child.wait().unwrap().success());
        drop(socket);
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What came over the socket, or nothing if there is none: then nobody started this as a worker.
fn received() -> Option<(u8, Vec<OwnedFd>)> {
    let mut role = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let stdin = std::io::stdin();
    let mut slices = [IoSliceMut::new(&mut role)];
    recvmsg(&stdin, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC).ok()?;
    let fds = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds.collect::<Vec<_>>()),
        _ => None,
    })?;
    Some((role[0], fds))
}

#[test]
#[ignore = "not a test: the worker that the tests of this file start"]
fn the_worker_process() {
    let Some((role, fds)) = received() else {
        return;
    };
    let [tasks, results, page, bell] = <[OwnedFd; 4]>::try_from(fds).unwrap();
    // A worker without a coordinator ends, whatever it waits for.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let (tasks, results) = open(Segments { tasks, results }, page).unwrap();
    let bell = Bell::from_fd(bell);
    match role {
        ECHO => serve(tasks, results, &bell),
        FLOOD => flood(results, &bell),
        other => panic!("{other} is no role"),
    }
}

/// Runs tasks without end, each with a result that can be checked.
fn flood(mut results: ResultSender, bell: &Bell) {
    for ordinal in 0.. {
        if ordinal % GROUP == 0 {
            results.begin_group(1, ordinal / GROUP);
        }
        results.begin(ordinal);
        let entry = 8 + length(ordinal);
        while results.append_space(entry, entry).is_none() {
            if results.publish() {
                bell.ring();
            }
            assert_eq!(space_wait(&results, Some(LOST)), Woken::Ready);
        }
        let room = results.append_space(entry, entry).expect("it was there just now");
        room[..8].copy_from_slice(&ordinal.to_le_bytes());
        write_pattern(ordinal, &mut room[8..]);
        results.append(entry);
        results.end(ordinal + 1);
        if ordinal % GROUP == GROUP - 1 {
            results.end_group();
            if results.publish() {
                bell.ring();
            }
        }
    }
}

fn length(ordinal: u64) -> usize {
    (ordinal * 7 % 61) as usize
}

/// Checks the results in `bytes` and counts them on.
fn count_results(mut bytes: &[u8], mut next: u64) -> u64 {
    while let Some((number, rest)) = bytes.split_first_chunk::<8>() {
        assert_eq!(u64::from_le_bytes(*number), next);
        let (payload, rest) = rest.split_at(length(next));
        assert!(payload == pattern(next, payload.len()), "result {next}");
        bytes = rest;
        next += 1;
    }
    next
}

fn take_all(results: &mut ResultReceiver, upto: Upto, next: u64) -> u64 {
    let mut out = Vec::new();
    while results.take(upto, &mut out).unwrap().is_some() {}
    count_results(&out, next)
}

#[test]
fn a_worker_process_answers_every_task_and_leaves() {
    let len = |number| (number % 100) as usize;
    let plan = Plan { count: 200_000, ahead: 2000, spins: true, len };
    Worker::start(ECHO, 1 << 18).drive(plan);
}

#[test]
fn two_processes_that_sleep_in_turn_lose_no_wake_up() {
    let plan = Plan { count: 5000, ahead: 1, spins: false, len: |_| 8 };
    Worker::start(ECHO, 1 << 16).drive(plan);
}

/// What must hold once the worker is dead: every finished task has its result, and at most one
/// more.
fn nothing_finished_is_lost(results: &mut ResultReceiver, found: u64) {
    let Progress { running, done, senseless } = results.progress();
    assert!(!senseless, "{running} with {done} done");
    assert!(found == done || found == done + 1, "{found} results of {done} finished tasks");
    assert!(running == 0 || running == done + 1 || running == done, "{running} with {done} done");
    let again = results.take(Upto::Complete, &mut Vec::new()).unwrap();
    assert_eq!(again, None, "nothing comes twice");
}

#[test]
fn a_worker_killed_in_mid_group_loses_no_finished_result() {
    for round in 0..12 {
        let mut worker = Worker::start(FLOOD, 1 << 20);
        let enough = 37 + round * 211;
        while worker.results.progress().done < enough {
            std::thread::yield_now();
        }
        worker.kill();
        let found = take_all(&mut worker.results, Upto::Complete, 0);
        assert!(found >= enough);
        nothing_finished_is_lost(&mut worker.results, found);
    }
}

#[test]
fn a_worker_killed_while_it_is_drained_loses_no_finished_result() {
    for round in 0..12 {
        let mut worker = Worker::start(FLOOD, 1 << 14);
        let enough = 3000 + round * 777;
        let mut found = 0;
        while found < enough {
            // Both ways of looking, in turn; the second meets groups in the middle.
            let upto = if round % 2 == 0 { Upto::Published } else { Upto::Complete };
            found = take_all(&mut worker.results, upto, found);
            if worker.results.release(&worker.tasks) {
                worker.tasks.wake();
            }
        }
        worker.kill();
        found = take_all(&mut worker.results, Upto::Complete, found);
        nothing_finished_is_lost(&mut worker.results, found);
    }
}
