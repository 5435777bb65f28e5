//! Limits of memory: what counts, what does not, and whose error it is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpexec_core::{PoolBuilder, PoolError, TaskError, Transport};
use mpexec_data::{DType, NpyFile, Shape, npy_header};

use crate::common::processes::alive;
use crate::common::{Scratch, builder, forever, wait_until};

crate::contract!(limits_of_memory_that_make_no_sense_are_refused,);

mod processes {
    use super::{
        a_call_has_its_own_limit_and_one_without_it_has_none, a_handled_refusal_is_no_death,
        a_later_call_with_a_limit_wakes_who_looks, a_panic_at_the_wall_is_told_as_one,
        a_start_hook_without_memory_ends_the_calls_with_its_words, an_abort_after_a_handled_refusal_is_a_crash,
        an_abort_for_another_reason_is_a_crash, another_death_is_a_crash, files_that_are_mapped_do_not_count,
        memory_behind_the_wall_is_found_and_its_worker_killed, out_of_memory_strikes_no_other_task_of_a_batch,
        tasks_that_run_out_of_memory_are_no_crash_loop, the_kernel_takes_workers_first, the_lower_of_both_limits_holds,
    };

    crate::process_contract!(
        out_of_memory_strikes_no_other_task_of_a_batch,
        tasks_that_run_out_of_memory_are_no_crash_loop,
        a_handled_refusal_is_no_death,
        an_abort_after_a_handled_refusal_is_a_crash,
        an_abort_for_another_reason_is_a_crash,
        another_death_is_a_crash,
        memory_behind_the_wall_is_found_and_its_worker_killed,
        files_that_are_mapped_do_not_count,
        a_start_hook_without_memory_ends_the_calls_with_its_words,
        the_kernel_takes_workers_first,
        a_call_has_its_own_limit_and_one_without_it_has_none,
        the_lower_of_both_limits_holds,
        a_later_call_with_a_limit_wakes_who_looks,
        a_panic_at_the_wall_is_told_as_one,
    );
}

const LIMIT: u64 = 64 << 20;

fn limited(transport: Transport, workers: usize) -> PoolBuilder {
    builder(transport, workers).memory_limit(LIMIT)
}

/// In pieces or at once.
fn takes(mib: usize, piece: usize) -> usize {
    let all: Vec<Vec<u8>> = (0..mib).step_by(piece).map(|_| vec![1; piece << 20]).collect();
    std::hint::black_box(all).len() * piece
}

fn out_of_memory_strikes_no_other_task_of_a_batch(transport: Transport) {
    let pool = limited(transport, 2).attempts(3).build().unwrap();
    for piece in [1, 1000] {
        let task = |n: usize, piece: usize| if n % 40 == 7 { takes(1000, piece) } else { n };
        let outcomes = pool.call().chunk_size(100).starmap_outcomes(task, (0..100).map(|n| (n, piece)));
        for (n, outcome) in (0..).zip(outcomes) {
            if n % 40 != 7 {
                assert_eq!(outcome.unwrap(), n);
                continue;
            }
            let Err(TaskError::OutOfMemory { pid, limit: LIMIT, had }) = outcome else {
                panic!("{n} in pieces of {piece} MiB: {outcome:?}")
            };
            // With its stack it may be found to have too much in the moment before the wall.
            assert!(!alive(pid) && had.is_none_or(|had| had > LIMIT && piece == 1), "{had:?}");
        }
    }
    assert_eq!(pool.stats().crashed, 6, "none was tried again");
}

fn tasks_that_run_out_of_memory_are_no_crash_loop(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let outcomes = pool.call().map_outcomes(|_: u8| takes(1000, 10), 0..8);
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, TaskError::OutOfMemory { .. }), "{error:?}");
        assert!(error.to_string().contains("67108864 bytes") && !error.is_system(), "{error}");
    }
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
}

fn a_handled_refusal_is_no_death(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let before = pool.pids();
    let careful = |mib: usize| Vec::<u8>::new().try_reserve_exact(mib << 20).is_ok();
    assert_eq!(pool.map(careful, [1, 30, 1000, 2]).unwrap(), [true, true, false, true]);
    assert_eq!(pool.pids(), before);
}

