//! This run beside an earlier one: which ratios have moved beyond their noise, which are new and which are gone.
//!
//! Figures of two runs are of two machines, even if it is the same one: a ratio says more. A ratio has moved if the middle halves of
//! the rounds of the two runs have nothing in common: by the ends of the spreads one disturbed round would hide a row for ever. Our
//! own figures that have a goal by themselves are told in the same way, marked as figures, but only where they differ by more than a
//! tenth of their goal, as those that are read once have no spread. What a goal is does not matter otherwise: one that was changed
//! moves nothing.
//!
//! What else differs between the runs (machine, size, other work) is told before everything.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::machine::Machine;
use crate::report::{Compared, Manner, Report, short};

/// What is read of an earlier report.
#[derive(Debug, Deserialize)]
pub(crate) struct Earlier {
    machine: EarlierMachine,
    versions: EarlierVersions,
    #[serde(flatten)]
    manner: Manner,
    rows: Vec<EarlierRow>,
}

#[derive(Debug, Deserialize)]
struct EarlierMachine {
    processor: String,
    cores: usize,
}

#[derive(Debug, Deserialize)]
struct EarlierVersions {
    commit: String,
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
    /// Reports have not always had them; the ends stand in for them then.
    quartiles: Option<(f64, f64)>,
}

impl EarlierRatio {
    /// Where most of the rounds lie.
    fn middle(&self) -> (f64, f64) {
        self.quartiles.unwrap_or((self.least, self.greatest))
    }

    /// Whether this has moved since.
    fn has_moved(&self, now: &Compared) -> bool {
        let ((low, high), (low_now, high_now)) = (self.middle(), now.quartiles);
        let enough = match now.limit.filter(|_| now.reference.is_empty()) {
            Some(goal) => (now.median - self.median).abs() > goal / 10.0,
            None => true,
        };
        enough && (low_now > high || low > high_now)
    }
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

    /// What the two runs do not have in common, a line each, for whoever reads the rest.
    fn differences(&self, now: &Report) -> String {
        let EarlierMachine { processor, cores } = &self.machine;
        let Machine { processor: processor_now, cores: cores_now, .. } = &now.machine;
        let mut text = format!("beside the run of commit {}", self.versions.commit);
        if (processor, cores) != (processor_now, cores_now) {
            text +=
                &format!("\nNOTE: that was another machine, {cores} cores, {processor}: figures have moved with it");
        }
        for (was, is, option, sense) in [
            (self.manner.busy, now.manner.busy, "--busy", "ratios of a busy machine are others"),
            (self.manner.quick, now.manner.quick, "--quick", "rows of other sizes are not compared"),
            (self.manner.alone, now.manner.alone, "--alone", "only figures are compared"),
        ] {
            if was != is {
                let (with, without) = if is { ("this", "that") } else { ("that", "this") };
                text += &format!("\nNOTE: {with} run was made with {option} and {without} one was not: {sense}");
            }
        }
        text + "\n"
    }

