//! `mpexec map` and `mpexec tasks`: a user's own functions, called from the shell.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::common::files::{folder, names_in, small, small_counts, table};
use crate::common::program::{Call, Done, mpexec};
use mpexec_data::Packing;
use mpexec_testkit::at_some_pace;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

fn map(task: &str) -> Call {
    mpexec(["map", "--worker-program", WORKER, task])
}

/// A file of these lines, to be read.
fn lines(folder: &TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("a file in a temporary folder");
    path
}

/// Its standard output, line by line.
fn answers(done: &Done) -> Vec<Value> {
    done.text().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The results of a run without failures, in order.
#[track_caller]
fn good(call: Call) -> Vec<Value> {
    let done = call.run();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{}", done.text());
    let answers = answers(&done);
    answers.iter().enumerate().for_each(|(at, line)| assert_eq!(line["index"], at as u64));
    answers.into_iter().map(|line| line["ok"].clone()).collect()
}

#[test]
fn tasks_are_listed_with_parameters_types_and_documentation() {
    let text = mpexec(["tasks", "--worker-program", WORKER]).run().good().to_owned();
    let shown = "howmany_within_range(row: seq<i64>, minimum: i64, maximum: i64) -> u64\n    How many numbers of a row lie within a range.\n";
    assert!(text.contains(shown), "{text}");
    assert!(text.contains("-> f64  (not for map: it has no JSON door)"), "{text}");
    let done = mpexec(["tasks", "--json"]).env("MPEXEC_WORKER_PROGRAM", WORKER).run();
    let listed: Vec<Value> = done.good().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let distance = listed.iter().find(|task| task["name"] == "distance").unwrap();
    assert_eq!(distance["parameters"][1]["name"], "to");
    assert_eq!(distance["parameters"][0]["type"], "struct Point{x: f64, y: f64}");
    assert_eq!((&distance["result"], &distance["json"]), (&json!("f64"), &json!(true)));
    assert_eq!(distance["doc"], "The distance of two points, as the crow flies.");
}

#[test]
fn several_inputs_are_one_whose_rows_are_numbered_through() {
    let folder = folder();
    fs::create_dir(folder.path().join("d")).expect("a folder");
    let paths = [
        lines(&folder, "in.jsonl", "[1, 2]\n{\"a\": 3, \"b\": 4}\n"),
        lines(&folder, "in.csv", "x,y\n5,6\n7\n"),
        folder.path().join("d"),
    ];
    table(&folder, "d/a.npy", 1, 2, &[9, 10]);
    lines(&folder, "d/b.csv", "1,1\n1,2,3\n");
    let done = map("add").args(["--on-bad-row", "skip"]).args(&paths).run();
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let found: Vec<_> = answers(&done).iter().map(|line| (line["index"].clone(), line["ok"].clone())).collect();
    let wanted = [(0, 3), (1, 7), (2, 11), (3, 19), (4, 2)];
    assert_eq!(found, wanted.map(|(index, sum)| (json!(index), json!(sum))));
    assert!(done.stderr.starts_with("2 bad rows were left out; the first: ") && done.stderr.contains("in.csv: line 3"));
    // What is missing is told before anything is called, and what does not fit when its turn comes.
    let gone = map("add").args(&paths).arg(folder.path().join("gone")).run();
    assert!(gone.fault(3).contains("gone: cannot open it: No such file"), "{}", gone.stderr);
    assert_eq!(gone.text(), "");
    let wide = lines(&folder, "wide.csv", "1,2,3\n");
    let told = map("add").args([&paths[0], &wide]).run();
    assert!(told.code() == 2 && told.stderr.contains("wants 2 values, but a row has 3"), "{}", told.stderr);
    assert_eq!(answers(&told).len(), 2);
    let kept = map("add").args(&paths[..1]).arg(&paths[0]).arg("--run-dir").arg(folder.path().join("run")).run();
    assert_eq!(answers(&kept).len(), 4);
}

#[test]
fn the_results_of_each_input_are_a_file_numbered_from_0_on() {
    let folder = folder();
    lines(&folder, "a.jsonl", "[1, 2]\n[3, 4]\n");
    lines(&folder, "none.jsonl", "");
    lines(&folder, "b.jsonl", "[5, 6]\n");
    lines(&folder, "last.jsonl", "");
    fs::create_dir(folder.path().join("out")).expect("a folder");
    let each = |inputs: &[&str]| map("add").args(inputs).args(["--per-file", "-o", "out"]).in_folder(folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).expect("the output");
    let done = each(&["a.jsonl", "none.jsonl", "b.jsonl", "last.jsonl"]).run();
    assert_eq!(done.good(), "");
    assert_eq!(read("a.jsonl.jsonl"), "{\"index\":0,\"ok\":3}\n{\"index\":1,\"ok\":7}\n");
    assert_eq!(read("b.jsonl.jsonl"), "{\"index\":0,\"ok\":11}\n");
    assert_eq!((read("none.jsonl.jsonl"), read("last.jsonl.jsonl")), (String::new(), String::new()));
    // A failure is a result; what cannot be read ends it, and what is complete stays.
    fs::remove_dir_all(folder.path().join("out")).expect("the folder");
    fs::create_dir(folder.path().join("out")).expect("a folder");
    lines(&folder, "wide.csv", "1,2,3\n");
    let told = each(&["a.jsonl", "wide.csv"]).run();
    assert!(told.fault(2).contains("wants 2 values, but a row has 3"), "{}", told.stderr);
    let left: Vec<_> =
        fs::read_dir(folder.path().join("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty() || left == ["a.jsonl.jsonl"], "{left:?}");
    for (more, why) in [
        (&["--per-file"][..], "name a folder with --output"),
        (&["--per-file", "-o", "out", "--mode", "async"], "leave --mode async away"),
        (&["out/a.jsonl", "--per-file", "-o", "out"], "two files that are called the same"),
        (&["-o", "a.jsonl"], "is the file that is read"),
    ] {
        lines(&folder, "out/a.jsonl", "");
        let refused = map("add").arg("a.jsonl").args(more).in_folder(folder.path()).run();
        assert!(refused.fault(2).contains(why), "{more:?}: {}", refused.stderr);
    }
    assert_eq!(fs::read_to_string(folder.path().join("a.jsonl")).expect("the input"), "[1, 2]\n[3, 4]\n");
}

#[test]
fn lines_of_json_are_calls_by_place_by_name_or_alone() {
    let folder = folder();
    let input = lines(&folder, "in", "[[8, 8, 3, 7, 7], 4, 8]\n\n{\"maximum\": 8, \"row\": [1], \"minimum\": 4}\n");
    assert_eq!(good(map("howmany_within_range").arg(&input)), [4, 0]);
    let input = lines(&folder, "numbers", "\"42\"\n[\"7\"]\n");
    let read = || fs::File::open(&input).unwrap();
    assert_eq!(good(map("parse").stdin(read())), [42, 7]);
    assert_eq!(good(map("parse").stdin(read()).args(["--input-format", "jsonl"])), [42, 7]);
    assert_eq!(good(map("parse").arg(&input).args(["--input-format", "jsonl"])), [42, 7]);
    assert_eq!(good(map("parse").arg("-")), [] as [Value; 0]);
}

#[test]
fn rows_of_an_array_give_the_numbers_that_count_range_gives() {
    let counts = small_counts();
    let with = ["--with", "minimum=4", "--with", "maximum=8"];
    let answers = good(map("howmany_within_range").arg(small()).args(with));
    assert_eq!(answers.len(), counts.len());
    assert!(answers.iter().zip(counts).all(|(answer, count)| answer == count));
    // Two columns are two arguments, a row of one list is one.
    let folder = folder();
    let pairs = table(&folder, "pairs", 2, 2, &[1, 2, 30, 4]);
    assert_eq!(good(map("add").arg(&pairs)), [3, 34]);
    let refused = map("same").arg(&pairs).run();
    assert!(refused.fault(2).contains("wants 4 values, but a row has 2"), "{refused:?}");
}

#[test]
fn columns_of_csv_are_arguments_by_title_or_by_place() {
    let folder = folder();
    let titled = lines(&folder, "titled", "b;c;a\n1;x;2\n3;y;4\n");
    assert_eq!(good(map("add").arg(&titled)), [3, 7]);
    assert_eq!(good(map("add").arg(&titled).args(["--columns", "a,1", "--delimiter", ";"])), [3, 7]);
    let plain = lines(&folder, "plain", "1\t2\n3\t4\n");
    assert_eq!(good(map("sum").stdin(fs::File::open(&plain).unwrap()).args(["--input-format", "tsv"])), [3, 7]);
    assert_eq!(good(map("sum").arg(&plain).args(["--header", "yes"])), [7]);
    let text = lines(&folder, "text", "text\n12\n\"3\"\n");
    assert_eq!(good(map("parse").arg(&text)), [12, 3]);
    assert_eq!(map("parse").arg(&text).args(["--header", "no"]).run().code(), 1);
    let ragged = lines(&folder, "ragged", "1,2\n3,4\n5\n");
    let done = map("add").arg(&ragged).run();
    assert_eq!((done.code(), answers(&done).len()), (3, 2));
    let place = "ragged: line 3, column 2: the row has 1 field where the table has 2";
    assert!(done.stderr.contains(&format!("{place}; give another --delimiter")), "{}", done.stderr);
    let skipped = map("add").arg(&ragged).args(["--on-bad-row", "skip"]).run();
    assert_eq!((skipped.code(), answers(&skipped).len()), (0, 2));
    assert!(skipped.stderr.starts_with("1 bad row was left out; the first: ") && skipped.stderr.contains(place));
    let completed =
        map("checked_mean").arg(&ragged).args(["--columns", "1", "--with", "highest=null", "--on-bad-row", "null"]);
    assert_eq!(answers(&completed.run()).len(), 3);
}

#[test]
fn rows_of_parquet_and_arrow_are_calls_by_title_by_place_or_as_a_whole() {
    let folder = folder();
    lines(&folder, "t.csv", "4,6,8\n1,5,9\n");
    let make = |words: &[&str]| mpexec(words).arg("t.csv").in_folder(folder.path()).run().good().to_owned();
    for ending in ["parquet", "arrow"] {
        make(&["count-range", "--output", &format!("c.{ending}")]);
        make(&["normalize", "--output", &format!("n.{ending}")]);
        let counts = folder.path().join(format!("c.{ending}"));
        assert_eq!(good(map("add").arg(&counts)), [3, 2]);
        assert_eq!(good(map("sum").arg(&counts).args(["--columns", "count,1"])), [3, 2]);
        let rows = map("checked_mean").arg(folder.path().join(format!("n.{ending}"))).args(["--with", "highest=null"]);
        assert_eq!(good(rows), [0.5, 0.5]);
        let none = map("add").arg(&counts).args(["--columns", "x"]).run();
        assert!(none.fault(2).contains("has no column \"x\"; it has row, count"), "{none:?}");
    }
}

#[test]
fn compressed_lines_and_a_pipe_are_read_as_they_come() {
    let folder = folder();
    let path = folder.path().join("lines.gz");
    let mut packed = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    packed.write_all(b"[1, 2]\n[3, 4]").unwrap();
    packed.finish().unwrap();
    assert_eq!(good(map("add").arg(&path)), [3, 7]);
    // The answer comes although the input has not ended.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut started = map("add").stdin(reader).start();
    for (index, line) in ["[1, 2]\n", "[3, 4]\n"].into_iter().enumerate() {
        writer.write_all(line.as_bytes()).unwrap();
        assert_eq!(started.line(), format!("{{\"index\":{index},\"ok\":{}}}\n", 3 + 4 * index));
    }
    drop(writer);
    assert_eq!(started.finish().code(), 0);
}

#[test]
fn a_failure_is_a_line_with_its_kind_and_the_others_have_their_results() {
    let folder = folder();
    let input = lines(&folder, "in", "\"1\"\n\"x\"\n5\n\"3\"\n");
    let done = map("parse").arg(&input).args(["--input-format", "jsonl"]).run();
    assert_eq!(done.code(), 1);
    let answers = answers(&done);
    assert_eq!((&answers[0]["ok"], &answers[3]["ok"]), (&json!(1), &json!(3)));
    assert_eq!(answers[1]["error"]["kind"], "returned");
    assert_eq!(answers[1]["error"]["causes"][0], "\"x\" is no number");
    assert_eq!(answers[2]["error"]["kind"], "argument_undecodable");
    let told = "error: 2 of 4 calls failed; the first: call 1: the task returned an error: the table is damaged";
    assert!(done.stderr.starts_with(told), "{}", done.stderr);
}

#[test]
fn fail_fast_ends_an_endless_input_at_the_first_failure() {
    let mut endless = std::process::Command::new("yes").arg("\"x\"").stdout(Stdio::piped()).spawn().unwrap();
    let done = map("parse").arg("--fail-fast").stdin(endless.stdout.take().unwrap()).run();
    endless.wait().unwrap();
    assert_eq!(done.code(), 1);
    assert!(done.stderr.contains("the input was not read to its end; the first: call 0: "), "{}", done.stderr);
}

#[test]
fn results_come_in_order_or_as_they_are_ready() {
    // So long that there is another worker by then.
    at_some_pace(|slower| {
        let folder = folder();
        let input = lines(&folder, "in", &format!("[{}]\n[0]\n[0]\n[0]\n", 400 * slower));
        let first = |mode: &str| {
            let done = map("rest").arg(&input).args(["--mode", mode, "--workers", "2"]).run();
            answers(&done).iter().map(|line| line["index"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(first("sync"), [0, 1, 2, 3]);
        assert_eq!(first("async").last(), Some(&0));
    });
}

#[test]
fn limits_are_held_and_told() {
    let folder = folder();
    let long = lines(&folder, "long", "[100000]\n[0]\n");
    at_some_pace(|slower| {
        let done = map("rest").arg(&long).args(["--timeout", &format!("{}ms", 200 * slower)]).run();
        let told = answers(&done);
        assert_eq!(
            (done.code(), &told[0]["error"]["kind"], &told[0]["error"]["limit"].as_f64()),
            (1, &json!("timed_out"), &Some(f64::from(200 * slower) / 1e3))
        );
        assert_eq!(told[1]["ok"], 0);
    });
    let large = lines(&folder, "large", "[1000000000]\n[10]\n");
    let done = map("fill").arg(&large).args(["--memory", "256M"]).run();
    let told = answers(&done);
    assert_eq!((&told[0]["error"]["kind"], &told[1]["ok"]), (&json!("out_of_memory"), &json!(10)), "{}", done.stderr);
    let many = lines(&folder, "many", &"[]\n".repeat(6));
    let mut pids = good(map("process_id").arg(&many).args(["--max-tasks-per-worker", "2", "--workers", "1"]));
    pids.dedup();
    assert_eq!(pids.len(), 3);
}

#[test]
fn a_crash_is_one_failure_unless_a_retry_comes_through() {
    let folder = folder();
    let path = folder.path().join("tried");
    let input = lines(&folder, "in", &format!("{}\n", json!([path])));
    let done = map("abort_once").arg(&input).run();
    let told = &answers(&done)[0]["error"];
    assert_eq!((done.code(), &told["kind"], &told["signal"]), (1, &json!("crashed"), &json!(6)));
    fs::remove_file(&path).unwrap();
    assert_eq!(good(map("abort_once").arg(&input).args(["--retries", "1"])), [1]);
}

#[test]
fn what_a_task_prints_does_not_get_between_the_results() {
    let folder = folder();
    let input = lines(&folder, "in", "[\"to stdout\", \"to stderr\"]\n");
    let done = map("shout").arg(&input).run();
    assert_eq!((done.code(), done.text()), (0, "{\"index\":0,\"ok\":null}\n"));
    assert_eq!(done.stderr, "to stderr\n");
}

#[test]
fn a_file_is_complete_or_absent() {
    let folder = folder();
    let input = lines(&folder, "in", &"[1, 2]\n".repeat(1000));
    let output = folder.path().join("out");
    let done = map("add").arg(&input).arg("--output").arg(&output).run();
    assert_eq!(done.good(), "");
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 1000);
    fs::remove_file(&output).unwrap();
    let slow = lines(&folder, "slow", &"[1000000]\n".repeat(8));
    let started = map("rest").arg(&slow).arg("--output").arg(&output).args(["--grace", "0", "-v"]).start();
    started.wait_for("auto: ");
    started.workers(1);
    started.signal(Signal::TERM);
    let done = started.finish();
    assert_eq!(done.code(), 143);
    assert!(done.stderr.contains("terminated"), "{}", done.stderr);
    assert_eq!(names_in(&folder), ["in", "slow"]);
}

#[test]
fn a_file_is_compressed_as_its_name_says_and_promises_no_other_format() {
    let folder = folder();
    let input = lines(&folder, "in", "[1, 2]\n");
    for (name, packed) in [("o.jsonl.gz", true), ("o.zst", true), ("o.json", false), ("o", false)] {
        let output = folder.path().join(name);
        assert_eq!(map("add").arg(&input).arg("-o").arg(&output).run().good(), "");
        assert_eq!(Packing::of(&fs::read(&output).unwrap()).is_some(), packed, "{name}");
        let again = mpexec(["count-range", "--min", "3", "--max", "3", "--output", "-"]).arg(&output);
        assert_eq!(again.run().good(), "1\n", "{name}");
    }
    for name in ["o.csv", "o.npy", "o.parquet.gz", "o.feather"] {
        let done = map("add").arg(&input).args(["-o", name]).in_folder(&folder).run();
        assert!(done.fault(2).contains("results are lines of JSON"), "{name}: {}", done.stderr);
    }
}

#[test]
fn a_reader_that_has_enough_ends_it_and_a_full_disk_is_told() {
    let endless = || std::process::Command::new("yes").arg("[1, 2]").stdout(Stdio::piped()).spawn().unwrap();
    let mut input = endless();
    let mut started = map("add").stdin(input.stdout.take().unwrap()).start();
    assert_eq!(started.line(), "{\"index\":0,\"ok\":3}\n");
    started.close_stdout();
    let done = started.finish();
    input.wait().unwrap();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
    let mut input = endless();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let done = map("add").stdin(input.stdout.take().unwrap()).stdout(full).run();
    input.wait().unwrap();
    assert!(done.fault(3).starts_with("standard output: cannot be written"), "{done:?}");
}

#[test]
fn what_cannot_be_called_is_told_before_anything_is_called() {
    let folder = folder();
    let input = lines(&folder, "in", "[1]\n");
    let fault = |call: Call, code: i32| call.run().fault(code).to_owned();
    let near = fault(map("howmany_in_range").arg(&input), 2);
    assert!(near.ends_with("did you mean \"howmany_within_range\"?"), "{near}");
    assert!(fault(map("zzz").arg(&input), 2).contains("mpexec tasks lists"));
    assert!(fault(map("no door").arg(&input), 2).contains("cannot be called with JSON"));
    assert!(fault(map("add").arg(&input).args(["--with", "c=1"]), 2).contains("no such parameter"));
    assert!(fault(mpexec(["map", "add"]), 2).contains("--worker-program"));
    assert!(fault(mpexec(["tasks"]), 2).contains("MPEXEC_WORKER_PROGRAM"));
    assert!(fault(map("add").arg("nowhere"), 3).starts_with("nowhere: "));
    fs::create_dir(folder.path().join("none")).expect("a folder");
    assert!(fault(map("add").arg(folder.path().join("none")), 3).contains("none: is a folder without files"));
    let missing = mpexec(["tasks", "--worker-program", "nowhere"]).run();
    assert!(missing.fault(4).contains("nowhere"));
    for bad in [
        ["--timeout", "0"],
        ["--memory", "much"],
        ["--max-tasks-per-worker", "0"],
        ["--with", "4"],
        ["--retries", "-1"],
    ] {
        assert_eq!(map("add").args(bad).run().code(), 2, "{bad:?}");
    }
}

#[test]
fn the_last_of_an_endless_input_does_not_fill_the_memory() {
    let mut endless = std::process::Command::new("yes").arg("[1, 2]").stdout(Stdio::piped()).spawn().unwrap();
    let mut started = map("add").stdin(endless.stdout.take().unwrap()).start();
    let resident = |pid: u32| {
        let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("statm")).unwrap();
        status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    for _ in 0..50_000 {
        started.line();
    }
    let early = resident(started.pid());
    for _ in 0..200_000 {
        started.line();
    }
    let late = resident(started.pid());
    started.close_stdout();
    started.finish();
    endless.wait().unwrap();
    assert!(late < early + (32 << 20), "{early} bytes, then {late}");
}
