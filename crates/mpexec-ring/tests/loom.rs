//! The protocol under the model checker: every order in which two sides can meet, and every value
//! that a weak memory may show.
//!
//! The files of the protocol are compiled here a second time, over loom's atomics; memory, system
//! calls and the other files stay out. `RUSTFLAGS="--cfg loom" cargo test -p mpexec-ring --release
//! --test loom`

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]
#![expect(unsafe_code, reason = "the payload cells that loom watches are raw pointers")]
#![allow(dead_code, reason = "each file is used in part")]

#[path = "../src/cells.rs"]
mod cells;
#[path = "../src/error.rs"]
#[allow(unreachable_pub, reason = "the doors of the crate are no doors here")]
mod error;
#[path = "../src/reader.rs"]
mod reader;
#[path = "../src/record.rs"]
mod record;
#[path = "../src/sync.rs"]
mod sync;

use cells::{HeaderCells, PageCells, ResultCells, TaskCells, sleep_until};
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use reader::{Limit, Reader};
use record::{Capacity, Header};

/// The shared memory and the kernel's part in it.
#[derive(Default)]
struct World {
    tasks: TaskCells,
    results: ResultCells,
    page: PageCells,
    /// The kernel's queue of the futex word: its lock, and who sleeps there.
    futex: Mutex<()>,
    sleepers: Condvar,
    /// The coordinator's eventfd.
    bell: Mutex<bool>,
    ringing: Condvar,
    header: HeaderCells,
    payload: [UnsafeCell<u8>; 3],
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World::default())
    }

    /// The system call: compares and queues itself in one step as seen by those who wake.
    fn futex_wait(&self, seen: u32) -> bool {
        let queue = self.futex.lock().unwrap();
        if self.tasks.signal_word().load(Ordering::Relaxed) == seen {
            drop(self.sleepers.wait(queue).unwrap());
        }
        true
    }

    /// What `TaskSender::wake` does.
    fn wake(&self) {
        self.tasks.raise_signal();
        let _queue = self.futex.lock().unwrap();
        self.sleepers.notify_one();
    }

    fn worker_sleeps_until(&self, ready: impl Fn() -> bool) {
        assert!(sleep_until(&self.tasks, &self.results, ready, |seen| self.futex_wait(seen)));
    }

    fn ring(&self) {
        *self.bell.lock().unwrap() = true;
        self.ringing.notify_one();
    }

    fn wait_for_bell(&self) {
        let mut rung = self.bell.lock().unwrap();
        while !*rung {
            rung = self.ringing.wait(rung).unwrap();
        }
        *rung = false;
    }

    fn write(&self, index: usize, byte: u8) {
        // SAFETY: what is being checked; loom reports an access that is not ordered.
        self.payload[index].with_mut(|cell| unsafe { *cell = byte });
    }

    /// The coordinator's wait, awake or asleep, for two results.
    fn takes_both_results(&self) {
        for position in 0..2u64 {
            while self.results.head() <= position {
                self.page.set_sleeping(true);
                if self.results.head() <= position {
                    self.wait_for_bell();
                }
                self.page.set_sleeping(false);
            }
            assert_eq!(self.read(position as usize), position as u8 + 1);
        }
    }

    fn read(&self, index: usize) -> u8 {
        // SAFETY: as above.
        self.payload[index].with(|cell| unsafe { *cell })
    }
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.check(model);
}

#[test]
fn a_worker_never_sleeps_through_a_published_task() {
    check(|| {
        let world = World::new();
        let coordinator = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for head in 1..=2 {
                    world.write(head - 1, head as u8);
                    if world.tasks.publish(head as u64, &world.results) {
                        world.wake();
                    }
                }
            })
        };
        for position in 0..2 {
            world.worker_sleeps_until(|| world.tasks.head() > position);
            assert_eq!(world.read(position as usize), position as u8 + 1);
        }
        coordinator.join().unwrap();
    });
}

#[test]
fn a_worker_without_room_never_sleeps_through_room_and_writes_only_what_is_free() {
    check(|| {
        let world = World::new();
        world.write(0, 1);
        let coordinator = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                assert_eq!(world.read(0), 1, "the result was overwritten before it was taken");
                if world.tasks.release_results(16, &world.results) {
                    world.wake();
                }
            })
        };
        world.worker_sleeps_until(|| world.tasks.result_tail() == 16);
        world.write(0, 2);
        coordinator.join().unwrap();
    });
}

#[test]
fn a_coordinator_never_sleeps_through_a_published_result() {
    check(|| {
        let world = World::new();
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for head in 1..=2 {
                    world.write(head - 1, head as u8);
                    if world.results.publish(head as u64, &world.page) {
                        world.ring();
                    }
                }
            })
        };
        world.takes_both_results();
        worker.join().unwrap();
    });
}

/// What a worker remembers of its bell, as the link of mpexec-core does: one that sleeps deep is rung for when the last of the tasks that are
/// here is begun, and when there is nothing to do.
struct Shows<'a> {
    world: &'a World,
    owes: bool,
}

