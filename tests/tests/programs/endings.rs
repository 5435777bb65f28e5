//! How commands of `mpexec run` begin, and how they end before their time.

use std::fs;
use std::io::Write;
use std::time::Duration;

use crate::common::files::{folder, names_in};
use crate::common::program::Started;
use crate::run::run;
use mpexec_testkit::at_some_pace;
use mpexec_testkit::processes::children_of;
use rustix::process::Signal;

#[test]
fn commands_begin_in_the_order_of_their_arguments() {
    let folder = folder();
    fifo(&folder);
    // The first holds one worker until all others have run, and none of them waits behind it.
    let words = ["-j2", "test {} = 1 && read x <pipe; echo {} >>log", ":::", "1", "2", "3", "4", "5", "6", "7", "8"];
    let started = run(&words).in_folder(&folder).start();
    let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    while log().lines().count() < 7 {
        assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
    }
    fs::write(folder.path().join("pipe"), "x\n").unwrap();
    assert_eq!(started.finish().code(), 0);
    assert_eq!(log(), "2\n3\n4\n5\n6\n7\n8\n1\n");
}

/// Asks a command to end that says so and ends.
const TRAP: &str = "trap 'echo term >>told; exit' TERM; echo {} >>begun; ";

#[test]
fn commands_are_asked_to_end_before_they_are_killed() {
    // Whoever is asked has two seconds to end, so on a slow machine one may not come to it.
    at_some_pace(asked_before_they_are_killed);
    // One that does not listen is killed after a moment, and does not come to its end before the watchdog does.
    let words = ["-j2", "--halt", "now,fail=1", "trap '' TERM; sleep {}; false", ":::", "900", "0"];
    assert_eq!(run(&words).run().code(), 1);
}

fn asked_before_they_are_killed(slower: u32) {
    let folder = folder();
    let begun = || fs::read_to_string(folder.path().join("begun")).unwrap_or_default().lines().count();
    let told = || fs::read_to_string(folder.path().join("told")).unwrap_or_default();
    let until_all = "while [ $(wc -l <begun) -lt 3 ]; do sleep 0.02; done";
    let halted = format!("{TRAP}case {{}} in 0) {until_all};; *) sleep {{}} & wait $!;; esac; exit 1");
    let words = ["-j3", "--halt", "now,fail=1", "--joblog", "log", &halted, ":::", "0", "900", "901", "902"];
    let done = run(&words).in_folder(&folder).run();
    assert!(done.fault(1).starts_with("1 of 1 commands failed; 3 more were not run; the first: "), "{}", done.stderr);
    assert_eq!((begun(), told()), (3, "term\nterm\n".to_owned()));
    assert_eq!(fs::read_to_string(folder.path().join("log")).expect("a log").lines().count(), 2);
    // In the last quarter of the grace; a second Ctrl-C before it kills at once.
    for (grace, again, asked_to) in [(format!("{}s", 2 * slower), false, "term\n"), ("900s".to_owned(), true, "")] {
        fs::remove_file(folder.path().join("begun")).expect("it is there");
        fs::write(folder.path().join("told"), "").expect("a folder of ours");
        let asked = format!("{TRAP}sleep {{}} & wait $!");
        let started = run(&["-j1", "--grace", &grace, &asked, ":::", "900", "901"]).in_folder(&folder).start();
        while begun() < 1 {
            assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
        }
        started.signal(Signal::INT);
        if again {
            wait_for_grace(&started);
            started.signal(Signal::INT);
        }
        assert_eq!(started.finish().code(), 130);
        assert_eq!((begun(), told().as_str()), (1, asked_to), "{grace}");
    }
}

#[test]
fn a_command_that_comes_to_its_end_when_it_is_asked_to_is_done_and_not_run_again() {
    at_some_pace(|slower| {
        let folder = folder();
        let (grace, folder_name) = (format!("{}s", 2 * slower), "kept");
        let listens = "trap 'echo ended >>ended; echo done {}; exit 0' TERM; echo {} >>begun; sleep 900 & wait $!";
        let words = ["-j1", "--grace", &grace, "--run-dir", folder_name, listens, ":::", "1"];
        let started = run(&words).in_folder(&folder).start();
        while !folder.path().join("begun").exists() {
            assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
        }
        started.signal(Signal::INT);
        let done = started.finish();
        assert_eq!((done.code(), done.text()), (130, "done 1\n"), "{}", done.stderr);
        assert!(done.stderr.contains("1 of 1 commands run"), "{}", done.stderr);
        assert_eq!(run(&words).in_folder(&folder).run().good(), "done 1\n");
        assert_eq!(fs::read_to_string(folder.path().join("ended")).unwrap(), "ended\n", "it was not run again");
    });
}

