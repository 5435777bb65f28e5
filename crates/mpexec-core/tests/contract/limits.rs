//! Limits of a call: how long a task may run, when it is tried again, how many may fail.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mpexec_core::{PoolError, TaskError, Transport, current_task};
use rustix::process::{Signal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::common::processes::alive;
use crate::common::{Scratch, at_some_pace, forever, pass, pool, wait_until};

crate::contract!(
    a_job_ends_after_as_many_failures_as_it_may_have,
    limits_that_make_no_sense_are_refused,
    a_limit_that_no_task_meets_changes_nothing,
);

mod processes {
    use super::{
        a_cancelled_task_that_waits_for_its_next_try_is_not_tried, a_stopped_worker_is_killed_at_its_limit,
        a_task_that_overran_is_not_tried_again, a_time_limit_holds_beside_a_waiting_thread_and_for_callbacks,
        a_time_limit_holds_for_each_task_of_a_batch_by_itself, a_time_limit_takes_what_the_task_has_started_with_it,
        retries_wait_between_half_of_a_time_and_all_of_it_longer_each_time_and_hold_up_nobody,
        time_in_the_queue_does_not_count, what_a_task_does_wrong_itself_is_not_tried_again,
    };

    crate::process_contract!(
        a_time_limit_holds_for_each_task_of_a_batch_by_itself,
        time_in_the_queue_does_not_count,
        a_time_limit_takes_what_the_task_has_started_with_it,
        a_time_limit_holds_beside_a_waiting_thread_and_for_callbacks,
        a_stopped_worker_is_killed_at_its_limit,
        a_task_that_overran_is_not_tried_again,
        what_a_task_does_wrong_itself_is_not_tried_again,
        retries_wait_between_half_of_a_time_and_all_of_it_longer_each_time_and_hold_up_nobody,
        a_cancelled_task_that_waits_for_its_next_try_is_not_tried,
    );
}

/// So long that no quick task overruns where the machine does not stand still; where it does: see [`at_some_pace`].
const LIMIT: Duration = Duration::from_millis(500);

#[track_caller]
fn overran<R: std::fmt::Debug>(outcome: Result<R, TaskError>, wanted: Duration) -> u32 {
    match outcome {
        Err(TaskError::TimedOut { pid, limit }) if limit == wanted => pid,
        other => panic!("{other:?}"),
    }
}

fn a_time_limit_holds_for_each_task_of_a_batch_by_itself(transport: Transport) {
    at_some_pace(|slower| some_overrun(transport, LIMIT * slower));
}

fn some_overrun(transport: Transport, limit: Duration) {
    let pool = pool(transport, 2);
    let task = |n: u32| {
        if n % 40 == 7 {
            forever();
        }
        n
    };
    let outcomes = pool.call().chunk_size(100).time_limit(limit).map_outcomes(task, 0..100);
    for (n, outcome) in (0..).zip(outcomes) {
        match n % 40 {
            7 => assert!(!alive(overran(outcome, limit)), "{n}"),
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
    assert_eq!(pool.map(|n: u32| n, 0..100).unwrap().len(), 100);
}

fn time_in_the_queue_does_not_count(transport: Transport) {
    at_some_pace(|slower| many_in_the_queue(transport, LIMIT * slower));
}

fn many_in_the_queue(transport: Transport, limit: Duration) {
    let pool = pool(transport, 1);
    let before = pool.pids();
    // On a busy machine one of them may take several times as long.
    let some = crate::common::spin;
    // Together they take longer than the limit, in one batch and as calls.
    pool.call().chunk_size(12).time_limit(limit).map(some, [limit / 10; 12]).unwrap();
    let calls: Vec<_> = (0..12).map(|_| pool.call().time_limit(limit).apply_async(some, (limit / 10,))).collect();
    calls.into_iter().for_each(|call| call.get().unwrap());
    assert_eq!(pool.pids(), before, "nobody was killed");
}

fn a_time_limit_takes_what_the_task_has_started_with_it(transport: Transport) {
    // So long that all are there by then.
    at_some_pace(|slower| a_family(transport, LIMIT * 4 * slower));
}

fn a_family(transport: Transport, limit: Duration) {
    const DEEP: &str = r#"trap '' TERM HUP INT; echo $$ >> "$TOLD"; [ "$1" = 0 ] || sh -c "$SELF" "$0" $(($1 - 1)) & sleep 1000 & echo $! >> "$TOLD"; wait"#;
    let pool = pool(transport, 1);
    let told = Scratch::new();
    // A child, its child and the child of that, each with one more beside it, deaf to what asks them to end.
    let task = |told: String| {
        let mut child = Command::new("sh");
        child.args(["-c", DEEP, "deep", "2"]).env("TOLD", told).env("SELF", DEEP);
        child.spawn().unwrap().wait().unwrap();
    };
    let outcome = pool.call().time_limit(limit).apply(task, (told.text(),));
    let Err(TaskError::TimedOut { pid: worker, limit: passed }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(passed, limit);
    let told = std::fs::read_to_string(told.path()).unwrap();
    let family: Vec<u32> = told.lines().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(family.len(), 6, "{family:?}");
    assert!(!alive(worker));
    wait_until("all in the group are gone", || !family.iter().any(|pid| alive(*pid)));
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
}

fn a_time_limit_holds_beside_a_waiting_thread_and_for_callbacks(transport: Transport) {
    let pool = pool(transport, 2);
    assert!(pool.wait_ready(None));
    let gate = Scratch::new();
    let told = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| pool.apply(|gate: String| pass(&gate), (gate.text(),)).unwrap());
        let tell = told.clone();
        let call = pool.call().time_limit(LIMIT).apply_async(forever, ());
        let _call = call.on_error(move |error| {
            tell.store(matches!(error, TaskError::TimedOut { .. }), Ordering::Relaxed);
        });
        wait_until("the callback hears of it", || told.load(Ordering::Relaxed));
        gate.open();
    });
    // Nobody waits at all.
    let (sender, receiver) = mpsc::channel();
    let call = pool.call().time_limit(LIMIT).map_async(|_: u8| forever(), 0..1);
    let _call = call.on_error(move |error| sender.send(error.index).unwrap());
    assert_eq!(receiver.recv().unwrap(), 0);
}

fn a_stopped_worker_is_killed_at_its_limit(transport: Transport) {
    at_some_pace(|slower| one_stops(transport, LIMIT * slower));
}

fn one_stops(transport: Transport, limit: Duration) {
    let pool = pool(transport, 1);
    let stop = |n: u32| {
        if n == 3 {
            kill_process(getpid(), Signal::STOP).unwrap();
        }
        n
    };
    let outcomes = pool.call().chunk_size(10).time_limit(limit).map_outcomes(stop, 0..10);
    for (n, outcome) in (0..).zip(outcomes) {
        match n {
            3 => drop(overran(outcome, limit)),
            _ => assert_eq!(outcome.unwrap(), n),
        }
    }
}

fn runs(log: &Scratch) -> usize {
    std::fs::read_to_string(log.path()).unwrap_or_default().len()
}

fn log(log: &str) {
    use std::io::Write;
    std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap().write_all(b"x").unwrap();
}

fn a_task_that_overran_is_not_tried_again(transport: Transport) {
    at_some_pace(|slower| one_overruns(transport, LIMIT * slower));
}

fn one_overruns(transport: Transport, limit: Duration) {
    let pool = pool(transport, 1);
    let ran = Scratch::new();
    let task = |ran: String| {
        log(&ran);
        forever();
    };
    overran(pool.call().attempts(3).time_limit(limit).apply(task, (ran.text(),)), limit);
    assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
    assert_eq!(runs(&ran), 1);
}

fn what_a_task_does_wrong_itself_is_not_tried_again(transport: Transport) {
    let pool = pool(transport, 1);
    let (panicked, failed) = (Scratch::new(), Scratch::new());
    let call = pool.call().attempts(3).retry_delay(Duration::from_millis(1));
    let panics = |ran: String| {
        log(&ran);
        assert!(ran.is_empty(), "on purpose");
    };
    assert!(matches!(call.apply(panics, (panicked.text(),)), Err(TaskError::Panicked { .. })));
    let fails = |ran: String| {
        log(&ran);
        ran.parse::<u32>()
    };
    assert!(call.try_apply(fails, (failed.text(),)).is_err());
    assert_eq!(call.apply(|n: u8| n, (1,)).unwrap(), 1);
    assert_eq!((runs(&panicked), runs(&failed)), (1, 1));
}

/// What all processes have in common.
fn clock() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().unwrap()
}

