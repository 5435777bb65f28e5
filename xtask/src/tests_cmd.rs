//! `cargo xtask test`: everything that must hold before a change is taken, in one command.
//!
//! It goes on after a step that failed: who waits some minutes for an answer wants all of it. What a machine cannot check
//! is skipped, and said to be. Where the output goes to no terminal, that of each step is also written to
//! `target/test-logs`, and the last of what failed stands once more at the end.
//!
//! Steps that build in folders of their own run beside the others and, unless these wait for them, stand back behind them: tests wait for processes most of the time, and
//! there is a processor to spare. What they print is shown when the others have ended.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::place::Place;
use crate::report::{self, Outcome, Row, Said};
use crate::steps::{STEPS, Step, When};
use crate::transcript::{Transcript, excerpt};

/// A program with its libraries may need so much while it is linked.
const LITTLE_ROOM: u64 = 512 << 20;

/// Check everything: form, lints, documentation, tests, orderings, licences.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only these steps, and those that they need
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    only: Vec<String>,
    /// Run only what one wants while writing: form, lints, tests
    #[arg(long, conflicts_with = "only")]
    quick: bool,
    /// Say which steps there are, and run none
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chosen = chosen(arguments);
    if arguments.list {
        for step in chosen {
            let named = if step.when == When::Named { " (only with --only)" } else { "" };
            println!("{:<12}{}{named}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let began = Instant::now();
    let mut place = Place::find();
    place.once = place.is_fresh();
    let kept = if io::stdout().is_terminal() { Kept::Nowhere } else { Kept::Shown };
    // One that is asked for by itself is wanted as it comes.
    let whole = arguments.only.is_empty() && !arguments.quick;
    let (aside, others): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|step| whole && step.aside);
    let mut beside = Place { once: place.once, aside: true, ..Place::find() };
    let (ends, ended) = mpsc::channel();
    let mut awaited = Awaited { running: aside.iter().map(|step| step.name).collect(), ended };
    let rows = thread::scope(|scope| {
        let aside = scope.spawn(move || {
            let run = |step: &'static Step| {
                // One that others wait for does not stand back behind them.
                beside.aside = !is_awaited(step);
                let row = one(step, &mut beside, Kept::Hidden);
                // Nobody may wait for it.
                let _ = ends.send(step.name);
                (step, row)
            };
            aside.into_iter().map(run).collect::<Vec<_>>()
        });
        let run = |step: &'static Step| {
            awaited.wait_for(step.after);
            one(step, &mut place, kept)
        };
        let mut rows: Vec<Row> = others.into_iter().map(run).collect();
        // A step does not panic; should it, so does this.
        for (step, row) in aside.join().expect("the steps beside the others have ended") {
            println!("\n== {}: {}", step.name, step.what);
            let printed = fs::read(log_of(&place, step)).unwrap_or_default();
            println!("{}{}", String::from_utf8_lossy(&printed), row.line());
            rows.push(row);
        }
        rows
    });
    println!("\n{}", report::closing(&rows, began.elapsed()));
    Ok(if report::any_failed(&rows) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether a step begins only when this one has ended.
fn is_awaited(step: &Step) -> bool {
    STEPS.iter().any(|other| other.after.contains(&step.name))
}

/// The steps that run beside the others.
struct Awaited {
    running: Vec<&'static str>,
    ended: Receiver<&'static str>,
}

impl Awaited {
    /// Waits until none of these runs any more.
    fn wait_for(&mut self, steps: &[&str]) {
        while self.running.iter().any(|running| steps.contains(running)) {
            match self.ended.recv() {
                Ok(ended) => self.running.retain(|running| *running != ended),
                // Their thread has ended, and with it they.
                Err(_) => self.running.clear(),
            }
        }
    }
}

/// What becomes of what a step prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// It is shown, and in colours.
    Nowhere,
    /// It is shown and written to a file.
    Shown,
    /// It is written to a file, for later.
    Hidden,
}

fn log_of(place: &Place, step: &Step) -> PathBuf {
    place.target.join("test-logs").join(format!("{}.log", step.name))
}

fn chosen(arguments: &Arguments) -> Vec<&'static Step> {
    let wanted = |step: &Step| match (arguments.quick, arguments.list) {
        (true, _) => step.when == When::Quick,
        _ if !arguments.only.is_empty() => arguments.only.iter().any(|name| name == step.name),
        (_, list) => list || step.when != When::Named,
    };
    let needed = |step: &Step| STEPS.iter().any(|other| wanted(other) && other.needs.contains(&step.name));
    STEPS.iter().filter(|step| wanted(step) || needed(step)).collect()
}

/// A linker that finds the disk full is killed by a signal and says nothing, so it is said here.
fn with_room(outcome: Outcome, room: Option<u64>) -> Outcome {
    match (outcome, room) {
        (Outcome::Failed(why), Some(room)) if room < LITTLE_ROOM => {
            let mib = room >> 20;
            Outcome::Failed(format!(
                "{why}; the target folder has {mib} MiB left to grow: make room, or set CARGO_TARGET_DIR"
            ))
        }
        (outcome, _) => outcome,
    }
}

