//! Waiting for many handles: the first, the first that fails, all, and each as it comes; with a limit what is done is told
//! from what is not, exactly.

use std::time::Duration;

use mpexec_core::{
    Pending, Pool, TaskError, Transport, Until, Waited, as_completed, wait_all, wait_any, wait_first_error, wait_many,
};

use crate::common::{Scratch, pass, pool};

crate::contract!(
    the_first_that_is_ready_is_told,
    the_first_that_fails_is_told_and_none_when_all_end_well,
    all_are_ready_after_waiting_for_all,
    a_limit_splits_what_is_done_from_what_is_not,
    handles_come_in_the_order_in_which_they_end,
    each_of_many_handles_comes_once,
    handles_of_several_pools_can_be_waited_for_together,
    what_waits_can_be_handed_to_another_thread,
    no_handles_are_no_wait,
);

fn held(pool: &Pool, gate: &Scratch) -> Pending<u32> {
    pool.apply_async(
        |gate: String, n: u32| {
            pass(&gate);
            n
        },
        (gate.text(), 0u32),
    )
}

fn the_first_that_is_ready_is_told(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let mut handles = vec![held(&pool, &gate), pool.apply_async(|n: u32| n, (7u32,))];
    assert_eq!(wait_any(&mut handles), Some(1));
    gate.open();
    for (handle, value) in handles.into_iter().zip([0, 7]) {
        assert_eq!(handle.get().unwrap(), value);
    }
}

fn the_first_that_fails_is_told_and_none_when_all_end_well(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let fails = |n: u32| if n == 3 { panic!("three") } else { n };
    let mut handles = vec![held(&pool, &gate)];
    handles.extend((0..5u32).map(|n| pool.apply_async(fails, (n,))));
    assert_eq!(wait_first_error(&mut handles), Some(4));
    assert!(!handles[0].is_ready(), "it waited for more than the first error");
    gate.open();
    drop(handles.remove(4));
    assert_eq!(wait_first_error(&mut handles), None);
    assert!(handles.iter().all(Pending::is_ready));
}

fn all_are_ready_after_waiting_for_all(transport: Transport) {
    let pool = pool(transport, 2);
    let mut handles: Vec<_> = (0..1000u32).map(|n| pool.apply_async(|n: u32| n, (n,))).collect();
    wait_all(&mut handles);
    assert!(handles.iter().all(Pending::is_ready));
    let mut jobs: Vec<_> = (0..10u32).map(|n| pool.map_async(|n: u32| n, 0..n)).collect();
    wait_all(&mut jobs);
    assert!(jobs.into_iter().zip(0..).all(|(job, n)| job.get().unwrap().len() == n));
}

fn a_limit_splits_what_is_done_from_what_is_not(transport: Transport) {
    let (pool, gate) = (pool(transport, 2), Scratch::new());
    let quick = |n: u32| pool.apply_async(|n: u32| n, (n,));
    let mut handles = vec![quick(1), held(&pool, &gate), quick(2)];
    handles[0].wait();
    handles[2].wait();
    let split = Waited { done: vec![0, 2], not_done: vec![1], error: None };
    for until in [Until::All, Until::FirstError, Until::Any] {
        assert_eq!(wait_many(&mut handles, until, Some(Duration::from_millis(1))), split, "{until:?}");
    }
    gate.open();
    let all = wait_many(&mut handles, Until::All, None);
    assert_eq!(all, Waited { done: vec![0, 1, 2], not_done: vec![], error: None });
}

fn handles_come_in_the_order_in_which_they_end(transport: Transport) {
    let (pool, gates) = (pool(transport, 3), [Scratch::new(), Scratch::new(), Scratch::new()]);
    let mut coming = as_completed(gates.iter().map(|gate| held(&pool, gate)));
    assert_eq!(coming.len(), 3);
    for number in [1, 2, 0] {
        gates[number].open();
        let (came, value) = coming.next().unwrap();
        assert_eq!((came, value.unwrap()), (number, 0));
    }
    assert!(coming.next().is_none() && coming.next().is_none());
}

fn each_of_many_handles_comes_once(transport: Transport) {
    let pool = pool(transport, 2);
    let work = |n: usize| if n % 10 == 9 { panic!("nine") } else { n };
    let mut seen = vec![false; 5000];
    for (number, value) in as_completed((0..seen.len()).map(|n| pool.apply_async(work, (n,)))) {
        assert!(!std::mem::replace(&mut seen[number], true));
        match value {
            Ok(value) => assert_eq!(value, number),
            Err(error) => assert!(number % 10 == 9 && matches!(error, TaskError::Panicked { .. }), "{error}"),
        }
    }
    assert!(seen.into_iter().all(|seen| seen));
}

fn handles_of_several_pools_can_be_waited_for_together(transport: Transport) {
    let (one, other, gate) = (pool(transport, 1), pool(transport, 1), Scratch::new());
    let handles = [held(&one, &gate), other.apply_async(|n: u32| n, (5u32,))];
    let mut coming = as_completed(handles);
    let (first, value) = coming.next().unwrap();
    assert_eq!((first, value.unwrap()), (1, 5));
    gate.open();
    assert_eq!(coming.next().unwrap().0, 0);
}

fn what_waits_can_be_handed_to_another_thread(transport: Transport) {
    let (pool, gate) = (pool(transport, 1), Scratch::new());
    let mut coming = as_completed([held(&pool, &gate), held(&pool, &gate)]);
    let waiting = std::thread::spawn(move || {
        assert!(coming.next().unwrap().1.is_ok());
        coming
    });
    gate.open();
    assert_eq!(waiting.join().unwrap().count(), 1);
}

fn no_handles_are_no_wait(_: Transport) {
    let mut none: Vec<Pending<u8>> = Vec::new();
    assert_eq!(wait_any(&mut none), None);
    assert_eq!(wait_first_error(&mut none), None);
    assert_eq!(wait_many(&mut none, Until::All, None), Waited::default());
    assert_eq!(as_completed(none).count(), 0);
}