fn an_abort_for_another_reason_is_a_crash(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let aborts = || -> u8 { std::process::abort() };
    let error = pool.apply(aborts, ()).unwrap_err();
    assert!(matches!(error, TaskError::Crashed { .. }), "{error:?}");
    // What a wall refuses is not asked for where there is none.
    let unlimited = crate::common::pool(transport, 1);
    assert_eq!(unlimited.apply(takes, (100, 10)).unwrap(), 100);
}

fn an_abort_after_a_handled_refusal_is_a_crash(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let copes = || assert!(Vec::<u8>::new().try_reserve_exact(1000 << 20).is_err());
    let aborts = move || -> u8 {
        copes();
        std::process::abort();
    };
    let error = pool.apply(aborts, ()).unwrap_err();
    assert!(matches!(error, TaskError::Crashed { .. }), "{error:?}");
    // One that does not cope, after one that did.
    let does_not = move || {
        copes();
        takes(1000, 1000)
    };
    let error = pool.apply(does_not, ()).unwrap_err();
    assert!(matches!(error, TaskError::OutOfMemory { had: None, .. }), "{error:?}");
}

fn another_death_is_a_crash(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let refused_then_killed = || -> u8 {
        assert!(Vec::<u8>::new().try_reserve_exact(1000 << 20).is_err());
        std::process::exit(3);
    };
    let error = pool.apply(refused_then_killed, ()).unwrap_err();
    assert!(matches!(error, TaskError::Crashed { .. }), "{error:?}");
}

/// Memory that is written and then closed to writing is on the other side of the wall.
fn hides() {
    let mut all = Vec::new();
    for _ in 0..40 {
        let mut memory = memmap2::MmapMut::map_anon(8 << 20).unwrap();
        memory.fill(1);
        all.push(memory.make_read_only().unwrap());
    }
    forever();
}

