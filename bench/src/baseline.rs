//! This run beside an earlier one: which ratios have moved beyond their noise, which are new and which are gone.
//!
//! Figures of two runs are of two machines, even if it is the same one: a ratio says more. A ratio has moved if the
//! spreads of the two runs have nothing in common. Our own figures that have a goal by themselves are told in the same way, marked
//! as figures. What a goal is does not matter: a goal that was changed moves nothing.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::report::{Report, short};

/// What is read of an earlier report.
#[derive(Debug, Deserialize)]
pub(crate) struct Earlier {
    rows: Vec<EarlierRow>,
}

#[derive(Debug, Deserialize)]
struct EarlierRow {
    row: String,
    what: String,
    compared: Vec<EarlierRatio>,
}

#[derive(Debug, Deserialize)]
struct EarlierRatio {
    metric: String,
    reference: String,
    median: f64,
    least: f64,
    greatest: f64,
}

/// One ratio of a run: the row and what it does, the metric and the reference.
type Name<'a> = (&'a str, &'a str, &'a str, &'a str);

impl Earlier {
    /// Reads what `--json` wrote.
    ///
    /// # Errors
    /// With the file's name, when it cannot be read or is no such report.
    pub(crate) fn read(path: &Path) -> Result<Earlier> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report of this bench", path.display()))
    }

    fn ratios(&self) -> impl Iterator<Item = (Name<'_>, &EarlierRatio)> {
        self.rows.iter().flat_map(|row| {
            let (name, what) = (row.row.as_str(), row.what.as_str());
            row.compared.iter().map(move |one| ((name, what, one.metric.as_str(), one.reference.as_str()), one))
        })
    }

    /// What has moved since, what is new and what is gone, a line each, and how many are where they were. `only`: the rows that were
    /// measured now, or none for all; what was not measured is not gone.
    pub(crate) fn beside(&self, now: &Report, only: &[String]) -> String {
        let mut before: HashMap<Name<'_>, &EarlierRatio> = self.ratios().collect();
        let (mut text, mut still) = (String::new(), 0);
        for row in &now.rows {
            for ratio in &row.compared {
                let told = told(row.row, ratio.metric, ratio.reference);
                let (value, spread) = (short(ratio.median), (ratio.least, ratio.greatest));
                let Some(old) = before.remove(&(row.row, row.what.as_str(), ratio.metric, ratio.reference)) else {
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "new    {told}: {value} ({})", row.what);
                    continue;
                };
                if ratio.least <= old.greatest && old.least <= ratio.greatest {
                    still += 1;
                    continue;
                }
                let verdict = if (ratio.median > old.median) == ratio.more_is_better { "better" } else { "WORSE" };
                let _ = writeln!(
                    text,
                    "{verdict:<6} {told}: {} ({}..{}) before, {value} ({}..{}) now ({})",
                    short(old.median),
                    short(old.least),
                    short(old.greatest),
                    short(spread.0),
                    short(spread.1),
                    row.what,
                );
            }
        }
        let measured = |row: &str| only.is_empty() || only.iter().any(|name| Some(&**name) == row.split(',').next());
        for ((row, what, metric, reference), old) in self.ratios() {
            if measured(row) && before.contains_key(&(row, what, metric, reference)) {
                let _ = writeln!(text, "gone   {}: {} ({what})", told(row, metric, reference), short(old.median));
            }
        }
        let _ = write!(text, "{still} are where they were, within their noise");
        text
    }
}

fn told(row: &str, metric: &str, reference: &str) -> String {
    if reference.is_empty() {
        format!("{row}: {metric}, a figure")
    } else {
        format!("{row}: {metric} against {reference}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Machine, Meanwhile};
    use crate::report::{Compared, RowReport, Verdict};
    use crate::rows;
    use crate::versions::Versions;

    fn report(ratios: &[(&'static str, &str, f64)]) -> Report {
        let compared = |&(reference, goal, median): &(&'static str, &str, f64)| Compared {
            metric: "time",
            reference,
            median,
            least: median * 0.9,
            greatest: median * 1.1,
            more_is_better: goal.starts_with(">="),
            goal: goal.to_owned(),
            verdict: Verdict::Met,
            unanimous: true,
            margin: None,
        };
        let mut report = Report::new(Machine::default(), Versions::default(), false);
        let compared = ratios.iter().map(compared).collect();
        let meanwhile = Meanwhile::default();
        report.rows.push(RowReport {
            row: "apply, one processor",
            what: "x".into(),
            figures: vec![],
            compared,
            absent: vec![],
            meanwhile,
        });
        report
    }

    fn earlier(ratios: &[(&'static str, &str, f64)]) -> Earlier {
        serde_json::from_str(&serde_json::to_string(&report(ratios)).unwrap()).unwrap()
    }

    #[test]
    fn a_ratio_has_moved_when_the_two_spreads_have_nothing_in_common() {
        let before = earlier(&[
            ("pipes", "<= 1 x", 1.0),
            ("ring", "<= 1 x", 1.0),
            ("python", ">= 8 x as fast", 10.0),
            ("", ">= 3 million/s", 3.0),
            ("joblib", "-", 0.5),
        ]);
        let now = report(&[
            ("pipes", "<= 1 x", 1.15),
            ("ring", "<= 1.5 x", 1.3),
            ("python", ">= 8 x as fast", 20.0),
            ("rayon", "-", 1.0),
            ("", ">= 3 million/s", 1.0),
        ]);
        let told = before.beside(&now, &[]);
        let lines: Vec<_> = told.lines().collect();
        let starts = [
            "WORSE  apply, one processor: time against ring: 1.00 (0.900..1.10) before, 1.30",
            "better apply, one processor: time against python: 10.0",
            "new    apply, one processor: time against rayon: 1.00",
            "WORSE  apply, one processor: time, a figure: 3.00",
            "gone   apply, one processor: time against joblib: 0.500",
            "1 are where they were, within their noise",
        ];
        assert_eq!(lines.len(), starts.len(), "{told}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line} does not start with {start}");
        }
    }

    #[test]
    fn what_was_not_measured_now_is_not_gone() {
        let before = earlier(&[("pipes", "<= 1 x", 1.0)]);
        let nothing = report(&[]);
        assert!(before.beside(&nothing, &["apply".to_owned()]).contains("gone"));
        assert!(!before.beside(&nothing, &["ready".to_owned()]).contains("gone"));
    }

    #[test]
    fn the_run_that_is_kept_can_be_read_and_has_every_row() {
        let kept = Earlier::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.json")).unwrap();
        for row in rows::ALL {
            let of = |report: &&EarlierRow| report.row.split(',').next() == Some(row.name);
            assert!(kept.rows.iter().any(|report| of(&report)), "{} is not in it", row.name);
        }
        let all: HashMap<Name<'_>, &EarlierRatio> = kept.ratios().collect();
        assert_eq!(all.len(), kept.ratios().count(), "two ratios of one name cannot be told apart");
        assert!(all.values().all(|one| one.least <= one.median && one.median <= one.greatest));
    }
}
