//! What a run found, as a table for people and as data.

use std::fmt::Write;

use serde::Serialize;

use crate::machine::{self, Machine};

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<RowReport>,
}

/// One row.
#[derive(Debug, Serialize)]
pub(crate) struct RowReport {
    pub(crate) row: &'static str,
    pub(crate) what: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) compared: Vec<Compared>,
    /// Sides that could not be measured, and why.
    pub(crate) absent: Vec<String>,
}

/// One side's figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) side: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

/// Our figure beside a goal; the values are ratios, or the figure itself where there is no reference.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) metric: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    pub(crate) goal: String,
    pub(crate) verdict: Verdict,
    /// How many times better than the goal: at 1 it is just met. `None`: there is no goal.
    pub(crate) margin: Option<f64>,
}

/// How a figure stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// There is no goal.
    Shown,
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Report {
        Report { machine, rows: Vec::new() }
    }

    pub(crate) fn head(&self) -> String {
        let Machine { processor, cores, kernel, load } = &self.machine;
        let mut text = format!("{cores} cores, {processor}, Linux {kernel}, load average {load:.2}\n");
        if self.machine.is_busy() {
            text += "WARNING: the machine is busy with other work. Believe the ratios more than the figures, and neither much.\n";
        }
        text
    }

    pub(crate) fn foot(&self, load: f64) -> String {
        let goals = self.rows.iter().flat_map(|row| &row.compared).filter(|one| one.verdict != Verdict::Shown);
        let (met, missed): (Vec<_>, Vec<_>) = goals.partition(|one| one.verdict == Verdict::Met);
        let warning = if self.machine.is_busy() || machine::is_busy(load - 2.0, self.machine.cores) {
            "; the machine was busy with other work"
        } else {
            ""
        };
        format!("{} goals met, {} missed{warning}", met.len(), missed.len())
    }
}

/// One row for people.
pub(crate) fn lines(row: &RowReport) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{}: {}", row.row, row.what);
    for Figure { side, metric, unit, median, least, greatest } in &row.figures {
        let spread = format!("{}..{}", short(*least), short(*greatest));
        let _ = writeln!(text, "  {side:<28} {metric:<8}{:>10} {unit:<12}{spread:>20}", short(*median));
    }
    for Compared { metric, reference, median, least, greatest, goal, verdict, .. } in &row.compared {
        let spread = format!("{}..{}", short(*least), short(*greatest));
        let (what, times) = if reference.is_empty() { ("itself", "") } else { (*reference, " x") };
        let mark = match verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Shown => "",
        };
        let value = short(*median) + times;
        let _ = writeln!(text, "    {metric:<8} against {what:<28}{value:>12} {spread:>18}   goal {goal:<20}{mark}");
    }
    for reason in &row.absent {
        let _ = writeln!(text, "  {reason}");
    }
    text
}

/// Three digits that matter, without a power of ten.
pub(crate) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_three_digits() {
        assert_eq!([1234.5, 12.345, 1.2345, 0.012_345].map(short), ["1234", "12.3", "1.23", "0.012"]);
    }

    #[test]
    fn a_missed_goal_is_told_in_the_table_and_counted() {
        let compared = Compared {
            metric: "p50",
            reference: "raw ring",
            median: 2.0,
            least: 1.5,
            greatest: 3.0,
            goal: "<= 1.3 x".into(),
            verdict: Verdict::Missed,
            margin: Some(0.65),
        };
        let row =
            RowReport { row: "apply", what: "x".into(), figures: vec![], compared: vec![compared], absent: vec![] };
        assert!(lines(&row).contains("MISSED"));
        let machine = Machine { processor: "x".into(), cores: 2, kernel: "6".into(), load: 0.0 };
        let report = Report { machine, rows: vec![row] };
        assert_eq!(report.foot(0.0), "0 goals met, 1 missed");
    }
}
