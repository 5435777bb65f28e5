//! The same bytes mean the same in each way of giving them: as a file, in place of standard input, through a pipe, and compressed.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::files::{file, folder, table};
use crate::common::program::{Call, Done, mpexec, program, programs};

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

fn map(task: &str) -> Call {
    mpexec(["map", "--worker-program", WORKER, task])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("to memory");
    packer.finish().expect("to memory")
}

/// What `words` give with the file `name` in each way; in `words`, @ stands for the input.
fn each_way(folder: &TempDir, name: &str, words: &str) -> [Done; 3] {
    let ours = programs().join("mpexec");
    let lines = [
        format!("\"$MPEXEC\" {} </dev/null", words.replace('@', name)),
        format!("\"$MPEXEC\" {} <{name}", words.replace('@', "-")),
        format!("cat {name} | \"$MPEXEC\" {}", words.replace('@', "-")),
    ];
    let shell = |line: &String| program("sh").args(["-c", line]).env("MPEXEC", &ours).in_folder(folder.path()).run();
    [shell(&lines[0]), shell(&lines[1]), shell(&lines[2])]
}

fn oks(done: &Done) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("each line is JSON")["ok"].clone();
    done.text().lines().map(line).collect()
}

#[test]
fn calls_are_the_same_however_their_input_comes() {
    let folder = folder();
    file(&folder, "t.csv", b"1,2\n3,4\n");
    for output in ["n.npy", "n.parquet", "n.arrow"] {
        mpexec(["normalize", "t.csv", "--output", output]).in_folder(folder.path()).run().good();
    }
    let made = |name: &str| fs::read(folder.path().join(name)).expect("it was just made");
    let mean = "checked_mean --with row=[1]";
    let inputs: [(&str, &[u8], &[Value]); 15] = [
        ("parse", b"\"42\"\n\"7\"\n", &[json!(42), json!(7)]),
        ("parse", b"\n  \"42\"\r\n\"7\"", &[json!(42), json!(7)]),
        ("parse", b"\"42\"", &[json!(42)]),
        ("parse", b"\xef\xbb\xbf\"42\"\n[\"7\"]\n", &[json!(42), json!(7)]),
        ("parse", b"{\"text\": \"42\"}\n\"7\"\n", &[json!(42), json!(7)]),
        // A column of numbers is one of CSV: a text if that is wanted, and what is missing is null.
        ("parse", b"42\n7\n", &[json!(42), json!(7)]),
        (mean, b"42\nNA\n", &[json!(1.0), json!(1.0)]),
        (mean, b"null\n2\n", &[json!(1.0), json!(1.0)]),
        ("parse", b"text\n42\n", &[json!(42)]),
        ("parse --header yes", b"\"42\"\n\"7\"\n", &[json!(7)]),
        ("add", b"\"a\",\"b\"\n1,2\n3,4\n", &[json!(3), json!(7)]),
        ("parse", b"\n \n", &[]),
        (mean, &made("n.npy"), &[]),
        (mean, &made("n.parquet"), &[]),
        (mean, &made("n.arrow"), &[]),
    ];
    for (nth, (task, bytes, wanted)) in inputs.into_iter().enumerate() {
        // Rows of tables are lists.
        let (task, wanted) = match wanted.is_empty() && nth > 11 {
            true => ("checked_mean --with highest=null", vec![json!(0.5), json!(0.5)]),
            false => (task, wanted.to_vec()),
        };
        let (task, more) = task.split_once(' ').unwrap_or((task, ""));
        let words = format!("map --worker-program {WORKER} {task} @ {more}");
        file(&folder, "in", bytes);
        let plain = each_way(&folder, "in", &words);
        file(&folder, "in", &gzip(bytes));
        let [packed, _, piped] = each_way(&folder, "in", &words);
        file(&folder, "in", &zstd::stream::encode_all(bytes, 1).expect("to memory"));
        let [.., zstd] = each_way(&folder, "in", &words);
        for (way, done) in plain.into_iter().chain([packed, piped, zstd]).enumerate() {
            assert_eq!((done.code(), &oks(&done)), (0, &wanted), "{nth} {way}: {}", done.stderr);
        }
    }
}

#[test]
fn a_first_line_that_is_a_text_or_nothing_is_a_call_and_no_title() {
    let folder = folder();
    for text in [&b"\"to be\"\n\"or not\"\n"[..], b"\"to be\"\nnull", b"null\n\"or not\"\n", b"true\n\"or not\"\n"] {
        file(&folder, "in", text);
        for done in each_way(&folder, "in", &format!("map --worker-program {WORKER} parse @")) {
            // None of these is a number: each call fails.
            assert_eq!((done.code(), done.text().lines().count()), (1, 2), "{}", done.text());
        }
    }
}

