//! Medians and spreads: means are useless on machines that are interrupted.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The value below which the share `of` of the (unsorted) samples lies.
///
/// # Panics
/// Without samples.
pub(crate) fn quantile(samples: &mut [f64], of: f64) -> f64 {
    assert!(!samples.is_empty(), "a quantile needs a sample");
    samples.sort_by(f64::total_cmp);
    let at = (samples.len() - 1) as f64 * of;
    samples[at.round() as usize]
}

/// The median, and the least and greatest.
pub(crate) fn summary(samples: &[f64]) -> (f64, f64, f64) {
    let mut sorted = samples.to_vec();
    let median = quantile(&mut sorted, 0.5);
    (median, sorted[0], sorted[sorted.len() - 1])
}

/// Between these lies the middle half of the samples, and more of them where they are few: of three all.
pub(crate) fn quartiles(samples: &[f64]) -> (f64, f64) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quarter = (sorted.len() - 1) / 4;
    (sorted[quarter], sorted[sorted.len() - 1 - quarter])
}

/// Runs `work` and tells how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let value = work();
    (value, begin.elapsed())
}

/// Nanoseconds since some moment, the same for all processes of the machine.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let since = Duration::try_from(now).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Median and 99th percentile of `count` calls, in microseconds.
pub(crate) fn latencies<E>(count: usize, mut call: impl FnMut() -> Result<(), E>) -> Result<Vec<f64>, E> {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let (done, took) = timed(&mut call);
        done?;
        samples.push(took.as_secs_f64() * 1e6);
    }
    Ok(vec![quantile(&mut samples, 0.5), quantile(&mut samples, 0.99)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_not_moved_by_one_interruption() {
        assert_eq!(summary(&[3.0, 1.0, 900.0, 2.0, 4.0]), (3.0, 1.0, 900.0));
    }

    #[test]
    fn the_middle_half_of_seven_is_without_the_outermost_two_and_that_of_three_is_all() {
        assert_eq!(quartiles(&[7.0, 900.0, 3.0, 5.0, 0.1, 4.0, 6.0]), (3.0, 7.0));
        assert_eq!(quartiles(&[3.0, 1.0, 2.0]), (1.0, 3.0));
        assert_eq!(quartiles(&[1.0]), (1.0, 1.0));
    }

    #[test]
    fn a_quantile_lies_among_the_samples() {
        let mut samples: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut samples, 0.99), 99.0);
        assert_eq!(quantile(&mut samples, 1.0), 100.0);
    }
}