fn dies_twice(log: String) -> u32 {
    use std::io::Write;
    let attempt = current_task().unwrap().attempt;
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    log.write_all(format!("{}\n", clock().as_nanos()).as_bytes()).unwrap();
    if attempt < 3 {
        std::process::abort();
    }
    attempt
}

fn retries_wait_between_half_of_a_time_and_all_of_it_longer_each_time_and_hold_up_nobody(transport: Transport) {
    at_some_pace(|slower| tried_again(transport, Duration::from_millis(200) * slower));
}

fn tried_again(transport: Transport, first: Duration) {
    let pool = pool(transport, 1);
    let call = pool.call().attempts(3).retry_delay(first);
    let logs: Vec<Scratch> = (0..8).map(|_| Scratch::new()).collect();
    // One after another, or so many deaths would be taken for a loop of them.
    for log in &logs {
        let tried = call.apply_async(dies_twice, (log.text(),));
        let mut meanwhile = 0;
        while !tried.is_ready() {
            assert_eq!(pool.apply(|n: u8| n, (1,)).unwrap(), 1);
            meanwhile += 1;
        }
        assert_eq!(tried.get().unwrap(), 3);
        assert!(meanwhile > 2, "the others' tasks do not wait for the next try");
    }
    let of_many = Scratch::new();
    assert_eq!(call.map(dies_twice, [of_many.text()]).unwrap(), [3]);
    assert!(waited(&of_many, 1) >= first / 2 && waited(&of_many, 2) >= first);
    for (whole, attempt) in [(first, 1), (first * 2, 2)] {
        let waited: Vec<Duration> = logs.iter().map(|log| waited(log, attempt)).collect();
        let (least, most) = (*waited.iter().min().unwrap(), *waited.iter().max().unwrap());
        assert!(least >= whole / 2, "attempt {attempt}: {waited:?} of {whole:?}");
        // Any may come late on a busy machine, but not all of them.
        assert!(least < whole, "attempt {attempt}: {waited:?} of {whole:?}");
        assert!(most - least > whole / 16, "attempt {attempt}: they come back together: {waited:?}");
    }
    let failed = pool.call().attempts(2).retry_delay(Duration::from_millis(1)).apply(dies_twice, (logs[0].text(),));
    assert!(matches!(failed, Err(TaskError::Crashed { .. })));
}

