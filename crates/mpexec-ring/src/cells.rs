//! The header pages: who stores which cell, in which order, and which fence stands where.
//!
//! Everything that two processes must agree on beyond plain bytes is here, and nothing else is: no
//! addresses, no system calls. So the model checker runs this very file (`tests/loom.rs`). The
//! reasons for each order are in `PROTOCOL.md`.

use crate::sync::{AtomicU32, AtomicU64, Ordering, acquire, acquire_u32, fence};

/// A cell group on cache lines of its own: two lines, because the prefetcher of x86 fetches them in
/// pairs.
#[repr(C, align(128))]
#[derive(Debug, Default)]
struct Line<T>(T);

/// The range of ordinals taken back, in two slots of which `version & 1` says the valid one.
///
/// A reader that met a change in between asks again; it never waits for a writer, not even for one
/// that was stopped half way.
#[repr(C)]
#[derive(Debug, Default)]
struct Withdrawn {
    version: AtomicU64,
    slots: [[AtomicU64; 2]; 2],
}

/// The header page of the task segment: stored by the coordinator, read by the worker.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct TaskCells {
    head: Line<AtomicU64>,
    withdrawn: Line<Withdrawn>,
    result_tail: Line<AtomicU64>,
    signal: Line<AtomicU32>,
}

impl TaskCells {
    /// Coordinator: makes everything before `head` visible. True: the worker says it sleeps, so
    /// [`Self::raise_signal`] must follow.
    pub(crate) fn publish(&self, head: u64, worker: &ResultCells) -> bool {
        self.head.0.store(head, Ordering::Release);
        worker.sleeps_after_store()
    }

    /// Worker: the published position.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        acquire(&self.head.0)
    }

    /// Coordinator: hands result space back. True as for [`Self::publish`].
    pub(crate) fn release_results(&self, tail: u64, worker: &ResultCells) -> bool {
        self.hand_back_results(tail);
        worker.sleeps_after_store()
    }

    /// Coordinator: the same for a worker that will not be woken for it.
    pub(crate) fn hand_back_results(&self, tail: u64) {
        self.result_tail.0.store(tail, Ordering::Release);
    }

    /// Worker: up to where the coordinator has taken the results out.
    #[inline]
    pub(crate) fn result_tail(&self) -> u64 {
        acquire(&self.result_tail.0)
    }

    /// Coordinator, one caller at a time: ordinals in `lo..hi` are not to be started any more.
    ///
    /// The fence at the end orders it before a following look at [`ResultCells::progress`], and
    /// before the slot stores of the next call.
    pub(crate) fn withdraw(&self, lo: u64, hi: u64) {
        let cells = &self.withdrawn.0;
        let next = cells.version.load(Ordering::Relaxed) + 1;
        let [slot_lo, slot_hi] = &cells.slots[(next & 1) as usize];
        slot_lo.store(lo, Ordering::Relaxed);
        slot_hi.store(hi, Ordering::Relaxed);
        cells.version.store(next, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Worker: the range that is taken back, as it stood at one instant.
    #[inline]
    pub(crate) fn withdrawn(&self) -> (u64, u64) {
        let cells = &self.withdrawn.0;
        let mut version = acquire(&cells.version);
        loop {
            let [slot_lo, slot_hi] = &cells.slots[(version & 1) as usize];
            let lo = slot_lo.load(Ordering::Relaxed);
            let hi = acquire(slot_hi);
            let after = cells.version.load(Ordering::Relaxed);
            if after == version {
                return (lo, hi);
            }
            fence(Ordering::Acquire);
            version = after;
        }
    }

    /// Coordinator: changes the futex word, so that a worker about to sleep on the old value does
    /// not.
    pub(crate) fn raise_signal(&self) {
        self.signal.0.fetch_add(1, Ordering::Release);
    }

    /// Worker: the value of the futex word, to be read before the last look.
    pub(crate) fn signal(&self) -> u32 {
        acquire_u32(&self.signal.0)
    }

    /// The futex word itself, for the system calls.
    pub(crate) fn signal_word(&self) -> &AtomicU32 {
        &self.signal.0
    }
}

/// What `running` holds while no task runs is the number of those passed, by this: whatever is written over the cell by somebody who knows
/// nothing of it, zeros too, is found to be none of its values.
const IDLE: u64 = 0xa5c3_96e1_5a3c_691e;

/// No worker comes to so many tasks.
const MOST_TASKS: u64 = 1 << 48;

/// What the worker says per task.
#[repr(C)]
#[derive(Debug, Default)]
struct ProgressCell {
    running: AtomicU64,
    done: AtomicU64,
    complete: AtomicU64,
}

fn set_if_new(cell: &AtomicU32, value: u32) {
    if cell.load(Ordering::Relaxed) != value {
        cell.store(value, Ordering::Relaxed);
    }
}

/// What the worker says of itself.
#[repr(C)]
#[derive(Debug, Default)]
struct State {
    sleeping: AtomicU32,
    cpu: AtomicU32,
}

/// The header page of the result segment: stored by the worker, read (and not believed) by the
/// coordinator.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct ResultCells {
    head: Line<AtomicU64>,
    progress: Line<ProgressCell>,
    state: Line<State>,
}

impl ResultCells {
    /// Worker: makes everything before `head` visible. True: the coordinator says it sleeps, so its
    /// bell must be rung.
    pub(crate) fn publish(&self, head: u64, page: &PageCells) -> bool {
        self.head.0.store(head, Ordering::Release);
        fence(Ordering::SeqCst);
        page.0.0.sleeping.load(Ordering::Relaxed) != 0
    }

