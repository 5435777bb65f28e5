//! What a run found, as a table for people and as data.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::machine::{Machine, Meanwhile, STOLEN, Shares};
use crate::versions::Versions;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) versions: Versions,
    #[serde(flatten)]
    pub(crate) manner: Manner,
    /// What the processors did during the whole run.
    pub(crate) meanwhile: Meanwhile,
    pub(crate) rows: Vec<RowReport>,
}

/// How a run was made, where that decides about its figures.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub(crate) struct Manner {
    /// Every processor had other work by `--busy`.
    pub(crate) busy: bool,
    /// Inputs were smaller by `--quick`.
    pub(crate) quick: bool,
    /// Nothing was set beside us, by `--alone`.
    pub(crate) alone: bool,
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
    pub(crate) meanwhile: Meanwhile,
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
    /// Between these lies the middle half of the rounds.
    pub(crate) quartiles: (f64, f64),
    /// A greater value is the better one.
    pub(crate) more_is_better: bool,
    pub(crate) goal: String,
    /// The number in the goal.
    pub(crate) limit: Option<f64>,
    pub(crate) verdict: Verdict,
    /// Every round by itself has this verdict.
    pub(crate) unanimous: bool,
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
    pub(crate) fn new(machine: Machine, versions: Versions, manner: Manner) -> Report {
        Report { machine, versions, manner, meanwhile: Meanwhile::default(), rows: Vec::new() }
    }

    pub(crate) fn head(&self) -> String {
        let Machine { processor, cores, kernel, load, before } = &self.machine;
        let Versions { rustc, commit, peers } = &self.versions;
        let mut text = format!(
            "{cores} cores, {processor}, Linux {kernel}; before the start {}, load average {load:.2}\n",
            told(*before)
        );
        text += &format!("commit {commit}; {rustc}; {}\n", peers.join(", "));
        if self.machine.is_busy() {
            text += "WARNING: the machine is busy with other work. Believe the ratios more than the figures, and neither much.\n";
        }
        if self.manner.busy {
            text += "Every processor has other work meanwhile, because of --busy.\n";
        }
        text
    }

    /// The goals met and missed, and what the machine did meanwhile.
    pub(crate) fn foot(&self) -> String {
        let of = |verdict: Verdict| {
            let all: Vec<_> =
                self.rows.iter().flat_map(|row| &row.compared).filter(|one| one.verdict == verdict).collect();
            (all.len(), all.iter().filter(|one| !one.unanimous).count())
        };
        let ((met, unsure_met), (missed, unsure_missed)) = (of(Verdict::Met), of(Verdict::Missed));
        let mut text = format!(
            "{met} goals met ({unsure_met} not in every round), {missed} missed ({unsure_missed} not in every round)"
        );
        let Meanwhile { seconds, shares } = self.meanwhile;
        text += &format!("; {seconds:.0} s");
        if let Some(shares) = shares {
            text += &format!(", {}", told(shares));
        }
        if self.machine.is_busy() || shares.is_some_and(|shares| shares.stolen > STOLEN) {
            text += "; the machine was busy with other work";
        }
        text
    }
}

impl RowReport {
    /// A row that cannot be measured here.
    pub(crate) fn skipped(row: &'static str, what: impl Into<String>, reason: &str) -> RowReport {
        let absent = vec![format!("all of it: skipped, {reason}")];
        let (figures, compared, meanwhile) = (Vec::new(), Vec::new(), Meanwhile::default());
        RowReport { row, what: what.into(), figures, compared, absent, meanwhile }
    }
}

/// Shares of a machine's time.
fn told(shares: Shares) -> String {
    format!("{:.0} % idle, {:.1} % stolen", shares.idle * 100.0, shares.stolen * 100.0)
}

/// One row for people.
pub(crate) fn lines(row: &RowReport) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{}: {}", row.row, row.what);
    for Figure { side, metric, unit, median, least, greatest } in &row.figures {
        let spread = format!("{}..{}", short(*least), short(*greatest));
        let _ = writeln!(text, "  {side:<30} {metric:<8}{:>10} {unit:<12}{spread:>20}", short(*median));
    }
    for Compared { metric, reference, median, least, greatest, goal, verdict, unanimous, .. } in &row.compared {
        let spread = format!("{}..{}", short(*least), short(*greatest));
        let (what, times) = if reference.is_empty() { ("itself", "") } else { (*reference, " x") };
        let mark = match (verdict, unanimous) {
            (Verdict::Met, true) => "met",
            (Verdict::Met, false) => "met, not in every round",
            (Verdict::Missed, true) => "MISSED",
            (Verdict::Missed, false) => "MISSED, not in every round",
            (Verdict::Shown, _) => "",
        };
        let value = short(*median) + times;
        let _ = writeln!(text, "    {metric:<8} against {what:<30}{value:>12} {spread:>18}   goal {goal:<20}{mark}");
    }
    for reason in &row.absent {
        let _ = writeln!(text, "  {reason}");
    }
    if let Some(shares) = row.meanwhile.shares.filter(|shares| shares.stolen > STOLEN) {
        let _ = writeln!(text, "  disturbed: {} of the processors meanwhile", told(shares));
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
        let compared = |unanimous| Compared {
            metric: "p50",
            reference: "raw ring",
            median: 2.0,
            least: 1.5,
            greatest: 3.0,
            quartiles: (1.8, 2.2),
            more_is_better: false,
            goal: "<= 1.3 x".into(),
            limit: Some(1.3),
            verdict: Verdict::Missed,
            unanimous,
            margin: Some(0.65),
        };
        let mut report = Report::new(Machine::default(), Versions::default(), Manner::default());
        report.rows.push(RowReport {
            row: "apply",
            what: "x".into(),
            figures: vec![],
            compared: vec![compared(true), compared(false)],
            absent: vec![],
            meanwhile: Meanwhile { seconds: 1.0, shares: Some(Shares { idle: 0.5, stolen: 0.2 }) },
        });
        let text = lines(&report.rows[0]);
        assert!(text.contains("MISSED\n") && text.contains("MISSED, not in every round\n"), "{text}");
        assert!(text.ends_with("disturbed: 50 % idle, 20.0 % stolen of the processors meanwhile\n"), "{text}");
        report.meanwhile = Meanwhile { seconds: 61.0, shares: Some(Shares { idle: 0.25, stolen: 0.001 }) };
        report.machine.before.idle = 1.0;
        assert_eq!(
            report.foot(),
            "0 goals met (0 not in every round), 2 missed (1 not in every round); 61 s, 25 % idle, 0.1 % stolen"
        );
    }

    #[test]
    fn the_head_tells_what_was_measured_with() {
        let versions = Versions {
            rustc: "rustc 1.2.3".into(),
            commit: "abc and changes".into(),
            peers: vec!["rayon 1".into(), "Python 3".into()],
        };
        let head = Report::new(Machine::default(), versions, Manner { busy: true, ..Manner::default() }).head();
        assert!(head.contains("commit abc and changes; rustc 1.2.3; rayon 1, Python 3\n"), "{head}");
        assert!(head.contains("WARNING") && head.ends_with("because of --busy.\n"), "{head}");
    }
}
