//! A worker tells what it runs, and what it tells may be wiped out, or false: a task that does that costs itself alone, begins once, and
//! has no more time than others.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use mpexec_core::{Pool, TaskError, Transport};
use mpexec_wire::{ENTRY_HEADER, FrameKind, GROUP_HEADER, GroupHeader, Progress, ResultHeader, Status};
use rustix::net::{Shutdown, shutdown};
use rustix::process::{Signal, getpid, kill_process};

use crate::alone;
use crate::common::ring::{mappings, own_memory, scribble};
use crate::common::socket::{self, frame};
use crate::common::{Scratch, at_some_pace, builder, forever, wait_until};

/// The task that does it, of ten that come together.
const MAD: u64 = 3;
const TASKS: u64 = 10;
/// How long each may run: see [`at_some_pace`].
const LIMIT: Duration = Duration::from_millis(400);
/// How long its worker may take to begin one.
const RESPONSE: Duration = Duration::from_secs(1);

/// Where a worker tells in its results' memory which task it runs, plus 1.
const RUNNING: u64 = 128;
/// While none runs it tells there how many are behind it, by this.
const IDLE: u64 = 0xa5c3_96e1_5a3c_691e;

/// In a task: the memory of its own results.
fn results() -> u64 {
    mappings("mpexec-results")[0].0
}

fn tell(running: u64) {
    own_memory().write_at(&running.to_ne_bytes(), results() + RUNNING).unwrap();
}

fn told() -> u64 {
    let mut running = [0; 8];
    own_memory().read_at(&mut running, results() + RUNNING).unwrap();
    u64::from_ne_bytes(running)
}

/// In a task of the socket link.
fn say(done: u64, running: u64) {
    let word = frame(FrameKind::Progress, 0, &Progress { done, running }.write());
    assert!(socket::send(&socket::own(), &word, &[]));
}

/// In a task of the socket link: that it, the `MAD`th of the first batch, was skipped.
fn says_that_it_was_skipped() {
    let mut words = [0; GROUP_HEADER + ENTRY_HEADER];
    let (group, entry) = words.split_at_mut(GROUP_HEADER);
    GroupHeader { batch: 0, first: MAD as u32, count: 1, nanos: 0, ended: 0 }.write_to(group.try_into().unwrap());
    ResultHeader { len: 0, status: Status::Skipped, flags: 0 }.write_to(entry.try_into().unwrap());
    assert!(socket::send(&socket::own(), &frame(FrameKind::Group, 0, &words), &[]));
}

