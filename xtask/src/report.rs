//! What came of each step, and the table at the end.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// What a step ended as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What the step checks holds.
    Ok,
    /// It does not; the reason in a few words.
    Failed(String),
    /// It could not be checked here; why not.
    Skipped(String),
}

impl Outcome {
    /// The next check, unless this one already ended otherwise.
    pub(crate) fn and(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Ok => next(),
            other => other,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(_) => "FAILED",
            Self::Skipped(_) => "skipped",
        }
    }

    fn note(&self) -> &str {
        match self {
            Self::Ok => "",
            Self::Failed(why) | Self::Skipped(why) => why,
        }
    }
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) step: String,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    /// Of a step that failed: what it printed last, and where all of it stands.
    pub(crate) said: Option<Said>,
}

/// See [`Row`].
pub(crate) struct Said {
    pub(crate) last: String,
    pub(crate) path: PathBuf,
}

impl Row {
    /// What is said when the step has ended.
    pub(crate) fn line(&self) -> String {
        let note = match self.outcome.note() {
            "" => String::new(),
            note => format!(": {note}"),
        };
        format!("== {}: {} after {}{note}", self.step, self.outcome.word(), time(self.took))
    }
}

/// Whether any step failed. A skipped one did not.
pub(crate) fn any_failed(rows: &[Row]) -> bool {
    rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_)))
}

/// The table of all steps, and one plain sentence below it.
fn table(rows: &[Row], took: Duration) -> String {
    // Two more than the longest, as which twelve columns are enough for most tables.
    let wide = rows.iter().map(|row| row.step.len() + 2).max().unwrap_or_default().max(12);
    let mut text = format!("{:<wide$}{:<10}{:>12}  {}\n", "step", "result", "time", "note");
    for row in rows {
        let line =
            format!("{:<wide$}{:<10}{:>12}  {}", row.step, row.outcome.word(), time(row.took), row.outcome.note());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text + &summary(rows, took)
}

/// What stands at the end of all: the table, and below it what each step that failed said last. Often somebody sees no more
/// than the end, so the sentence comes once more. `took`: all of it, as steps may run beside each other.
pub(crate) fn closing(rows: &[Row], took: Duration) -> String {
    let mut text = table(rows, took);
    let mut any = false;
    for row in rows {
        if let Some(Said { last, path }) = &row.said {
            let _ = write!(text, "\n\n== {}: what it said last (all of it: {})\n{last}", row.step, path.display());
            any = true;
        }
    }
    if any {
        let _ = write!(text, "\n{}", summary(rows, took));
    }
    text
}

fn summary(rows: &[Row], took: Duration) -> String {
    let of = |word: &str| -> Vec<&str> {
        let rows = rows.iter().filter(|row| row.outcome.word() == word);
        rows.map(|row| &*row.step).collect()
    };
    let (ok, failed, skipped) = (of("ok"), of("FAILED"), of("skipped"));
    let mut text = format!("{} of {} steps ok", ok.len(), rows.len());
    for (count, word) in [(failed, "failed"), (skipped, "skipped")] {
        if !count.is_empty() {
            let _ = write!(text, ", {} {word} ({})", count.len(), count.join(", "));
        }
    }
    let _ = write!(text, ", in {}.", time(took));
    text
}

fn time(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", took.as_secs() / 60, took.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: &'static str, outcome: Outcome, millis: u64) -> Row {
        let took = Duration::from_millis(millis);
        Row { step: step.to_owned(), outcome, took, said: None }
    }

    #[test]
    fn what_a_failed_step_said_last_stands_below_the_table_and_the_sentence_below_that() {
        let mut failed = row("tests", Outcome::Failed("exit status: 101".to_owned()), 60_000);
        failed.said = Some(Said { last: "it panicked\n".to_owned(), path: "target/test-logs/tests.log".into() });
        let (rows, took) = ([row("fmt", Outcome::Ok, 800), failed], Duration::from_secs(60));
        let sentence = "1 of 2 steps ok, 1 failed (tests), in 1 min 00 s.";
        let expected = format!(
            "{}\n\n== tests: what it said last (all of it: target/test-logs/tests.log)\nit panicked\n\n{sentence}",
            table(&rows, took)
        );
        assert_eq!(closing(&rows, took), expected);
        assert_eq!(closing(&rows[..1], took), table(&rows[..1], took), "nothing is said twice where nothing failed");
    }

    #[test]
    fn the_table_has_a_line_for_each_step_and_a_sentence_at_the_end() {
        let rows = [
            row("fmt", Outcome::Ok, 800),
            row("clippy", Outcome::Failed("exit status: 101".to_owned()), 123_400),
            row("miri", Outcome::Skipped("no nightly toolchain".to_owned()), 10),
        ];
        let expected = "\
step        result            time  note
fmt         ok               0.8 s
clippy      FAILED      2 min 03 s  exit status: 101
miri        skipped          0.0 s  no nightly toolchain
1 of 3 steps ok, 1 failed (clippy), 1 skipped (miri), in 2 min 04 s.";
        assert_eq!(table(&rows, Duration::from_secs(124)), expected);
        assert!(any_failed(&rows));
    }

    #[test]
    fn a_long_name_stands_apart_from_what_comes_behind_it() {
        let rows = [row("thread: contract", Outcome::Ok, 1000), row("fmt", Outcome::Ok, 1000)];
        let text = table(&rows, Duration::from_secs(2));
        let columns: Vec<_> = text.lines().take(3).map(|line| line.find("ok").or(line.find("result"))).collect();
        assert_eq!(columns, [Some(18); 3], "{text}");
    }

    #[test]
    fn a_skipped_step_is_no_failure() {
        assert!(!any_failed(&[row("fmt", Outcome::Ok, 1), row("miri", Outcome::Skipped("x".to_owned()), 1)]));
    }

    #[test]
    fn a_check_that_failed_is_not_followed_by_the_next() {
        let failed = Outcome::Failed("first".to_owned());
        assert_eq!(failed.clone().and(|| Outcome::Ok), failed);
        assert_eq!(Outcome::Ok.and(|| failed.clone()), failed);
    }
}