fn one(step: &'static Step, place: &mut Place, kept: Kept) -> Row {
    if kept != Kept::Hidden {
        println!("\n== {}: {}", step.name, step.what);
    }
    let begin = Instant::now();
    let path = log_of(place, step);
    let transcript = (kept != Kept::Nowhere).then(|| Transcript::begin(path.clone(), kept == Kept::Shown));
    match transcript.transpose() {
        Ok(transcript) => place.transcript = transcript,
        Err(error) => println!("what it prints is not kept: {}: {error}", path.display()),
    }
    let outcome = with_room((step.run)(place), place.room());
    let said = place.transcript.take().map(Transcript::end).filter(|_| matches!(outcome, Outcome::Failed(_)));
    let said = said.and_then(|path| {
        let text = fs::read(&path).ok()?;
        Some(Said { last: excerpt(&String::from_utf8_lossy(&text)), path })
    });
    let row = Row { step: step.name.to_owned(), outcome, took: begin.elapsed(), said };
    if kept != Kept::Hidden {
        let goes_on = match row.outcome {
            Outcome::Failed(_) => "; going on, so that all failures are seen",
            _ => "",
        };
        println!("{}{goes_on}", row.line());
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use crate::run::show;

    fn names(only: &[&str], quick: bool) -> Vec<&'static str> {
        let only = only.iter().map(|&name| name.to_owned()).collect();
        let arguments = Arguments { only, quick, list: false };
        chosen(&arguments).into_iter().map(|step| step.name).collect()
    }

    #[test]
    fn all_steps_are_run_when_none_is_named_but_those_that_take_too_long() {
        let asked = STEPS.iter().filter(|step| step.when == When::Named);
        assert_eq!(names(&[], false).len() + asked.count(), STEPS.len());
        assert_eq!(names(&["killed"], false), ["killed"]);
    }

    #[test]
    fn a_failure_on_a_full_disk_says_so() {
        let failed = || Outcome::Failed("signal 7".to_owned());
        let Outcome::Failed(why) = with_room(failed(), Some(3 << 20)) else { panic!("it failed") };
        assert!(why.starts_with("signal 7; the target folder has 3 MiB left"), "{why}");
        assert!(with_room(failed(), Some(1 << 30)) == failed() && with_room(failed(), None) == failed());
        assert!(with_room(Outcome::Ok, Some(0)) == Outcome::Ok);
    }

    #[test]
    fn a_step_brings_what_it_needs_and_keeps_the_order() {
        assert_eq!(names(&["tests", "fmt"], false), ["fmt", "bins", "tests"]);
        assert_eq!(names(&[], true), ["fmt", "clippy", "bins", "tests"]);
    }

    #[test]
    #[cfg(unix)]
    fn what_a_step_printed_is_kept_and_the_end_of_it_told_if_it_failed() {
        fn steps(place: &Place) -> Outcome {
            place.say("found it");
            show(place, place.command("sh").args(["-c", "seq 45; echo at last >&2; exit 3"]))
        }
        const STEP: Step = Step {
            name: "made-up",
            what: "nothing",
            when: When::Whole,
            needs: &[],
            after: &[],
            aside: false,
            run: steps,
        };
        let mut place = Place::find();
        place.target = std::env::temp_dir().join(format!("xtask-test-logs-{}", std::process::id()));
        let said = one(&STEP, &mut place, Kept::Shown).said.expect("it failed");
        assert!(said.last.starts_with("[... 8 lines]\n7\n8\n") && said.last.ends_with("\n45\nat last\n"));
        let whole = fs::read_to_string(place.target.join("test-logs/made-up.log")).unwrap();
        assert!(whole.starts_with("found it\n$ sh -c ") && whole.ends_with("45\nat last\n"), "{whole}");
        assert_eq!(said.path, place.target.join("test-logs/made-up.log"));
        assert!(place.transcript.is_none());
        fs::remove_dir_all(&place.target).unwrap();
    }

    #[test]
    fn a_step_begins_when_those_have_ended_that_it_is_to_come_after() {
        let (ends, ended) = mpsc::channel();
        let mut awaited = Awaited { running: vec!["a", "b", "c"], ended };
        ends.send("a").unwrap();
        ends.send("c").unwrap();
        awaited.wait_for(&["c", "none"]);
        assert_eq!(awaited.running, ["b"]);
        awaited.wait_for(&["a", "c"]);
        drop(ends);
        awaited.wait_for(&["b"]);
        assert!(awaited.running.is_empty());
    }

    #[test]
    fn a_step_comes_after_such_only_as_run_beside_the_others() {
        let aside = |name: &&str| STEPS.iter().any(|step| step.name == *name && step.aside);
        assert!(STEPS.iter().all(|step| step.after.iter().all(aside) && (step.after.is_empty() || !step.aside)));
        let awaited = STEPS.iter().filter(|step| is_awaited(step)).map(|step| step.name);
        assert_eq!(awaited.collect::<Vec<_>>(), ["numpy"]);
    }

    #[test]
    fn every_step_that_is_needed_exists_and_comes_before() {
        for (at, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..at].iter().any(|before| before.name == *need), "{} needs {need}", step.name);
            }
        }
    }
}
