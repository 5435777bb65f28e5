//! `mpexec run`: commands as tasks. What they print, how they end, what holds for them.

mod quoting;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::common::files::{folder, names_in};
use crate::common::program::{Call, mpexec, program, programs};
use mpexec_testkit::at_some_pace;
use mpexec_testkit::processes::{alive, children_of};
use rustix::process::Signal;

pub(crate) fn run(words: &[&str]) -> Call {
    mpexec(["run"]).args(words)
}

/// The lines of its output, sorted: commands end in any order.
#[track_caller]
fn lines(call: Call) -> Vec<String> {
    let mut lines: Vec<_> = call.run().good().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn arguments_come_from_the_line_from_a_file_or_from_standard_input() {
    let folder = folder();
    let file = folder.path().join("names");
    fs::write(&file, "a\n\nb c").unwrap();
    assert_eq!(lines(run(&["echo {}", ":::", "a", "b c"])), ["a", "b c"]);
    assert_eq!(lines(run(&["--arg-file", file.to_str().unwrap(), "echo"])), ["a", "b c"]);
    assert_eq!(lines(run(&["echo"]).stdin(fs::File::open(&file).unwrap())), ["a", "b c"]);
    assert_eq!(lines(run(&["-a", "-", "echo"]).stdin(fs::File::open(&file).unwrap())), ["a", "b c"]);
    fs::write(&file, "a\nb\0c\0").unwrap();
    assert_eq!(lines(run(&["--null", "printf '<%s>\\n'"]).stdin(fs::File::open(&file).unwrap())), ["<a", "<c>", "b>"]);
    // Without a command each line is one.
    fs::write(&file, "echo a b\necho c | tr c d\n").unwrap();
    assert_eq!(lines(run(&["-a", file.to_str().unwrap()])), ["a b", "d"]);
    assert_eq!(lines(run(&["echo", ":::"])), [""; 0]);
}

#[test]
fn a_name_with_anything_in_it_stays_one_word() {
    for name in ["a  b", "a\nb", "; echo x", "$(echo x)", "'\"`", "\\"] {
        for words in
            [&["printf %s {}"][..], &["printf %s {} | cat"], &["printf", "%s", "{}"], &["printf %s \"{}\" | cat"]]
        {
            assert_eq!(run(words).args([":::", name]).run().good(), name, "{words:?}");
        }
    }
    let odd = OsStr::from_bytes(b"\xff\xfe");
    assert_eq!(run(&["printf %s", ":::"]).arg(odd).run().stdout, b"\xff\xfe");
}

#[test]
fn places_are_filled_in() {
    let shown = run(&["echo {} {.} {/} {//} {/.} {#}", ":::", "x/a.b"]).run().good().to_owned();
    assert_eq!(shown, "x/a.b x/a a.b x a 1\n");
    let mut slots = lines(run(&["--workers", "3", "echo {%}", ":::"]).args((0..50).map(|n| n.to_string())));
    slots.dedup();
    assert!(slots.iter().all(|slot| ["1", "2", "3"].contains(&slot.as_str())), "{slots:?}");
}

#[test]
fn outputs_are_whole_tagged_and_in_order_if_that_is_wanted() {
    let words = [
        "-j",
        "2",
        "--keep-order",
        "--tag",
        "echo {}; test {} = 1 && echo more >&2 && sleep 0.3; true",
        ":::",
        "1",
        "2",
    ];
    let done = run(&words).run();
    assert_eq!((done.code(), done.text(), done.stderr.as_str()), (0, "1\t1\n2\t2\n", "1\tmore\n"));
    // The first waits until all of the second is there.
    let folder = folder();
    let words = ["-j", "2", "echo {}; test {} = 2 || until test -e go; do sleep 0.02; done; echo {}", ":::", "1", "2"];
    let mut started = run(&words).in_folder(&folder).start();
    assert_eq!([started.line(), started.line()], ["2\n", "2\n"]);
    fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(started.finish().good(), "1\n1\n");
}

#[test]
fn commands_are_shown_and_none_is_run_on_request() {
    let folder = folder();
    let done = run(&["--dry-run", "touch {} && echo", ":::", "a b", "c"]).in_folder(&folder).run();
    assert_eq!(done.good(), "touch 'a b' && echo\ntouch c && echo\n");
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn a_failure_gives_exit_code_1_and_is_told_after_all_others_have_run() {
    let done = run(&["exit {}", ":::", "0", "3", "0"]).run();
    assert_eq!((done.code(), done.text()), (1, ""));
    assert_eq!(done.stderr, "error: 1 of 3 commands failed; the first: command 2 exited with code 3: exit 3\n");
    let missing = run(&["no-such-program", ":::", "a"]).run();
    assert!(missing.fault(1).contains("could not be run (no-such-program: cannot be started"), "{missing:?}");
    let killed = run(&["sh", "-c", "kill -9 $$", ":::", "a"]).run();
    assert!(killed.fault(1).contains("was killed by signal 9 (SIGKILL)"), "{killed:?}");
}

#[test]
fn a_log_has_a_line_for_each_command_in_the_usual_columns() {
    let folder = folder();
    let log = folder.path().join("log");
    let done = run(&["--joblog", log.to_str().unwrap(), "-j1", "echo {}; exit {}", ":::", "0", "3"]).run();
    assert_eq!(done.code(), 1);
    let text = fs::read_to_string(&log).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive", "Exitval", "Signal", "Command"]);
    assert_eq!((rows[1][0], rows[1][5], rows[1][6], rows[1][8]), ("1", "2", "0", "echo 0; exit 0"));
    assert_eq!((rows[2][0], rows[2][6], rows[2][7]), ("2", "3", "0"));
    assert!(rows[1][2].parse::<f64>().unwrap() > 1e9 && rows[1][3].trim().parse::<f64>().unwrap() >= 0.0);
    let full = run(&["--joblog", "/dev/full", "true", ":::", "a"]).run();
    assert!(full.fault(3).starts_with("/dev/full: cannot be written"), "{full:?}");
}

#[test]
fn on_a_full_disk_the_log_has_whole_lines_only() {
    let folder = folder();
    let script = "mkdir small && mount -t tmpfs -o size=8k none small || exit 99; \
                  seq 1000 | \"$0\" run --joblog small/log -j1 'true this is a line of some length {}'; echo $?; cat small/log";
    let call =
        program("unshare").args(["--map-root-user", "--mount", "sh", "-c", script]).arg(programs().join("mpexec"));
    let done = call.in_folder(folder.path()).run();
    if done.code() != 0 {
        return mpexec_testkit::skipped("there is no file system of one's own here");
    }
    let (code, log) = done.text().split_once('\n').unwrap();
    assert_eq!(code, "3", "{}", done.stderr);
    assert!(done.stderr.starts_with("error: small/log: cannot be written: No space left"), "{}", done.stderr);
    let lines: Vec<_> = log.lines().collect();
    assert!(lines.len() > 10 && log.ends_with('\n'), "{log}");
    assert!(lines.iter().all(|line| line.split('\t').count() == 9), "{log}");
}

#[test]
fn outputs_go_to_files_of_their_own() {
    let folder = folder();
    let done = run(&["--results", "out", "echo {}; echo {} >&2", ":::", "a", "b"]).in_folder(&folder).run();
    assert_eq!(done.good(), "");
    for (number, text) in [("1", "a\n"), ("2", "b\n")] {
        for name in ["stdout", "stderr"] {
            assert_eq!(fs::read_to_string(folder.path().join("out").join(number).join(name)).unwrap(), text);
        }
    }
    // Where there can be no such folder no command is begun, and where none is begun there is no folder.
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = run(&["--results", "file", "touch {}", ":::", "c", "d"]).in_folder(&folder).run();
    assert!(refused.fault(3).ends_with("/file: the folder cannot be made: File exists (os error 17)"), "{refused:?}");
    run(&["--results", "none", "echo", ":::"]).in_folder(&folder).run().good();
    assert_eq!(names_in(&folder), ["file", "out"]);
    // Of one that had to be killed nothing is there that looks whole, nor of a run before.
    at_some_pace(|slower| {
        // So long that it does not listen any more by then.
        let (results, limit) = (format!("late{slower}"), format!("{}ms", 300 * slower));
        run(&["--results", &results, "echo {}", ":::", "before"]).in_folder(&folder).run().good();
        let words =
            ["--results", &results, "-j1", "--timeout", &limit, "trap '' TERM; echo {}; sleep {}", ":::", "1000"];
        let killed = run(&words).in_folder(&folder).run();
        assert!(
            killed.fault(1).contains("took longer than its time limit, and did not end when it was asked to"),
            "{killed:?}"
        );
        assert_eq!(fs::read_dir(folder.path().join(results).join("1")).unwrap().count(), 0);
    });
    let words = ["--results", "halted", "-j2", "--halt", "now,fail=1", "echo {}; sleep {}; exit 1", ":::", "0", "1000"];
    assert_eq!(run(&words).in_folder(&folder).run().code(), 1);
    let started = run(&["--results", "asked", "-j1", "--grace", "0s", "touch begun; sleep 1000; : {}", ":::", "x"])
        .in_folder(&folder)
        .start();
    while !folder.path().join("begun").exists() {
        assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
    }
    started.signal(Signal::INT);
    assert_eq!(started.finish().code(), 130);
    for results in ["halted", "asked"] {
        let files = fs::read_dir(folder.path().join(results)).unwrap().flatten();
        let files: Vec<_> =
            files.flat_map(|of| fs::read_dir(of.path()).unwrap().flatten()).map(|file| file.file_name()).collect();
        assert!(files.iter().all(|name| name == "stdout" || name == "stderr"), "{results}: {files:?}");
    }
}

#[test]
fn what_takes_too_long_is_ended_with_all_that_it_started() {
    // None of them comes to its end before the watchdog does.
    at_some_pace(|slower| {
        let limit = format!("{}ms", 300 * slower);
        let done = run(&["--timeout", &limit, "--tag", "sleep {} | cat; echo end", ":::", "1000", "0"]).run();
        assert_eq!((done.code(), done.text()), (1, "0\tend\n"));
        assert!(done.stderr.contains("command 1 took longer than its time limit: sleep 1000 | cat"), "{}", done.stderr);
        // One that does not listen is killed, and the next one is run.
        let stubborn = run(&["-j1", "--timeout", &limit, "trap '' TERM; sleep {}", ":::", "1000", "0"]).run();
        assert_eq!(stubborn.code(), 1);
        assert!(stubborn.stderr.contains("1 of 2 commands failed"), "{}", stubborn.stderr);
    });
}

#[test]
fn a_command_is_tried_again_so_often_and_no_more_whatever_becomes_of_its_worker() {
    for deadly in 1..=3 {
        let folder = folder();
        let dies = format!("echo x >>begun; test $(wc -l <begun) = {deadly} && kill -9 $PPID; : {{}}; exit 1");
        let done = run(&["-j1", "--retries", "2", &dies, ":::", "a"]).in_folder(&folder).run();
        assert!(done.fault(1).contains("1 of 1 commands failed"), "{done:?}");
        assert_eq!(
            fs::read_to_string(folder.path().join("begun")).unwrap().lines().count(),
            3,
            "the worker died in try {deadly}"
        );
    }
}

/// It works on, beside what this worker would run next.
#[test]
fn what_a_late_command_leaves_is_killed_too_if_it_does_not_end() {
    at_some_pace(|slower| {
        let (folder, limit) = (folder(), format!("{}ms", 300 * slower));
        let first = "sh -c 'trap \"\" TERM; echo $$ >left; sleep 1000; sleep 1000' & wait";
        let next = "grep -q '^State:.[RSD]' /proc/$(cat left)/status && touch beside";
        let command = format!("case {{}} in a) {first};; b) {next}; true;; esac");
        let done = run(&["-j1", "--timeout", &limit, &command, ":::", "a", "b"]).in_folder(&folder).run();
        assert!(
            done.fault(1).contains("1 of 2 commands failed; the first: command 1 took longer than its"),
            "{done:?}"
        );
        assert!(folder.path().join("left").exists(), "it had begun by then");
        assert!(!folder.path().join("beside").exists(), "what the first has left works on beside the second");
    });
}

/// Each try has its own time, also where each has to be killed with a process that it has started and that does not listen either.
#[test]
fn what_does_not_end_when_it_is_asked_to_is_killed_and_tried_again() {
    at_some_pace(|slower| {
        let (folder, limit) = (folder(), format!("{}ms", 300 * slower));
        let command = "trap '' TERM; sleep 1000 & echo $! >>children; : {}; wait; sleep 1000";
        let words = ["--timeout", &limit, "--retries", "2", "--joblog", "log", command, ":::", "a"];
        let done = run(&words).in_folder(&folder).run();
        assert!(done.fault(1).contains("did not end when it was asked to"), "{done:?}");
        let children = fs::read_to_string(folder.path().join("children")).unwrap();
        let children: Vec<u32> = children.lines().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(children.len(), 3, "three tries");
        assert!(children.iter().all(|pid| !alive(*pid)), "{children:?}");
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        let last: Vec<&str> = log.lines().last().unwrap().split('\t').collect();
        assert_eq!(last[6..8], ["-1", "9"], "{log}");
    });
}

#[test]
fn what_commands_print_on_standard_error_comes_whole_or_its_loss_is_told() {
    let full = fs::File::options().write(true).open("/dev/full").expect("a device of Linux");
    let done = run(&["echo lost >&2; echo {}", ":::", "a", "b"]).stderr(full).run();
    assert_eq!(done.code(), 3, "{done:?}");
    // Longer than a pipe, which does not block whoever writes to it.
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("it can be set");
    let words = ["yes x | head -c 1000000 >&2; echo {}", ":::", "a", "b"];
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut all).map(|_| all)
    });
    let done = run(&words).stderr(writer).run();
    let all = reading.join().expect("it reads").expect("it can be read");
    assert_eq!((done.code(), all.len()), (0, 2_000_000), "{done:?}");
}

