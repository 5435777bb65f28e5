//! `mpexec frame` and several files: one table, whatever they hold, and what is said if they do not fit together.

use std::fmt::Write as _;
use std::fs;

use crate::common::files::{file, folder, names_in};
use crate::common::program::{Done, mpexec, program, programs};
use tempfile::TempDir;

fn run(folder: &TempDir, words: &[&str]) -> Done {
    mpexec(["frame"]).args(words).in_folder(folder.path()).run()
}

fn described(folder: &TempDir, files: &[&str]) -> String {
    run(folder, &[files, &["--task", "describe"]].concat()).good().to_owned()
}

/// The same rows in one file and in several.
fn parts(folder: &TempDir) {
    let rows: Vec<String> = (0..900u32).map(|row| format!("{},{}.5\n", row % 37, row % 11)).collect();
    let text = |rows: &[String]| format!("a,b\n{}", rows.concat());
    file(folder, "whole.csv", text(&rows).as_bytes());
    fs::create_dir(folder.path().join("texts")).expect("a new folder");
    for (at, rows) in rows.chunks(300).enumerate() {
        file(folder, &format!("texts/{at}.csv"), text(rows).as_bytes());
    }
    fs::create_dir(folder.path().join("parts")).expect("a new folder");
    for at in 0..3 {
        // Columns that are scaled to what they are already: a copy with types.
        let (from, to) = (format!("texts/{at}.csv"), format!("parts/{at}.parquet"));
        run(folder, &[&from, "--task", "normalize", "-o", &to]).good();
    }
    run(folder, &["whole.csv", "--task", "normalize", "-o", "whole.parquet"]).good();
}

#[test]
fn several_files_or_a_folder_are_one_table() {
    let folder = folder();
    parts(&folder);
    // Squares are added in another order, so the last digit of std may be another.
    let described = |files: &[&str]| {
        let lines = described(&folder, files);
        lines.lines().filter(|line| !line.starts_with("std")).collect::<Vec<_>>().join("\n")
    };
    let texts = ["texts/0.csv", "texts/1.csv", "texts/2.csv"];
    assert_eq!(described(&texts), described(&["whole.csv"]));
    assert_eq!(described(&["texts"]), described(&["whole.csv"]));
    assert_eq!(described(&["parts"]), described(&["whole.parquet"]));
    for (name, whole) in [("texts", "whole.csv"), ("parts", "whole.parquet")] {
        for by in ["rows", "columns"] {
            let scaled = |name: &str| run(&folder, &[name, "--by", by, "--task", "normalize"]).good().to_owned();
            assert_eq!(scaled(name), scaled(whole), "{name} by {by}");
        }
    }
    let kept = run(&folder, &["texts", "--task", "normalize", "--run-dir", "run", "-o", "kept.csv"]);
    assert_eq!(kept.good(), "");
    let resumed = run(&folder, &["texts", "--task", "normalize", "--run-dir", "run"]);
    assert_eq!(resumed.good(), fs::read_to_string(folder.path().join("kept.csv")).expect("the output"));
}

