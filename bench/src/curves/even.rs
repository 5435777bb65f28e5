//! Where one way becomes as fast as another: between the places where it was measured.

use std::fmt;

use serde::Serialize;

use crate::report::short;

/// From which length of a task on something pays, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) enum Even {
    /// From the shortest that was measured, or before.
    Before(f64),
    At(f64),
    /// Not even with the longest that was measured.
    After(f64),
}

/// From `(length, how many times as fast)`, in the order of lengths: the length from which on it stays as fast or faster. Between two
/// places a line is drawn with both axes logarithmic.
pub(super) fn break_even(points: &[(f64, f64)]) -> Even {
    let Some(&(longest, last)) = points.last() else { return Even::After(0.0) };
    if last < 1.0 {
        return Even::After(longest);
    }
    let slower = points.iter().rposition(|(_, times)| *times < 1.0);
    let Some(slower) = slower else { return Even::Before(points[0].0) };
    let ((from, below), (to, above)) = (points[slower], points[slower + 1]);
    let share = -below.ln() / (above.ln() - below.ln());
    Even::At((from.ln() + share * (to.ln() - from.ln())).exp())
}

impl fmt::Display for Even {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |seconds: f64| match seconds {
            _ if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
            _ if seconds < 1e-3 => format!("{} us", short(seconds * 1e6)),
            _ => format!("{} ms", short(seconds * 1e3)),
        };
        match self {
            Even::Before(length) => write!(to, "< {}", told(*length)),
            Even::At(length) => write!(to, "{}", told(*length)),
            Even::After(length) => write!(to, "> {}", told(*length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_even_lies_between_the_places_around_it() {
        let Even::At(length) = break_even(&[(1e-7, 0.25), (1e-6, 0.5), (1e-4, 2.0), (1e-3, 2.0)]) else { panic!() };
        assert!((length - 1e-5).abs() < 1e-9, "{length}");
    }

    #[test]
    fn only_where_it_stays_faster_it_pays() {
        let Even::At(length) = break_even(&[(1e-7, 1.2), (1e-6, 0.5), (1e-5, 2.0)]) else { panic!() };
        assert!(length > 1e-6);
        assert_eq!(break_even(&[(1e-7, 1.2), (1e-6, 1.5)]), Even::Before(1e-7));
        assert_eq!(break_even(&[(1e-7, 1.2), (1e-6, 0.5)]), Even::After(1e-6));
    }

    #[test]
    fn lengths_are_told_in_their_own_units() {
        let told = [Even::Before(3e-8), Even::At(1.234e-5), Even::After(1e-2)].map(|even| even.to_string());
        assert_eq!(told, ["< 30 ns", "12.3 us", "> 10.0 ms"]);
    }
}
