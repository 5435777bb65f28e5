//! `--report` and `--trace`: files that are complete, true and harmless, however the run ended; and the page in a browser.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::files::{endless, file, folder, names_in, small, table};
use crate::common::program::{Call, mpexec};
use mpexec_testkit::at_some_pace;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// What a page shows.
#[track_caller]
fn figures(page: &Path) -> Value {
    let page = fs::read_to_string(page).expect("the page is there");
    let (_, rest) = page.split_once(r#"<script type="application/json" id="figures">"#).expect("it has figures");
    serde_json::from_str(rest.split_once("</script>").expect("they end").0).expect("they are JSON")
}

/// The events of a trace by their kind.
#[track_caller]
fn events(trace: &Path) -> BTreeMap<String, Vec<Value>> {
    let trace: Value = serde_json::from_slice(&fs::read(trace).expect("the trace is there")).expect("it is JSON");
    let mut kinds = BTreeMap::<String, Vec<Value>>::new();
    for event in trace["traceEvents"].as_array().expect("a list of events") {
        kinds.entry(event["ph"].as_str().expect("each has a kind").to_owned()).or_default().push(event.clone());
    }
    kinds
}

fn watched(folder: &TempDir) -> Call {
    mpexec(["--report", "page.html", "--trace", "trace.json"]).in_folder(folder.path())
}

#[test]
fn every_command_with_workers_writes_a_page_and_a_trace() {
    let folder = folder();
    table(&folder, "a.npy", 2, 3, &[2, 3, 4, 6, 9, 10]);
    file(&folder, "b.csv", b"x,y,z\n2,3,4\n6,9,10\n");
    file(&folder, "c.jsonl", b"[2,3,4]\n[6,9,10]\n");
    file(&folder, "d.jsonl", b"[1,2]\n[3,4]\n");
    let small = small().to_str().expect("a path of ours");
    let commands: [(&[&str], &str, u64); 8] = [
        (&["count-range", small], "rows", 1),
        (&["count-range", "a.npy", "b.csv"], "rows", 4),
        (&["count-range", "b.csv"], "rows", 2),
        (&["normalize", "b.csv"], "rows", 2),
        (&["common-items", "b.csv", "c.jsonl"], "rows", 2),
        (&["frame", "b.csv", "--task", "describe"], "rows", 1),
        (&["map", "--worker-program", WORKER, "add", "d.jsonl"], "calls", 2),
        (&["run", "true {}", ":::", "1", "2", "3"], "commands", 3),
    ];
    for (words, unit, least) in commands {
        let done = watched(&folder).args(words).run();
        let told = figures(&folder.path().join("page.html"));
        assert!([0, 1].contains(&done.code()), "{words:?}: {}", done.stderr);
        assert_eq!((told["unit"].as_str(), told["exit"].as_i64()), (Some(unit), Some(done.code().into())), "{words:?}");
        assert!(told["done"].as_u64() >= Some(least) && told["batches"].as_u64() >= Some(1), "{words:?}: {told}");
        assert!(told["command"].as_str().is_some_and(|line| line.contains(words[0])), "{told}");
        let lanes = told["lanes"].as_array().expect("a list of workers");
        assert_eq!(Some(lanes.len() as u64), told["workers"].as_u64());
        let sum = |of: &str| lanes.iter().filter_map(|lane| lane[of].as_u64()).sum::<u64>();
        assert_eq!((Some(sum("batches")), Some(sum("tasks"))), (told["batches"].as_u64(), told["tasks"].as_u64()));
        let events = events(&folder.path().join("trace.json"));
        assert_eq!(events["X"].len(), told["spans"].as_array().map_or(0, Vec::len), "{words:?}");
        fs::remove_file(folder.path().join("page.html")).expect("it was written anew");
        fs::remove_file(folder.path().join("trace.json")).expect("it was written anew");
    }
    assert_eq!(names_in(&folder), ["a.npy", "b.csv", "c.jsonl", "d.jsonl"], "nothing else is left");
}

#[test]
fn events_of_one_track_of_a_trace_do_not_overlap_and_deaths_are_among_them() {
    // So long that all three workers are there by the end, and chance has looked at them.
    at_some_pace(|slower| tracks_of_three(&format!("sleep {}; true {{}}", 0.02 * f64::from(slower))));
}

fn tracks_of_three(command: &str) {
    let folder = folder();
    let arguments: Vec<_> = (0..60).map(|number| number.to_string()).collect();
    let call =
        watched(&folder).args(["--chaos", "kill=0.05,seed=3", "-j", "3", "run", "--retries", "9", command, ":::"]);
    call.args(&arguments).run();
    let told = figures(&folder.path().join("page.html"));
    let events = events(&folder.path().join("trace.json"));
    let mut tracks = BTreeMap::<u64, Vec<(f64, f64)>>::new();
    for event in &events["X"] {
        let (begun, took) = (event["ts"].as_f64().expect("a number"), event["dur"].as_f64().expect("a number"));
        assert!(begun >= 0.0 && took >= 0.0, "{event}");
        tracks.entry(event["tid"].as_u64().expect("a number")).or_default().push((begun, begun + took));
    }
    let named = events["M"].iter().filter(|event| event["name"] == "thread_name").count();
    assert_eq!((tracks.len(), named), (3, 3));
    for track in tracks.values_mut() {
        track.sort_by(|one, other| one.0.total_cmp(&other.0));
        // To the nanosecond: these are microseconds with a fraction.
        assert!(track.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 0.001), "{track:?}");
    }
    let died = |name: &Value| name.as_str().is_some_and(|name| name.contains("SIGKILL"));
    let deaths = events["i"].iter().filter(|event| died(&event["name"])).count() as u64;
    let lanes = told["lanes"].as_array().expect("a list of workers");
    assert_eq!(deaths, lanes.iter().filter_map(|lane| lane["deaths"].as_u64()).sum::<u64>());
    assert!(deaths > 0, "with this seed some die: {told}");
    assert!(!events["C"].is_empty());
}

