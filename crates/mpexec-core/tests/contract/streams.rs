//! Streams within their bounds: what is under way is limited in bytes at both ends, whoever is slow; and an input that
//! panics takes nothing along.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mpexec_core::{Transport, context, current_task};
use serde::{Serialize, Serializer};

use crate::common::{Scratch, at_some_pace, builder, pass, pool, spin, wait_until};

crate::contract!(
    results_ahead_of_a_slow_first_task_stay_within_the_window,
    results_in_memory_files_stay_within_the_window_too,
    results_that_grow_late_do_not_pile_up_before_a_slow_reader,
    arguments_under_way_stay_within_the_window,
    one_argument_larger_than_the_window_is_under_way_for_each_worker,
    a_map_may_have_more_arguments_than_the_window,
    what_came_before_a_panic_of_the_input_is_delivered_by_imap,
    what_came_before_a_panic_of_the_input_is_delivered_by_imap_unordered,
    what_came_before_a_panic_of_a_serialize_is_delivered,
    a_deserialize_that_panics_loses_its_own_result_only,
);

mod deaths {
    use super::a_first_task_that_dies_behind_a_full_window_is_run_again;

    crate::process_contract!(a_first_task_that_dies_behind_a_full_window_is_run_again);
}

const MIB: usize = 1 << 20;
/// The documented window in bytes, for arguments and for results.
const WINDOW: usize = 64 * MIB;

/// In a task: counts it.
fn count(counter: &str) {
    std::fs::OpenOptions::new().create(true).append(true).open(counter).unwrap().write_all(b".").unwrap();
}

fn counted(counter: &str) -> usize {
    std::fs::metadata(counter).map_or(0, |file| usize::try_from(file.len()).unwrap())
}

/// Waits until `now` is at least `least` and no longer changes.
fn stands_still(now: impl Fn() -> usize, least: usize) -> usize {
    let (mut last, mut looks) = (0, 0);
    wait_until("nothing more happens", || {
        let now = now();
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
        now >= least && looks > 100
    });
    last
}

/// The first waits until the others stand still; each of these returns `size` bytes.
fn slow_first(n: u64, size: usize, counter: String) -> Vec<u8> {
    match n {
        0 => {
            let run = stands_still(|| counted(&counter), WINDOW / size / 2);
            if current_task().is_some_and(|task| task.attempt == 1) && counter.ends_with('!') {
                std::process::abort();
            }
            run.to_le_bytes().to_vec()
        }
        _ => {
            count(&counter);
            vec![n as u8; size]
        }
    }
}

fn slow_first_runs(transport: Transport, size: usize, mark: &str) {
    let scratch = Scratch::new();
    let counter = format!("{}{mark}", scratch.text());
    let pool = builder(transport, 2).attempts(2).build().unwrap();
    let tasks = (0..).map(|n| (n, size, counter.clone()));
    let tuple = |(n, size, counter): (u64, usize, String)| slow_first(n, size, counter);
    let mut results = pool.imap(tuple, tasks);
    let first = results.next().unwrap().unwrap();
    let run = usize::from_le_bytes(first.try_into().unwrap());
    assert!(run * size <= WINDOW * 3 / 2, "{run} results of {size} bytes came while the first was waited for");
    for n in 1..2 * run as u64 {
        assert!(results.next().unwrap().unwrap() == vec![n as u8; size]);
    }
    drop(results);
    std::fs::remove_file(counter).unwrap();
}

fn results_ahead_of_a_slow_first_task_stay_within_the_window(transport: Transport) {
    slow_first_runs(transport, MIB / 2, "");
}

fn results_in_memory_files_stay_within_the_window_too(transport: Transport) {
    slow_first_runs(transport, 2 * MIB, "");
}

fn a_first_task_that_dies_behind_a_full_window_is_run_again(transport: Transport) {
    slow_first_runs(transport, MIB / 2, "!");
}

fn results_that_grow_late_do_not_pile_up_before_a_slow_reader(transport: Transport) {
    // What comes until it is seen that they grow, comes while the one who is to see it may wait for a processor.
    at_some_pace(|pace| grow_late(transport, Duration::from_micros(100) * pace));
}

/// Each large result takes so long.
fn grow_late(transport: Transport, each: Duration) {
    const SMALL: u64 = 20_000;
    let counter = Scratch::new();
    let pool = pool(transport, 2);
    let text = counter.text();
    let task = |(n, large): (u64, Option<(String, Duration)>)| match large {
        None => Vec::new(),
        Some((counter, each)) => {
            spin(each);
            count(&counter);
            vec![n as u8; MIB / 2]
        }
    };
    let mut results = pool.imap_unordered(task, (0..).map(|n| (n, (n >= SMALL).then(|| (text.clone(), each)))));
    let mut small = 0;
    while small < SMALL {
        let (index, result) = results.next().unwrap();
        small += u64::from(index < SMALL);
        assert_eq!(result.unwrap().is_empty(), index < SMALL);
    }
    for (read, (index, result)) in results.take(300).enumerate() {
        assert!(index < SMALL || result.unwrap() == vec![index as u8; MIB / 2]);
        if read % 50 == 0 {
            let ahead = stands_still(|| counted(&text), 1) - read;
            // What has not started is taken back when twice the window is to be expected.
            assert!(ahead * MIB / 2 <= WINDOW * 2, "{ahead} large results came that nobody has asked for");
        }
    }
}