    /// What has moved since, what is new and what is gone, a line each, and how many are where they were. `only`: the rows that were
    /// measured now, or none for all; what was not measured is not gone. Between runs that do not measure the same, with `--quick` or
    /// `--alone`, nothing is new or gone.
    pub(crate) fn beside(&self, now: &Report, only: &[String]) -> String {
        let mut before: HashMap<Name<'_>, &EarlierRatio> = self.ratios().collect();
        let (mut text, mut still, mut alone) = (self.differences(now), 0, 0);
        let same_rows = (self.manner.quick, self.manner.alone) == (now.manner.quick, now.manner.alone);
        for row in &now.rows {
            for ratio in &row.compared {
                let told = told(row.row, ratio.metric, ratio.reference);
                let (value, (low, high)) = (short(ratio.median), ratio.quartiles);
                // Writing to a String cannot fail.
                let Some(old) = before.remove(&(row.row, row.what.as_str(), ratio.metric, ratio.reference)) else {
                    alone += 1;
                    if same_rows {
                        let _ = writeln!(text, "new    {told}: {value} ({})", row.what);
                    }
                    continue;
                };
                if !old.has_moved(ratio) {
                    still += 1;
                    continue;
                }
                let verdict = if (ratio.median > old.median) == ratio.more_is_better { "better" } else { "WORSE" };
                let (was, (low_then, high_then)) = (short(old.median), old.middle());
                let _ = writeln!(
                    text,
                    "{verdict:<6} {told}: {was} ({}..{}) before, {value} ({}..{}) now ({})",
                    short(low_then),
                    short(high_then),
                    short(low),
                    short(high),
                    row.what,
                );
            }
        }
        let measured = |row: &str| only.is_empty() || only.iter().any(|name| Some(&**name) == row.split(',').next());
        for ((row, what, metric, reference), old) in self.ratios() {
            if measured(row) && before.contains_key(&(row, what, metric, reference)) {
                alone += 1;
                if same_rows {
                    let _ = writeln!(text, "gone   {}: {} ({what})", told(row, metric, reference), short(old.median));
                }
            }
        }
        let _ = write!(text, "{still} are where they were, within their noise");
        if !same_rows {
            let _ = write!(text, "; {alone} are in one of the two runs alone");
        }
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
    use crate::machine::Meanwhile;
    use crate::report::{RowReport, Verdict};
    use crate::rows;
    use crate::versions::Versions;

    fn report(ratios: &[(&'static str, &str, f64)]) -> Report {
        let compared = |&(reference, goal, median): &(&'static str, &str, f64)| Compared {
            metric: "time",
            reference,
            median,
            least: median * 0.9,
            greatest: median * 1.1,
            quartiles: (median * 0.95, median * 1.05),
            more_is_better: goal.starts_with(">="),
            goal: goal.to_owned(),
            limit: goal.split(' ').nth(1).and_then(|number| number.parse().ok()),
            verdict: Verdict::Met,
            unanimous: true,
            margin: None,
        };
        let mut report = Report::new(Machine::default(), Versions::default(), Manner::default());
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
    fn a_ratio_has_moved_when_the_middle_halves_of_the_rounds_have_nothing_in_common() {
        let before = earlier(&[
            ("pipes", "<= 1 x", 1.0),
            ("ring", "<= 1 x", 1.0),
            ("python", ">= 8 x as fast", 10.0),
            ("", ">= 3 million/s", 3.0),
            ("joblib", "-", 0.5),
        ]);
        let now = report(&[
            ("pipes", "<= 1 x", 1.1),
            ("ring", "<= 1.5 x", 1.15),
            ("python", ">= 8 x as fast", 20.0),
            ("rayon", "-", 1.0),
            ("", ">= 3 million/s", 1.0),
        ]);
        let told = before.beside(&now, &[]);
        let lines: Vec<_> = told.lines().collect();
        let starts = [
            "beside the run of commit ",
            "WORSE  apply, one processor: time against ring: 1.00 (0.950..1.05) before, 1.15 (1.09..1.21) now",
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
    fn one_disturbed_round_hides_nothing() {
        let mut disturbed = report(&[("pipes", "<= 1 x", 1.0)]);
        disturbed.rows[0].compared[0].greatest = 9.0;
        let before: Earlier = serde_json::from_str(&serde_json::to_string(&disturbed).unwrap()).unwrap();
        assert!(before.beside(&report(&[("pipes", "<= 1 x", 1.3)]), &[]).contains("WORSE"));
    }

    #[test]
    fn a_figure_has_moved_by_more_than_a_tenth_of_its_goal_or_not_at_all() {
        let before = earlier(&[("", "<= 32 MiB", 0.008)]);
        for (now, moved) in [(0.0, false), (0.5, false), (3.1, false), (3.3, true), (40.0, true)] {
            let told = before.beside(&report(&[("", "<= 32 MiB", now)]), &[]);
            assert_eq!(told.contains("WORSE"), moved, "{told}");
            assert!(!told.contains("better"), "{told}");
        }
    }

    #[test]
    fn what_the_two_runs_do_not_have_in_common_is_told_first() {
        let ratios = [("pipes", "<= 1 x", 1.0)];
        let told = |change: fn(&mut Report)| {
            let mut now = report(&ratios);
            change(&mut now);
            earlier(&ratios)
                .beside(&now, &[])
                .lines()
                .filter(|line| line.starts_with("NOTE"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(told(|_| ()), "");
        assert!(told(|now| now.manner.busy = true).contains("this run was made with --busy"));
        assert!(told(|now| now.machine.processor = "another".into()).contains("another machine"));
        assert!(told(|now| now.machine.cores = 64).contains("another machine"));
        let mut quick = report(&ratios);
        quick.manner.quick = true;
        let quick: Earlier = serde_json::from_str(&serde_json::to_string(&quick).unwrap()).unwrap();
        assert!(quick.beside(&report(&ratios), &[]).contains("that run was made with --quick"));
    }

    #[test]
    fn between_runs_that_measure_other_things_nothing_is_new_or_gone() {
        let before = earlier(&[("pipes", "<= 1 x", 1.0), ("ring", "<= 1 x", 1.0)]);
        for change in [|now: &mut Report| now.manner.quick = true, |now: &mut Report| now.manner.alone = true] {
            let mut now = report(&[("pipes", "<= 1 x", 1.0), ("rayon", "-", 1.0)]);
            change(&mut now);
            let told = before.beside(&now, &[]);
            assert!(!told.contains("new ") && !told.contains("gone "), "{told}");
            assert!(
                told.ends_with("1 are where they were, within their noise; 2 are in one of the two runs alone"),
                "{told}"
            );
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
