//! Work of a given length.

use crate::stats::timed;

/// Works for so many steps, of about a nanosecond each.
pub(super) fn burn(steps: u64) -> u64 {
    (0..steps).fold(1, |number: u64, step| std::hint::black_box(number.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ step))
}

/// How many steps of [`burn`] take so many seconds here: the most of some tries, as an interruption only takes from them.
pub(super) fn steps_in(seconds: f64) -> u64 {
    const TRIED: u64 = 1_000_000;
    let rate = |_| TRIED as f64 / timed(|| burn(TRIED)).1.as_secs_f64();
    ((0..7).map(rate).fold(0.0, f64::max) * seconds).round().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_the_steps_take_longer_on_a_busy_machine_too() {
        let least = |count| (0..5).map(|_| timed(|| burn(count)).1).min();
        assert!(least(1_000_000) > least(10_000));
    }
}