/// How many arguments of `size` bytes are pulled while no task ends.
fn pulled_ahead(transport: Transport, size: usize) -> usize {
    let gate = Scratch::new();
    let pool = builder(transport, 2).context(&gate.text()).unwrap().build().unwrap();
    let pulled = AtomicUsize::new(0);
    let row = vec![7u8; size];
    let input = std::iter::repeat(&row).inspect(|_| {
        pulled.fetch_add(1, Ordering::Relaxed);
    });
    let task = |row: &[u8]| {
        pass(context::<String>());
        row.len()
    };
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let ahead = stands_still(|| pulled.load(Ordering::Relaxed), 1);
            gate.open();
            ahead
        });
        for length in pool.imap(task, input).take(10) {
            assert_eq!(length.unwrap(), size);
        }
        looks.join().unwrap()
    })
}

fn arguments_under_way_stay_within_the_window(transport: Transport) {
    let ahead = pulled_ahead(transport, 2 * MIB);
    assert!(ahead <= 32, "{ahead}");
}

fn one_argument_larger_than_the_window_is_under_way_for_each_worker(transport: Transport) {
    let ahead = pulled_ahead(transport, WINDOW + 1);
    assert!(ahead <= 2, "{ahead}");
}

fn a_map_may_have_more_arguments_than_the_window(transport: Transport) {
    let pool = pool(transport, 2);
    let row = vec![1u8; 50_000];
    let lengths = pool.map(|row: &[u8]| row.len(), std::iter::repeat_n(&row, 2_000)).unwrap();
    assert_eq!(lengths, vec![50_000; 2_000]);
}

fn panics_at(n: u64) -> impl Iterator<Item = u64> {
    (0..).inspect(move |at| assert!(*at < n, "the input panics"))
}

/// All results of a stream that panics once, and whatever comes after its end.
fn through_a_panic<T>(mut stream: impl Iterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    let first = catch_unwind(AssertUnwindSafe(|| all.extend(stream.by_ref())));
    let payload = first.unwrap_err();
    let text = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(text.contains("panics"), "{text}");
    all.extend(stream.by_ref());
    assert!((0..3).all(|_| stream.next().is_none()), "it stays ended");
    all
}

fn what_came_before_a_panic_of_the_input_is_delivered_by_imap(transport: Transport) {
    let pool = pool(transport, 2);
    for _ in 0..2 {
        for length in [0, 1, 50, 5_000] {
            let all = through_a_panic(pool.imap(|n: u64| n, panics_at(length)));
            assert!(all.into_iter().map(Result::unwrap).eq(0..length), "{length}");
        }
        catch_unwind(AssertUnwindSafe(|| pool.map(|n: u64| n, panics_at(50)))).unwrap_err();
        catch_unwind(AssertUnwindSafe(|| pool.map_async(|n: u64| n, panics_at(50)))).unwrap_err();
    }
    assert!(pool.map(|n: u64| n, 0..100).unwrap().into_iter().eq(0..100));
}

fn what_came_before_a_panic_of_the_input_is_delivered_by_imap_unordered(transport: Transport) {
    let pool = pool(transport, 2);
    for _ in 0..2 {
        for length in [0, 1, 50, 5_000] {
            let all = through_a_panic(pool.imap_unordered(|n: u64| n, panics_at(length)));
            let mut all: Vec<_> = all.into_iter().map(|(index, n)| (index, n.unwrap())).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq((0..length).map(|n| (n, n))), "{length}");
        }
    }
}

struct Bomb(u64);

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Half of it is written by then.
        (self.0, "half", Fuse(self.0)).serialize(serializer)
    }
}

struct Fuse(u64);

impl Serialize for Fuse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.0 != 70, "a Serialize that panics");
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for Bomb {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bomb, D::Error> {
        <(u64, String, ())>::deserialize(deserializer).map(|(n, ..)| Bomb(n))
    }
}

fn what_came_before_a_panic_of_a_serialize_is_delivered(transport: Transport) {
    let pool = pool(transport, 2);
    let all = through_a_panic(pool.imap(|bomb: Bomb| bomb.0, (0..).map(Bomb)));
    assert!(all.into_iter().map(Result::unwrap).eq(0..70));
}

struct Dud(u64);

impl Serialize for Dud {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Dud {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Dud, D::Error> {
        let n = u64::deserialize(deserializer)?;
        assert!(n != 70, "a Deserialize that panics");
        Ok(Dud(n))
    }
}

fn a_deserialize_that_panics_loses_its_own_result_only(transport: Transport) {
    let pool = pool(transport, 2);
    let all: Vec<_> = pool.imap(|n: u64| Dud(n), 0..100).collect();
    assert_eq!(all.len(), 100);
    assert!(all.into_iter().enumerate().all(|(n, dud)| dud.map_or(n == 70, |dud| dud.0 == n as u64)));
    let all: Vec<_> = pool.imap_unordered(|n: u64| Dud(n), 0..100).collect();
    assert_eq!(all.len(), 100);
    assert!(all.into_iter().all(|(n, dud)| dud.map_or(n == 70, |dud| dud.0 == n)));
}
