//! A worker that has gone mad writes over all that it can write: it harms at most the tasks that it holds, because the
//! coordinator believes nothing unchecked and the tasks' own bytes are out of its reach.

use std::os::unix::fs::FileExt;

use mpexec_core::{TaskError, Transport};

use crate::alone;
use crate::common::ring::{mappings, own_memory, scribble};
use crate::common::{pool, wait_until};

#[test]
fn a_worker_that_scribbles_over_its_results_harms_only_the_tasks_it_holds() {
    let _alone = alone();
    for fill in [0xff, 0, 1] {
        let pool = pool(Transport::Shm, 2);
        assert!(pool.wait_ready(None));
        let task = |pair: (u64, u8)| {
            let (n, fill) = pair;
            if n == 700 {
                assert!(scribble(fill) > 0);
            }
            n * 3
        };
        let mut failed = 0;
        for (n, result) in (0u64..).zip(pool.imap(task, (0..2_000).map(|n| (n, fill)))) {
            match result {
                Ok(value) => assert_eq!(value, n * 3, "task {n} got another's result"),
                Err(TaskError::Crashed { .. } | TaskError::ResultUndecodable { .. }) => failed += 1,
                Err(other) => panic!("task {n}: {other:?}"),
            }
        }
        assert!(failed < 1_000, "{failed} tasks failed");
        let all = pool.map(|n: u64| n, 0..1_000).unwrap();
        assert!(all.into_iter().eq(0..1_000), "the pool goes on");
    }
}

#[test]
fn an_idle_worker_that_scribbles_is_found_out_and_replaced_or_harmless() {
    let _alone = alone();
    let pool = pool(Transport::Shm, 1);
    for fill in [0xff, 1] {
        let task = |fill: u8, done: String| {
            std::thread::spawn(move || {
                scribble(fill);
                crate::common::open(&done);
            });
        };
        let done = crate::common::Scratch::new();
        let _ = pool.apply(task, (fill, done.text()));
        wait_until("it has scribbled", || done.is_open());
        assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1, "whoever is next is innocent");
        assert_eq!(pool.apply(|n: u8| n, (2,)).unwrap(), 2);
    }
}

#[test]
fn a_worker_cannot_write_over_its_tasks() {
    let _alone = alone();
    let pool = pool(Transport::Shm, 1);
    let refused = || {
        let memory = own_memory();
        let tasks = mappings("mpexec-tasks");
        (tasks.len(), tasks.iter().filter(|(from, _)| memory.write_at(&[1; 64], *from + 8192).is_err()).count())
    };
    let (mapped, refused) = pool.apply(refused, ()).unwrap();
    assert!(mapped > 0);
    assert_eq!(refused, mapped);
}
