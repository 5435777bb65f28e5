//! The thread that strikes: signals to workers from outside, sizes that change, and an end in the middle.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mpexec_core::Pool;
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::census::{children, parent_of};
use crate::random::Random;
use crate::round::Round;
use crate::settings::End;
use crate::tally::Part;

/// A worker of ours, held so that its number cannot become another's.
fn hold(pid: u32) -> Option<OwnedFd> {
    let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let held = pidfd_open(raw, PidfdFlags::empty()).ok()?;
    (parent_of(pid) == Some(std::process::id())).then_some(held)
}

/// Strikes until the calls are over, or has done enough.
pub(crate) fn strike(round: &Round, pool: &Pool, mut random: Random, over: &AtomicBool) {
    let most = random.of_these(&[0, 1, 2, 4, 12]);
    let ends = round.settings.end == End::TerminatedMidway;
    for _ in 0..most {
        pause(&mut random, 30_000);
        if over.load(Ordering::Acquire) {
            return;
        }
        once(round, pool, &mut random);
    }
    if ends {
        pause(&mut random, 60_000);
        // Whoever sees an end of its task by this must see that it was asked for.
        round.terminated.store(true, Ordering::Release);
        pool.terminate();
        round.count(Part::Strikes, "terminates the pool");
    }
}

fn pause(random: &mut Random, most_micros: u64) {
    // Whoever unparks this thread only shortens the pause.
    thread::park_timeout(Duration::from_micros(random.between(100, most_micros)));
}

fn once(round: &Round, pool: &Pool, random: &mut Random) {
    if random.one_in(6) {
        let size = usize::try_from(random.between(1, 4)).expect("it is at most 4");
        match pool.resize(size) {
            Ok(()) => round.count(Part::Strikes, "resizes the pool"),
            Err(_) if round.is_over() => {}
            Err(error) => round.fault(format!("resize failed: {error}")),
        }
        return;
    }
    let pids = pool.pids();
    if pids.is_empty() {
        return;
    }
    // Now and then one that has no place yet: that starts, or waits as a spare.
    let all = if random.one_in(3) { children().unwrap_or_default() } else { Vec::new() };
    let pid = random.of_these(if all.is_empty() { &pids } else { &all });
    let Some(worker) = hold(pid) else { return };
    let signal = random.of_these(&[Signal::KILL, Signal::KILL, Signal::TERM, Signal::STOP]);
    if !pids.contains(&pid) {
        round.count(Part::Strikes, "of these, at one that starts or waits");
    }
    // Before it can have an effect.
    let mut struck = round.struck.lock().unwrap_or_else(PoisonError::into_inner);
    struck.entry(pid).or_default().push(signal.as_raw());
    drop(struck);
    if signal != Signal::STOP {
        round.deaths.fetch_add(1, Ordering::Relaxed);
        round.count(Part::Strikes, if signal == Signal::KILL { "SIGKILL" } else { "SIGTERM" });
        // It may be gone already.
        let _ = pidfd_send_signal(&worker, signal);
        return;
    }
    round.count(Part::Strikes, "SIGSTOP, then SIGCONT");
    let _ = pidfd_send_signal(&worker, Signal::STOP);
    let long = round.settings.response_limit.map_or(40_000, |limit| limit.as_micros() as u64 * 3);
    pause(random, long);
    let _ = pidfd_send_signal(&worker, Signal::CONT);
}
