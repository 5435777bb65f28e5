//! `mpexec frame` and its file: how it is read, by whom, and what becomes of it when something ends early.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::common::files::{file, folder, names_in};
use crate::common::program::{Done, Started, mpexec, program, programs};
use mpexec_testkit::Watchdog;
use mpexec_testkit::processes::Held;
use rustix::process::Signal;
use tempfile::TempDir;

fn run(folder: &TempDir, words: &[&str]) -> Done {
    mpexec(["frame"]).args(words).in_folder(folder.path()).run()
}

fn piped(folder: &TempDir, name: &str, words: &[&str]) -> Done {
    let line = format!("cat {name} | \"$0\" frame - {}", words.join(" "));
    program("sh").args(["-c", &line]).arg(programs().join("mpexec")).in_folder(folder.path()).run()
}

/// Of several parts: 140,000 rows.
fn large(folder: &TempDir) -> usize {
    let mut text = String::from("whole,half,name\n");
    for row in 0..140_000u32 {
        let number = row.wrapping_mul(2_654_435_761) >> 8;
        writeln!(text, "{number},{}.5,row {row}", number % 1000).expect("a String takes all");
    }
    file(folder, "large.csv", text.as_bytes());
    text.len()
}

const SCALED: &str = "b,a\n1.0,0.0\n0.0,0.0\n,0.0\n";
const TEXT: &[u8] = b"a,b,name\n1, 3,x\n2,2,\"y\nz\"\n5,NA,\n";