/// What a mad task does to what its worker tells, and what it does then.
type Deed = (&'static str, u64, u64);

fn mad(n: u64, log: String, (deed, done, running): (String, u64, u64), ends: bool) -> u64 {
    let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
    log.write_all(format!("{n}\n").as_bytes()).unwrap();
    if n != MAD {
        return n;
    }
    match deed.as_str() {
        "tells zero" => tell(0),
        "writes zeros over all" => drop(scribble(0)),
        "tells of the next" => tell(told() + 1),
        "tells of two in turn" => loop {
            let own = told();
            tell(own + 1);
            std::thread::park_timeout(Duration::from_millis(20));
            tell(own);
            std::thread::park_timeout(Duration::from_millis(20));
        },
        "tells of the first" => tell(1),
        "tells of the one before" => tell(told() - 1),
        "tells that it has not begun" => tell((told() - 1) ^ IDLE),
        "tells that it has begun none" => tell(IDLE),
        "says" => say(done, running),
        "says that it was skipped" => says_that_it_was_skipped(),
        other => panic!("{other}"),
    }
    if ends {
        std::process::abort()
    } else {
        forever()
    };
    n
}

/// What came of the ten, and which began, in order.
fn outcomes(
    pool: &Pool,
    limit: Duration,
    deed: Deed,
    ends: bool,
    at_most_once: bool,
) -> (Vec<Result<u64, TaskError>>, Vec<u64>) {
    let log = Scratch::new();
    let call = pool.call().chunk_size(TASKS as usize).time_limit(limit);
    let call = if at_most_once { call.at_most_once() } else { call };
    let (what, done, running) = deed;
    let tuples = (0..TASKS).map(|n| (n, log.text(), (what.to_owned(), done, running), ends));
    let outcomes = call.starmap_outcomes(mad, tuples);
    let begun = std::fs::read_to_string(log.path()).unwrap().lines().map(|n| n.parse().unwrap()).collect();
    (outcomes, begun)
}

/// That the mad one alone has failed, and began once.
fn costs_itself_alone(link: Transport, deed: Deed, ends: bool, warm: bool) {
    costs_itself_alone_within(1, link, deed, ends, warm);
}

/// As [`costs_itself_alone`], but it may begin so often, unless it is to begin once only.
fn costs_itself_alone_within(most: usize, link: Transport, deed: Deed, ends: bool, warm: bool) {
    for at_most_once in [false, true] {
        at_some_pace(|slower| ten_with_a_mad_one(slower, most, link, deed, (ends, at_most_once, warm)));
    }
}

fn ten_with_a_mad_one(slower: u32, most: usize, link: Transport, deed: Deed, how: (bool, bool, bool)) {
    let (ends, at_most_once, warm) = how;
    {
        let pool = builder(link, 2).response_limit(RESPONSE * slower).build().unwrap();
        assert!(pool.wait_ready(None));
        if warm {
            assert!(pool.map(|n: u64| n, 0..1_000).unwrap().into_iter().eq(0..1_000));
        }
        let (outcomes, begun) = outcomes(&pool, LIMIT * slower, deed, ends, at_most_once);
        let what = format!("{deed:?}, ends: {ends}, once: {at_most_once}, warm: {warm}: {outcomes:?}, {begun:?}");
        for (n, outcome) in (0..).zip(&outcomes) {
            let death = match outcome {
                Ok(value) => {
                    assert!(*value == n && n != MAD, "{what}");
                    continue;
                }
                Err(TaskError::OutcomeUnknown { death }) if at_most_once => &**death,
                Err(error) => error,
            };
            assert!(n == MAD, "{what}");
            assert!(matches!(death, TaskError::Crashed { .. } | TaskError::TimedOut { .. }), "{what}");
        }
        let most = if at_most_once { 1 } else { most };
        assert!((1..=most).contains(&begun.iter().filter(|n| **n == MAD).count()), "{what}");
        assert!((0..TASKS).all(|n| n == MAD || begun.iter().filter(|begun| **begun == n).count() <= 1), "{what}");
        assert_eq!(pool.apply(|n: u64| n, (7,)).unwrap(), 7);
    }
}

#[test]
fn a_task_that_wipes_out_what_its_worker_tells_costs_itself_alone_and_begins_once() {
    let _alone = alone();
    for ends in [true, false] {
        for warm in [true, false] {
            for deed in ["tells zero", "writes zeros over all"] {
                costs_itself_alone(Transport::Shm, (deed, 0, 0), ends, warm);
            }
        }
    }
}

#[test]
fn a_task_whose_worker_tells_of_another_costs_itself_alone_and_has_no_more_time() {
    let _alone = alone();
    for (deed, ends) in [("tells of the next", true), ("tells of the next", false), ("tells of two in turn", false)] {
        costs_itself_alone(Transport::Shm, (deed, 0, 0), ends, false);
    }
}

#[test]
fn a_worker_that_says_false_things_on_its_socket_costs_the_task_that_it_is_in() {
    let _alone = alone();
    for ends in [true, false] {
        // That it is in none; that this one is over; that it is in another; both; that all are over.
        for (done, running) in [(MAD, 0), (MAD + 1, 0), (MAD, MAD + 3), (MAD + 1, MAD + 2), (TASKS, 0)] {
            costs_itself_alone(Transport::Socket, ("says", done, running), ends, false);
        }
    }
}

#[test]
fn a_task_whose_worker_goes_back_on_what_it_told_costs_itself_alone_and_begins_once() {
    let _alone = alone();
    for ends in [true, false] {
        for warm in [true, false] {
            for deed in ["tells of the first", "tells that it has begun none"] {
                costs_itself_alone(Transport::Shm, (deed, 0, 0), ends, warm);
            }
        }
    }
}

/// Between two tasks it tells that too, so at first it is taken for innocent.
#[test]
fn a_task_whose_worker_unsays_that_it_has_begun_ends_the_second_time_and_at_once_where_it_may_begin_once_only() {
    let _alone = alone();
    for ends in [true, false] {
        for deed in ["tells of the one before", "tells that it has not begun"] {
            costs_itself_alone_within(2, Transport::Shm, (deed, 0, 0), ends, true);
        }
    }
}

/// The tasks behind those whose results are here may be asked for in the moment in which it begins: then it may be true.
#[test]
fn a_task_that_says_it_was_skipped_costs_itself_alone_and_begins_again_only_if_it_was_asked_for() {
    let _alone = alone();
    for ends in [true, false] {
        costs_itself_alone_within(2, Transport::Socket, ("says that it was skipped", 0, 0), ends, false);
    }
}

#[test]
fn a_task_that_is_told_of_as_over_or_as_another_has_its_limit_of_time_all_the_same() {
    let _alone = alone();
    let said = (Transport::Socket, ("says", MAD + 1, 0));
    let deeds = [said, (Transport::Shm, ("tells of the next", 0, 0))];
    at_some_pace(|slower| each_has_its_limit(LIMIT * slower, &deeds));
}

fn each_has_its_limit(limit: Duration, deeds: &[(Transport, Deed)]) {
    for &(link, deed) in deeds {
        // There is nobody to whom it could move before it begins, and count otherwise there.
        let pool = builder(link, 1).build().unwrap();
        assert!(pool.wait_ready(None));
        let (outcomes, _) = outcomes(&pool, limit, deed, false, false);
        let mad = &outcomes[MAD as usize];
        assert!(matches!(mad, Err(TaskError::TimedOut { limit: told, .. }) if *told == limit), "{deed:?}: {mad:?}");
    }
}

/// The one before runs for so long that it is looked at; the next tells of that one.
fn tells_of_one_that_was_looked_at(n: u64) -> u64 {
    match n + 1 {
        MAD => std::thread::park_timeout(LIMIT / 2),
        next if next == MAD + 1 => {
            tell(told() - 1);
            forever();
        }
        _ => {}
    }
    n
}

#[test]
fn a_task_that_tells_of_the_one_before_has_its_limit_of_time_also_if_that_one_was_looked_at() {
    let _alone = alone();
    at_some_pace(|slower| {
        let (pool, limit) = (builder(Transport::Shm, 1).build().unwrap(), LIMIT * slower);
        assert!(pool.wait_ready(None));
        let call = pool.call().at_most_once().time_limit(limit);
        let outcomes = call.map_outcomes(tells_of_one_that_was_looked_at, 0..TASKS);
        for (n, outcome) in (0..).zip(outcomes) {
            match outcome {
                Ok(value) => assert!(value == n && n != MAD),
                // By its limit, or because what it tells was seen to go back.
                Err(TaskError::TimedOut { .. } | TaskError::Crashed { .. } | TaskError::OutcomeUnknown { .. }) => {
                    assert_eq!(n, MAD);
                }
                Err(error) => panic!("{n}: {error:?}"),
            }
        }
    });
}

/// What a task of the shared memory tells of the next one, and how much memory it takes then.
fn grows(n: u64) -> u64 {
    if n == MAD {
        tell(told() + 1);
        std::hint::black_box(vec![1u8; 200 << 20]);
        forever();
    }
    n
}

#[test]
fn a_task_whose_worker_tells_of_the_next_has_its_limit_of_memory_all_the_same() {
    let _alone = alone();
    let pool = builder(Transport::Shm, 1).build().unwrap();
    let call = pool.call().chunk_size(TASKS as usize).memory_limit(100 << 20).time_limit(Duration::from_secs(200));
    let outcomes = call.map_outcomes(grows, 0..TASKS);
    for (n, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(value) => assert!(value == n && n != MAD),
            Err(error) => assert!(n == MAD && matches!(error, TaskError::OutOfMemory { .. }), "{n}: {error:?}"),
        }
    }
}