#[test]
fn while_the_program_is_paused_the_time_limit_of_a_command_stands() {
    at_some_pace(|slower| paused(3 * slower));
}

fn paused(seconds: u32) {
    let folder = folder();
    let (limit, said) = (Duration::from_secs(seconds.into()), format!("{seconds}s"));
    let words =
        ["-j1", "--timeout", &said, "echo >begun; until test -e go; do sleep 0.01; done; echo end {}", ":::", "x"];
    let started = run(&words).in_folder(&folder).in_group_of(None).start();
    while !folder.path().join("begun").exists() {
        assert!(!started.ends_within(Duration::from_millis(5)), "{}", started.told());
    }
    // The other one is a spare, which has nothing to do.
    let mut workers = started.workers(1);
    workers.retain(|worker| !children_of(worker.pid).is_empty());
    started.held().signal_group(Signal::TSTP);
    for process in workers.iter().chain([started.held()]) {
        assert!(process.stops(), "{} goes on", process.pid);
    }
    // It is the time that passes which is to change nothing.
    let until = Instant::now() + limit + Duration::from_millis(500);
    while Instant::now() < until {
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    fs::write(folder.path().join("go"), "").expect("a file in a temporary folder");
    started.held().signal_group(Signal::CONT);
    let done = started.finish();
    assert_eq!((done.code(), done.text(), done.stderr.as_str()), (0, "end x\n", ""));
}

#[test]
fn a_failed_command_is_tried_again() {
    let folder = folder();
    let words = ["--retries", "2", "echo x >>{}; test $(wc -l <{}) = 3", ":::", "tries"];
    assert_eq!(run(&words).in_folder(&folder).run().code(), 0);
    fs::remove_file(folder.path().join("tries")).unwrap();
    let words = ["--retries", "1", "echo x >>{}; test $(wc -l <{}) = 3", ":::", "tries"];
    assert_eq!(run(&words).in_folder(&folder).run().code(), 1);
    assert_eq!(fs::read_to_string(folder.path().join("tries")).unwrap(), "x\nx\n");
}

#[test]
fn failures_end_the_work_as_they_are_told_to() {
    let folder = folder();
    let many: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    // Of those that run, all come to their end; the rest is not begun.
    let words = ["-j2", "--halt", "soon,fail=1", "touch {}; sleep 0.1; touch {}.end; test {} != 3", ":::"];
    let done = run(&words).args(&many).in_folder(&folder).run();
    assert_eq!(done.code(), 1);
    let names = names_in(&folder);
    let ended = names.iter().filter(|name| name.ends_with(".end")).count();
    assert!(ended * 2 == names.len() && ended < 100, "{names:?}");
    assert!(done.stderr.contains("1 of ") && done.stderr.contains(" more were not run"), "{}", done.stderr);
    // It does not come to its end before the watchdog does.
    let done = run(&["-j2", "--halt", "now,fail=1", "sleep {}; false", ":::", "1000", "0", "1000"]).run();
    assert_eq!(done.code(), 1);
    let done = run(&["-j1", "--halt", "soon,fail=50%", "false", ":::"]).args(&many).run();
    // It is heard of a failure a moment later, and in this moment others may have failed.
    let failed: u64 = done.stderr.split(' ').nth(1).unwrap().parse().unwrap();
    assert!((3..100).contains(&failed), "{}", done.stderr);
    assert!(done.stderr.contains(&format!("; {} more were not run", 200 - failed)), "{}", done.stderr);
}

#[test]
fn limits_of_memory_and_niceness_hold_for_commands() {
    let limit = run(&["--memory", "64M", "ulimit -d; true", ":::", "x"]).run();
    assert_eq!(limit.good(), format!("{}\n", 64 << 10));
    let own: i32 = run(&["nice; true", ":::", "x"]).run().good().trim().parse().unwrap();
    let nicer = (own + 7).min(19);
    assert_eq!(run(&["--nice", "7", "nice; true", ":::", "x"]).run().good(), format!("{nicer}\n"));
    let pids =
        lines(run(&["-j1", "--max-tasks-per-worker", "2", "ps -o ppid= -p $$; true", ":::", "1", "2", "3", "4"]));
    assert!(pids.first() != pids.last(), "{pids:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused: &[&[&str]] = &[
        &["--arg-file", "f", "echo", ":::", "a"],
        &["--halt", "later", "echo", ":::", "a"],
        &["echo", ":::", "a", ":::", "b"],
        &["--nice", "20", "echo", ":::", "a"],
        &["--timeout", "0", "echo", ":::", "a"],
        &["--unknown", "echo"],
        &["--worker-program", "/nowhere", "echo", ":::", "a"],
    ];
    for words in refused {
        assert_eq!(run(words).run().code(), 2, "{words:?}");
    }
    assert!(run(&["-a", "nowhere", "echo"]).run().fault(3).starts_with("nowhere: "));
}

#[test]
fn two_thousand_commands_run_and_each_answer_is_its_own() {
    let numbers: String = (0..2000).map(|n| format!("{n}\n")).collect();
    let folder = folder();
    let file = folder.path().join("numbers");
    fs::write(&file, &numbers).unwrap();
    let done = run(&["-k", "-a", file.to_str().unwrap(), "echo"]).run();
    assert_eq!(done.good(), numbers);
}
