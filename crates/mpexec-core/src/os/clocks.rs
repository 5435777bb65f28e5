//! The time that all processes of the machine share, and the processor time that another process has used: by the clock that the kernel keeps for it, in nanoseconds and with all its
//! threads, those that run now included.
#![expect(unsafe_code, reason = "the clock of another process is asked for in C")]

use std::time::Duration;

use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the system's monotonic clock: the same in each of its processes. No clock is read as 0.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // Neither is ever below 0.
    (time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()).max(1)
}

/// `None` when there is no such process, or its clock may not be read.
pub(crate) fn cpu_time(pid: Pid) -> Option<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: it writes the clock's number to where the pointer points, which lives for the call.
    if unsafe { libc::clock_getcpuclockid(pid.as_raw_nonzero().get(), &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes the time to where the pointer points, which lives for the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_process_counts_its_threads_and_no_stranger_has_one() {
        let own = rustix::process::getpid();
        let before = cpu_time(own).unwrap();
        let work = || {
            let begin = std::time::Instant::now();
            while begin.elapsed() < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
        };
        while cpu_time(own).unwrap() < before + Duration::from_millis(50) {
            std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
        }
        // One more than the highest number that the kernel gives.
        assert_eq!(cpu_time(Pid::from_raw(1 << 22).unwrap()), None);
    }
}