#[test]
fn what_a_command_line_has_started_has_as_long_to_end_as_the_line() {
    at_some_pace(|slower| {
        let grace = format!("{}s", 8 * slower);
        let halted = ["--halt", "now,fail=1"];
        for (more, arguments, code) in [(&["--grace", &grace][..], &["1"][..], 130), (&halted, &["1", "fails"], 1)] {
            let folder = folder();
            // The shell of the line ends at once when it is asked to, and what it waits for takes its time.
            let cleans = "trap 'sleep 0.2; echo cleaned >>cleaned; exit 1' TERM; echo >>begun; sleep 900 & wait $!";
            fs::write(folder.path().join("cleans"), cleans).unwrap();
            let line =
                "if [ {} = fails ]; then while ! [ -e begun ]; do sleep 0.02; done; false; else sh cleans && true; fi";
            let started = run(&["-j2"]).args(more).args([line, ":::"]).args(arguments).in_folder(&folder).start();
            while code == 130 && !folder.path().join("begun").exists() {
                assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
            }
            if code == 130 {
                started.signal(Signal::INT);
            }
            assert_eq!(started.finish().code(), code);
            assert_eq!(fs::read_to_string(folder.path().join("cleaned")).unwrap_or_default(), "cleaned\n");
        }
    });
}

#[test]
fn a_command_that_ends_with_a_code_of_its_own_when_all_are_asked_to_has_run() {
    at_some_pace(|slower| {
        let folder = folder();
        let grace = format!("{}s", 2 * slower);
        let line = "trap 'echo out; exit 3' TERM; echo >>begun; sleep 900 & wait $!";
        let words = ["-j1", "--retries", "5", "--grace", &grace, "--joblog", "log", line, ":::", "1", "2"];
        let started = run(&words).in_folder(&folder).start();
        while !folder.path().join("begun").exists() {
            assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
        }
        started.signal(Signal::INT);
        let done = started.finish();
        assert_eq!((done.code(), done.text()), (130, "out\n"), "{}", done.stderr);
        assert!(done.stderr.contains("1 of 2 commands run"), "{}", done.stderr);
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.lines().nth(1).unwrap().split('\t').nth(6), Some("3"), "{log}");
    });
}

#[test]
fn where_the_input_was_not_read_to_its_end_that_is_told() {
    let mut endless = std::process::Command::new("yes").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let done = run(&["-j1", "--halt", "soon,fail=1", "exit 4"]).stdin(endless.stdout.take().unwrap()).run();
    endless.wait().unwrap();
    let told = done.fault(1);
    assert!(told.contains("the input was not read to its end; the first: "), "{told}");
}

/// A pipe with a name.
fn fifo(folder: &tempfile::TempDir) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("pipe"), rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe in a temporary folder");
}

/// It has heard of a signal when it has begun to count the grace.
fn wait_for_grace(started: &Started) {
    let threads = std::path::Path::new("/proc").join(started.pid().to_string()).join("task");
    let counts =
        |thread: &std::path::Path| fs::read_to_string(thread.join("comm")).is_ok_and(|name| name == "mpexec-grace\n");
    while !threads.read_dir().expect("it has threads").flatten().any(|thread| counts(&thread.path())) {
        assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
    }
}

#[test]
fn nobody_is_left_behind_after_an_interrupt_and_nothing_new_is_begun() {
    let folder = folder();
    let many: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let words = ["-j2", "--grace", "900s", "touch {}; echo {} >&2; read x <pipe; touch {}.end", ":::"];
    fifo(&folder);
    let started = run(&words).args(&many).in_folder(&folder).start();
    let workers = started.workers(2);
    while names_in(&folder).len() < 3 || workers.iter().any(|worker| children_of(worker.pid).is_empty()) {
        assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
    }
    started.signal(Signal::INT);
    wait_for_grace(&started);
    // The two that run come to their end: each reads a line, also one that opens the pipe later than the other.
    let mut pipe = fs::File::options().read(true).write(true).open(folder.path().join("pipe")).unwrap();
    pipe.write_all(b"a\nb\n").unwrap();
    let done = started.finish();
    drop(pipe);
    assert_eq!(done.code(), 130);
    assert!(done.stderr.contains("interrupted: 2 of 100 commands run"), "{}", done.stderr);
    let names = names_in(&folder);
    assert_eq!(names.iter().filter(|name| name.ends_with(".end")).count(), 2, "{names:?}");
    assert_eq!(names.len(), 5, "{names:?}");
}
