//! Workers are killed all the time while a large file is counted: the answer is the same, and comes not much later.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::files::{folder, zeros};
use common::program::{Done, mpexec};
use mpexec_testkit::Watchdog;
use mpexec_testkit::processes::children_of;
use rustix::process::Signal;

/// 320 MB.
const ROWS: u64 = 800_000;
const COLUMNS: u64 = 50;
/// So many that each lives for several pieces of the file: a piece that is struck ten times is given up.
const WORKERS: &str = "8";
/// One worker is killed each so often.
const EVERY: Duration = Duration::from_millis(50);

/// Counts the file, and kills one worker after another meanwhile if it is to; how long it took, and how many died.
fn count(path: &std::path::Path, transport: &str, kill: bool) -> (Done, Duration, u32) {
    let call =
        mpexec(["count-range", "--min", "0", "--workers", WORKERS, "--transport", transport, "--json"]).arg(path);
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

#[test]
fn a_count_whose_workers_are_killed_all_the_time_is_right_and_not_much_slower() {
    let _watchdog = Watchdog::new();
    let folder = folder();
    let path = zeros(&folder, ROWS, COLUMNS);
    for transport in ["shm", "socket"] {
        let (undisturbed, quiet, _) = count(&path, transport, false);
        let (disturbed, time, killed) = count(&path, transport, true);
        println!("{transport}: {quiet:.1?} undisturbed; {time:.1?} with {killed} workers killed");
        assert_eq!((undisturbed.code(), disturbed.code()), (0, 0), "{}", disturbed.stderr);
        let [wanted, found] = [&undisturbed, &disturbed].map(|done| {
            let mut told: serde_json::Value = serde_json::from_str(done.text()).expect("one JSON object");
            let seconds = told.as_object_mut().and_then(|told| told.remove("seconds"));
            assert!(seconds.is_some_and(|seconds| seconds.as_f64() > Some(0.0)));
            told
        });
        assert_eq!(found, wanted);
        assert_eq!(found["total"], ROWS * COLUMNS);
        assert!(killed > 2, "only {killed} were killed in {time:?}");
        assert!(time < quiet * 20 + Duration::from_secs(10), "{time:?} instead of {quiet:?}");
    }
}
