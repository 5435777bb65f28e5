//! The forms of a call beside the plain ones: chosen chunk sizes, failing fast, and every outcome.

use mpexec_core::{PoolError, TaskError, Transport};

use crate::common::{Scratch, builder, open, pass, pool, wait_until};

crate::contract!(
    every_form_equals_the_plain_loop_for_every_chunk_size,
    a_hundred_thousand_items_by_every_chunk_size_equal_the_plain_loop,
    many_items_by_every_chunk_size_come_through_handles_too,
    a_pool_may_have_a_chunk_size_of_its_own,
    settings_that_make_no_sense_are_refused,
    a_try_form_stops_at_the_first_error_with_its_index,
    try_forms_bring_plain_values,
    a_job_of_one_task_ends_as_any_other,
    every_outcome_comes_in_order,
    every_outcome_of_a_job_of_a_pool_that_ends_comes,
);

mod deaths {
    use super::a_crashed_tasks_neighbours_all_succeed;

    crate::process_contract!(a_crashed_tasks_neighbours_all_succeed);
}

fn square(n: u64) -> u64 {
    n.wrapping_mul(n)
}

fn every_form_equals_the_plain_loop_for_every_chunk_size(transport: Transport) {
    let pool = pool(transport, 2);
    for count in [0, 1, 10, 100] {
        let wanted: Vec<u64> = (0..count).map(square).collect();
        for chunk in [1, 6, 40, 1_000] {
            let call = pool.call().chunk_size(chunk);
            assert_eq!(call.map(square, 0..count).unwrap(), wanted, "{count} by {chunk}");
            assert_eq!(call.starmap(square, (0..count).map(|n| (n,))).unwrap(), wanted, "{count} by {chunk}");
            assert_eq!(call.map_async(square, 0..count).get().unwrap(), wanted, "{count} by {chunk}");
            let tuples = (0..count).map(|n| (n,));
            assert_eq!(call.starmap_async(square, tuples).get().unwrap(), wanted, "{count} by {chunk}");
            assert!(call.imap(square, 0..count).map(Result::unwrap).eq(wanted.iter().copied()), "{count} by {chunk}");
            let mut all: Vec<_> =
                call.imap_unordered(square, 0..count).map(|(index, square)| (index, square.unwrap())).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq((0..).zip(wanted.iter().copied())), "{count} by {chunk}");
        }
    }
    assert_eq!(pool.call().chunk_size(6).attempts(2).apply(square, (7,)).unwrap(), 49);
    assert_eq!(pool.call().apply_async(square, (7,)).get().unwrap(), 49);
}

/// Each alone is a message of its own, so most of the time of these tests is that of so many messages.
fn many(transport: Transport) -> u64 {
    if matches!(transport, Transport::Shm | Transport::Socket) { 100_000 } else { 20_000 }
}

/// The handles wait for what the other forms have gone through.
const HANDLED: u64 = 10_000;

fn a_hundred_thousand_items_by_every_chunk_size_equal_the_plain_loop(transport: Transport) {
    let (pool, many) = (pool(transport, 2), many(transport));
    let wanted: Vec<u64> = (0..many).map(square).collect();
    for chunk in [1, 6, 40, 200_000] {
        // Over sockets one message after another takes longest, and what is sent is the same.
        let count = if chunk == 1 && transport == Transport::Socket { 2 * HANDLED } else { many };
        let (call, wanted) = (pool.call().chunk_size(chunk), &wanted[..count as usize]);
        assert!(call.map(square, 0..count).unwrap() == wanted, "map by {chunk}");
        assert!(call.starmap(square, (0..count).map(|n| (n,))).unwrap() == wanted, "starmap by {chunk}");
    }
}

fn many_items_by_every_chunk_size_come_through_handles_too(transport: Transport) {
    let pool = pool(transport, 2);
    let wanted: Vec<u64> = (0..HANDLED).map(square).collect();
    for chunk in [1, 6, 40, 200_000] {
        let call = pool.call().chunk_size(chunk);
        assert!(call.map_async(square, 0..HANDLED).get().unwrap() == wanted, "map_async by {chunk}");
        let tuples = (0..HANDLED).map(|n| (n,));
        assert!(call.starmap_async(square, tuples).get().unwrap() == wanted, "starmap_async by {chunk}");
    }
}

fn a_pool_may_have_a_chunk_size_of_its_own(transport: Transport) {
    let pool = builder(transport, 1).chunk_size(7).build().unwrap();
    assert_eq!(pool.map(square, 0..100).unwrap(), (0..100).map(square).collect::<Vec<_>>());
    assert_eq!(pool.call().chunk_size(1_000).map(square, 0..100).unwrap().len(), 100);
}

fn settings_that_make_no_sense_are_refused(transport: Transport) {
    let refused = builder(transport, 1).chunk_size(0).build().unwrap_err();
    assert!(matches!(refused, PoolError::BadSetting { setting: "chunk_size", .. }), "{refused:?}");
    let pool = pool(transport, 1);
    let zero = pool.call().chunk_size(0);
    let text = |error: TaskError| error.to_string();
    for error in [
        text(zero.apply(square, (1,)).unwrap_err()),
        text(zero.apply_async(square, (1,)).get().unwrap_err()),
        text(zero.map(square, [1]).unwrap_err().error),
        text(zero.map_async(square, [1]).get().unwrap_err().error),
        text(zero.imap(square, [1]).next().unwrap().unwrap_err()),
        text(zero.map_outcomes(square, [1]).remove(0).unwrap_err()),
    ] {
        assert!(error.contains("chunk_size cannot be 0"), "{error}");
    }
    let error = text(pool.call().attempts(0).apply(square, (1,)).unwrap_err());
    assert!(error.contains("attempts cannot be 0"), "{error}");
    assert_eq!(pool.apply(square, (3,)).unwrap(), 9);
}