#[test]
fn numbers_on_a_pipe_are_worked_on_as_they_come() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut started = map("rest").stdin(reader).start();
    for index in 0..2 {
        writer.write_all(b"0\n").expect("it reads");
        assert_eq!(started.line(), format!("{{\"index\":{index},\"ok\":0}}\n"));
    }
    drop(writer);
    assert_eq!(started.finish().code(), 0);
}

#[test]
fn columns_are_chosen_of_arrays_and_not_of_lines_of_json() {
    let folder = folder();
    let array = table(&folder, "array", 2, 3, &[1, 2, 4, 8, 16, 32]);
    assert_eq!(oks(&map("add").arg(&array).args(["--columns", "3,1"]).run()), [5, 40]);
    let none = map("add").arg(&array).args(["--columns", "1,4"]).run();
    assert!(none.fault(2).contains("4"), "{}", none.stderr);
    let lines = file(&folder, "lines", b"{\"a\": 1, \"b\": 2}\n");
    let refused = map("add").arg(&lines).args(["--columns", "a,b"]).run();
    assert!(refused.fault(2).contains("lines: holds JSON lines, in which each line says"), "{}", refused.stderr);
}

#[test]
fn what_no_pipe_can_give_part_by_part_is_kept_in_a_temporary_file() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b,c\n4,6,8\n1,5,9\n2,2,2\n");
    for name in ["in.npy", "in.parquet", "in.arrow"] {
        mpexec(["normalize", "t.csv", "--output", name]).in_folder(folder.path()).run().good();
        let bytes = fs::read(folder.path().join(name)).expect("it was just made");
        file(&folder, "in", &bytes);
        file(&folder, "in.gz", &gzip(&bytes));
        for words in [
            "count-range @ --min 0.5 --max 1 --output -",
            "count-range @ t.csv --min 0.5 --max 1 --output -",
            "normalize @",
            "common-items @ t.csv",
            "frame @ --task describe",
        ] {
            let mut all = each_way(&folder, "in", words).into_iter().chain(each_way(&folder, "in.gz", words));
            let first = all.next().expect("one of six");
            assert!(!first.good().is_empty());
            for done in all {
                assert_eq!((done.code(), done.text()), (0, first.text()), "{name} {words}: {}", done.stderr);
            }
        }
    }
    let nowhere = folder.path().join("nowhere");
    let piped = format!("cat in.npy | \"$MPEXEC\" count-range -; test ! -e {}", Path::new(&nowhere).display());
    let call = program("sh").args(["-c", &piped]).env("MPEXEC", programs().join("mpexec")).env("TMPDIR", &nowhere);
    let told = call.in_folder(folder.path()).run();
    assert!(told.stderr.contains("error: a temporary file in ") && told.stderr.contains("nowhere"), "{}", told.stderr);
}

#[test]
fn tables_whose_columns_stand_in_another_order_do_not_become_one() {
    let folder = folder();
    file(&folder, "a.csv", b"a,b\n0,10\n");
    file(&folder, "b.csv", b"b,a\n10,0\n");
    file(&folder, "c.csv", b"0,10\n");
    let run = |words: &[&str]| mpexec(["normalize"]).args(words).in_folder(folder.path()).run();
    let told = run(&["a.csv", "b.csv"]);
    assert!(told.fault(2).starts_with("b.csv: has the columns b, a, but a.csv has a, b; choose"), "{}", told.stderr);
    assert_eq!(run(&["a.csv", "b.csv", "--columns", "a,b"]).good(), "a,b\n0.0,1.0\n0.0,1.0\n");
    assert_eq!(run(&["a.csv", "c.csv"]).good(), "a,b\n0.0,1.0\n0.0,1.0\n");
}

#[test]
fn rows_of_a_frame_are_all_there_however_lines_end() {
    let folder = folder();
    for (name, text) in [("old", &b"a,b\r1,2\r3,4\r5,6\r7,8\r"[..]), ("mixed", b"a,b\n1,2\r3,4\r5,6\r\n7,8\n")] {
        file(&folder, name, text);
        let run = |words: &[&str]| mpexec(["frame", name]).args(words).in_folder(folder.path()).run();
        let described = run(&["--task", "describe"]);
        assert!(described.good().contains("count,4.0,4.0"), "{name}: {}", described.text());
        assert_eq!(run(&["--task", "normalize", "--by", "rows"]).good().lines().count(), 5, "{name}");
    }
}

#[test]
fn the_folder_of_outputs_of_each_input_is_made() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b\n1,2\n");
    let task = format!("map add --worker-program {WORKER}");
    for (nth, words) in ["count-range", "normalize", "frame --task describe", &task].into_iter().enumerate() {
        let output = format!("made/{nth}");
        let words = words.split(' ').chain(["t.csv", "--per-file", "--output", &output]);
        let done = mpexec(words).in_folder(folder.path()).run();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(fs::read_dir(folder.path().join(&output)).expect("it was made").count(), 1, "{output}");
    }
}
