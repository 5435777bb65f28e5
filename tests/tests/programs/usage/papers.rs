//! What surrounds the commands: completions, the manual, variables in place of options, hints at what was meant, the archive.

use std::fs;

use crate::common::files::{TOTAL, folder, names_in, tutorial};
use crate::common::program::{Started, built, mpexec, program, programs};
use rustix::process::Signal;

/// The commands that have a page of the manual.
pub(super) const COMMANDS: [&str; 12] = [
    "runs",
    "gen",
    "count-range",
    "normalize",
    "common-items",
    "frame",
    "map",
    "tasks",
    "run",
    "workers",
    "completions",
    "man-pages",
];

#[test]
fn every_shell_has_completions_that_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = mpexec(["completions", shell]).run().good().to_owned();
        for word in COMMANDS.into_iter().chain(["worker-program", "keep-order", "fail-fast"]) {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(mpexec(["completions", "dos"]).run().code(), 2);
    let folder = folder();
    let path = folder.path().join("mpexec");
    fs::write(&path, mpexec(["completions", "bash"]).run().good()).unwrap();
    let script = "source $0; COMP_WORDS=(mpexec cou); COMP_CWORD=1; _mpexec mpexec cou mpexec; echo ${COMPREPLY[@]}";
    assert_eq!(program("bash").args(["-c", script]).arg(&path).run().text(), "count-range\n");
}

#[test]
fn each_command_has_a_page_with_its_options_and_examples() {
    let folder = folder();
    assert_eq!(mpexec(["man-pages"]).arg(folder.path()).run().good(), "");
    let names = names_in(&folder);
    assert!(names.contains(&"mpexec.1".to_owned()));
    for command in COMMANDS {
        assert!(names.contains(&format!("mpexec-{command}.1")), "{command}: {names:?}");
    }
    let about_runs = ["list", "show", "resume", "clean"].map(|command| format!("mpexec-runs-{command}.1"));
    assert!(about_runs.iter().all(|name| names.contains(name)), "{names:?}");
    assert_eq!(names.len(), COMMANDS.len() + about_runs.len() + 1);
    let page = fs::read_to_string(folder.path().join("mpexec-run.1")).unwrap();
    for words in ["keep\\-order", "joblog", "\\-\\-workers", "gzip \\-k"] {
        assert!(page.contains(words), "{words}:\n{page}");
    }
    assert!(mpexec(["man-pages", "/dev/null/x"]).run().fault(3).starts_with("/dev/null/x: "));
}

#[test]
fn variables_stand_for_options_and_options_come_first() {
    let json = |call: crate::common::program::Call| call.run().json();
    let count = || mpexec(["count-range", "--json"]).arg(tutorial());
    let told = json(count().env("MPEXEC_WORKERS", "3").env("MPEXEC_TRANSPORT", "socket"));
    assert_eq!((told["workers"].as_u64(), told["transport"].as_str()), (Some(3), Some("socket")));
    let told = json(count().env("MPEXEC_WORKERS", "3").args(["--workers", "1"]));
    assert_eq!((told["workers"].as_u64(), told["total"].as_u64()), (Some(1), Some(TOTAL)));
    assert_eq!(count().env("MPEXEC_WORKERS", "none").run().code(), 2);
    let coloured = mpexec(["count-range"]).arg(tutorial()).env("MPEXEC_COLOR", "always").run();
    assert!(coloured.text().contains('\u{1b}'));
    assert!(mpexec(["nonsense"]).env("MPEXEC_COLOR", "always").run().stderr.contains('\u{1b}'));
    let endless = || mpexec(["gen", "-", "--rows", "100000000000", "--cols", "5"]).stdout(std::process::Stdio::null());
    let stopped = |started: Started| {
        started.wait_for("of 100,000,000,000 rows");
        started.signal(Signal::INT);
        assert_eq!(started.finish().code(), 130);
    };
    stopped(endless().env("MPEXEC_PROGRESS", "always").env("MPEXEC_GRACE", "10s").start());
    assert_eq!(endless().env("MPEXEC_GRACE", "soon").run().code(), 2);
}

#[test]
fn what_was_meant_is_guessed() {
    for (line, meant) in [
        (&["cuont-range", "x"][..], "'count-range'"),
        (&["run", "--keep-ordr", "echo"], "'--keep-order'"),
        (&["count-range", "x", "--header", "yess"], "'yes'"),
    ] {
        let done = mpexec(line).run();
        assert!(done.code() == 2 && done.stderr.contains("tip: ") && done.stderr.contains(meant), "{}", done.stderr);
    }
}

#[test]
fn the_archive_has_everything_in_its_place() {
    let target = programs().parent().unwrap();
    let made = program(built("xtask")).args(["dist", "--dev"]).env("CARGO_TARGET_DIR", target).run();
    assert_eq!(made.code(), 0, "{}{}", made.text(), made.stderr);
    let archive = made.text().lines().last().unwrap();
    let folder = folder();
    let unpacked = program("tar").args(["--extract", "--strip-components=1", "--file", archive, "--directory"]);
    assert_eq!(unpacked.arg(folder.path()).run().code(), 0);
    for path in [
        "bin/mpexec-worker",
        "share/man/man1/mpexec.1",
        "share/man/man1/mpexec-map.1",
        "share/bash-completion/completions/mpexec",
        "share/zsh/site-functions/_mpexec",
        "share/fish/vendor_completions.d/mpexec.fish",
        "share/doc/mpexec/LICENSE-MIT",
    ] {
        assert!(folder.path().join(path).is_file(), "{path}");
    }
    let counted = program(folder.path().join("bin/mpexec")).args(["count-range", "--json"]).arg(tutorial()).run();
    assert_eq!(counted.json()["total"].as_u64(), Some(TOTAL));
}
