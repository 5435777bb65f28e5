//! What is said on standard error while work goes on and at its end: the status on SIGUSR1, lines for programs, advice.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::common::files::{endless, folder, names_in, tutorial};
use crate::common::program::{Call, Done, mpexec};
use mpexec_testkit::processes::children_of;
use rustix::process::Signal;
use serde_json::Value;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// The objects on its standard error, of which each line is one.
#[track_caller]
fn objects(done: &Done) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
    let objects: Vec<Value> = done.stderr.lines().map(parse).collect();
    for object in &objects {
        assert!(object["time"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24), "{object}");
        assert!(object["level"].is_string() && object["message"].is_string(), "{object}");
    }
    objects
}

/// The time between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

fn is_status(line: &str) -> bool {
    line.starts_with("status: ") && line.contains(" failed; workers: ")
}

#[test]
fn who_asks_with_a_signal_hears_how_far_it_is_and_nothing_is_disturbed() {
    for progress in ["never", "always"] {
        let folder = folder();
        let path = endless(&folder);
        let call = mpexec(["count-range", "-v", "-j", "2", "--progress", progress]).arg(&path);
        let started = call.in_folder(folder.path()).start();
        let workers = started.workers_on(&path, 2);
        // As `pkill -USR1 mpexec` does: workers bear the name too.
        while !workers.iter().all(|worker| bears(worker.pid)) {
            assert!(!started.ends_within(LOOK), "{}", started.told());
        }
        workers.iter().for_each(|worker| worker.signal(Signal::USR1));
        while !started.told().contains("workers: 2 busy, 0 idle, 0 starting") {
            started.signal(Signal::USR1);
            assert!(!started.ends_within(LOOK), "{}", started.told());
        }
        let told = started.told();
        let line = told.lines().find(|line| is_status(line)).unwrap_or_else(|| panic!("no status: {told}"));
        assert!(line.contains(" of 171,798,691 rows counted (") && line.contains(" rows/s"), "{line}");
        started.signal(Signal::TERM);
        let done = started.finish();
        assert_eq!(done.code(), 143);
        assert!(
            !done.stderr.contains("SIGUSR1") && !done.stderr.contains(" died"),
            "a worker was ended: {}",
            done.stderr
        );
    }
}

#[test]
fn every_command_with_workers_bears_the_signal_from_its_first_moment_on() {
    let folder = folder();
    fs::write(folder.path().join("t.csv"), "a,b\n1,2\n3,4\n").expect("a file in a temporary folder");
    let commands: [&[&str]; 6] = [
        &["count-range", "t.csv", "--output", "-"],
        &["normalize", "t.csv"],
        &["common-items", "t.csv", "t.csv"],
        &["frame", "t.csv", "--task", "describe"],
        &["map", "--worker-program", WORKER, "add", "t.csv"],
        &["run", "true {}", ":::", "1", "2", "3", "4"],
    ];
    for words in commands {
        let quiet = mpexec(words).in_folder(folder.path()).run();
        let started = mpexec(words).in_folder(folder.path()).start();
        // What is still being loaded cannot bear anything; from then on it does.
        while !started.ends_within(LOOK) {
            let mut asked = children_of(started.pid());
            asked.retain(|worker| bears(worker.pid));
            asked.iter().for_each(|worker| worker.signal(Signal::USR1));
            if bears(started.pid()) {
                started.signal(Signal::USR1);
            }
        }
        let asked = started.finish();
        assert_eq!(
            (asked.status.code(), &asked.stdout),
            (quiet.status.code(), &quiet.stdout),
            "{words:?}: {}",
            asked.stderr
        );
    }
}

/// Whether the process has set what it does about SIGUSR1.
fn bears(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & (1 << (Signal::USR1.as_raw() - 1)) != 0)
}

#[test]
fn commands_that_are_run_have_the_signal_as_it_was() {
    let done = mpexec(["run", "sh -c 'kill -USR1 $$; echo survived' {}", ":::", "1"]).run();
    assert_eq!((done.code(), done.text()), (1, ""), "{}", done.stderr);
}

