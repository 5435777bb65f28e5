//! Run folders on the command line: every command that keeps its results there, and `mpexec runs`.

use std::fs;
use std::path::Path;

use crate::common::files::{file, folder, names_in, small, table};
use crate::common::program::{Call, mpexec};
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

fn run(folder: &TempDir, words: &[&str]) -> Call {
    mpexec(words).in_folder(folder.path())
}

/// The names of the published results of a run.
fn results(folder: &TempDir, run: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join(run).join("out")).expect("a run folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What the processes that worked in a run folder have done, without the times.
fn done_in(folder: &TempDir, run: &str) -> Vec<String> {
    let logs = fs::read_dir(folder.path().join(run).join("log")).expect("a run folder");
    let texts = logs.map(|log| fs::read_to_string(log.expect("an entry").path()).expect("a log"));
    let lines: Vec<_> = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.iter().filter_map(|line| line.split_once(' ')).map(|(_, done)| done.to_owned()).collect()
}

fn published(folder: &TempDir, run: &str) -> usize {
    done_in(folder, run).iter().filter(|line| line.starts_with("published ")).count()
}

/// Takes results away, as if the run had ended before them, and with them that it is done.
fn take_away(folder: &TempDir, run: &str, results: &[String]) {
    let run = folder.path().join(run);
    results.iter().for_each(|name| fs::remove_file(run.join("out").join(name)).expect("a result"));
    fs::remove_file(run.join("done")).expect("it was done");
}

/// Runs a command with and without a run folder, and again when some of its results are missing: its output is the same to the last
/// byte, and what was there is not computed again.
fn survives(folder: &TempDir, words: &[&str], size: &str, output: &str, ranges: usize) {
    let place = folder.path().join(output);
    let written = |call: Call| {
        call.run().good();
        let bytes = fs::read(&place).expect("the output");
        fs::remove_file(&place).expect("the output");
        bytes
    };
    let plain = written(run(folder, words));
    let kept = [words, &["--run-dir", "run", "--range-size", size]].concat();
    assert!(written(run(folder, &kept).args(["--workers", "3"])) == plain, "{words:?}");
    let all = results(folder, "run");
    assert_eq!((all.len(), published(folder, "run")), (ranges, ranges), "{words:?}: {all:?}");
    take_away(folder, "run", &[all[0].clone(), all[ranges - 1].clone()]);
    let again = run(folder, &["runs", "resume", "run", "--workers", "1"]);
    assert!(written(again) == plain, "{words:?}");
    assert_eq!(results(folder, "run"), all);
    assert_eq!(published(folder, "run"), if ranges > 1 { ranges + 2 } else { 2 }, "only what was missing");
    assert!(written(run(folder, &kept)) == plain, "{words:?}");
    assert_eq!(published(folder, "run"), if ranges > 1 { ranges + 2 } else { 2 }, "nothing was missing");
    run(folder, &["runs", "clean", "run"]).run();
    assert!(!folder.path().join("run").exists());
}

/// A file of CSV of some hundred kilobytes; with quotes in its last part, or without.
fn csv(folder: &TempDir, name: &str, quotes: bool) -> std::path::PathBuf {
    csv_of(folder, name, 60_000, quotes)
}

fn csv_of(folder: &TempDir, name: &str, rows: u64, quotes: bool) -> std::path::PathBuf {
    let row = |n: u64| match quotes && n > 30_000 {
        true => format!("{n},\"{}\",{}\n", n % 13, n % 7),
        false => format!("{n},{},{}\n", n % 13, n % 7),
    };
    let text: String = (0..rows).map(row).collect();
    file(folder, name, format!("a,b,c\n{text}").as_bytes())
}

#[test]
fn counts_of_an_array_survive() {
    let folder = folder();
    let input = small().to_str().expect("a name");
    let bytes = small().metadata().expect("a file").len();
    assert!(bytes > 700_000, "{bytes}");
    // Pieces are of a quarter of a million bytes at least.
    let ranges = usize::try_from(bytes.div_ceil(262_144)).expect("few");
    for output in ["counts.npy", "counts.csv"] {
        survives(&folder, &["count-range", input, "--output", output], "1K", output, ranges);
    }
}

#[test]
fn counts_of_tables_survive_with_quotes_and_without_and_by_file() {
    let folder = folder();
    csv(&folder, "plain.csv", false);
    csv(&folder, "quoted.csv", true);
    fs::write(folder.path().join("rows.jsonl"), "[1,5,6]\n[4,4,4]\n").expect("a file");
    let count = |files: &[&'static str], more: &[&'static str]| {
        [&["count-range"], files, &["--output", "c.npy"], more].concat()
    };
    survives(&folder, &count(&["plain.csv"], &[]), "100K", "c.npy", 3);
    survives(&folder, &count(&["plain.csv", "rows.jsonl"], &["--max", "6"]), "100K", "c.npy", 4);
    let both = count(&["quoted.csv"], &["--run-dir", "q", "--range-size", "100K"]);
    let alone = run(&folder, &count(&["quoted.csv"], &[])).run();
    alone.good();
    let plain = fs::read(folder.path().join("c.npy")).expect("the output");
    for _ in 0..2 {
        run(&folder, &both).run().good();
        assert!(fs::read(folder.path().join("c.npy")).expect("the output") == plain);
    }
    let found = results(&folder, "q");
    assert!(
        found.contains(&"table0-000000".to_owned()) && found.contains(&"table0-rows-000000".to_owned()),
        "{found:?}"
    );
    assert_eq!(published(&folder, "q"), found.len(), "the second time nothing was computed");
    let apart = ["count-range", "plain.csv", "rows.jsonl", "--per-file", "--run-dir", "p", "--json"];
    let summed = |call: Call| {
        let text = call.run().good().to_owned();
        text.lines().map(|line| line.split(",\"workers\"").next().expect("a line").to_owned()).collect::<Vec<_>>()
    };
    let first = summed(run(&folder, &apart));
    assert_eq!((first.len(), summed(run(&folder, &apart))), (2, first));
}

#[test]
fn rows_that_are_scaled_or_compared_survive() {
    let folder = folder();
    csv(&folder, "a.csv", false);
    csv(&folder, "b.csv", true);
    let normalize = ["normalize", "a.csv", "--output", "out.parquet"];
    survives(&folder, &normalize, "300K", "out.parquet", 2);
    let common = ["common-items", "a.csv", "b.csv", "--output", "out.jsonl.gz"];
    survives(&folder, &common, "300K", "out.jsonl.gz", 4);
}

#[test]
fn frames_survive_by_rows_by_columns_and_described() {
    let folder = folder();
    csv_of(&folder, "a.csv", 150_000, false);
    let frame = |more: &[&'static str], output: &'static str| {
        [&["frame", "a.csv", "--output", output, "--task"], more].concat()
    };
    // Chunks are of 65,536 rows, and describe walks five times over them.
    survives(&folder, &frame(&["normalize"], "rows.parquet"), "1K", "rows.parquet", 3);
    survives(&folder, &frame(&["normalize", "--by", "columns"], "columns.arrow"), "1K", "columns.arrow", 3);
    survives(&folder, &frame(&["describe"], "described.csv"), "1K", "described.csv", 3);
}

#[test]
fn calls_survive_and_failed_ones_stay_what_they_were() {
    let folder = folder();
    let rows: String = (0..40).map(|n| format!("[[{n}, 5, 6], 4, {n}]\n")).collect();
    file(&folder, "rows.jsonl", rows.as_bytes());
    let words = ["map", "howmany_within_range", "rows.jsonl", "--worker-program", WORKER, "-o", "out"];
    survives(&folder, &words, "100", "out", 7);
    file(&folder, "bad.jsonl", b"[[5], 4, 8]\n\"no row\"\n[[9], 4, 8]\n");
    let bad = ["map", "howmany_within_range", "bad.jsonl", "--worker-program", WORKER, "--run-dir", "bad"];
    let first = run(&folder, &bad).run();
    assert!(first.stderr.starts_with("error: 1 of 3 calls failed; the first: call 1: "), "{}", first.stderr);
    assert_eq!((first.code(), first.text().lines().count()), (1, 3));
    let second = run(&folder, &bad).run();
    assert_eq!((second.code(), second.text(), &second.stderr), (1, first.text(), &first.stderr));
    assert_eq!(published(&folder, "bad"), 3);
    let other = run(&folder, &[&bad[..], &["--with", "minimum=4"]].concat()).run();
    assert!(other.fault(2).contains("with was  and is minimum=4"), "{}", other.stderr);
}

#[test]
fn calls_whose_worker_died_are_made_again() {
    let folder = folder();
    let rows = ["a", "b"].map(|name| format!("[{:?}]\n", folder.path().join(name)));
    file(&folder, "rows.jsonl", rows.concat().as_bytes());
    fs::write(folder.path().join("a"), "").expect("a file");
    let words = ["map", "abort_once", "rows.jsonl", "--worker-program", WORKER, "--run-dir", "run"];
    let words = [&words[..], &["--range-size", "1"]].concat();
    let first = run(&folder, &words).run();
    assert_eq!((first.code(), first.text().lines().count()), (1, 2), "{}", first.stderr);
    assert_eq!(results(&folder, "run"), ["rows-000000"], "a death is no result");
    assert!(run(&folder, &["runs", "clean", "run"]).run().fault(2).contains("is not finished"));
    let again = run(&folder, &["runs", "resume", "run"]).run();
    assert_eq!(again.good(), "{\"index\":0,\"ok\":1}\n{\"index\":1,\"ok\":1}\n");
    assert_eq!((results(&folder, "run").len(), published(&folder, "run")), (2, 2));
    assert_eq!(run(&folder, &["runs", "clean", "run"]).run().code(), 0);
}

#[test]
fn with_fail_fast_a_run_ends_at_a_failure_and_so_does_the_next_until_it_is_left_out() {
    let folder = folder();
    let good = |n: u32| format!("[[{n}], 4, 8]\n");
    let rows = [good(1), good(2), "\"no row\"\n".to_owned()].into_iter().chain((0..200).map(good));
    file(&folder, "rows.jsonl", rows.collect::<String>().as_bytes());
    let words =
        ["map", "howmany_within_range", "rows.jsonl", "--worker-program", WORKER, "--workers", "1", "--run-dir", "run"];
    let words = [&words[..], &["--range-size", "1"]].concat();
    let fast = [&words[..], &["--fail-fast"]].concat();
    let first = run(&folder, &fast).run();
    let told = first.stderr.lines().last().expect("an error");
    // Whether calls behind it had been handed out by then is the scheduler's affair.
    assert!(first.code() == 1 && told.contains(" calls failed"), "{}", first.stderr);
    assert!(told.contains("; the first: call 2: "), "{}", first.stderr);
    let kept = results(&folder, "run");
    assert!(
        kept.contains(&"rows-000002".to_owned()),
        "the same call would fail so again, so that is a result: {kept:?}"
    );
    assert!(run(&folder, &["runs", "clean", "run"]).run().fault(2).contains("is not finished"));
    for words in [&fast[..], &["runs", "resume", "run"]] {
        let again = run(&folder, words).run();
        assert!(again.code() == 1 && again.stderr.contains("the first: call 2: "), "{}", again.stderr);
        assert!(
            again.text().starts_with("{\"index\":0,\"ok\":0}\n{\"index\":1,\"ok\":0}\n{\"index\":2,\"error\":"),
            "{}",
            again.text()
        );
        assert!(!folder.path().join("run/done").exists());
    }
    let all = run(&folder, &words).run();
    assert!(all.stderr.contains("error: 1 of 203 calls failed; the first: call 2: "), "{}", all.stderr);
    assert_eq!((all.code(), all.text().lines().count(), results(&folder, "run").len()), (1, 203, 203));
    assert_eq!(published(&folder, "run"), 203, "none was made twice");
    assert_eq!(run(&folder, &["runs", "clean", "run"]).run().code(), 0);
}

#[test]
fn commands_are_known_by_what_they_are_and_failed_ones_run_again() {
    let folder = folder();
    let words = |arguments: &[&'static str]| {
        [&["run", "--run-dir", "run", "echo {} >>ran; echo {}; test {} != bad", ":::"], arguments].concat()
    };
    let first = run(&folder, &words(&["one", "bad", "two", "two"])).run();
    assert_eq!((first.code(), first.text()), (1, "one\nbad\ntwo\ntwo\n"));
    let second = run(&folder, &words(&["three", "two", "bad", "one"])).run();
    assert_eq!((second.code(), second.text()), (1, "three\ntwo\nbad\none\n"));
    let ran = fs::read_to_string(folder.path().join("ran")).expect("commands ran");
    let mut ran: Vec<_> = ran.lines().collect();
    ran.sort_unstable();
    assert_eq!(ran, ["bad", "bad", "one", "three", "two", "two"]);
    let other = run(&folder, &["run", "--run-dir", "run", "echo", ":::", "one"]).run();
    assert!(other.fault(2).contains("command was echo {} >>ran;"), "{}", other.stderr);
    let over = run(&folder, &["run", "--run-dir", "run", "--force-plan", "echo", ":::", "one"]).run();
    assert_eq!((over.good(), results(&folder, "run").len()), ("one\n", 1));
    assert_eq!(run(&folder, &["runs", "resume", "run"]).run().good(), "one\n");
}

#[test]
fn with_more_arguments_a_run_is_done_when_these_are_and_they_are_what_is_resumed() {
    let folder = folder();
    let words = |arguments: &[&'static str]| {
        [&["run", "--run-dir", "run", "echo {}; test {} != c || test -e go", ":::"], arguments].concat()
    };
    assert_eq!(run(&folder, &words(&["a", "b"])).run().good(), "a\nb\n");
    assert!(run(&folder, &["runs", "list"]).run().good().starts_with("run  done, 2 ranges"));
    let more = run(&folder, &words(&["a", "b", "c"])).run();
    assert_eq!((more.code(), more.text()), (1, "a\nb\nc\n"));
    assert!(run(&folder, &["runs", "list"]).run().good().starts_with("run  not finished, 2 ranges"));
    assert!(run(&folder, &["runs", "clean", "run"]).run().fault(2).starts_with("run: the run is not finished"));
    file(&folder, "go", b"");
    assert_eq!(run(&folder, &["runs", "resume", "run"]).run().good(), "a\nb\nc\n");
    // Results of others, which nobody asks for any more, are none of theirs.
    assert_eq!(run(&folder, &words(&["a", "b"])).run().good(), "a\nb\n");
    let result = results(&folder, "run").into_iter().find(|key| {
        let bytes = fs::read(folder.path().join("run/out").join(key)).expect("a result");
        bytes.windows(2).any(|two| two == b"b\n")
    });
    fs::remove_file(folder.path().join("run/out").join(result.expect("that of b"))).expect("a result");
    assert!(run(&folder, &["runs", "list"]).run().good().starts_with("run  not finished, 2 ranges"));
    assert!(run(&folder, &["runs", "clean", "run"]).run().fault(2).starts_with("run: the run is not finished"));
    assert_eq!(run(&folder, &["runs", "resume", "run"]).run().good(), "a\nb\n");
    assert_eq!(run(&folder, &["runs", "clean", "run"]).run().code(), 0);
    let both = run(&folder, &["run", "--run-dir", "run", "--results", "out", "echo", ":::", "a"]).run();
    assert!(
        both.fault(2).ends_with("leave --results away, or run the commands here and without --run-dir"),
        "{}",
        both.stderr
    );
    assert_eq!(names_in(&folder), ["go"]);
}

#[test]
fn runs_are_listed_shown_and_removed() {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    run(&folder, &["count-range", "data.npy", "--run-dir", "done"]).run().good();
    run(&folder, &["count-range", "data.npy", "--run-dir", "begun"]).run().good();
    take_away(&folder, "begun", &["rows-000000".to_owned()]);
    let listed = run(&folder, &["runs", "list"]).run().good().to_owned();
    let wanted = "begun  not finished, 0 ranges so far  mpexec count-range data.npy --run-dir begun\n\
                  done  done, 1 range  mpexec count-range data.npy --run-dir done\n";
    let name = |text: &str| {
        text.lines()
            .map(|line| {
                line.rsplit_once("mpexec ")
                    .map(|(state, words)| (state.rsplit_once("  ").expect("a state").0.to_owned(), words.to_owned()))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(name(&listed), name(wanted), "{listed}");
    let shown = run(&folder, &["runs", "show", "done", "--check"]).run().good().to_owned();
    for line in ["done: done, 1 range", "task      count-range", "option    minimum: 4", "each as it was published"] {
        assert!(shown.contains(line), "{shown}");
    }
    let kept = run(&folder, &["runs", "clean", "begun"]).run();
    assert_eq!(kept.fault(2), "begun: the run is not finished: resume it, or remove it all the same with --force");
    file(&folder, "done/mine", b"");
    let mine = run(&folder, &["runs", "clean", "done"]).run();
    assert_eq!(
        mine.fault(2),
        "done/mine: is no part of a run: move it away, and the run folder can be removed or begun anew"
    );
    assert!(folder.path().join("done/out/rows-000000").exists(), "it is removed as a whole or not at all");
    std::os::unix::fs::symlink("done", folder.path().join("link")).expect("a link");
    for words in [&["runs", "clean", "link"][..], &["runs", "clean", "link/"]] {
        assert!(run(&folder, words).run().fault(2).starts_with("link: is a link, or not the name of a folder"));
    }
    let inside = mpexec(["runs", "clean", "--force", "."]).in_folder(folder.path().join("begun")).run();
    assert!(inside.fault(2).starts_with(".: is a link, or not the name of a folder by itself"), "{}", inside.stderr);
    fs::remove_file(folder.path().join("link")).expect("the link");
    run(&folder, &["runs", "clean", "--force", "begun"]).run();
    assert_eq!(names_in(&folder), ["data.npy", "done"]);
    fs::remove_file(folder.path().join("done/mine")).expect("the file");
    assert_eq!(run(&folder, &["runs", "clean", "done/"]).run().code(), 0);
    fs::create_dir(folder.path().join("done")).expect("a folder");
    for what in ["show", "resume", "clean"] {
        let none = run(&folder, &["runs", what, "done"]).run();
        assert_eq!(none.fault(3), "done: is no run folder: there is no plan in it");
    }
}

#[test]
fn what_cannot_be_read_again_has_no_run_folder() {
    let folder = folder();
    for command in [
        &["count-range", "-"][..],
        &["normalize", "-"],
        &["frame", "-", "--task", "describe"],
        &["common-items", "-", "b.csv"],
    ] {
        file(&folder, "b.csv", b"1,2\n");
        let input = fs::File::open(folder.path().join("b.csv")).expect("a file");
        let done = run(&folder, &[command, &["--run-dir", "run"]].concat()).stdin(input).run();
        assert_eq!(done.fault(2), "standard input cannot be read again: with --run-dir, name files");
    }
    let done = run(&folder, &["run", "--run-dir", "run", "echo"]);
    let input = fs::File::open(folder.path().join("b.csv")).expect("a file");
    assert_eq!(done.stdin(input).run().good(), "1,2\n");
    let told = run(&folder, &["runs", "resume", "run"]).run();
    assert!(
        told.fault(2).ends_with("came through standard input: give the same command line again"),
        "{}",
        told.stderr
    );
    assert!(Path::new(&folder.path().join("run/plan.json")).exists());
    let alone = run(&folder, &["count-range", "b.csv", "--force-plan"]).run();
    assert_eq!(alone.code(), 2);
}