#[test]
fn what_holds_the_same_gives_the_same_however_it_is_written_and_comes() {
    let folder = folder();
    file(&folder, "t.csv", TEXT);
    file(&folder, "t.txt", &[b"\xef\xbb\xbf", &TEXT.to_vec()[..]].concat().to_vec());
    file(&folder, "t.tsv", String::from_utf8_lossy(TEXT).replace(',', "\t").replace("x\n", "x\r\n").as_bytes());
    run(&folder, &["t.csv", "--columns", "a,b", "--task", "describe", "-o", "d.csv"]).good();
    let described = fs::read_to_string(folder.path().join("d.csv")).expect("the output");
    let mut names = vec!["t.csv".to_owned(), "t.txt".into(), "t.tsv".into()];
    for packer in ["gzip", "zstd"] {
        let packed =
            program("sh").args(["-c", &format!("{packer} -k t.csv && ls t.csv.*")]).in_folder(folder.path()).run();
        // Not every machine has both.
        if packed.code() == 0 {
            names.push(if packer == "gzip" { "t.csv.gz".into() } else { "t.csv.zst".into() });
        }
    }
    let choice = ["--columns", "b,a"];
    for name in &names {
        let words = |more: &[&'static str]| [&choice[..], more].concat();
        for by in ["rows", "chunks"] {
            let more = words(&["--by", by, "--task", "normalize"]);
            assert_eq!(run(&folder, &[&[name.as_str()], &more[..]].concat()).good(), SCALED, "{name}");
            assert_eq!(piped(&folder, name, &more).good(), SCALED, "{name} through a pipe");
        }
        let columns = words(&["--by", "columns", "--task", "normalize"]);
        let scaled = run(&folder, &[&[name.as_str()], &columns[..]].concat());
        assert_eq!(scaled.good(), "b,a\n1.0,0.0\n0.0,0.25\n,1.0\n", "{name}");
        assert_eq!(piped(&folder, name, &["--columns", "a,b", "--task", "describe"]).good(), described, "{name}");
    }
    // What has types is written by the program itself, and read from a file or a pipe.
    for (from, to) in [("t.csv", "t.parquet"), ("t.parquet", "t.arrow"), ("t.arrow", "u.csv.gz"), ("u.csv.gz", "u.tsv")]
    {
        run(&folder, &[from, "--columns", "b,a", "--task", "normalize", "-o", to]).good();
        assert_eq!(run(&folder, &[to, "--task", "normalize"]).good(), SCALED, "{to}");
        assert_eq!(piped(&folder, to, &["--task", "normalize"]).good(), SCALED, "{to} through a pipe");
    }
    run(&folder, &["t.csv", "--columns", "b,a", "--task", "normalize", "-o", "u.jsonl"]).good();
    let lines = fs::read_to_string(folder.path().join("u.jsonl")).expect("the output");
    assert_eq!(lines, "{\"b\":1.0,\"a\":0.0}\n{\"b\":0.0,\"a\":0.0}\n{\"b\":null,\"a\":0.0}\n");
}

#[test]
fn the_options_for_reading_mean_what_they_mean_for_counts() {
    let folder = folder();
    file(&folder, "t.txt", b"1;2\n3;5\n");
    let scaled = |words: &[&str]| {
        let all = [&["t.txt", "--by", "columns", "--task", "normalize"], words].concat();
        run(&folder, &all).good().to_owned()
    };
    assert_eq!(scaled(&[]), "column_1,column_2\n0.0,0.0\n1.0,1.0\n");
    assert_eq!(scaled(&["--header", "yes"]), "1,2\n0.0,0.0\n");
    assert_eq!(scaled(&["--columns", "2"]), "column_2\n0.0\n1.0\n");
    let uncut = run(&folder, &["t.txt", "--delimiter", ",", "--by", "rows", "--task", "normalize"]);
    assert!(uncut.fault(3).contains("which is no number; choose the columns of numbers"), "{}", uncut.stderr);
    let other = run(&folder, &["t.txt", "--input-format", "parquet", "--task", "describe"]);
    assert!(other.fault(3).starts_with("t.txt: is broken Parquet"), "{}", other.stderr);
    let none = run(&folder, &["t.txt", "--columns", "x", "--task", "describe"]);
    assert_eq!(none.fault(2), "t.txt: has no column \"x\"; it has 2 without names, to be chosen by numbers from 1 on");
}

#[test]
fn a_bad_row_says_where_it_stands_and_may_be_left_out_or_completed() {
    let folder = folder();
    let mut text = String::from("a,b\n");
    // Of several parts, the bad rows far behind, and a quoted line end before them.
    for row in 0..30_000 {
        let line = if row == 10 { "\"1\",\"2\n\"\n".to_owned() } else { format!("{row},{row}\n") };
        text += if row == 25_000 { "7\n" } else { &line };
    }
    text += "8,9,10\n";
    file(&folder, "t.csv", text.as_bytes());
    let told = run(&folder, &["t.csv", "--task", "describe", "-o", "o.csv"]);
    let place = "t.csv: line 25003, column 2 (b): the row has 1 field where the table has 2";
    assert!(told.fault(3).starts_with(&format!("{place}; ")), "{}", told.stderr);
    for (word, what, rows) in [("skip", "left out", "29999.0"), ("null", "taken with missing values", "30001.0")] {
        let done = run(&folder, &["t.csv", "--columns", "a", "--task", "describe", "--on-bad-row", word]);
        assert_eq!(done.stderr, format!("2 bad rows were {what}; the first: {place}\n"));
        assert!(done.text().starts_with(&format!("statistic,a\ncount,{rows}\n")), "{}", done.text());
    }
    file(&folder, "u.csv", b"a,b\r\n1,2\r\n3,\xff\r\n");
    let told = run(&folder, &["u.csv", "--task", "describe"]);
    assert!(told.fault(3).starts_with("u.csv: line 3, column 2 (b): the cell is not UTF-8"), "{}", told.stderr);
    assert_eq!(names_in(&folder), ["t.csv", "u.csv"]);
}

#[test]
fn files_without_rows_or_without_an_end_are_told_or_give_what_there_is() {
    let folder = folder();
    file(&folder, "empty", b"");
    file(&folder, "nul", b"a,b\n1,\0\n");
    file(&folder, "titles", b"a,b\n");
    file(&folder, "open", b"a,b\n1,2\n3,6");
    let told = |done: Done| {
        assert_eq!(
            (done.code(), &*done.stderr),
            (0, "titles: has no rows, for its only one is taken for titles; --header no makes it a row\n")
        );
        done.text().to_owned()
    };
    for by in ["rows", "columns"] {
        assert_eq!(told(run(&folder, &["titles", "--by", by, "--task", "normalize"])), "a,b\n", "{by}");
        told(run(&folder, &["titles", "--by", by, "--task", "normalize", "-o", "t.parquet"]));
        assert_eq!(run(&folder, &["t.parquet", "--by", by, "--task", "normalize"]).good(), "a,b\n", "{by}");
    }
    assert!(
        told(run(&folder, &["titles", "--task", "describe"])).starts_with("statistic,a,b\ncount,0.0,0.0\nmean,,\n")
    );
    assert_eq!(run(&folder, &["open", "--task", "normalize"]).good(), "a,b\n0.0,1.0\n0.0,1.0\n");
    assert_eq!(run(&folder, &["empty", "--task", "describe"]).fault(3), "empty: is empty");
    assert!(run(&folder, &["nul", "--task", "describe"]).fault(3).starts_with("nul: holds no table that can be read"));
    fs::create_dir(folder.path().join("none")).expect("a new folder");
    assert!(run(&folder, &["none", "--task", "describe"]).fault(3).starts_with("none: is a folder without files"));
}

#[test]
fn the_coordinator_reads_no_rows_and_holds_none() {
    let folder = folder();
    let length = large(&folder) as u64;
    run(&folder, &["large.csv", "--columns", "1,2", "--task", "normalize", "-o", "large.parquet"]).good();
    for (name, by) in [("large.csv", "rows"), ("large.parquet", "columns")] {
        let call = mpexec(["frame", name, "--columns", "1,2", "--by", by, "--task", "normalize", "--workers", "2"]);
        let mut started = call.stdout(Stdio::piped()).in_folder(folder.path()).start();
        // It waits for its reader when all was read of the file that can be at this time.
        assert_eq!(started.line(), "whole,half\n");
        let told = fs::read_to_string(format!("/proc/{}/io", started.pid())).expect("it is there");
        let read = told.lines().find_map(|line| line.strip_prefix("rchar: ")).and_then(|bytes| bytes.parse().ok());
        let read: u64 = read.expect("the kernel counts");
        if by == "rows" {
            assert!(read < length / 4, "{read} of {length} bytes were read by the coordinator");
        }
        started.close_stdout();
        assert_eq!(started.finish().code(), 0);
    }
}

/// A long work and its workers, which stand still.
fn working(folder: &TempDir, words: &[&str]) -> (Started, Vec<Held>) {
    large(folder);
    let call = mpexec(["frame", "large.csv", "--workers", "2", "--columns", "1,2", "-o", "out.parquet"]);
    let started = call.args(words).in_folder(folder.path()).start();
    let workers = started.workers_on(&folder.path().join("large.csv"), 2);
    for worker in &workers {
        worker.signal(Signal::STOP);
    }
    (started, workers)
}

#[test]
fn a_signal_ends_it_and_a_second_one_at_once_and_no_file_is_there() {
    for words in [&["--task", "describe"][..], &["--task", "normalize"], &["--by", "columns", "--task", "normalize"]] {
        for twice in [false, true] {
            let folder = folder();
            let (started, workers) = working(&folder, words);
            let code = if twice {
                started.held().takes(Signal::TERM);
                143
            } else {
                130
            };
            started.signal(Signal::INT);
            let done = started.finish();
            assert_eq!((done.code(), done.text()), (code, ""), "{}", done.stderr);
            assert!(done.stderr.trim_end().ends_with("; no file written"), "{}", done.stderr);
            assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
            for worker in workers {
                assert!(worker.ends(), "worker {} is left", worker.pid);
            }
            assert_eq!(names_in(&folder), ["large.csv"]);
        }
    }
}

#[test]
fn workers_that_are_killed_are_replaced_and_the_numbers_are_the_same() {
    let _watchdog = Watchdog::new();
    for words in [&["--task", "describe"][..], &["--task", "normalize"], &["--by", "columns", "--task", "normalize"]] {
        let folder = folder();
        let (started, workers) = working(&folder, words);
        for worker in &workers {
            worker.signal(Signal::KILL);
        }
        assert_eq!(started.finish().good(), "");
        let undisturbed = ["large.csv", "--columns", "1,2", "-o", "undisturbed.parquet"];
        run(&folder, &[&undisturbed[..], words].concat()).good();
        let [one, other] =
            ["out.parquet", "undisturbed.parquet"].map(|name| fs::read(folder.path().join(name)).expect("the output"));
        assert!(one == other, "{words:?}");
        let chaos =
            ["large.csv", "--columns", "1,2", "-o", "chaos.parquet", "--workers", "3", "--chaos", "kill=0.2,seed=5"];
        run(&folder, &[&chaos[..], words].concat()).good();
        assert!(fs::read(folder.path().join("chaos.parquet")).expect("the output") == other, "{words:?}");
    }
}

#[test]
fn a_full_disk_leaves_no_half_of_a_file() {
    let folder = folder();
    large(&folder);
    let script = |line: &str| {
        format!("mkdir small && mount -t tmpfs -o size=64k none small || exit 99; {line} 2>&1; echo $?; ls -A small")
    };
    let full = |line: &str| {
        let own = program("unshare").args(["--map-root-user", "--mount", "sh", "-c", &script(line)]);
        let done = own.arg(programs().join("mpexec")).in_folder(folder.path()).run();
        fs::remove_dir_all(folder.path().join("small")).expect("the mount ended with its space of names");
        done
    };
    for name in ["o.parquet", "o.arrow", "o.csv", "o.csv.gz", "o.jsonl"] {
        let done = full(&format!("\"$0\" frame large.csv --by columns --columns 1,2 --task normalize -o small/{name}"));
        if done.code() == 99 {
            return mpexec_testkit::skipped("there is no file system of one's own here");
        }
        let told: Vec<_> = done.text().lines().collect();
        assert!(
            told.len() == 2 && told[1] == "3" && told[0].starts_with(&format!("error: small/{name}: ")),
            "{told:?}"
        );
        assert!(told[0].contains("no space") || told[0].contains("No space"), "{told:?}");
    }
    // What is kept meanwhile needs space too.
    for line in [
        "\"$0\" frame large.csv --by columns --columns 1,2 --task normalize -o o.csv",
        "cat large.csv | \"$0\" frame - --task describe",
    ] {
        let done = full(&format!("export TMPDIR=$PWD/small; {line}"));
        let told: Vec<_> = done.text().lines().collect();
        assert!(told.len() == 2 && told[1] == "3" && told[0].contains("No space left"), "{told:?}");
    }
    let device = mpexec(["frame", "large.csv", "--columns", "1,2", "--task", "normalize"]).in_folder(folder.path());
    let device = device.stdout(fs::File::options().write(true).open("/dev/full").expect("a device of Linux")).run();
    assert!(device.fault(3).starts_with("standard output: cannot be written: No space left"), "{}", device.stderr);
    assert_eq!(names_in(&folder), ["large.csv"]);
}