fn notes(log: &str) {
    OpenOptions::new().create(true).append(true).open(log).unwrap().write_all(&[1]).unwrap();
}

/// It tells that it has not begun, and its worker is killed as if from outside.
fn unsays_and_is_killed(log: String) {
    notes(&log);
    tell((told() - 1) ^ IDLE);
    kill_process(getpid(), Signal::KILL).unwrap();
    forever();
}

#[test]
fn a_task_that_may_begin_once_only_cannot_unsay_that_it_has_begun_even_if_its_worker_is_killed() {
    let _alone = alone();
    for _ in 0..10 {
        let (pool, log) = (builder(Transport::Shm, 2).build().unwrap(), Scratch::new());
        let outcome = pool.call().at_most_once().apply(unsays_and_is_killed, (log.text(),));
        assert!(matches!(outcome, Err(TaskError::OutcomeUnknown { .. })), "{outcome:?}");
        assert_eq!(std::fs::read(log.path()).unwrap().len(), 1);
    }
}

/// It tells that it has not begun, and goes on for ever.
fn unsays_and_stays(log: String) {
    notes(&log);
    tell((told() - 1) ^ IDLE);
    forever();
}

fn lasts(log: String) {
    notes(&log);
    forever();
}

#[test]
fn a_task_that_unsays_that_it_has_begun_begins_twice_at_most_however_often_its_pool_shrinks_and_grows() {
    let _alone = alone();
    let (limit, log) = (Duration::from_millis(500), Scratch::new());
    let pool = builder(Transport::Shm, 2).response_limit(limit).build().unwrap();
    assert!(pool.wait_ready(None));
    // So it comes to the one that is to leave.
    let busy = Scratch::new();
    let _lasts = pool.apply_async(lasts, (busy.text(),));
    wait_until("one is busy", || busy.is_open());
    let pending = pool.apply_async(unsays_and_stays, (log.text(),));
    while !pending.is_ready() {
        for workers in [1, 2] {
            pool.resize(workers).unwrap();
            let _ = pending.wait_timeout(limit / 4);
        }
    }
    let outcome = pending.get();
    assert!(matches!(outcome, Err(TaskError::Crashed { .. })), "{outcome:?}");
    assert!(std::fs::read(log.path()).unwrap().len() <= 2);
    pool.terminate();
    pool.join().unwrap();
}