#[test]
fn arrays_and_lines_of_json_are_frames_too_and_all_formats_go_together() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b\n1,3\n2,2\n5,NA\n");
    file(&folder, "t.jsonl", b"{\"a\":1,\"b\":3}\n\n{\"b\":2,\"a\":2}\n{\"a\":5,\"b\":null}\n");
    file(&folder, "rows.jsonl", b"[1,3]\n[2,2]\n[5,null]\n");
    let csv = described(&folder, &["t.csv"]);
    assert!(csv.starts_with("statistic,a,b\ncount,3.0,2.0\n"), "{csv}");
    assert_eq!(described(&folder, &["t.jsonl"]), csv);
    assert_eq!(described(&folder, &["rows.jsonl"]), csv.replace("a,b", "column_1,column_2"));
    let columns = ["--by", "columns", "--task", "normalize"];
    let scaled = |words: &[&str]| run(&folder, &[words, &columns].concat()).good().to_owned();
    assert_eq!(scaled(&["t.jsonl", "--columns", "b"]), "b\n1.0\n0.0\n\"\"\n");
    // An array, written and read.
    run(&folder, &["t.csv", "--task", "normalize", "-o", "t.npy"]).good();
    assert_eq!(scaled(&["t.npy"]), "column_1,column_2\n0.0,1.0\n0.0,0.0\n0.0,\n");
    assert!(described(&folder, &["t.npy", "t.npy"]).starts_with("statistic,column_1,column_2\ncount,6.0,4.0\n"));
    mpexec(["gen", "n.npy", "--rows", "500", "--cols", "3", "--seed", "1", "-q"]).in_folder(folder.path()).run().good();
    mpexec(["normalize", "n.npy", "-o", "n.csv"]).in_folder(folder.path()).run().good();
    let by_frame = run(&folder, &["n.npy", "--task", "normalize", "-o", "f.csv"]);
    assert_eq!(by_frame.good(), "");
    let [one, other] = ["n.csv", "f.csv"].map(|name| fs::read_to_string(folder.path().join(name)).expect("the output"));
    assert_eq!(other.lines().skip(1).collect::<Vec<_>>(), one.lines().collect::<Vec<_>>());
    // Texts alone are what they hold together; beside a file with types they are of these.
    file(&folder, "whole.csv", b"a,b\n7,8\n");
    file(&folder, "broken.csv", b"a,b\n7.5,8\n");
    let both = run(&folder, &["whole.csv", "broken.csv", "t.jsonl", "--task", "describe"]);
    assert!(both.good().starts_with("statistic,a,b\ncount,5.0,4.0\n"), "{}", both.text());
    run(&folder, &["whole.csv", "--task", "normalize", "-o", "typed.parquet"]).good();
    let typed = run(&folder, &["typed.parquet", "whole.csv", "t.jsonl", "--task", "normalize"]);
    assert_eq!(typed.good(), "a,b\n0.0,1.0\n0.0,1.0\n0.0,1.0\n0.0,0.0\n0.0,\n");
    let piped = program("sh").args(["-c", "cat t.jsonl | \"$0\" frame - --task describe"]);
    assert_eq!(piped.arg(programs().join("mpexec")).in_folder(folder.path()).run().good(), csv);
    let zipped = program("sh").args(["-c", "gzip -k t.jsonl && \"$0\" frame t.jsonl.gz --task describe"]);
    assert_eq!(zipped.arg(programs().join("mpexec")).in_folder(folder.path()).run().good(), csv);
}

#[test]
fn a_file_that_does_not_fit_is_named_with_its_column() {
    let folder = folder();
    file(&folder, "t.csv", b"a,b\n1,3\n");
    file(&folder, "other.csv", b"a,c\n1,3\n");
    file(&folder, "more.csv", b"a,b,c\n1,3,5\n");
    file(&folder, "texts.csv", b"a,b\n1,x\n");
    run(&folder, &["t.csv", "--task", "normalize", "-o", "t.parquet"]).good();
    run(&folder, &["t.csv", "--task", "describe", "-o", "d.parquet"]).good();
    run(&folder, &["d.parquet", "--columns", "a,b", "--task", "normalize", "-o", "same.arrow"]).good();
    let told = |files: &[&str]| {
        let done = run(&folder, &[files, &["--task", "describe", "-o", "o.csv"]].concat());
        done.fault(2).split(';').next().unwrap_or_default().to_owned()
    };
    assert_eq!(told(&["t.csv", "other.csv"]), "other.csv: its column 2 is \"c\", but \"b\" in t.csv");
    assert_eq!(told(&["t.csv", "more.csv"]), "more.csv: has 3 columns, but 2 in t.csv");
    assert_eq!(told(&["t.parquet", "d.parquet"]), "d.parquet: its column 1 is \"statistic\", but \"a\" in t.parquet");
    assert_eq!(told(&["t.parquet", "texts.csv"]), "texts.csv: column \"b\" holds Utf8, but Float64 in t.parquet");
    // Chosen by name, they may lie anywhere.
    let chosen = run(&folder, &["t.csv", "other.csv", "more.csv", "--columns", "a", "--task", "describe"]);
    assert!(chosen.good().starts_with("statistic,a\ncount,3.0\n"));
    let both = described(&folder, &["t.parquet", "same.arrow"]);
    assert!(both.starts_with("statistic,a,b\ncount,8.0,8.0\n"), "{both}");
    // What a function says names the file.
    for by in ["rows", "columns"] {
        let text = run(&folder, &["d.parquet", "--by", by, "--task", "normalize"]);
        assert!(text.fault(1).starts_with("d.parquet: "), "{}", text.stderr);
        assert!(text.stderr.contains("holds Utf8 and no numbers"), "{}", text.stderr);
    }
    assert!(!names_in(&folder).contains(&"o.csv".to_owned()));
}