#[test]
fn a_stream_without_an_end_is_told_of_without_the_time_that_is_left() {
    let mut started = mpexec(["--progress", "always", "run", "echo {}"]).stdin(Stdio::from(endless_numbers())).start();
    started.line();
    started.wait_for("tasks/s");
    started.signal(Signal::USR1);
    started.wait_for("starting\n");
    let told = started.told();
    let line = told.lines().find(|line| is_status(line)).expect("a status");
    assert!(line.contains(" commands run, ") && line.contains(" commands/s, 0 failed"), "{line}");
    assert!(!told.contains("left"), "{told}");
    started.close_stdout();
    assert_eq!(started.finish().code(), 0);
}

/// A pipe that never ends.
fn endless_numbers() -> std::io::PipeReader {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    std::thread::spawn(move || while writer.write_all(b"1\n").is_ok() {});
    reader
}

#[test]
fn failures_are_shown_beside_the_progress() {
    let arguments: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    let done = mpexec(["--progress", "always", "-j", "2", "run", "sleep 0.1; exit 3", ":::"]).args(&arguments).run();
    assert!(
        done.stderr.lines().any(|line| line.contains(" of 30 tasks") && line.ends_with(" failed")),
        "{}",
        done.stderr
    );
}

#[test]
fn lines_for_programs_are_objects_whatever_is_said() {
    let json = |words: &[&str]| mpexec(["--log-format", "json"]).args(words).run();
    let missing = json(&["count-range", "nowhere.npy"]);
    let told = objects(&missing);
    assert_eq!((told[0]["level"].as_str(), told[0]["exit_code"].as_i64()), (Some("error"), Some(3)));
    assert!(told[0]["message"].as_str().is_some_and(|line| line.contains("nowhere.npy")));
    // Errors of usage are told before the command line is understood.
    for done in [json(&["count-range"]), mpexec(["nonsense"]).env("MPEXEC_LOG_FORMAT", "json").run()] {
        let told = objects(&done);
        assert_eq!((told.len(), told[0]["exit_code"].as_i64(), done.code()), (1, Some(2), 2), "{}", done.stderr);
    }
    let wrote = json(&["-v", "--progress", "always", "run", "echo {} >&2; exit 3", ":::", "a", "b"]);
    let told = objects(&wrote);
    let mut streams: Vec<_> =
        told.iter().filter(|line| line["stream"] == "stderr").map(|line| line["message"].as_str()).collect();
    streams.sort_unstable();
    assert_eq!(streams, [Some("a"), Some("b")]);
    assert!(told.iter().any(|line| line["level"] == "debug"), "what the pool does: {}", wrote.stderr);
    let summary = told.last().expect("the last line");
    let count = |of: &str| summary[of].as_u64();
    assert_eq!(
        (summary["summary"].as_bool(), count("done"), count("failed"), count("exit_code")),
        (Some(true), Some(2), Some(2), Some(1))
    );
    let quiet = json(&["-q", "run", "true {}", ":::", "a"]);
    assert_eq!((quiet.code(), &quiet.stderr[..]), (0, ""));
}

#[test]
fn a_status_for_programs_has_its_figures() {
    let folder = folder();
    let path = endless(&folder);
    let started =
        mpexec(["--log-format", "json", "count-range", "-j", "2"]).arg(&path).in_folder(folder.path()).start();
    started.workers_on(&path, 2);
    while !started.told().contains("\"busy\":2") {
        started.signal(Signal::USR1);
        assert!(!started.ends_within(LOOK), "{}", started.told());
    }
    started.signal(Signal::INT);
    let told = objects(&started.finish());
    let status = told.iter().rfind(|line| line["status"] == true).expect("a status");
    assert_eq!((status["total"].as_u64(), status["busy"].as_u64()), (Some(171_798_691), Some(2)), "{status}");
    assert!(
        told.iter().any(|line| line["level"] == "warn"
            && line["message"].as_str().is_some_and(|line| line.starts_with("interrupted")))
    );
}

