//! Workers are killed all the time while a large file is counted: the answer is the same, and comes not much later.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::common::files::{folder, zeros};
use crate::common::program::{Done, mpexec};
use mpexec_testkit::Watchdog;
use mpexec_testkit::processes::children_of;
use rustix::process::Signal;

/// 160 MB.
const ROWS: u64 = 400_000;
const COLUMNS: u64 = 50;
/// So many that each lives for several pieces of the file: a piece that is struck ten times is given up.
const WORKERS: u32 = 16;
/// A file of this length is cut into so many pieces for each worker.
const PIECES: u32 = WORKERS * 8;
/// One worker is killed each so often.
const EVERY: Duration = Duration::from_millis(50);

/// Counts a file, and kills one worker after another meanwhile if it is to; how long it took, and how many died.
fn count(path: &Path, transport: &str, workers: u32, kill: bool) -> (Done, Duration, u32) {
    let workers = workers.to_string();
    let call =
        mpexec(["count-range", "--min", "0", "--workers", &workers, "--transport", transport, "--json"]).arg(path);
    let since = Instant::now();
    let started = call.start();
    let pid = started.pid();
    let (over, killed) = (AtomicBool::new(false), AtomicU32::new(0));
    let done = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut next = 0;
            while kill && !over.load(Ordering::Relaxed) {
                // Not to let it work first, but to strike at that pace.
                std::thread::park_timeout(EVERY);
                let workers = children_of(pid);
                if let Some(worker) = workers.get(next % workers.len().max(1)) {
                    worker.signal(Signal::KILL);
                    killed.fetch_add(1, Ordering::Relaxed);
                }
                next += 1;
            }
        });
        let done = started.finish();
        over.store(true, Ordering::Relaxed);
        killer.thread().unpark();
        done
    });
    (done, since.elapsed(), killed.into_inner())
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
        let (undisturbed, before, _) = count(&path, transport, WORKERS, false);
        let (disturbed, time, killed) = count(&path, transport, WORKERS, true);
        // The machine may be busier at one time than at another.
        let (_, after, _) = count(&path, transport, WORKERS, false);
        let starts = [(); 3].map(|()| count(&short, transport, 1, false).1);
        let quiet = before.max(after);
        // A worker that is killed has lost at most the piece that it was at, and another is started. All processors work on meanwhile,
        // for there are more workers than these. To start the whole program takes longer than that.
        let start = starts.into_iter().max().unwrap_or_default();
        let lost = (quiet / PIECES + start) * killed;
        println!("{transport}: {quiet:.1?} undisturbed; {time:.1?} with {killed} killed; {lost:.1?} lost at most");
        let (wanted, found) = (told(&undisturbed), told(&disturbed));
        assert_eq!(found, wanted);
        assert_eq!(found["total"], ROWS * COLUMNS);
        assert!(killed > 2, "only {killed} were killed in {time:?}");
        assert!(time < 2 * quiet + lost, "{time:?} with {killed} killed, {quiet:?} undisturbed: {lost:?} may be lost");
    }
}
