//! A worker that has gone mad writes on its own socket: it costs at most the task that it runs, and neither memory nor
//! descriptors nor the time of the calls on other workers.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use mpexec_core::{TaskError, Transport};
use mpexec_wire::{
    ENTRY_HEADER, FrameKind, FromWorker, GROUP_HEADER, GroupHeader, PARCEL_REF, ParcelRef, ResultHeader, Status,
};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::common::census::{Census, anonymous_memory};
use crate::common::socket::{self, frame};
use crate::common::{Scratch, builder, forever, open, pool, wait_until};
use crate::{LINKS, alone};

/// In a task: sends bytes; when the other end is closed the worker is being killed.
fn send(socket: &OwnedFd, bytes: &[u8], attached: &[BorrowedFd<'_>]) {
    if !socket::send(socket, bytes, attached) {
        forever();
    }
}

fn parcel(id: u64, length: u64) -> Vec<u8> {
    let mut label = [0; PARCEL_REF];
    ParcelRef { parcel: id, len: length }.write_to(&mut label);
    frame(FrameKind::Parcel, 1, &label)
}

/// In a task: sends so many parcels that no result will name, and goes on.
fn send_parcels(count: u64) -> u64 {
    let (own, file) = (socket::own(), memfd_create("parcel", MemfdFlags::CLOEXEC).unwrap());
    for id in 0..count {
        send(&own, &parcel(1_000_000 + id, 1), &[file.as_fd()]);
    }
    forever();
    count
}

/// In a task: says the same for ever: on the socket link that a task it never had was skipped, which is borne.
fn talk_for_ever(started: String) {
    let own = socket::own();
    let mut group = vec![0; GROUP_HEADER];
    GroupHeader { batch: 1 << 40, first: 0, count: 1, nanos: 1, ended: 0 }.write_to(group.first_chunk_mut().unwrap());
    let mut entry = [0; ENTRY_HEADER];
    ResultHeader { len: 0, status: Status::Skipped, flags: 0 }.write_to(&mut entry);
    group.extend_from_slice(&entry);
    let words = frame(FrameKind::Group, 0, &group).repeat(500);
    open(&started);
    loop {
        send(&own, &words, &[]);
    }
}

#[test]
fn parcels_that_no_result_names_cost_the_worker_and_no_descriptors() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        assert!(pool.wait_ready(None));
        assert_eq!(pool.map(|n: u64| n, 0..100).unwrap().len(), 100);
        let before = Census::take();
        let mad = pool.apply_async(send_parcels, (2_000,));
        let mut most = 0;
        wait_until("the worker is given up", || {
            most = most.max(Census::take().descriptors);
            mad.is_ready()
        });
        let Err(TaskError::Crashed { stderr, .. }) = mad.get() else { panic!("it was borne") };
        assert!(stderr.contains("no result names"), "{stderr:?}");
        assert!(most < before.descriptors + 400, "{most} descriptors after {}", before.descriptors);
        assert!(pool.wait_ready(None));
        wait_until("they are closed", || Census::take().descriptors <= before.descriptors);
        assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
    }
}

#[test]
fn a_worker_that_talks_without_end_keeps_nobody_from_the_others() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        assert!(pool.wait_ready(None));
        let (started, memory) = (Scratch::new(), anonymous_memory());
        let mad = pool.apply_async(talk_for_ever, (started.text(),));
        wait_until("it talks", || started.is_open());
        let since = Instant::now();
        for n in 0..500u64 {
            assert_eq!(pool.apply(|n: u64| n + 1, (n,)).unwrap(), n + 1);
        }
        assert_eq!(pool.map(|n: u64| n, 0..500).unwrap().len(), 500);
        assert!(since.elapsed() < Duration::from_secs(200), "{:?} on {link:?}", since.elapsed());
        assert!(anonymous_memory() < memory + (16 << 20));
        pool.terminate();
        pool.join().unwrap();
        assert!(mad.get().is_err());
    }
}

#[test]
fn a_result_longer_than_max_message_fails_its_task_and_says_so() {
    let _alone = alone();
    for link in [Transport::Shm, Transport::Socket, Transport::Memory] {
        let pool = builder(link, 1).max_message(6 << 20).build().unwrap();
        assert_eq!(pool.apply(|length: usize| vec![1u8; length], (5 << 20,)).unwrap().len(), 5 << 20);
        if link == Transport::Memory {
            // A thread cannot be killed, and is trusted anyway.
            continue;
        }
        let error = pool.apply(|length: usize| vec![1u8; length], (7 << 20,)).unwrap_err();
        assert!(matches!(error, TaskError::Crashed { .. }), "{error:?}");
        assert!(error.to_string().contains("bytes, more than max_message (6291456 bytes)"), "{error}");
        assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
    }
}

#[test]
fn a_word_out_of_turn_costs_the_worker_its_task_alone() {
    const KINDS: [FrameKind; 6] = [
        FrameKind::Control,
        FrameKind::Batch,
        FrameKind::Group,
        FrameKind::ParcelBytes,
        FrameKind::Progress,
        FrameKind::Forget,
    ];
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 2);
        for (number, kind) in KINDS.into_iter().enumerate() {
            let task = |number: usize| {
                send(&socket::own(), &frame(KINDS[number], 0, &[0xff; 16]), &[]);
                forever();
            };
            let mad = pool.apply_async(task, (number,));
            assert!(pool.map(|n: u64| n, 0..200).unwrap().into_iter().eq(0..200));
            assert!(matches!(mad.get(), Err(TaskError::Crashed { .. })), "{kind:?} on {link:?}");
        }
        // After its farewell it has nothing to say; and what is no frame at all is told from one.
        let task = |_: u8| {
            let bye = mpexec_wire::encode_to_vec(&FromWorker::Bye).unwrap();
            send(&socket::own(), &frame(FrameKind::Control, 0, &bye).repeat(2), &[]);
            forever();
        };
        assert!(matches!(pool.apply(task, (0,)), Err(TaskError::Crashed { .. })));
        let task = |_: u8| {
            let mut out = Vec::new();
            write!(out, "GET / HTTP/1.1\r\n\r\n").unwrap();
            send(&socket::own(), &out, &[]);
            forever();
        };
        let Err(TaskError::Crashed { stderr, .. }) = pool.apply(task, (0,)) else { panic!("it was borne") };
        assert!(stderr.contains("does not speak this protocol"), "{stderr:?}");
        assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
    }
}

#[test]
fn what_was_printed_is_told_of_the_task_that_ran_and_of_each_that_ran_elsewhere() {
    let _alone = alone();
    for link in LINKS {
        let pool = builder(link, 1).capture_output(1 << 16).build().unwrap();
        let task = |n: u32| {
            println!("task {n}");
            if n == 1 {
                send(&socket::own(), &[0xff; 64], &[]);
                forever();
            }
            n
        };
        let all = pool.call().at_most_once().chunk_size(4).map_captured(task, 0..4);
        let unknown = |outcome: &Result<u32, TaskError>| matches!(outcome, Err(TaskError::OutcomeUnknown { .. }));
        assert!(all[0].outcome.is_ok() && unknown(&all[1].outcome), "{all:?}");
        // Nothing lies behind one that may run once only, so no other may have begun, whatever came.
        assert_eq!(all.iter().filter(|one| unknown(&one.outcome)).count(), 1, "{all:?}");
        for (n, one) in all.iter().enumerate() {
            assert_eq!(String::from_utf8_lossy(&one.stdout), format!("task {n}\n"));
        }
    }
}
