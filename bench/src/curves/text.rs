//! A curve as a table.

use std::fmt::Write;

use super::{Axis, Curve, Line};
use crate::machine::Meanwhile;
use crate::report::{Report, short};

/// The beginning of the document.
pub(super) fn head(report: &Report) -> String {
    format!(
        "# How cost grows\n\nWritten by `cargo xtask bench -- --curves bench`, which measures all of this again. What follows from it stands in \
         [PERFORMANCE.md](../PERFORMANCE.md).\n\n```text\n{}```\n\n",
        report.head()
    )
}

/// One curve: what was done, its chart, its table, how it grows.
pub(super) fn section(curve: &Curve) -> String {
    let Curve { name, title, what, x, y, lines } = curve;
    let mut text = format!("## {title}\n\n{what}\n\n![{title}](curve-{name}.svg)\n\n");
    let named = |line: &Line| format!("{}, {}", line.name, line.apart.unwrap_or(y));
    let heads: Vec<_> = lines.iter().map(named).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| {} | {} |\n|---:|{}", x.name(), heads.join(" | "), "---:|".repeat(lines.len()));
    for at in places(lines) {
        let values = lines.iter().map(|line| {
            let value = line.points.iter().find(|(x, _)| *x == at);
            let mark = if line.once.contains(&at) { " *" } else { "" };
            value.map_or(String::new(), |(_, value)| short(*value) + mark)
        });
        let values: Vec<_> = values.collect();
        let _ = writeln!(text, "| {} | {} |", x.told(at), values.join(" | "));
    }
    if lines.iter().any(|line| !line.once.is_empty()) {
        text += "\n\\* One reading; all others are the middle of several.\n";
    }
    let grown = lines.iter().filter_map(|line| {
        let power = growth(&line.points)?;
        Some(format!("{} ({}) as x^{power:.2}", line.name, line.apart.unwrap_or(y)))
    });
    let _ = writeln!(text, "\nOver the last tenfold of x: {}.", grown.collect::<Vec<_>>().join(", "));
    let steep = lines.iter().filter_map(|line| {
        let (from, to, times, power) = steepest(&line.points, x.linear(line.apart.unwrap_or(y))?)?;
        let (from, to) = (x.told(from), x.told(to));
        Some(format!("{} from {from} to {to}, {} times as much, x^{power:.2}", line.name, short(times)))
    });
    let steep: Vec<_> = steep.collect();
    if !steep.is_empty() {
        let _ = writeln!(text, "The steepest step between neighbours ({}): {}.", x.told_linear(), steep.join("; "));
    }
    text.push('\n');
    text
}

/// The end of the document: what the processors did meanwhile.
pub(super) fn foot(meanwhile: Meanwhile) -> String {
    let Meanwhile { seconds, shares } = meanwhile;
    let told = shares.map_or(String::new(), |shares| {
        format!(
            "; meanwhile the processors were {:.0} % idle and {:.1} % stolen",
            shares.idle * 100.0,
            shares.stolen * 100.0
        )
    });
    format!("All of this took {seconds:.0} s{told}.\n")
}

/// Between which neighbours a cost grows the most: from where to where, how many times, and as which power of x. `None` where it
/// grows with no more than the power `linear` everywhere: then no step is one to explain.
fn steepest(points: &[(f64, f64)], linear: f64) -> Option<(f64, f64, f64, f64)> {
    let steps = points.windows(2).filter_map(|two| {
        let &[(from, before), (to, after)] = two else { return None };
        let power = (after / before).ln() / (to / from).ln();
        (from > 0.0 && power > linear).then_some((from, to, after / before, power))
    });
    steps.max_by(|one, other| one.3.total_cmp(&other.3))
}