/// What a task, which may begin often, does to the socket on which its worker is to say that another begins.
fn spoils_its_socket(closes: bool) -> u32 {
    let own = socket::own();
    if closes {
        shutdown(&own, Shutdown::Write).unwrap();
    } else {
        let whole = frame(FrameKind::Control, 0, &[0; 100]);
        assert!(socket::send(&own, &whole[..50], &[]));
    }
    std::process::id()
}

#[test]
fn a_task_that_may_begin_once_only_does_not_pay_for_what_another_did_to_the_socket_before() {
    let _alone = alone();
    for closes in [true, false] {
        let mut n = 0;
        while n < 6 {
            let limit = Duration::from_millis(500);
            let (pool, log) = (builder(Transport::Shm, 1).response_limit(limit).build().unwrap(), Scratch::new());
            // Its worker may be killed for it before it has returned.
            let Ok(spoilt) = pool.apply(spoils_its_socket, (closes,)) else { continue };
            n += 1;
            let honest = |log: String, n: u32| {
                notes(&log);
                (n, std::process::id())
            };
            let (answer, by) = pool.call().at_most_once().apply(honest, (log.text(), n)).unwrap();
            assert!(answer == n && by != spoilt, "closes: {closes}");
            assert_eq!(std::fs::read(log.path()).unwrap().len(), 1);
        }
    }
}
