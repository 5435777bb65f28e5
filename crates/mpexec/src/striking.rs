//! `--chaos`: workers are killed and stopped from outside while they work, by chance, to see that the answer stays what it is.
//!
//! A thread looks at the workers every few milliseconds, first at once. It holds each by a descriptor before it strikes, so that a number that
//! has become another process's is not struck. After some deaths without a finished task in between it waits for one: a pool
//! whose workers die one after another gives up, and it is not this that is to be tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mpexec_core::Pool;
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::chaos::Chaos;
use crate::console::{Console, Level};

/// Between two looks at the workers.
const TICK: Duration = Duration::from_millis(5);
/// For so long a worker is stopped.
const PAUSE: Duration = Duration::from_millis(50);
/// So many deaths in a row are borne for certain: the pool gives up at five.
const MOST_IN_A_ROW: u32 = 3;

/// Strikes until it is dropped; then no worker is left stopped.
#[must_use = "it strikes as long as it lives"]
pub(crate) struct Striking {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Struck>>,
    console: Arc<Console>,
    seed: u64,
}

/// What was done.
#[derive(Default)]
struct Struck {
    killed: u32,
    stopped: u32,
}

impl Striking {
    /// Begins, if anything is to be done; the first look is over when this returns.
    pub(crate) fn start(chaos: Option<Chaos>, pool: &Arc<Pool>, console: &Arc<Console>) -> Option<Striking> {
        let chaos = chaos?;
        let seed = chaos.seed.unwrap_or_default();
        let (over, pool) = (Arc::new(AtomicBool::new(false)), Arc::clone(pool));
        let ends = Arc::clone(&over);
        let (looked, first) = mpsc::channel();
        let strike = move || {
            Striker { chaos, random: seed, pool, stopped: Vec::new(), struck: Struck::default(), row: (0, 0) }
                .run(&ends, &looked)
        };
        // Where no thread can be had, nothing is struck: the work is what counts.
        let thread = thread::Builder::new().name("mpexec-chaos".into()).spawn(strike).ok();
        let _ = first.recv();
        Some(Striking { over, thread, console: Arc::clone(console), seed })
    }
}

impl Drop for Striking {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        if let Ok(Struck { killed, stopped }) = thread.join() {
            let told = format!("chaos: seed {}; killed {killed} workers, stopped {stopped}", self.seed);
            self.console.note(Level::Verbose, &told);
        }
    }
}

struct Striker {
    chaos: Chaos,
    random: u64,
    pool: Arc<Pool>,
    /// Since when.
    stopped: Vec<(OwnedFd, Instant)>,
    struck: Struck,
    /// Tasks that were finished at the last death, and deaths since as many were.
    row: (u64, u32),
}

impl Striker {
    fn run(mut self, over: &AtomicBool, looked: &mpsc::Sender<()>) -> Struck {
        while !over.load(Ordering::Acquire) {
            self.let_go(PAUSE);
            for pid in self.pool.pids() {
                self.look_at(pid);
            }
            // Nobody waits for the second look.
            let _ = looked.send(());
            thread::park_timeout(TICK);
        }
        self.let_go(Duration::ZERO);
        self.struck
    }

    fn look_at(&mut self, pid: u32) {
        let (kills, stops) = (self.happens(self.chaos.kill), self.happens(self.chaos.stop));
        if (!kills && !stops) || (kills && !self.bears_a_death()) {
            return;
        }
        let Some(worker) = hold(pid) else { return };
        if kills {
            self.row.1 += 1;
            self.struck.killed += u32::from(pidfd_send_signal(&worker, Signal::KILL).is_ok());
        } else if pidfd_send_signal(&worker, Signal::STOP).is_ok() {
            self.struck.stopped += 1;
            self.stopped.push((worker, Instant::now()));
        }
    }

    fn bears_a_death(&mut self) -> bool {
        let finished = self.pool.stats().finished;
        if finished != self.row.0 {
            self.row = (finished, 0);
        }
        self.row.1 < MOST_IN_A_ROW
    }

    /// Lets those go on that have stood for so long.
    fn let_go(&mut self, after: Duration) {
        self.stopped.retain(|(worker, since)| {
            let over = since.elapsed() >= after;
            if over {
                // It may be gone.
                let _ = pidfd_send_signal(worker, Signal::CONT);
            }
            !over
        });
    }

    fn happens(&mut self, chance: u64) -> bool {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) >> 11 < chance
    }
}

/// A child of this process, held so that its number cannot become another's.
fn hold(pid: u32) -> Option<OwnedFd> {
    let worker = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let parent: u32 = stat.get(stat.rfind(')')? + 2..)?.split(' ').nth(1)?.parse().ok()?;
    (parent == std::process::id()).then_some(worker)
}