/// From the beginning of an attempt, which dies at once, to that of the next.
fn waited(log: &Scratch, attempt: usize) -> Duration {
    let log = std::fs::read_to_string(log.path()).unwrap();
    let begun: Vec<u64> = log.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(begun.len(), 3, "it is tried three times: {begun:?}");
    Duration::from_nanos(begun[attempt] - begun[attempt - 1])
}

fn a_cancelled_task_that_waits_for_its_next_try_is_not_tried(transport: Transport) {
    let pool = pool(transport, 1);
    let ran = Scratch::new();
    let call = pool.call().attempts(2).retry_delay(Duration::from_secs(7200));
    let (single, many) = (call.apply_async(dies_logging, (ran.text(),)), call.map_async(dies_logging, [ran.text()]));
    wait_until("both have died once", || runs(&ran) == 2);
    wait_until("both wait for their next try", || pool.apply(|n: u8| n, (1,)).is_ok() && runs(&ran) == 2);
    assert!(single.cancel() && many.cancel());
    assert!(matches!(single.get(), Err(TaskError::Cancelled { .. })));
    assert!(matches!(many.get().unwrap_err().error, TaskError::Cancelled { .. }));
    pool.close();
    // It waits for no next try, or it would for an hour.
    pool.join().unwrap();
    assert_eq!(runs(&ran), 2);
}