#[test]
fn commands_that_end_badly_are_failures_of_the_workers_that_ran_them() {
    let folder = folder();
    let numbers: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let done = watched(&folder).args(["-j", "3", "run", "n={}; [ $((n % 7)) != 0 ]", ":::"]).args(&numbers).run();
    assert_eq!(done.code(), 1);
    let told = figures(&folder.path().join("page.html"));
    let lanes = told["lanes"].as_array().expect("a list of workers");
    assert_eq!(lanes.iter().filter_map(|lane| lane["failed"].as_u64()).sum::<u64>(), 29, "{told}");
    // Worker, begin, end, running, tasks, failed, batches, whether it died.
    let spans = told["spans"].as_array().expect("a list of batches");
    assert!(spans.iter().all(|span| span[5].as_u64() <= span[4].as_u64()), "{told}");
    assert_eq!(spans.iter().filter_map(|span| span[5].as_u64()).sum::<u64>(), 29, "{told}");
    let outcomes = told["outcomes"].as_array().expect("a list of kinds");
    let of = |kind: &str| outcomes.iter().find(|outcome| outcome[0] == kind).and_then(|outcome| outcome[1].as_u64());
    assert_eq!((of("ok"), of("returned an error")), (Some(171), Some(29)), "{told}");
    // Each is where it ran: of single commands, those whose number says so.
    let events = events(&folder.path().join("trace.json"));
    let single = events["X"].iter().map(|event| &event["args"]).filter(|args| args["tasks"] == 1);
    for args in single {
        let number = args["first"].as_u64().expect("its number");
        assert_eq!(args["failed"].as_u64(), Some(u64::from(number % 7 == 0)), "{args}");
    }
}

#[test]
fn each_try_that_failed_is_a_failure_and_no_other() {
    let folder = folder();
    // Each command fails once, but for every third.
    let command = "[ $(({} % 3)) = 0 ] || [ -e {} ] || { touch {}; false; }";
    let numbers: Vec<_> = (0..60).map(|number| number.to_string()).collect();
    let call = watched(&folder).args(["-j", "3", "run", "--retries", "1", command, ":::"]).args(&numbers);
    assert_eq!(call.run().code(), 0);
    let told = figures(&folder.path().join("page.html"));
    let outcomes = told["outcomes"].as_array().expect("a list of kinds");
    let of = |kind: &str| outcomes.iter().find(|outcome| outcome[0] == kind).and_then(|outcome| outcome[1].as_u64());
    assert_eq!((of("ok"), of("returned an error")), (Some(60), Some(40)), "{told}");
    // On one worker tries follow each other: each command of this list fails twice, but for the second.
    let words = ["-j", "1", "run", "--retries", "1", "test {} = b", ":::", "a", "b", "c"];
    assert_eq!(watched(&folder).args(words).run().code(), 1);
    let told = figures(&folder.path().join("page.html"));
    let spans = told["spans"].as_array().expect("a list of batches");
    let failed: Vec<_> = spans.iter().map(|span| span[5].as_u64().expect("a number")).collect();
    assert_eq!((failed.iter().sum::<u64>(), failed.iter().filter(|failed| **failed == 0).count()), (4, 1), "{told}");
}