    /// Coordinator: the published position.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        acquire(&self.head.0)
    }

    /// Worker: result bytes before `position` are written and stay as they are.
    #[inline]
    pub(crate) fn complete_to(&self, position: u64) {
        self.progress.0.complete.store(position, Ordering::Release);
    }

    /// Coordinator: the last [`Self::complete_to`].
    #[inline]
    pub(crate) fn complete(&self) -> u64 {
        acquire(&self.progress.0.complete)
    }

    /// Worker: the task `ordinal` is about to start; its look at [`TaskCells::withdrawn`] comes
    /// after this.
    #[inline]
    pub(crate) fn begin(&self, ordinal: u64) {
        let running = &self.progress.0.running;
        running.store(ordinal.wrapping_add(1), Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Worker: `done` ordinals are passed and none is running.
    #[inline]
    pub(crate) fn end(&self, done: u64) {
        self.progress.0.done.store(done, Ordering::Release);
        self.progress.0.running.store(done ^ IDLE, Ordering::Release);
    }

    /// Coordinator: `(running, done)`, 0 for none that runs; and whether a worker can have stored that, which says at first
    /// [`Self::end`] with 0. `done` is read second, so it is never older than `running`; where none runs it is what that word says: the
    /// cell beside it may be ahead by the next task, and what is told must not go back.
    pub(crate) fn progress(&self) -> (u64, u64, bool) {
        fence(Ordering::SeqCst);
        let told = acquire(&self.progress.0.running);
        let done = acquire(&self.progress.0.done);
        let idle = (told ^ IDLE) < MOST_TASKS;
        let runs = told < MOST_TASKS && told != 0;
        let known = if idle { told ^ IDLE <= done } else { runs } && done < MOST_TASKS;
        (if runs { told } else { 0 }, if idle { told ^ IDLE } else { done }, known)
    }

    /// Worker: says that it sleeps; its last look comes after this.
    pub(crate) fn fall_asleep(&self) {
        self.state.0.sleeping.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Worker: says that it is awake.
    pub(crate) fn wake_up(&self) {
        self.state.0.sleeping.store(0, Ordering::Relaxed);
    }

    /// Coordinator: whether the worker says that it sleeps.
    pub(crate) fn sleeping(&self) -> bool {
        self.state.0.sleeping.load(Ordering::Relaxed) != 0
    }

    fn sleeps_after_store(&self) -> bool {
        fence(Ordering::SeqCst);
        self.sleeping()
    }

    /// Worker: where it runs, one higher, so that an untouched page says "unknown".
    ///
    /// Stored only if it is new: each store takes the line from the other side, which reads it with every message.
    pub(crate) fn set_cpu(&self, cpu: u32) {
        set_if_new(&self.state.0.cpu, cpu.wrapping_add(1));
    }

    /// Coordinator: where the worker last ran, `u32::MAX` if it never said.
    pub(crate) fn cpu(&self) -> u32 {
        self.state.0.cpu.load(Ordering::Relaxed).wrapping_sub(1)
    }
}

/// How a coordinator sleeps that does not want to hear of every result.
const DEEP: u32 = 2;

/// The page of the pool: stored by the coordinator, read by every worker.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct PageCells(Line<State>);

impl PageCells {
    /// Coordinator: says whether it sleeps; the last look of one who falls asleep comes after this.
    pub(crate) fn set_sleeping(&self, sleeping: bool) {
        self.store_sleep(u32::from(sleeping));
    }

    /// Coordinator: as [`Self::set_sleeping`], but it need not hear of every result.
    pub(crate) fn sleep_deep(&self) {
        self.store_sleep(DEEP);
    }

    fn store_sleep(&self, sleep: u32) {
        self.0.0.sleeping.store(sleep, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Worker: whether the coordinator says that it need not hear of every result.
    pub(crate) fn sleeps_deep(&self) -> bool {
        self.0.0.sleeping.load(Ordering::Relaxed) == DEEP
    }

    /// Coordinator: where it runs. Stored only if it is new, as by the worker.
    pub(crate) fn set_cpu(&self, cpu: u32) {
        set_if_new(&self.0.0.cpu, cpu.wrapping_add(1));
    }

    /// Worker: where the coordinator last ran, `u32::MAX` if it never said.
    pub(crate) fn cpu(&self) -> u32 {
        self.0.0.cpu.load(Ordering::Relaxed).wrapping_sub(1)
    }
}

/// The header of a record where it lies in the ring.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct HeaderCells {
    first: AtomicU64,
    tag: AtomicU64,
}

impl HeaderCells {
    /// Writer: the tag, then the word that vouches for it and for the payload before it.
    #[inline]
    pub(crate) fn store(&self, [first, tag]: [u64; 2]) {
        self.tag.store(tag, Ordering::Relaxed);
        self.store_first([first, tag]);
    }

    /// Writer: the first word of a header whose tag is there already.
    #[inline]
    pub(crate) fn store_first(&self, [first, _]: [u64; 2]) {
        self.first.store(first, Ordering::Release);
    }

    /// Reader: a copy of both words. What the first says is written is visible then.
    #[inline]
    pub(crate) fn load(&self) -> [u64; 2] {
        let first = acquire(&self.first);
        [first, self.tag.load(Ordering::Relaxed)]
    }
}

/// Sleeps until `ready`, or until `wait` says that its time is up (`false`); tells whether it was
/// ready.
///
/// `wait(seen)` is a futex wait: it returns at once if the signal is no longer `seen`.
pub(crate) fn sleep_until(
    tasks: &TaskCells,
    own: &ResultCells,
    ready: impl Fn() -> bool,
    mut wait: impl FnMut(u32) -> bool,
) -> bool {
    loop {
        let seen = tasks.signal();
        own.fall_asleep();
        let in_time = ready() || wait(seen);
        own.wake_up();
        if ready() {
            return true;
        }
        if !in_time {
            return false;
        }
    }
}