#[test]
fn bad_lines_of_json_say_where_they_stand_and_may_be_left_out_or_completed() {
    let folder = folder();
    let mut text = String::new();
    for row in 0..20_000 {
        match row {
            15_000 => text += "{\"a\":1,\n",
            15_001 => text += "[1,2]\n",
            _ => writeln!(text, "{{\"a\":{row},\"b\":\"x\"}}").expect("a String takes all"),
        }
    }
    file(&folder, "good.jsonl", b"{\"a\":1,\"b\":\"x\"}\n");
    file(&folder, "t.jsonl", text.as_bytes());
    let told = run(&folder, &["good.jsonl", "t.jsonl", "--task", "describe"]);
    let place = "t.jsonl: line 15001, column 7: no row of JSON: EOF while parsing a value";
    assert!(told.fault(3).starts_with(&format!("{place}; ")), "{}", told.stderr);
    for (word, what, rows) in [("skip", "left out", "19999.0"), ("null", "taken with missing values", "19999.0")] {
        let done = run(&folder, &["good.jsonl", "t.jsonl", "--task", "describe", "--on-bad-row", word]);
        assert_eq!(done.stderr, format!("2 bad rows were {what}; the first: {place}\n"));
        assert!(done.text().starts_with(&format!("statistic,a\ncount,{rows}\n")), "{}", done.text());
    }
}

