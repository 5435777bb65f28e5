//! What is said on standard error while work goes on and at its end: the status on SIGUSR1, lines for programs, advice.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::files::{endless, file, folder, small};
use crate::common::program::{Call, Done, Started, mpexec, watchdog};
use mpexec_testkit::at_some_pace;
use mpexec_testkit::processes::children_of;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

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
const LOOK: Duration = Duration::from_millis(5);

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
pub(super) fn bears(pid: u32) -> bool {
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

/// What advice was given.
fn advice(done: &Done) -> String {
    let advice: Vec<_> = done.stderr.lines().filter_map(|line| line.strip_prefix("advice: ")).collect();
    advice.join("\n")
}

fn advised(words: &[&str]) -> Call {
    mpexec(["--advice", "always"]).args(words)
}

/// What is told is a share of the time that a run takes, and no run that is shorter than half a second is told anything. So what is to be
/// told of lasts `times` as long as all that came before it, however busy the machine is.
fn outlast(begun: Instant, times: u32) {
    let until = Instant::now() + Duration::from_millis(500).max(begun.elapsed() * times);
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Waits until there are files with these names.
fn appear(folder: &TempDir, names: &[&str], started: &Started) {
    while !names.iter().all(|name| folder.path().join(name).exists()) {
        assert!(!started.ends_within(LOOK), "{}", started.told());
    }
}

/// A task that is over when there is a file `go`, and says when it has begun.
const WAITS: &str = "touch begun{}; while [ ! -e go ]; do sleep 0.02; done; echo {}";

#[test]
fn a_pool_that_waited_for_its_input_is_told_so() {
    at_some_pace(waits_for_its_input);
}

fn waits_for_its_input(slower: u32) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let begun = Instant::now();
    let mut started = advised(&["-j", "2", "run", "echo {}"]).stdin(Stdio::from(reader)).start();
    writeln!(writer, "1").expect("it is read");
    assert_eq!(started.line(), "1\n");
    outlast(begun, 3 * slower);
    writeln!(writer, "2").expect("it is read");
    drop(writer);
    let told = advice(&started.finish());
    assert!(told.contains("the input was waited for") && told.contains("faster source"), "{told}");
}

#[test]
fn a_pool_that_waited_for_its_last_task_is_told_so() {
    at_some_pace(waits_for_its_last_task);
}

fn waits_for_its_last_task(slower: u32) {
    let folder = folder();
    let begun = Instant::now();
    // All four begin, three end.
    let command = "touch begun{}; f=first; [ {} != last ] || f=go; while [ ! -e $f ]; do sleep 0.02; done; echo {}";
    let call = advised(&["-j", "4", "run", command, ":::", "1", "2", "3", "last"]);
    let mut started = call.in_folder(folder.path()).start();
    appear(&folder, &["begun1", "begun2", "begun3", "begunlast"], &started);
    file(&folder, "first", b"");
    (0..3).for_each(|_| assert_ne!(started.line(), "last\n"));
    outlast(begun, 3 * slower);
    file(&folder, "go", b"");
    let told = advice(&started.finish());
    assert!(told.contains("waited for the last task") && told.contains("cut it into smaller ones"), "{told}");
}

#[test]
fn a_pool_whose_output_nobody_took_is_told_so() {
    at_some_pace(nobody_takes_its_output);
}

fn nobody_takes_its_output(slower: u32) {
    // No more tasks than are done while nobody reads.
    let call = advised(&["-j", "2", "run", "head -c 1000000 /dev/zero | tr '\\0' x; echo {}", ":::", "1", "2", "3"]);
    let begun = Instant::now();
    let mut started = call.start();
    started.line();
    // All pipes are full, and nobody reads.
    outlast(begun, 4 * slower);
    (0..2).for_each(|_| drop(started.line()));
    let done = started.finish();
    assert!(done.stderr.contains("results waited to be taken") && done.stderr.contains("slow part"), "{}", done.stderr);
}

/// What advice was given to a run of so many tasks that it was not too short for one. Of tasks that others took the processor from nobody can
/// say how short they are: then it is run again, until the watchdog's patience is half over.
fn advice_to_many(mut many: usize, wanted: &str, run: impl Fn(usize) -> Done) -> String {
    let begun = Instant::now();
    loop {
        let told = advice(&run(many));
        if told.contains(wanted) || begun.elapsed() > watchdog() / 2 {
            return told;
        }
        if told.is_empty() {
            many *= 4;
        }
    }
}

#[test]
fn a_pool_that_started_workers_all_the_time_is_told_so() {
    let told = advice_to_many(150, "workers were being started", |many| {
        let arguments = (0..many).map(|number| number.to_string());
        advised(&["-j", "1", "run", "--max-tasks-per-worker", "1", "true", ":::"]).args(arguments).run()
    });
    assert!(told.contains("workers were being started") && told.contains("--max-tasks-per-worker"), "{told}");
}

#[test]
fn a_pool_of_tasks_that_are_too_short_is_told_so() {
    let folder = folder();
    let told = advice_to_many(60_000, "microseconds each", |many| {
        file(&folder, "rows.jsonl", "[1,2]\n".repeat(many).as_bytes());
        let call = advised(&["-j", "2", "map", "--worker-program", WORKER, "add", "rows.jsonl"]);
        call.in_folder(folder.path()).stdout(Stdio::null()).run()
    });
    assert!(told.contains("microseconds each") && told.contains("one worker"), "{told}");
}

#[test]
fn a_run_that_was_well_and_one_that_nobody_watches_get_no_advice() {
    at_some_pace(gets_no_advice);
}

fn gets_no_advice(slower: u32) {
    let quiet = |words: &[&str], arguments: &[&str]| {
        let folder = folder();
        let begun = Instant::now();
        let started = mpexec(words).args(["run", WAITS, ":::"]).args(arguments).in_folder(folder.path()).start();
        let names: Vec<_> = arguments.iter().map(|argument| format!("begun{argument}")).collect();
        appear(&folder, &names.iter().map(String::as_str).collect::<Vec<_>>(), &started);
        outlast(begun, 5 * slower);
        file(&folder, "go", b"");
        let done = started.finish();
        assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{words:?}");
    };
    // All workers had something to do; and one of four.
    quiet(&["--advice", "always", "-j", "2"], &["1", "2"]);
    quiet(&["-j", "4"], &["1"]);
    quiet(&["--advice", "never", "--report", "p.html", "-j", "4"], &["1"]);
    // A run that was short, whenever the machine lets one be.
    loop {
        let begun = Instant::now();
        let short = mpexec(["--advice", "always", "count-range", "--json"]).arg(small()).run();
        if begun.elapsed() < Duration::from_millis(500) {
            return assert_eq!(short.stderr, "");
        }
    }
}