#[test]
fn what_is_told_of_a_run_takes_the_place_of_nothing_else() {
    let folder = folder();
    file(&folder, "in.csv", b"a,b\n1,2\n");
    file(&folder, "names", b"x\ny\n");
    fs::create_dir(folder.path().join("d")).expect("a folder");
    std::os::unix::fs::symlink("in.csv", folder.path().join("link")).expect("a link");
    let call = |line: &str| mpexec(line.split(' ')).in_folder(folder.path());
    let read = "is the file that is read";
    for (line, why) in [
        ("--trace in.csv count-range in.csv --output -", read),
        ("--report link normalize in.csv", read),
        ("--report in.csv normalize .", read),
        ("--report out.csv normalize in.csv -o out.csv", "is the file of --output too"),
        (
            "--report d/in.csv.jsonl normalize in.csv --per-file --output-format jsonl -o d",
            "is the file of --output too",
        ),
        ("--trace a --report ./a normalize in.csv", "is the file of --report too"),
        ("--trace a run --joblog d/../a true ::: x", "is the file of --trace too"),
        ("run --joblog names --arg-file names echo", read),
        ("--report - normalize in.csv", "not to standard output"),
    ] {
        let done = call(line).run();
        assert!(done.fault(2).contains(why), "{line}: {}", done.stderr);
    }
    let names = fs::File::open(folder.path().join("names")).expect("it is there");
    assert!(call("run --joblog names echo").stdin(names).run().fault(2).contains(read));
    // What holds nothing is nobody's.
    let null = call("run --joblog /dev/null true").stdin(std::process::Stdio::null()).run();
    assert_eq!(null.good(), "");
    assert_eq!(fs::read(folder.path().join("in.csv")).expect("it is there"), b"a,b\n1,2\n");
    assert_eq!(fs::read(folder.path().join("names")).expect("it is there"), b"x\ny\n");
    assert_eq!(names_in(&folder), ["d", "in.csv", "link", "names"]);
}

#[test]
fn a_run_that_failed_or_was_interrupted_has_its_page_and_it_says_so() {
    let folder = folder();
    let done = watched(&folder).args(["run", "sleep 0.0{}; [ {} != 2 ]", ":::", "1", "2", "3"]).run();
    assert_eq!(done.code(), 1);
    let told = figures(&folder.path().join("page.html"));
    assert_eq!(
        (told["ended"].as_str(), told["exit"].as_i64(), told["failed"].as_u64()),
        (Some("failed"), Some(1), Some(1))
    );
    assert!(told["why"].as_str().is_some_and(|why| why.contains("1 of 3 commands failed")), "{told}");
    assert!(told["failures"][0].as_str().is_some_and(|what| what.contains("exited with code 1")), "{told}");
    // Which of them was the slowest is the machine's to say: here it is that the slowest come first.
    let slowest = told["slowest"].as_array().expect("a list");
    assert!(slowest.iter().all(|one| one["name"].as_str().is_some_and(|name| name.contains(": sleep 0.0"))), "{told}");
    assert!(slowest.windows(2).all(|pair| pair[0]["took"].as_f64() >= pair[1]["took"].as_f64()), "{told}");
    assert_eq!(slowest.len(), 3, "{told}");
    for signals in [1, 2] {
        let path = endless(&folder);
        let started = watched(&folder).args(["count-range", "-j", "2"]).arg(&path).start();
        let workers = started.workers_on(&path, 2);
        if signals == 2 {
            workers.iter().for_each(|worker| worker.signal(Signal::STOP));
        }
        (0..signals).for_each(|_| started.signal(Signal::INT));
        assert_eq!(started.finish().code(), 130);
        let told = figures(&folder.path().join("page.html"));
        assert_eq!((told["ended"].as_str(), told["exit"].as_i64()), (Some("interrupted"), Some(130)), "{told}");
        assert!(told["done"].as_u64() < told["all"].as_u64(), "{told}");
        events(&folder.path().join("trace.json"));
    }
}

