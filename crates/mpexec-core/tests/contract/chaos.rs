//! Workers that are killed and stopped by chance: with attempts enough every answer is right, and what was done is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mpexec_core::{Chaos, ChaosStats, PoolError, TaskError, Transport, Workers};

use crate::common::{Watchdog, builder, wait_until};

fn takes_a_moment(n: u64) -> u64 {
    std::thread::park_timeout(Duration::from_millis(1));
    n * 3
}

fn right(n: u64) -> u64 {
    n * 3
}

#[test]
fn every_answer_is_right_where_workers_are_killed_and_stopped() {
    let _watchdog = Watchdog::new();
    for transport in [Transport::Shm, Transport::Socket] {
        let told = Arc::new(Mutex::new(Vec::<String>::new()));
        let (notes, chaos) = (told.clone(), Chaos::new().kill(0.1).stop(0.05).seed(7));
        let pool = builder(transport, 3).attempts(1_000).chaos(chaos);
        let pool = pool.notes(move |line| notes.lock().unwrap().push(line.to_owned())).build().unwrap();
        let struck = || -> ChaosStats { pool.stats().chaos.unwrap() };
        let enough = || struck().killed >= 5 && struck().stopped >= 2;
        let mut rounds = 0;
        while rounds < 2 || !(enough() || rounds == 50) {
            assert!(pool.map(takes_a_moment, 0..300).unwrap().into_iter().eq((0..300).map(right)), "on {transport:?}");
            let streamed = pool.imap(takes_a_moment, 0..100).map(Result::unwrap);
            assert!(streamed.eq((0..100).map(right)), "on {transport:?}");
            assert_eq!(pool.apply(takes_a_moment, (5,)).unwrap(), 15);
            rounds += 1;
        }
        assert!(enough(), "on {transport:?}, after {rounds} rounds: {:?}", struck());
        pool.close();
        pool.join().unwrap();
        let (struck, crashed) = (struck(), pool.stats().crashed);
        assert!(struck.seed == 7 && crashed >= struck.killed.min(5), "{struck:?}, {crashed} crashed");
        let told = told.lock().unwrap();
        let of = |what: &str| told.iter().filter(|line| line.contains(what)).count() as u64;
        assert_eq!((of("is killed, by chance"), of("is stopped for a while")), (struck.killed, struck.stopped));
    }
}

#[test]
fn a_task_that_is_not_to_be_tried_again_fails_with_its_worker_and_the_pool_goes_on() {
    let _watchdog = Watchdog::new();
    let pool = builder(Transport::Auto, 1).chaos(Chaos::new().kill(0.5)).build().unwrap();
    // One after another: after some deaths before one has begun, a task has to be finished before chance strikes again.
    let takes_many_looks = || std::thread::park_timeout(Duration::from_millis(100));
    wait_until("one dies with its worker", || {
        let ended = pool.apply(takes_many_looks, ());
        assert!(matches!(ended, Ok(()) | Err(TaskError::Crashed { .. })), "{ended:?}");
        ended.is_err()
    });
    wait_until("one is served", || pool.apply(right, (2,)).is_ok_and(|answer| answer == 6));
    assert!(pool.stats().chaos.unwrap().killed > 0);
}

#[test]
fn a_task_that_has_been_tried_again_is_spared_at_its_last_attempt() {
    let _watchdog = Watchdog::new();
    for transport in [Transport::Shm, Transport::Socket] {
        let pool = builder(transport, 2).attempts(2).chaos(Chaos::new().kill(1.0)).build().unwrap();
        let takes_several_looks = |n: u64| {
            std::thread::park_timeout(Duration::from_millis(30));
            n * 3
        };
        let answers = pool.map(takes_several_looks, 0..10).unwrap();
        assert!(answers.into_iter().eq((0..10).map(right)), "on {transport:?}");
        assert!(pool.stats().chaos.unwrap().killed > 0);
    }
}

#[test]
fn without_chances_nobody_is_struck_and_a_seed_is_told() {
    let _watchdog = Watchdog::new();
    let pool = builder(Transport::Auto, 2).chaos(Chaos::new()).build().unwrap();
    assert_eq!(pool.map(takes_a_moment, 0..50).unwrap().len(), 50);
    let struck = pool.stats().chaos.unwrap();
    assert_eq!((struck.killed, struck.stopped), (0, 0));
    assert!(builder(Transport::Auto, 1).build().unwrap().stats().chaos.is_none());
}

#[test]
fn what_cannot_be_done_to_workers_is_refused() {
    let refused = |built: Result<mpexec_core::Pool, PoolError>| {
        matches!(built, Err(PoolError::BadSetting { setting: "chaos", .. }))
    };
    assert!(refused(builder(Transport::Auto, 1).chaos(Chaos::new().kill(1.5)).build()));
    assert!(refused(builder(Transport::Auto, 1).chaos(Chaos::new().stop(f64::NAN)).build()));
    assert!(refused(mpexec_core::Pool::builder().workers(Workers::Inline).chaos(Chaos::new()).build()));
}