#[test]
fn of_each_file_by_itself_comes_a_file() {
    let folder = folder();
    file(&folder, "a.csv", b"x,y\n1,4\n3,4\n");
    file(&folder, "b.jsonl", b"{\"z\": 7}\n{\"z\": 9}\n");
    fs::create_dir(folder.path().join("out")).expect("a new folder");
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).expect("the output");
    let done = run(&folder, &["a.csv", "b.jsonl", "--per-file", "--task", "describe", "-o", "out"]);
    assert_eq!(done.good(), "");
    for name in ["a.csv", "b.jsonl"] {
        assert_eq!(read(&format!("{name}.csv")), described(&folder, &[name]), "{name}");
    }
    // Columns that differ are no fault here, and each is scaled by itself.
    let words = ["a.csv", "b.jsonl", "--per-file", "--by", "columns", "--task", "normalize", "-o", "out"];
    run(&folder, &[&words[..], &["--output-format", "jsonl"]].concat()).good();
    assert_eq!(read("a.csv.jsonl"), "{\"x\":0.0,\"y\":0.0}\n{\"x\":1.0,\"y\":0.0}\n");
    assert_eq!(read("b.jsonl.jsonl"), "{\"z\":0.0}\n{\"z\":1.0}\n");
    let scaled = mpexec(["normalize", "a.csv", "b.jsonl", "--per-file", "-o", "out", "--output-format", "tsv"]);
    scaled.in_folder(folder.path()).run().good();
    assert_eq!(
        (read("a.csv.tsv").as_str(), read("b.jsonl.tsv").as_str()),
        ("x\ty\n0.0\t1.0\n0.0\t1.0\n", "z\n0.0\n0.0\n")
    );
    // What is complete stays when a later one is none.
    file(&folder, "c.csv", b"x\nno number\n");
    for (command, more) in [("frame", &["--task", "normalize", "-o", "late"][..]), ("normalize", &["-o", "late"][..])] {
        fs::create_dir(folder.path().join("late")).expect("a new folder");
        let broken = mpexec([command, "a.csv", "c.csv", "--per-file"]).args(more).in_folder(folder.path()).run();
        assert!(broken.code() != 0 && broken.stderr.contains("c.csv"), "{command}: {}", broken.stderr);
        assert_eq!(names_in(&folder).iter().filter(|name| name.starts_with("late")).count(), 1);
        let late: Vec<_> =
            fs::read_dir(folder.path().join("late")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(late.is_empty() || late == ["a.csv.csv"], "{command}: {late:?}");
        fs::remove_dir_all(folder.path().join("late")).unwrap();
    }
    // A folder that was made for nothing is gone again, with those around it that were.
    fs::create_dir(folder.path().join("here")).expect("a new folder");
    let before = names_in(&folder);
    for words in [
        &["frame", "c.csv", "a.csv", "--task", "normalize"][..],
        &["normalize", "c.csv", "a.csv"],
        &["count-range", "a.csv", "c.csv"],
    ] {
        let words = [words, &["--per-file", "-o", "here/new/newer"]].concat();
        let broken = mpexec(&words).in_folder(folder.path()).run();
        assert!(broken.code() != 0 && broken.stderr.contains("c.csv"), "{words:?}: {}", broken.stderr);
        assert_eq!(fs::read_dir(folder.path().join("here")).unwrap().count(), 0, "{words:?}");
    }
    assert_eq!(names_in(&folder), before);
    for (refused, why) in [
        (&["a.csv", "--per-file", "--task", "describe"][..], "name a folder with --output"),
        (
            &["a.csv", "d/a.csv", "--per-file", "--task", "describe", "-o", "out"][..],
            "two files that are called the same",
        ),
        (&["a.csv", "--task", "describe", "--output-format", "parquet"][..], "standard output gets CSV"),
    ] {
        let done = run(&folder, refused);
        assert!(done.fault(2).contains(why), "{refused:?}: {}", done.stderr);
    }
    run(&folder, &["a.csv", "--task", "describe", "-o", "no-ending", "--output-format", "csv"]).good();
    assert_eq!(
        fs::read_to_string(folder.path().join("no-ending")).expect("the output"),
        described(&folder, &["a.csv"])
    );
}

#[test]
fn of_many_files_and_of_many_columns_few_are_open() {
    let folder = folder();
    fs::create_dir(folder.path().join("many")).expect("a new folder");
    for at in 0..300 {
        file(&folder, &format!("many/{at:03}.csv"), format!("a,b\n{at},1\n").as_bytes());
    }
    let titles: Vec<_> = (0..700).map(|at| format!("c{at}")).collect();
    let row = |first: u32| (0..700).map(|at| (first + at).to_string()).collect::<Vec<_>>().join(",");
    file(&folder, "wide.csv", format!("{}\n{}\n{}\n", titles.join(","), row(5), row(0)).as_bytes());
    let few = |words: &str| {
        let line = format!("ulimit -n 128 && \"$0\" frame {words} --workers 2");
        let done = program("sh").args(["-c", &line]).arg(programs().join("mpexec")).in_folder(folder.path()).run();
        done.good().to_owned()
    };
    assert!(few("many --task describe").starts_with("statistic,a,b\ncount,300.0,300.0\nmean,149.5,1.0\n"));
    assert_eq!(few("many --task normalize").lines().nth(300), Some("1.0,0.0"));
    let scaled = few("wide.csv --by columns --task normalize");
    let ones = vec!["1.0"; 700].join(",");
    assert_eq!(scaled, format!("{}\n{ones}\n{}\n", titles.join(","), ones.replace('1', "0")));
    let kept = few("wide.csv --by columns --task normalize --run-dir run");
    assert_eq!(kept, scaled);
    // One that was exchanged is noticed by whoever opens it by its name: here the folder's list is older than the file.
    let broken = run(&folder, &["many", "wide.csv", "--task", "describe"]);
    assert!(broken.fault(2).starts_with("wide.csv: its column 1 is \"c0\", but \"a\" in many/000.csv"));
}