impl Shows<'_> {
    fn show(&mut self, head: u64) {
        self.owes |= self.world.results.publish(head, &self.world.page);
        if self.owes && !self.world.page.sleeps_deep() {
            self.pay();
        }
    }

    fn pay(&mut self) {
        if std::mem::take(&mut self.owes) {
            self.world.ring();
        }
    }

    /// Runs so many tasks, and would wait for more.
    fn serve(mut self, tasks: usize) {
        for position in 0..tasks {
            if self.world.tasks.head() <= position as u64 {
                self.pay();
                self.world.worker_sleeps_until(|| self.world.tasks.head() > position as u64);
            }
            if self.world.tasks.head() == position as u64 + 1 {
                self.pay();
            }
            self.world.write(position, position as u8 + 1);
            self.show(position as u64 + 1);
        }
        self.pay();
    }
}

/// A coordinator that sleeps deep and looks never by itself. It gives so many tasks at once, and when it has a result one more, until there
/// were two.
fn hears_of_all(at_once: u64) {
    check(move || {
        let world = World::new();
        assert!(!world.tasks.publish(at_once, &world.results));
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || Shows { world: &world, owes: false }.serve(2))
        };
        let (mut given, mut taken) = (at_once, 0);
        while taken < 2 {
            world.page.sleep_deep();
            if world.results.head() <= taken {
                world.wait_for_bell();
            }
            world.page.set_sleeping(false);
            for position in taken..world.results.head() {
                assert_eq!(world.read(position as usize), position as u8 + 1);
                taken = position + 1;
            }
            if given < 2 && taken > 0 {
                given += 1;
                if world.tasks.publish(given, &world.results) {
                    world.wake();
                }
            }
        }
        worker.join().unwrap();
    });
}

#[test]
fn a_coordinator_that_sleeps_deep_hears_of_the_last_result() {
    hears_of_all(2);
}

#[test]
fn a_coordinator_that_sleeps_deep_hears_when_a_worker_has_nothing_to_do() {
    hears_of_all(1);
}

#[test]
fn a_coordinator_that_slept_deep_and_sleeps_lightly_hears_of_every_result() {
    check(|| {
        let world = World::new();
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let mut shows = Shows { world: &world, owes: false };
                for head in 1..=2 {
                    world.write(head - 1, head as u8);
                    shows.show(head as u64);
                }
                // It is in a task, and behind that is another: it does not come to pay what it owes.
                world.worker_sleeps_until(|| world.tasks.result_tail() == 2);
            })
        };
        // The time is up at once.
        world.page.sleep_deep();
        world.page.set_sleeping(false);
        world.takes_both_results();
        if world.tasks.release_results(2, &world.results) {
            world.wake();
        }
        worker.join().unwrap();
    });
}

#[test]
fn a_task_taken_back_is_never_run() {
    check(|| {
        let world = World::new();
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let mut ran = [false; 2];
                for ordinal in 0..2 {
                    world.results.begin(ordinal);
                    let (lo, hi) = world.tasks.withdrawn();
                    ran[ordinal as usize] = !(lo..hi).contains(&ordinal);
                    world.results.end(ordinal + 1);
                }
                ran
            })
        };
        world.tasks.withdraw(0, 2);
        let (running, done, _) = world.results.progress();
        let first_free = done.max(running);
        let ran = worker.join().unwrap();
        for ordinal in first_free..2 {
            assert!(!ran[ordinal as usize], "task {ordinal} belongs to both sides");
        }
    });
}

#[test]
fn what_was_done_is_never_older_than_what_runs() {
    check(|| {
        let world = World::new();
        world.results.end(0);
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for ordinal in 0..2 {
                    world.results.begin(ordinal);
                    world.results.end(ordinal + 1);
                }
            })
        };
        let (running, done, known) = world.results.progress();
        assert!(known && (running == 0 || done + 1 >= running), "{running} runs and {done} are done");
        worker.join().unwrap();
    });
}

#[test]
fn a_range_is_seen_as_it_was_set_at_one_instant() {
    check(|| {
        let world = World::new();
        let ranges = [(0, 0), (10, 20), (30, 40), (0, 5)];
        let coordinator = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for (lo, hi) in &ranges[1..] {
                    world.tasks.withdraw(*lo, *hi);
                }
            })
        };
        let seen = world.tasks.withdrawn();
        assert!(ranges.contains(&seen), "{seen:?} was never set");
        coordinator.join().unwrap();
        assert_eq!(world.tasks.withdrawn(), (0, 5));
    });
}

#[test]
fn what_is_complete_can_be_taken_while_the_group_grows() {
    check(|| {
        let world = World::new();
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for len in 1..=3u32 {
                    world.write(len as usize - 1, len as u8);
                    world.header.store(Header { len, kind: 1, tag: 7 }.words());
                    world.results.complete_to(16 + u64::from(len));
                }
                world.results.complete_to(32);
                world.results.publish(32, &world.page);
            })
        };
        let mut reader = Reader::new(Capacity::new(4096).unwrap());
        let mut taken = 0;
        let mut look = |complete: bool| {
            let published = world.results.head();
            let complete = if complete { world.results.complete() } else { published };
            let limit = Limit { published, complete };
            let Some(piece) = reader.next(limit, |_| world.header.load()).unwrap() else {
                return;
            };
            assert_eq!((piece.kind, piece.tag, piece.continued), (1, 7, taken > 0));
            assert_eq!(piece.at, 16 + taken, "nothing is left out and nothing comes twice");
            for _ in 0..piece.len {
                assert_eq!(u64::from(world.read(taken as usize)), taken + 1);
                taken += 1;
            }
        };
        look(true);
        look(true);
        worker.join().unwrap();
        look(false);
        assert_eq!((taken, reader.position()), (3, 32));
    });
}
