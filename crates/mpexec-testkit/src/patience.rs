//! For how long a test waits.

use std::time::Duration;

/// Names how many times as slow as usual everything is, as under a sanitizer.
const SLOWER: &str = "MPEXEC_TEST_SLOWER";

/// No test takes so long, on a slow and busy machine either, unless something hangs. Whoever waits for an event waits for so long at most: that costs nothing
/// where it comes, and where it does not a test has failed anyway.
pub fn hangs() -> Duration {
    let slower = std::env::var(SLOWER).map_or(1, |times| times.parse().expect("it is a small number"));
    Duration::from_secs(900) * slower
}

/// Between two looks at a condition that nobody announces.
pub(crate) const LOOK: Duration = Duration::from_millis(1);