fn memory_behind_the_wall_is_found_and_its_worker_killed(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let task = |n: u32| {
        if n == 3 {
            hides();
        }
        n
    };
    let outcomes = pool.call().chunk_size(10).map_outcomes(task, 0..10);
    for (n, outcome) in (0..).zip(outcomes) {
        match n {
            3 => {
                let Err(TaskError::OutOfMemory { pid, limit: LIMIT, had: Some(had) }) = outcome else {
                    panic!("{outcome:?}")
                };
                assert!(had > LIMIT && !alive(pid), "{had}");
            }
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
}

/// Reads a byte of each page.
fn reads_all(path: String) -> u64 {
    let file = NpyFile::open(path).unwrap();
    let rows = file.layout().rows;
    let window = file.rows_window(0, rows).unwrap();
    let bytes: &[u8] = &window;
    let sum = bytes.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>();
    sum + bytes.len() as u64
}

fn files_that_are_mapped_do_not_count(transport: Transport) {
    let file = Scratch::new();
    let rows = 3 * LIMIT / 8;
    std::fs::write(file.path(), npy_header(DType::I64, Shape::Vector(rows))).unwrap();
    let length = std::fs::metadata(file.path()).unwrap().len() + 3 * LIMIT;
    std::fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(length).unwrap();
    let pool = limited(transport, 1).build().unwrap();
    assert_eq!(pool.apply(reads_all, (file.text(),)).unwrap(), 3 * LIMIT);
}

fn a_start_hook_without_memory_ends_the_calls_with_its_words(transport: Transport) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let keep = notes.clone();
    let built = limited(transport, 1)
        .start_hook(|| takes(1000, 1000))
        .notes(move |line| keep.lock().unwrap().push(line.to_owned()))
        .build();
    let Err(error @ PoolError::StartHook { .. }) = built else { panic!("{built:?}") };
    assert!(error.to_string().contains("limit of 67108864 bytes"), "{error}");
}

/// Takes so much, and keeps it until it is killed.
fn keeps(mib: usize) {
    let all = vec![1u8; mib << 20];
    forever();
    drop(std::hint::black_box(all));
}

fn a_call_has_its_own_limit_and_one_without_it_has_none(transport: Transport) {
    let pool = crate::common::pool(transport, 2);
    let beside = pool.apply_async(keeps, (200,));
    let task = |n: u32| {
        if n % 40 == 7 {
            keeps(100);
        }
        n
    };
    let outcomes = pool.call().chunk_size(50).memory_limit(LIMIT).map_outcomes(task, 0..100);
    for (n, outcome) in (0..).zip(outcomes) {
        if n % 40 != 7 {
            assert_eq!(outcome.unwrap(), n);
            continue;
        }
        let Err(TaskError::OutOfMemory { pid, limit: LIMIT, had: Some(had) }) = outcome else {
            panic!("{n}: {outcome:?}")
        };
        assert!(had > LIMIT && !alive(pid), "{had}");
    }
    assert!(!beside.is_ready(), "nobody has limited that one");
    assert_eq!(pool.stats().crashed, 3);
    assert!(beside.abort());
    assert_eq!(pool.apply(takes, (100, 10)).unwrap(), 100);
    assert_eq!(pool.call().memory_limit(LIMIT).apply(|n: u8| n, (1,)).unwrap(), 1);
}

fn a_later_call_with_a_limit_wakes_who_looks(transport: Transport) {
    // Nothing else wakes the supervisor for so long.
    let pool = builder(transport, 1).response_limit(Duration::from_secs(3600)).build().unwrap();
    let limited = pool.call().memory_limit(LIMIT);
    limited.apply(|| (), ()).unwrap();
    // Longer than from one look to the next: by its end nobody looks any more.
    let computes = || {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(100) {}
    };
    pool.apply(computes, ()).unwrap();
    let begin = Instant::now();
    let outcome = limited.apply(keeps, (100,));
    assert!(matches!(outcome, Err(TaskError::OutOfMemory { .. })), "{outcome:?}");
    assert!(begin.elapsed() < Duration::from_secs(300), "{:?}", begin.elapsed());
}

fn the_lower_of_both_limits_holds(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let limit_of = |outcome: Result<(), TaskError>| match outcome {
        Err(TaskError::OutOfMemory { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit_of(pool.call().memory_limit(LIMIT / 2).apply(keeps, (40,))), LIMIT / 2);
    assert_eq!(limit_of(pool.call().memory_limit(LIMIT * 2).apply(keeps, (100,))), LIMIT);
}

fn the_kernel_takes_workers_first(transport: Transport) {
    let score = |pid: u32| -> i32 {
        std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
    };
    let pool = crate::common::pool(transport, 2);
    assert!(pool.wait_ready(None));
    let own = score(std::process::id());
    for pid in pool.pids() {
        wait_until("the worker's score is raised", || score(pid) == (own + 500).min(1000));
    }
}

fn limits_of_memory_that_make_no_sense_are_refused(transport: Transport) {
    for bytes in [0, (16 << 20) - 1] {
        let built = builder(transport, 1).memory_limit(bytes).build();
        assert!(matches!(built, Err(PoolError::BadSetting { setting: "memory_limit", .. })), "{built:?}");
    }
    let least = builder(transport, 1).memory_limit(16 << 20).build();
    match transport {
        Transport::Memory => assert!(matches!(least, Err(PoolError::BadSetting { setting: "memory_limit", .. }))),
        _ => assert_eq!(least.unwrap().apply(|n: u8| n, (1,)).unwrap(), 1),
    }
    let pool = crate::common::pool(transport, 1);
    let refused = |bytes: u64| {
        let outcome = pool.call().memory_limit(bytes).apply(|n: u8| n, (1,));
        matches!(outcome, Err(TaskError::Pool(PoolError::BadSetting { setting: "memory_limit", .. })))
    };
    assert_eq!([refused(0), refused((16 << 20) - 1)], [true, true]);
    assert_eq!(refused(16 << 20), transport == Transport::Memory);
}

/// Whoever names the places of a backtrace needs memory, and waits for himself if he has none.
fn a_panic_at_the_wall_is_told_as_one(transport: Transport) {
    let pool = limited(transport, 1).build().unwrap();
    let full = || -> u8 {
        let (mut kept, mut size) = (Vec::new(), 1usize << 20);
        while size > 64 {
            let mut piece = Vec::<u8>::new();
            match piece.try_reserve_exact(size) {
                Ok(()) => kept.push(piece),
                Err(_) => size /= 2,
            }
        }
        panic!("full after {}", kept.len() > 20)
    };
    for _ in 0..3 {
        let error = pool.apply(full, ()).unwrap_err();
        let TaskError::Panicked { message, .. } = &error else { panic!("{error:?}") };
        assert_eq!(message, "full after true");
    }
    // The wall stands where it stood.
    let outcome = pool.apply(takes, (1000, 1));
    assert!(matches!(outcome, Err(TaskError::OutOfMemory { .. })), "{outcome:?}");
    assert_eq!(pool.apply(|n: u8| n + 1, (1,)).unwrap(), 2);
}
