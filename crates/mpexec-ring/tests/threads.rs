//! Both ends in one process, millions of records, both sides asleep whenever there is nothing to
//! do.

#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::echo::{Plan, drive, serve};
use common::{Bell, LOST};
use mpexec_ring::{PoolPage, Reason, Upto, Woken, in_process, worker_wait};

fn echo(capacity: usize, plan: Plan<impl Fn(u64) -> usize>) {
    let page = PoolPage::create().unwrap();
    let bell = Bell::new().unwrap();
    let (tasks, results, worker_tasks, worker_results) = in_process(capacity, &page).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| serve(worker_tasks, worker_results, &bell));
        drive(tasks, results, &page, &bell, plan);
    });
}

#[test]
fn a_million_small_records_come_back_in_order() {
    let len = |number| (number % 48) as usize;
    echo(1 << 20, Plan { count: 1_000_000, ahead: 4000, spins: true, len });
}

#[test]
fn one_record_at_a_time_comes_back_to_one_who_spins() {
    echo(1 << 16, Plan { count: 20_000, ahead: 1, spins: true, len: |_| 8 });
}

#[test]
fn one_record_at_a_time_wakes_the_other_side_every_time() {
    echo(1 << 16, Plan { count: 10_000, ahead: 1, spins: false, len: |_| 8 });
}

#[test]
fn rings_that_are_full_all_the_time_lose_nothing() {
    // A quarter of the smallest ring each: both rings hold three of them and wrap all the time.
    let len = |number| 500 + (number % 500) as usize;
    echo(4096, Plan { count: 30_000, ahead: 1000, spins: false, len });
}

#[test]
fn records_of_every_length_up_to_the_longest_come_back() {
    let len = |number| number as usize % ((1 << 14) - 8);
    echo(1 << 16, Plan { count: 16_000, ahead: 50, spins: true, len });
}

#[test]
fn a_wait_without_news_ends_when_its_time_is_up_and_not_before() {
    let page = PoolPage::create().unwrap();
    let (_tasks, results, worker_tasks, sender) = in_process(4096, &page).unwrap();
    for reason in [Reason::Tasks, Reason::Space] {
        let start = Instant::now();
        let time = Duration::from_millis(20);
        assert_eq!(worker_wait(&worker_tasks, &sender, reason, Some(time)), Woken::TimedOut);
        assert!(start.elapsed() >= time);
    }
    assert!(!results.peer_sleeping(), "who is awake does not say that it sleeps");
}

#[test]
fn a_worker_without_room_sleeps_until_room_is_handed_back() {
    let page = PoolPage::create().unwrap();
    let (tasks, mut results, worker_tasks, mut sender) = in_process(4096, &page).unwrap();
    while sender.grant(1000, 1000).is_some() {
        sender.commit(1000, 1, 0);
    }
    sender.publish();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| worker_wait(&worker_tasks, &sender, Reason::Space, Some(LOST)));
        while !results.peer_sleeping() {
            thread::yield_now();
        }
        let mut out = Vec::new();
        assert!(results.take(Upto::Published, &mut out).unwrap().is_some());
        assert!(results.release(&tasks), "the sleeper is told of");
        tasks.wake();
        assert_eq!(waiting.join().unwrap(), Woken::Ready);
    });
    assert!(sender.grant(1000, 1000).is_some());
}

#[test]
fn a_wake_up_without_news_does_not_end_the_wait() {
    let page = PoolPage::create().unwrap();
    let (mut tasks, results, worker_tasks, sender) = in_process(4096, &page).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| worker_wait(&worker_tasks, &sender, Reason::Tasks, Some(LOST)));
        for _ in 0..100 {
            while !results.peer_sleeping() {
                thread::yield_now();
            }
            tasks.wake();
        }
        assert!(!waiting.is_finished());
        tasks.grant(0, 0).unwrap();
        tasks.commit(0, 1, 0);
        tasks.publish();
        tasks.wake();
        assert_eq!(waiting.join().unwrap(), Woken::Ready);
    });
}