fn dies_logging(ran: String) -> u8 {
    log(&ran);
    std::process::abort();
}

fn a_job_ends_after_as_many_failures_as_it_may_have(transport: Transport) {
    let pool = pool(transport, 2);
    let even = |n: u64| if n.is_multiple_of(2) { n } else { panic!("odd") };
    let kinds = |outcomes: &[Result<u64, TaskError>]| {
        let count = |kind: fn(&TaskError) -> bool| outcomes.iter().filter(|one| one.as_ref().is_err_and(kind)).count();
        (
            count(|error| matches!(error, TaskError::Panicked { .. })),
            count(|error| matches!(error, TaskError::Cancelled { .. })),
        )
    };
    let some = pool.call().chunk_size(1).max_failures(3);
    let outcomes = some.map_outcomes(even, 0..50_000);
    let (panicked, cancelled) = kinds(&outcomes);
    assert_eq!(outcomes.len(), 50_000);
    assert!((3..1_000).contains(&panicked) && cancelled > 40_000, "{panicked} {cancelled}");
    for ordered in [true, false] {
        let outcomes: Vec<_> = match ordered {
            true => some.imap(even, 0..).collect(),
            false => some.imap_unordered(even, 0..).map(|(_, outcome)| outcome).collect(),
        };
        let (panicked, cancelled) = kinds(&outcomes);
        assert!(panicked >= 3 && cancelled >= 1, "an endless input has an end: {panicked} {cancelled}");
    }
    let (panicked, cancelled) = kinds(&pool.call().max_failures(5).map_outcomes(even, 0..8));
    assert_eq!((panicked, cancelled), (4, 0), "so few are no end");
}

fn limits_that_make_no_sense_are_refused(transport: Transport) {
    let pool = pool(transport, 1);
    let refused = |outcome: Result<u8, TaskError>| match outcome {
        Err(TaskError::Pool(PoolError::BadSetting { setting, .. })) => setting,
        other => panic!("{other:?}"),
    };
    let id = |n: u8| n;
    assert_eq!(refused(pool.call().time_limit(Duration::ZERO).apply(id, (1,))), "time_limit");
    assert_eq!(refused(pool.call().max_failures(0).apply(id, (1,))), "max_failures");
    if transport == Transport::Memory {
        assert_eq!(refused(pool.call().time_limit(LIMIT).apply(id, (1,))), "time_limit");
        let built = crate::common::builder(transport, 1).time_limit(LIMIT).build();
        assert!(matches!(built, Err(PoolError::BadSetting { setting: "time_limit", .. })));
    }
}

fn a_limit_that_no_task_meets_changes_nothing(transport: Transport) {
    let pool = pool(transport, 2);
    let call = match transport {
        Transport::Memory => pool.call(),
        _ => pool.call().time_limit(Duration::from_secs(500)),
    };
    let call = call.attempts(2).retry_delay(Duration::from_secs(50)).max_failures(1);
    assert!(call.map(|n: u64| n + 1, 0..20_000).unwrap().into_iter().eq(1..20_001));
    assert!((0..200).map(|n| call.apply(|n: u64| n, (n,)).unwrap()).eq(0..200));
    assert!(call.imap(|n: u64| n, 0..2_000).map(Result::unwrap).eq(0..2_000));
}
