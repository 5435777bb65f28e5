//! All four ends over plain memory: what Miri can run, and so the check of the unsafe code itself,
//! of its aliasing and of every access that is not ordered with the other side's.

use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::result_receiver::{ResultReceiver, Upto};
use crate::result_sender::ResultSender;
use crate::task_receiver::TaskReceiver;
use crate::task_sender::TaskSender;

const CAPACITY: u64 = 4096;

fn ends() -> (TaskSender, ResultReceiver, TaskReceiver, ResultSender) {
    let capacity = Capacity::new(CAPACITY).unwrap();
    let [task_write, task_read] = Map::of_heap(HEADER_PAGE + CAPACITY as usize);
    let [result_read, result_write] = Map::of_heap(HEADER_PAGE + CAPACITY as usize);
    let [page] = Map::of_heap(HEADER_PAGE);
    let results = ForeignMemory::new(result_read, capacity);
    let tasks = TrustedMemory::new(task_read, capacity);
    (
        TaskSender::new(OwnMemory::new(task_write, capacity), results.clone(), capacity),
        ResultReceiver::new(results, capacity),
        TaskReceiver::new(tasks.clone(), capacity),
        ResultSender::new(OwnMemory::new(result_write, capacity), tasks, TrustedMemory::page(page), capacity),
    )
}

/// Waits by looking again, but not for a coordinator that failed.
struct Patience(Instant);

impl Patience {
    fn wait(&self) {
        assert!(Instant::now() < self.0, "the coordinator does nothing any more");
        thread::yield_now();
    }
}

/// Answers every task with its bytes in groups of three, without ever sleeping (Miri has no futex
/// of ours).
fn serve(mut tasks: TaskReceiver, mut results: ResultSender, count: u64) {
    let signals = tasks.signals();
    let patience = Patience(Instant::now() + Duration::from_secs(300));
    for ordinal in 0..count {
        if ordinal % 3 == 0 {
            results.begin_group(1, ordinal);
        }
        while !tasks.has_news() {
            patience.wait();
        }
        let record = tasks.next().unwrap().unwrap();
        results.begin(ordinal);
        assert!(!signals.is_withdrawn(ordinal));
        let len = record.payload.len();
        while results.append_space(len, len).is_none() {
            results.publish();
            patience.wait();
        }
        results.append_space(len, len).unwrap().copy_from_slice(record.payload);
        results.append(len);
        results.end(ordinal + 1);
        if ordinal % 3 == 2 {
            results.end_group();
            results.publish();
        }
    }
}

#[test]
fn two_threads_share_plain_memory_without_a_race() {
    let count = if cfg!(miri) { 60 } else { 3000 };
    let len = |number: u64| (number * 37 % 700 + 1) as usize;
    let (mut tasks, mut results, worker, sender) = ends();
    thread::scope(|scope| {
        let worker = scope.spawn(|| serve(worker, sender, count));
        let (mut sent, mut answered, mut got) = (0, 0, 0);
        let mut spans = std::collections::VecDeque::new();
        while answered < count {
            if sent < count
                && let Some(room) = tasks.grant(len(sent), len(sent))
            {
                room.fill(sent as u8);
                spans.push_back(tasks.commit(len(sent), 1, sent));
                sent += 1;
                tasks.publish();
            }
            tasks.set_withdrawn(count, count + sent);
            let mut out = Vec::new();
            let upto = if sent % 2 == 0 { Upto::Published } else { Upto::Complete };
            if results.take(upto, &mut out).unwrap().is_none() {
                let alone = worker.is_finished();
                // The worker may wait for either.
                let more = results.take(Upto::Complete, &mut out).unwrap();
                assert!(more.is_some() || !alone, "the worker is gone and its results are not here");
                thread::yield_now();
            }
            for byte in out {
                assert_eq!(byte, answered as u8);
                got += 1;
                if got == len(answered) {
                    (answered, got) = (answered + 1, 0);
                    tasks.free_to(spans.pop_front().unwrap());
                }
            }
            results.release(&tasks);
        }
        assert_eq!(results.progress().done, count);
    });
}

#[test]
#[should_panic(expected = "an access stays within the ring")]
fn an_offset_outside_the_ring_is_a_panic_and_no_access() {
    let [map] = Map::of_heap(HEADER_PAGE + CAPACITY as usize);
    let memory = ForeignMemory::<ResultCells>::new(map, Capacity::new(CAPACITY).unwrap());
    memory.copy_out(CAPACITY - 8, 9, &mut Vec::new());
}

#[test]
#[should_panic(expected = "an access stays within the ring")]
fn a_length_that_overflows_is_a_panic_and_no_access() {
    let [map] = Map::of_heap(HEADER_PAGE + CAPACITY as usize);
    let memory = OwnMemory::<TaskCells>::new(map, Capacity::new(CAPACITY).unwrap());
    memory.bytes(16, usize::MAX);
}

#[test]
#[should_panic(expected = "a segment is a header page and its ring")]
fn a_map_of_another_size_is_no_segment() {
    let [map] = Map::of_heap(HEADER_PAGE);
    OwnMemory::<TaskCells>::new(map, Capacity::new(CAPACITY).unwrap());
}

#[test]
fn what_is_copied_out_is_appended_and_room_is_exact_for_the_first() {
    let [map] = Map::of_heap(HEADER_PAGE + CAPACITY as usize);
    let memory = ForeignMemory::<ResultCells>::new(map, Capacity::new(CAPACITY).unwrap());
    let mut out = Vec::new();
    memory.copy_out(0, 100, &mut out);
    assert_eq!((out.len(), out.capacity()), (100, 100));
    memory.copy_out(0, 1, &mut out);
    assert_eq!(out.len(), 101);
}