/// All values of x, in order.
fn places(lines: &[Line]) -> Vec<f64> {
    let mut all: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// The power of x by which y grows at the end: from the last point to the nearest that is ten times before it.
pub(super) fn growth(points: &[(f64, f64)]) -> Option<f64> {
    let (x, y) = points.last()?;
    let (before, value) = points.iter().rev().find(|(before, _)| *before > 0.0 && *before <= x / 10.0)?;
    Some((y / value).ln() / (x / before).ln())
}

impl Axis {
    pub(super) fn name(self) -> String {
        match self {
            Axis::Count(what) => what.to_owned(),
            Axis::Bytes(what) => format!("bytes {what}"),
        }
    }

    /// The power by which a number of this unit grows that is no worse than linear in all: with bytes it is the cost of a whole, with a count of
    /// things the cost of each. `None`: it is a rate, and the more the better.
    fn linear(self, unit: &str) -> Option<f64> {
        match self {
            _ if unit.ends_with("/s") => None,
            Axis::Bytes(_) => Some(1.0),
            Axis::Count(_) => Some(0.0),
        }
    }

    fn told_linear(self) -> &'static str {
        match self {
            Axis::Bytes(_) => "linear is x^1",
            Axis::Count(_) => "these are costs of each, so linear is x^0",
        }
    }

    /// A value along it.
    pub(super) fn told(self, value: f64) -> String {
        let value = value as u64;
        match self {
            Axis::Bytes(_) => {
                let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
                let unit = units.into_iter().find(|(shift, _)| value >> shift > 0);
                unit.map_or(format!("{value} B"), |(shift, unit)| format!("{} {unit}", value >> shift))
            }
            Axis::Count(_) => {
                let zeros = (value as f64).log10();
                if value >= 1000 && zeros.fract() == 0.0 { format!("10^{zeros}") } else { value.to_string() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linear_grows_with_the_first_power() {
        let line: Vec<_> = [1.0, 10.0, 100.0].map(|x| (x, 3.0 * x)).to_vec();
        assert!((growth(&line).unwrap() - 1.0).abs() < 1e-9);
        let flat: Vec<_> = [0.0, 1.0, 10.0, 100.0].map(|x| (x, 3.0)).to_vec();
        assert!(growth(&flat).unwrap().abs() < 1e-9);
        assert_eq!(growth(&[(1.0, 1.0), (2.0, 1.0)]), None, "too short a way");
    }

    #[test]
    fn numbers_along_an_axis_are_told_in_its_units() {
        assert_eq!(
            [0.0, 64.0, 1024.0, 4194304.0, 1073741824.0].map(|value| Axis::Bytes("").told(value)),
            ["0 B", "64 B", "1 KiB", "4 MiB", "1 GiB"]
        );
        assert_eq!([1.0, 100.0, 1000.0, 1e8].map(|value| Axis::Count("").told(value)), ["1", "100", "10^3", "10^8"]);
    }

    #[test]
    fn a_table_has_a_row_for_each_place_and_a_gap_where_a_line_has_no_point() {
        let mut one = Line::new("one");
        one.points = vec![(1.0, 2.0), (10.0, 2.0)];
        let mut other = Line::apart("other", "KiB");
        other.points = vec![(10.0, 3.0)];
        let curve =
            Curve { name: "n", title: "N", what: "w".into(), x: Axis::Count("x"), y: "ns", lines: vec![one, other] };
        let text = section(&curve);
        assert!(text.contains("| x | one, ns | other, KiB |"), "{text}");
        assert!(text.contains("| 1 | 2.00 |  |") && text.contains("| 10 | 2.00 | 3.00 |"), "{text}");
        assert!(text.contains("one (ns) as x^0.00"), "{text}");
        assert!(!text.contains("steepest") && !text.contains("One reading"), "{text}");
    }

    #[test]
    fn a_step_that_is_steeper_than_x_and_a_value_of_one_reading_are_told() {
        let mut line = Line::new("one");
        line.points = vec![(0.0, 1.0), (10.0, 1.0), (100.0, 5.0), (200.0, 20.0), (2000.0, 100.0)];
        line.once = vec![2000.0];
        let curve = Curve { name: "n", title: "N", what: "w".into(), x: Axis::Bytes("x"), y: "ns", lines: vec![line] };
        let text = section(&curve);
        assert!(text.contains("one from 100 B to 200 B, 4.00 times as much, x^2.00"), "{text}");
        assert!(text.contains("| 1 KiB | 100 * |") && text.contains("One reading"), "{text}");
    }

    #[test]
    fn a_cost_of_each_may_not_grow_at_all_and_a_rate_may() {
        let mut each = Line::apart("each", "ms");
        each.points = vec![(1.0, 1.0), (100.0, 1.0), (400.0, 2.0)];
        let mut rate = Line::apart("rate", "GB/s");
        rate.points = vec![(1.0, 1.0), (100.0, 100.0)];
        let lines = vec![each, rate];
        let curve = Curve { name: "n", title: "N", what: "w".into(), x: Axis::Count("x"), y: "ns", lines };
        let text = section(&curve);
        assert!(text.contains("linear is x^0): each from 100 to 400, 2.00 times as much, x^0.50."), "{text}");
    }
}