/// What advice was given to it.
#[track_caller]
fn advice(call: Call) -> String {
    let done = call.run();
    let advice: Vec<_> = done.stderr.lines().filter_map(|line| line.strip_prefix("advice: ")).collect();
    advice.join("\n")
}

fn advised(words: &[&str]) -> Call {
    mpexec(["--advice", "always"]).args(words)
}

#[test]
fn a_pool_that_waited_for_its_input_is_told_so() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let slow = std::thread::spawn(move || {
        for number in 0..7 {
            // The input is what is slow here: that is what is told.
            std::thread::park_timeout(std::time::Duration::from_millis(100));
            writeln!(writer, "{number}").expect("it is read");
        }
    });
    let told = advice(advised(&["-j", "2", "run", "true {}"]).stdin(Stdio::from(reader)));
    slow.join().expect("all was read");
    assert!(told.contains("the input was waited for") && told.contains("faster source"), "{told}");
}

#[test]
fn a_pool_that_waited_for_its_last_task_is_told_so() {
    let told = advice(advised(&["-j", "4", "run", "sleep {}", ":::", "0.01", "0.01", "0.01", "1"]));
    assert!(told.contains("waited for the last task") && told.contains("cut it into smaller ones"), "{told}");
}

#[test]
fn a_pool_whose_output_nobody_took_is_told_so() {
    let arguments: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    let call = advised(&["-j", "2", "run", "head -c 1000000 /dev/zero | tr '\\0' x; echo {}", ":::"]).args(&arguments);
    let mut started = call.start();
    let mut read = 0;
    while read < 40 {
        // A reader that takes its time: that is what is told.
        std::thread::park_timeout(std::time::Duration::from_millis(40));
        started.line();
        read += 1;
    }
    let done = started.finish();
    assert!(done.stderr.contains("results waited to be taken") && done.stderr.contains("slow part"), "{}", done.stderr);
}

#[test]
fn a_pool_that_started_workers_all_the_time_is_told_so() {
    let arguments: Vec<_> = (0..150).map(|number| number.to_string()).collect();
    let told = advice(advised(&["-j", "1", "run", "--max-tasks-per-worker", "1", "true", ":::"]).args(&arguments));
    assert!(told.contains("workers were being started") && told.contains("--max-tasks-per-worker"), "{told}");
}

#[test]
fn a_pool_of_tasks_that_are_too_short_is_told_so() {
    let folder = folder();
    let rows = "[1,2]\n".repeat(60_000);
    fs::write(folder.path().join("rows.jsonl"), rows).expect("a file in a temporary folder");
    let call = advised(&["-j", "2", "map", "--worker-program", WORKER, "add", "rows.jsonl"]);
    let told = advice(call.in_folder(folder.path()).stdout(Stdio::null()));
    assert!(told.contains("microseconds each") && told.contains("one worker"), "{told}");
}

#[test]
fn a_run_that_was_well_and_one_that_nobody_watches_get_no_advice() {
    assert_eq!(advice(advised(&["-j", "2", "run", "sleep {}", ":::", "0.5", "0.5", "0.5", "0.5"])), "");
    let unwatched = mpexec(["-j", "4", "run", "sleep {}", ":::", "0.01", "0.01", "0.01", "0.8"]);
    assert_eq!(unwatched.run().good(), "");
    let folder = folder();
    let page = mpexec([
        "--advice", "never", "--report", "p.html", "-j", "4", "run", "sleep {}", ":::", "0.01", "0.01", "0.01", "0.8",
    ]);
    assert_eq!(page.in_folder(folder.path()).run().good(), "");
    assert_eq!(names_in(&folder), ["p.html"]);
    assert_eq!(mpexec(["--advice", "always", "count-range", "--json"]).arg(tutorial()).run().stderr, "", "a short run");
}
