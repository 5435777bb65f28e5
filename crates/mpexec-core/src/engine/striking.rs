//! Workers are killed and stopped by chance, if somebody asked for it to try his own functions.
//!
//! The supervisor looks at the workers that have something every few milliseconds. A worker that it kills dies as from any other hand:
//! what it had not begun goes to others, and the task that it ran is tried again as often as was asked for; one that has been tried
//! again and has its last attempt is spared, or on a slow machine chance alone would end it. After some deaths without a finished task in
//! between it waits for one: a pool whose workers die one after another gives up, and it is not this that is to be tried.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::Engine;
use super::slot::{Phase, Signal};
use crate::config::Chaos;

/// Between two looks at the workers.
const TICK: Duration = Duration::from_millis(5);
/// For so long a worker is stopped.
const PAUSE: Duration = Duration::from_millis(50);
/// So many deaths in a row are borne for certain: the pool gives up at five.
const MOST_IN_A_ROW: u32 = 3;
/// A chance of 1; a chance is so many of these.
const CERTAIN: f64 = (1u64 << 53) as f64;

/// What was done to workers by chance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Struck {
    /// What all of it follows from.
    pub seed: u64,
    pub killed: u64,
    pub stopped: u64,
}

/// See the head of this file. Each chance is compared with the next random number.
#[derive(Debug)]
pub(super) struct Striking {
    kill: u64,
    stop: u64,
    random: u64,
    looked: Option<Instant>,
    /// Place and process id of who is stopped, and since when.
    stopped: Vec<(usize, u32, Instant)>,
    /// Place and process id of who was killed, and has not been seen to be dead: that is one death, however late it is seen.
    killed: Vec<(usize, u32)>,
    /// Tasks that were finished at the last death, and deaths since as many were.
    row: (u64, u32),
}

impl Striking {
    /// `None`: nothing was asked for.
    pub(super) fn of(engine: &Engine) -> Option<Striking> {
        let Chaos { kill, stop, seed } = engine.config.chaos?;
        // A hasher's keys are random for each of these.
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()) & 0xffff_ffff);
        engine.lock().struck = Some(Struck { seed, ..Struck::default() });
        let [kill, stop] = [kill, stop].map(|chance| (chance * CERTAIN) as u64);
        Some(Striking { kill, stop, random: seed, looked: None, stopped: Vec::new(), killed: Vec::new(), row: (0, 0) })
    }

    /// When to look next.
    pub(super) fn next(&self) -> Duration {
        self.looked.map_or(Duration::ZERO, |looked| TICK.saturating_sub(looked.elapsed()))
    }

    /// A look, if it is time for one.
    pub(super) fn strike(&mut self, engine: &Engine) {
        if !self.next().is_zero() {
            return;
        }
        self.looked = Some(Instant::now());
        let mut told = Vec::new();
        let mut state = engine.lock();
        self.stopped.retain(|(id, pid, since)| {
            let over = since.elapsed() >= PAUSE;
            // Another may have its place.
            if let Some(slot) = state.slots.get(*id).filter(|slot| over && slot.pid == *pid) {
                slot.signal(Signal::CONT);
            }
            !over
        });
        self.killed.retain(|(id, pid)| state.slots.get(*id).is_some_and(|slot| slot.pid == *pid));
        for id in 0..state.slots.len() {
            let idle = state.sched.workers[id].held.is_empty() || state.sched.workers[id].warming;
            if idle || !matches!(state.slots[id].phase, Phase::Ready) {
                continue;
            }
            let (kills, stops) = (self.happens(self.kill), self.happens(self.stop));
            let pid = state.slots[id].pid;
            if self.killed.contains(&(id, pid)) {
                continue;
            }
            let kills = kills && !state.sched.has_last_attempt(id) && self.bears_a_death(state.sched.finished);
            let Some(struck) = state.struck.as_mut() else { return };
            let (signal, what) = if kills {
                (self.row.1, struck.killed) = (self.row.1 + 1, struck.killed + 1);
                self.killed.push((id, pid));
                (Signal::KILL, "killed")
            } else if stops && !self.stopped.iter().any(|(_, stopped, _)| *stopped == pid) {
                struck.stopped += 1;
                self.stopped.push((id, pid, Instant::now()));
                (Signal::STOP, "stopped for a while")
            } else {
                continue;
            };
            state.slots[id].signal(signal);
            told.push(format!("worker {id} (pid {pid}) is {what}, by chance"));
        }
        drop(state);
        told.iter().for_each(|line| engine.note(line));
    }

    fn bears_a_death(&mut self, finished: u64) -> bool {
        if finished != self.row.0 {
            self.row = (finished, 0);
        }
        self.row.1 < MOST_IN_A_ROW
    }

    fn happens(&mut self, chance: u64) -> bool {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) >> 11 < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn striking(seed: u64) -> Striking {
        Striking { kill: 0, stop: 0, random: seed, looked: None, stopped: Vec::new(), killed: Vec::new(), row: (0, 0) }
    }

    #[test]
    fn a_chance_is_met_as_often_as_it_says_and_a_seed_gives_the_same_ones() {
        let often = |seed, chance: f64| {
            let mut striking = striking(seed);
            (0..10_000).filter(|_| striking.happens((chance * CERTAIN) as u64)).collect::<Vec<_>>()
        };
        assert_eq!((often(1, 0.0).len(), often(1, 1.0).len()), (0, 10_000));
        assert!((2_700..3_300).contains(&often(7, 0.3).len()), "{}", often(7, 0.3).len());
        assert_eq!(often(7, 0.3), often(7, 0.3));
        assert_ne!(often(7, 0.3), often(8, 0.3));
    }

    #[test]
    fn deaths_without_a_finished_task_are_not_so_many_that_a_pool_gives_up() {
        let mut striking = striking(1);
        for finished in [0, 1, 5] {
            let mut borne = 0;
            while striking.bears_a_death(finished) {
                striking.row.1 += 1;
                borne += 1;
            }
            assert_eq!(borne, MOST_IN_A_ROW);
        }
    }
}
