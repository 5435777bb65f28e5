//! Workers are killed all the time while a large file is counted: the answer is the same, and comes not much later.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::files::{folder, zeros};
use crate::common::program::{Done, mpexec};
use mpexec_testkit::processes::children_of;
use mpexec_testkit::{Watchdog, at_some_pace};
use rustix::process::Signal;

/// 640 MB.
const ROWS: u64 = 1_600_000;
const COLUMNS: u64 = 50;
/// So many that each lives for several pieces of the file: a piece that is struck ten times is given up.
const WORKERS: u32 = 16;
/// A file of this length is cut into so many pieces for each worker.
const PIECES: u32 = WORKERS * 8;
/// One worker is killed each so often,
const EVERY: Duration = Duration::from_millis(50);
/// or so often in the time of an undisturbed count, where that takes longer than so many times 50 ms: on a machine that is so busy no worker would live
/// for a piece otherwise.
const KILLS: u32 = 64;

/// How a count went.
struct Count {
    done: Done,
    took: Duration,
    /// How many workers were killed,
    killed: u32,
    /// and how many were to be in the time from the first one's start to the end.
    due: u32,
}

/// Counts a file, and kills one worker after another meanwhile if it is to.
fn count(path: &Path, transport: &str, workers: u32, kill: Option<Duration>) -> Count {
    let workers = workers.to_string();
    let call =
        mpexec(["count-range", "--min", "0", "--workers", &workers, "--transport", transport, "--json"]).arg(path);
    let since = Instant::now();
    let started = call.start();
    let pid = started.pid();
    let over = AtomicBool::new(false);
    let (done, (killed, due)) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill.map_or((0, 0), |every| kill_at_a_pace(pid, every, &over)));
        let done = started.finish();
        over.store(true, Ordering::Relaxed);
        killer.thread().unpark();
        (done, killer.join().expect("it kills no thread"))
    });
    Count { done, took: since.elapsed(), killed, due }
}

/// Kills one worker each so often until all is over: how many, and how many it would have been at just that pace. A kill for which the machine
/// had no time is made up for.
fn kill_at_a_pace(program: u32, every: Duration, over: &AtomicBool) -> (u32, u32) {
    let is_over = || over.load(Ordering::Relaxed);
    while !is_over() && children_of(program).is_empty() {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let (begin, mut killed) = (Instant::now(), 0);
    for next in 0.. {
        let due = begin + every * next;
        while !is_over() && Instant::now() < due {
            // Not to let it work first, but to strike at that pace.
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        if is_over() {
            break;
        }
        let workers = children_of(program);
        if let Some(worker) = workers.get(next as usize % workers.len().max(1)) {
            worker.signal(Signal::KILL);
            killed += 1;
        }
    }
    (killed, (begin.elapsed().as_nanos() / every.as_nanos()) as u32)
}

/// What a count told, without the time that it took.
fn told(done: &Done) -> serde_json::Value {
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let mut told: serde_json::Value = serde_json::from_str(done.text()).expect("one JSON object");
    let seconds = told.as_object_mut().and_then(|told| told.remove("seconds"));
    assert!(seconds.is_some_and(|seconds| seconds.as_f64() > Some(0.0)));
    told
}

#[test]
fn a_count_whose_workers_are_killed_all_the_time_is_right_and_slower_by_a_piece_and_a_start_for_each() {
    let _watchdog = Watchdog::new();
    let (folder, other) = (folder(), crate::common::files::folder());
    let (path, short) = (zeros(&folder, ROWS, COLUMNS), zeros(&other, 1, 1));
    for transport in ["shm", "socket"] {
        at_some_pace(|slower| killed_all_the_time(&path, &short, transport, slower));
    }
}

/// So many times as much may be lost.
fn killed_all_the_time(path: &Path, short: &Path, transport: &str, slower: u32) {
    {
        let Count { done: undisturbed, took: before, .. } = count(path, transport, WORKERS, None);
        let every = EVERY.max(before / KILLS);
        let Count { done: disturbed, took: time, killed, due } = count(path, transport, WORKERS, Some(every));
        // The machine may be busier at one time than at another.
        let after = count(path, transport, WORKERS, None).took;
        let starts = [(); 3].map(|()| count(short, transport, 1, None).took);
        let quiet = before.max(after);
        // A worker that is killed has lost at most the piece that it was at, and another is started. All processors work on meanwhile,
        // for there are more workers than these. To start the whole program takes longer than that.
        let start = starts.into_iter().max().unwrap_or_default();
        let lost = (quiet / PIECES + start) * killed * slower;
        println!(
            "{transport}: {quiet:.1?} undisturbed; {time:.1?} with {killed} killed, one each {every:.0?} would be {due}; {lost:.1?} lost at most"
        );
        let (wanted, found) = (told(&undisturbed), told(&disturbed));
        assert_eq!(found, wanted);
        assert_eq!(found["total"], ROWS * COLUMNS);
        // At the end there may be none for a while, when all that is left is to tell the answer.
        assert!(
            killed > 10 && killed * 5 * slower >= due * 4,
            "only {killed} were killed in {time:?}, of {due} that were due"
        );
        assert!(
            time < 2 * quiet * slower + lost,
            "{time:?} with {killed} killed, {quiet:?} undisturbed: {lost:?} may be lost"
        );
    }
}