fn a_try_form_stops_at_the_first_error_with_its_index(transport: Transport) {
    let pool = pool(transport, 2);
    let (started, gate) = (Scratch::new(), Scratch::new());
    let task = |n: u64, started: String, gate: String| {
        if n == 5 {
            return Err(format!("{n} is refused"));
        }
        if n == 30_000 {
            open(&started);
        }
        if n > 5 {
            pass(&gate);
        }
        Ok(n)
    };
    let call = pool.call().chunk_size(1);
    let failed = call.try_starmap(task, (0..).map(|n| (n, started.text(), gate.text()))).unwrap_err();
    assert_eq!(failed.index, 5);
    assert!(matches!(&failed.error, TaskError::Returned(error) if error.message() == "5 is refused"), "{failed:?}");
    gate.open();
    assert_eq!(pool.apply(square, (3,)).unwrap(), 9);
    assert!(!started.is_open(), "the endless rest was not run");
}

fn try_forms_bring_plain_values(transport: Transport) {
    let pool = pool(transport, 2);
    let checked = |a: u64, b: u64| a.checked_sub(b).ok_or("below zero");
    assert_eq!(pool.try_starmap(checked, (0..1_000).map(|n| (2 * n, n))).unwrap(), (0..1_000).collect::<Vec<_>>());
    assert_eq!(pool.try_map(|text: &str| text.parse::<u8>(), ["7".to_owned()]).unwrap(), [7]);
}

fn a_job_of_one_task_ends_as_any_other(transport: Transport) {
    let pool = pool(transport, 2);
    for _ in 0..100 {
        assert_eq!(pool.map(square, [7]).unwrap(), [49]);
        assert_eq!(pool.starmap(|a: u64, b: u64| (a, b), [(1, 2)]).unwrap(), [(1, 2)]);
    }
    assert_eq!(pool.call().attempts(2).chunk_size(9).max_failures(1).map(square, Some(7)).unwrap(), [49]);
    let place = |(): ()| mpexec_core::current_task().map(|task| (task.index, task.attempt));
    assert_eq!(pool.map(place, [()]).unwrap(), [Some((0, 1))]);
    assert_eq!(pool.call().label("a job").map(place, [()]).unwrap(), [Some((0, 1))]);
    let panics = pool.map(|n: u64| if n == 7 { panic!("not {n}") } else { n }, [7]).unwrap_err();
    assert!(panics.index == 0 && matches!(&panics.error, TaskError::Panicked { message, .. } if message == "not 7"));
    let refuses = pool.try_map(|text: String| text.parse::<u8>(), ["x"]).unwrap_err();
    assert!(refuses.index == 0 && matches!(refuses.error, TaskError::Returned(_)), "{refuses}");
    assert_eq!(pool.try_map(|text: String| text.parse::<u8>(), ["7"]).unwrap(), [7]);
    // It says that there is one, and there is none.
    assert!(pool.map(square, Liar).unwrap().is_empty());
    pool.close();
    let closed = pool.map(square, [7]).unwrap_err();
    assert!(closed.index == 0 && matches!(closed.error, TaskError::PoolClosed { .. }), "{closed}");
}

struct Liar;

impl Iterator for Liar {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (1, Some(1))
    }
}

fn every_outcome_comes_in_order(transport: Transport) {
    let pool = pool(transport, 2);
    let outcomes = pool.starmap_outcomes(|a: u32, b: u32| a / b, (0..500).map(|n| (n, n % 5)));
    assert_eq!(outcomes.len(), 500);
    for (n, outcome) in (0u32..).zip(outcomes) {
        match n % 5 {
            0 => assert!(matches!(outcome, Err(TaskError::Panicked { .. })), "{n}"),
            by => assert_eq!(outcome.unwrap(), n / by),
        }
    }
    assert!(pool.map_outcomes(square, 0..0).is_empty());
}

fn every_outcome_of_a_job_of_a_pool_that_ends_comes(transport: Transport) {
    let pool = pool(transport, 2);
    let (running, gate) = (Scratch::new(), Scratch::new());
    let task = |n: u64, running: String, gate: String| {
        if n == 3 {
            open(&running);
            pass(&gate);
        }
        n
    };
    let outcomes = std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("task 3 runs", || running.is_open());
            pool.terminate();
            gate.open();
        });
        pool.starmap_outcomes(task, (0..100_000).map(|n| (n, running.text(), gate.text())))
    });
    assert_eq!(outcomes.len(), 100_000);
    assert!(outcomes[3].is_err() && outcomes[99_999].is_err());
    let good = (0..).zip(&outcomes).filter_map(|(n, outcome)| outcome.as_ref().ok().map(|value| (n, *value)));
    assert!(good.into_iter().all(|(n, value)| n == value));
    let refused = pool.map_outcomes(square, 0..3);
    assert!(refused.len() == 3 && refused.iter().all(|one| matches!(one, Err(TaskError::PoolClosed { .. }))));
}

fn a_crashed_tasks_neighbours_all_succeed(transport: Transport) {
    let pool = pool(transport, 2);
    let task = |n: u64| if n == 50 { std::process::abort() } else { n };
    for (n, outcome) in (0..).zip(pool.call().chunk_size(100).map_outcomes(task, 0..100)) {
        match outcome {
            Err(error) => assert!(n == 50 && matches!(error, TaskError::Crashed { .. }), "{n}: {error}"),
            Ok(value) => assert_eq!(value, n),
        }
    }
}
