//! The command line itself: help, version, what is refused, what is said and in which colours.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::files::{TOTAL, folder, table, tutorial};
use crate::common::program::mpexec;
use rustix::process::Signal;

#[test]
fn help_has_examples_and_the_exit_codes() {
    let help = mpexec(["--help"]).run().good().to_owned();
    for part in [
        "Usage: mpexec",
        "count-range",
        "gen",
        "workers",
        "Examples:",
        "Exit codes:",
        "--worker-program",
        "--transport",
    ] {
        assert!(help.contains(part), "{part:?} is missing:\n{help}");
    }
    for command in ["gen", "count-range", "map", "run", "tasks", "completions", "man-pages", "workers"] {
        let help = mpexec([command, "--help"]).run().good().to_owned();
        assert!(help.contains("Usage: mpexec") && help.contains("--workers"), "{help}");
        assert!(help.contains(&format!("Examples:\n  mpexec {command}")), "{help}");
    }
}

#[test]
fn version_is_that_of_the_package() {
    assert_eq!(mpexec(["--version"]).run().good(), concat!("mpexec ", env!("CARGO_PKG_VERSION"), "\n"));
    for command in ["gen", "count-range", "map", "run", "tasks", "completions", "man-pages", "workers"] {
        let told = mpexec([command, "--version"]).run().good().to_owned();
        assert_eq!(told, format!("mpexec-{command} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn what_cannot_be_understood_ends_with_code_2_and_starts_nothing() {
    let lines: &[&[&str]] = &[
        &[],
        &["nonsense"],
        &["count-range"],
        &["count-range", "f", "--workers", "0"],
        &["count-range", "f", "--workers", "-1"],
        &["count-range", "f", "--workers", "two"],
        &["count-range", "f", "--transport", "memory"],
        &["count-range", "f", "--mode", "both"],
        &["count-range", "f", "--min", "four"],
        &["count-range", "f", "--delimiter", "ab"],
        &["count-range", "f", "--header", "perhaps"],
        &["count-range", "f", "--on-bad-row", "mend"],
        &["count-range", "f", "--input-format", "xls"],
        &["count-range", "f", "--json", "--output", "-"],
        &["count-range", "f", "--chaos", "kill=2"],
        &["count-range", "f", "--chaos", "maim=0.1"],
        &["workers", "--chaos", "kill"],
        &["count-range", "f", "--output", "counts.xyz"],
        &["count-range", "f", "--output", "-", "--output-format", "npy", "--mode", "async"],
        &["count-range", "f", "-v", "-q"],
        &["gen", "f", "--rows", "1"],
        &["gen", "f", "--rows", "1", "--cols", "1", "--low", "5", "--high", "4"],
        &["workers", "--color", "blue"],
    ];
    for line in lines {
        let done = mpexec(*line).run();
        assert_eq!((done.code(), done.text()), (2, ""), "{line:?}");
        assert!(done.stderr.starts_with("error: ") || line.is_empty(), "{line:?}: {}", done.stderr);
    }
}

#[test]
fn options_of_every_command_stand_before_or_after_it() {
    let before =
        mpexec(["--workers", "3", "--transport", "socket", "-q", "count-range", "--json"]).arg(tutorial()).run().json();
    let after = mpexec(["count-range", "--json"])
        .arg(tutorial())
        .args(["--workers", "3", "--transport", "socket", "-q"])
        .run()
        .json();
    for json in [before, after] {
        assert_eq!(
            (json["workers"].as_u64(), json["transport"].as_str(), json["total"].as_u64()),
            (Some(3), Some("socket"), Some(TOTAL))
        );
    }
}

#[test]
fn notes_come_on_request_and_on_stderr_only() {
    let run = |option: &[&str]| mpexec(["count-range", "--json"]).args(option).arg(tutorial()).run();
    assert_eq!(run(&["-q"]).stderr, "");
    assert_eq!(run(&[]).stderr, "");
    let told = run(&["-v"]);
    let counted = told.stderr.lines().find(|line| line.starts_with("auto: ")).expect("what auto counted");
    for part in [" worker", "num_cpus ", "available_parallelism ", "online "] {
        assert!(counted.contains(part), "{part:?} is missing: {counted}");
    }
    assert!(!counted.starts_with("auto: 1 workers"), "{counted}");
    assert!(told.text().starts_with('{') && told.text().lines().count() == 1);
    assert_eq!(run(&["--verbose", "-v"]).code(), 0);
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let coloured = |option: &[&str], variable: Option<&str>| {
        let mut call = mpexec(["count-range"]).arg(tutorial()).args(option);
        if let Some(variable) = variable {
            call = call.env(variable, "1");
        }
        call.run().good().contains('\u{1b}')
    };
    assert!(!coloured(&[], None));
    assert!(coloured(&["--color", "always"], None));
    assert!(coloured(&[], Some("CLICOLOR_FORCE")));
    assert!(!coloured(&["--color", "never"], Some("CLICOLOR_FORCE")));
    assert!(!coloured(&["--color", "auto"], Some("NO_COLOR")));
}

#[test]
fn errors_are_red_where_colours_are() {
    let error = |colour: &str, line: &[&str]| mpexec(line).args(["--color", colour]).run().stderr;
    for line in [&["count-range", "nowhere"][..], &["count-range"]] {
        assert!(error("always", line).contains("\u{1b}["), "{line:?}");
        assert!(error("never", line).starts_with("error: "), "{line:?}");
    }
}

#[test]
fn progress_is_shown_where_it_is_asked_for_and_never_with_quiet() {
    let folder = folder();
    let path = table(&folder, "t", 2, 1, &[5, 6]);
    let stderr = |option: &[&str]| mpexec(["count-range", "--json"]).args(option).arg(&path).run().stderr;
    assert_eq!(stderr(&["--progress", "always", "-q"]), "");
    assert_eq!(stderr(&["--progress", "never"]), "");
    assert_eq!(stderr(&["--progress", "auto"]), "");
    // Work that takes a second, on a machine that is not fast enough to hide it.
    let begun = Instant::now();
    let call = mpexec(["gen", "-", "--rows", "100000000000", "--cols", "5", "--progress", "always"]);
    let started = call.stdout(Stdio::null()).start();
    started.wait_for("of 100,000,000,000 rows");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    started.signal(Signal::INT);
    let done = started.finish();
    let lines: Vec<_> = done.stderr.lines().filter(|line| line.contains("rows/s")).collect();
    assert!(lines.len() as u64 <= begun.elapsed().as_secs(), "more than one in a second: {}", done.stderr);
    assert!(!done.stderr.contains('\u{1b}'), "{:?}", done.stderr);
}

#[test]
fn a_terminal_sees_the_bar_unless_results_are_printed_to_one_too() {
    let started = mpexec(["gen", "-", "--rows", "100000000000", "--cols", "5"]).stdout(Stdio::null());
    let started = started.stderr_terminal().start();
    started.wait_for("of 100,000,000,000 rows");
    started.signal(Signal::INT);
    assert_eq!(started.finish().code(), 130);
}

#[test]
fn workers_says_what_auto_means_and_why() {
    let text = mpexec(["workers"]).run().good().to_owned();
    let auto = mpexec(["count-range", "--json"]).arg(tutorial()).run().json()["workers"].as_u64().unwrap();
    let said: u64 = text.strip_prefix("auto means ").unwrap().split(' ').next().unwrap().parse().unwrap();
    // The table has pieces enough for any ordinary machine, so that auto is not cut down.
    assert!(auto == said || said > 20, "{auto} workers, but:\n{text}");
    for part in ["affinity", "quota", "num_cpus", "available_parallelism", "online"] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}

#[test]
fn help_that_cannot_be_written_is_an_error_of_writing() {
    for line in [&["--help"][..], &["--version"], &["gen", "--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let done = mpexec(line).stdout(full).run();
        assert!(done.fault(3).starts_with("standard output: cannot be written"), "{line:?}");
        let mut left = mpexec(line).start();
        left.close_stdout();
        assert_eq!(left.finish().code(), 0, "{line:?}");
    }
}

#[test]
fn options_behind_the_command_are_words_of_it_and_that_is_told_where_it_fails() {
    let late = mpexec(["run", "sleep 5", "--timeout", "1s", ":::", "1"]).run();
    let told = "; if other words are options of mpexec, write them before the command";
    assert!(late.stderr.contains(told), "{}", late.stderr);
    let plain = mpexec(["run", "no-such-program", ":::", "1"]).run();
    assert!(!plain.stderr.contains(told), "{}", plain.stderr);
}

#[test]
fn a_value_that_makes_no_sense_is_told_with_the_variable_that_has_it() {
    let call = |words: &[&str]| mpexec(words).env("MPEXEC_WORKERS", "many");
    let told = "invalid value 'many' for 'MPEXEC_WORKERS': give auto or a number";
    for words in [&["workers"][..], &["--log-format", "json", "workers"]] {
        let done = call(words).run();
        assert!(done.code() == 2 && done.stderr.contains(told), "{words:?}: {}", done.stderr);
    }
    let typed = call(&["workers", "-j", "few"]).run();
    assert!(typed.stderr.contains("invalid value 'few' for '--workers"), "{}", typed.stderr);
}

#[test]
fn failures_that_never_end_the_work_let_all_commands_run() {
    let done = mpexec(["run", "-j2", "--halt", "never", "false", ":::", "a", "b", "c"]).run();
    assert!(done.stderr.contains("3 of 3 commands failed"), "{}", done.stderr);
}
