//! This run beside an earlier one: which ratios have moved beyond their noise.
//!
//! Figures of two runs are of two machines, even if it is the same one: only ratios are compared. A ratio has moved if the
//! spreads of the two runs have nothing in common.

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
    goal: String,
    median: f64,
    least: f64,
    greatest: f64,
}

impl Earlier {
    /// Reads what `--json` wrote.
    ///
    /// # Errors
    /// With the file's name, when it cannot be read or is no such report.
    pub(crate) fn read(path: &Path) -> Result<Earlier> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report of this bench", path.display()))
    }

    /// What has moved since, a line each, and how many have not.
    pub(crate) fn beside(&self, now: &Report) -> String {
        let mut before = HashMap::new();
        for row in &self.rows {
            for ratio in &row.compared {
                before.insert((&*row.row, &*row.what, &*ratio.metric, &*ratio.reference, &*ratio.goal), ratio);
            }
        }
        let (mut text, mut still, mut new) = (String::new(), 0, 0);
        for row in &now.rows {
            // A figure by itself is none.
            for ratio in row.compared.iter().filter(|one| !one.reference.is_empty()) {
                let name = (row.row, &*row.what, ratio.metric, ratio.reference, &*ratio.goal);
                let Some(old) = before.get(&name) else {
                    new += 1;
                    continue;
                };
                if ratio.least <= old.greatest && old.least <= ratio.greatest {
                    still += 1;
                    continue;
                }
                // For a cost less is better, for a rate and for "as fast" more is: the goal says which.
                let grew = ratio.median > old.median;
                let verdict = match ratio.goal.get(..2) {
                    Some("<=") if grew => "WORSE",
                    Some("<=") => "better",
                    Some(">=") if grew => "better",
                    Some(">=") => "WORSE",
                    _ => "moved",
                };
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "{verdict:<6} {}: {} against {}: {} ({}..{}) before, {} ({}..{}) now ({})",
                    row.row,
                    ratio.metric,
                    ratio.reference,
                    short(old.median),
                    short(old.least),
                    short(old.greatest),
                    short(ratio.median),
                    short(ratio.least),
                    short(ratio.greatest),
                    row.what,
                );
            }
        }
        let _ = write!(text, "{still} ratios are where they were, within their noise; {new} were not in that report");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::report::{Compared, RowReport, Verdict};

    fn report(ratios: &[(&'static str, &str, f64)]) -> Report {
        let compared = |&(reference, goal, median): &(&'static str, &str, f64)| Compared {
            metric: "time",
            reference,
            median,
            least: median * 0.9,
            greatest: median * 1.1,
            goal: goal.to_owned(),
            verdict: Verdict::Met,
            margin: None,
        };
        let machine = Machine { processor: "x".into(), cores: 2, kernel: "6".into(), load: 0.0 };
        let compared = ratios.iter().map(compared).collect();
        let row = RowReport { row: "apply", what: "x".into(), figures: vec![], compared, absent: vec![] };
        Report { machine, rows: vec![row] }
    }

    #[test]
    fn a_ratio_has_moved_when_the_two_spreads_have_nothing_in_common() {
        let before = report(&[("pipes", "<= 1 x", 1.0), ("ring", "<= 1 x", 1.0), ("python", ">= 8 x as fast", 10.0)]);
        let before: Earlier = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        let now = report(&[
            ("pipes", "<= 1 x", 1.15),
            ("ring", "<= 1 x", 1.3),
            ("python", ">= 8 x as fast", 20.0),
            ("rayon", "-", 1.0),
            ("", ">= 3 million/s", 1.0),
        ]);
        let told = before.beside(&now);
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines.len(), 3, "{told}");
        assert!(lines[0].starts_with("WORSE  apply: time against ring: 1.00 (0.900..1.10) before, 1.30"), "{told}");
        assert!(lines[1].starts_with("better apply: time against python"), "{told}");
        assert_eq!(lines[2], "1 ratios are where they were, within their noise; 1 were not in that report");
    }
}