#[test]
fn files_that_cannot_be_written_and_commands_without_workers_are_refused_before_anything_is_done() {
    let folder = folder();
    for option in ["--report", "--trace"] {
        let done = mpexec([option, "nowhere/x", "run", "touch done; true", ":::", "1"]).in_folder(folder.path()).run();
        assert!(done.fault(3).contains("nowhere/x"), "{}", done.stderr);
        let done = mpexec([option, "x", "workers"]).in_folder(folder.path()).run();
        assert!(done.fault(2).contains("has no workers"), "{}", done.stderr);
    }
    assert_eq!(names_in(&folder), [""; 0]);
}

/// A browser, if there is one here.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
}

/// The page after its script has run, as text; a word of the script's on the console ends the test.
fn drawn(browser: &Path, folder: &TempDir) -> String {
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    let done = command.arg(format!("file://{}", folder.path().join("page.html").display())).output();
    let done = done.expect("the browser can be started");
    // What the page does wrong, and what it asks for elsewhere (its policy forbids that), is told there.
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!said.contains("CONSOLE"), "{said}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn a_browser_draws_the_page_and_finds_nothing_wrong_and_foreign_text_stays_text() {
    let Some(browser) = browser() else {
        mpexec_testkit::skipped("no chromium here, in which to look at the page");
        return;
    };
    let folder = folder();
    let evil = "echo '<script>alert(1)</script><img src=x onerror=alert(2)>' {} >/dev/null; exit {}";
    let done = watched(&folder).args(["-j", "2", "run", evil, ":::", "0", "1", "0", "0"]).run();
    assert_eq!(done.code(), 1, "{}", done.stderr);
    let page = drawn(&browser, &folder);
    assert!(page.contains(r#"data-drawn="2 lanes, "#), "the script has not come to its end: {page}");
    for (id, rows) in [("workers", 2), ("time", 7), ("outcomes", 2), ("slowest", 4)] {
        let (_, table) = page.split_once(&format!("<table id=\"{id}\"")).unwrap_or_else(|| panic!("no table {id}"));
        let table = table.split_once("</table>").expect("it ends").0;
        assert_eq!(table.matches("<tr>").count(), rows + 1, "{id}: {table}");
    }
    assert_eq!(page.matches("class=\"batch\"").count(), 4);
    assert_eq!(page.matches("class=\"batch\" style=\"fill:var(--bad)\"").count(), 1);
    let text = page.split_once("id=\"slowest\"").expect("a table").1;
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x"), "{text}");
    assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
}

/// The page as paper would have it: how many pages, and their text if there is a program here that finds it.
fn printed(browser: &Path, folder: &TempDir) -> (usize, Option<String>) {
    let pdf = folder.path().join("page.pdf");
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]);
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    command.arg(format!("--print-to-pdf={}", pdf.display()));
    let done = command.arg(format!("file://{}", folder.path().join("page.html").display())).output();
    assert!(done.expect("the browser can be started").status.success());
    let bytes = fs::read(&pdf).expect("it was printed");
    let kinds = bytes.split(|&byte| byte == b'\n').filter(|line| line.ends_with(b"/Type /Page"));
    let text = Command::new("pdftotext").arg(&pdf).arg("-").output().ok();
    (kinds.count(), text.map(|done| String::from_utf8_lossy(&done.stdout).into_owned()))
}

#[test]
fn the_page_is_printed_with_what_failed_and_without_what_paper_cannot_open() {
    let Some(browser) = browser() else {
        mpexec_testkit::skipped("no chromium here, to print the page with");
        return;
    };
    let folder = folder();
    let call = watched(&folder).args(["-j", "2", "run", "exit {}", ":::", "0", "7", "0", "0"]);
    assert_eq!(call.run().code(), 1);
    let (pages, text) = printed(&browser, &folder);
    // Two sheets hold all of it; a section that is pushed to a sheet of its own would make it three.
    assert!((1..=2).contains(&pages), "{pages} pages");
    let Some(text) = text else {
        mpexec_testkit::skipped("no pdftotext here, to read what was printed");
        return;
    };
    for there in ["Time line of each worker", "Where the time went", "What failed", "exited with code 7", "The slowest"]
    {
        assert!(text.contains(there), "{there}: {text}");
    }
    assert!(!text.contains("Lives of workers"), "{text}");
    // Two workers have their table beside the chart; the others are closed.
    assert_eq!(text.matches("As a table").count(), 1, "{text}");
}
