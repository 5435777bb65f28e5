//! Every option of every command is exercised: by a run here that shows what it changes, or by a test that is named.
//!
//! The list of options is made of the command line itself (`crates/mpexec/OPTIONS.txt`), so one that is new has to come into this table.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::files::{file, folder, names_in};
use crate::common::program::mpexec;

enum By {
    /// This command, which tells these words if the option is behind it, and else does not.
    Run(&'static str, &'static str, &'static str),
    /// The test of this name in this file of tests.
    Test(&'static str, &'static str),
}
use By::{Run, Test};

const OPTIONS: [(&str, By); 106] = [
    ("--advice", Test("usage/status", "a_run_that_was_well_and_one_that_nobody_watches_get_no_advice")),
    ("--chaos", Test("failure/chaos", "workers_that_are_killed_and_stopped_by_chance_change_no_answer")),
    ("--color", Run("count-range gone", "--color always", "\u{1b}[")),
    ("--engine-args", Test("runs/elsewhere", "shards_and_what_the_engine_is_told_are_handed_on")),
    ("--grace", Test("map", "a_file_is_complete_or_absent")),
    ("--log-format", Run("count-range gone", "--log-format json", "\"level\":\"error\"")),
    ("--on", Test("runs/elsewhere", "shards_and_what_the_engine_is_told_are_handed_on")),
    ("--progress", Test("usage/status", "who_asks_with_a_signal_hears_how_far_it_is_and_nothing_is_disturbed")),
    ("--quiet", Test("usage/words", "progress_is_shown_where_it_is_asked_for_and_never_with_quiet")),
    ("--report", Run("count-range t.csv", "--report page.html", "page.html: <!doctype html>")),
    ("--shards", Test("runs/elsewhere", "shards_and_what_the_engine_is_told_are_handed_on")),
    ("--trace", Run("count-range t.csv", "--trace trace.json", "trace.json: {")),
    ("--transport", Run("count-range t.csv", "--transport socket", "over socket")),
    ("--verbose", Test("failure/chaos", "workers_that_are_killed_and_stopped_by_chance_change_no_answer")),
    ("--worker-program", Run("count-range t.csv", "--worker-program ./gone", "/gone: it cannot be used")),
    ("--workers", Test("frame/described", "columns_are_described_as_pandas_describes_them")),
    ("common-items --columns", Run("common-items t.csv t.csv", "--columns b", "[3]\n[2]\n")),
    ("common-items --delimiter", Run("common-items d.txt d.txt", "--delimiter :", "[4,5]\n[1,6]\n")),
    ("common-items --header", Run("common-items h.csv h.csv", "--header no", "[4,\"x\"]\n")),
    ("common-items --input-format", Run("common-items t.csv t.csv", "--input-format jsonl", "no row of JSON")),
    ("common-items --on-bad-row", Run("common-items bad.csv bad.csv", "--on-bad-row skip", "2 bad rows were left out")),
    ("common-items --output", Run("common-items t.csv t.csv", "--output new.jsonl", "new.jsonl: [1,3]\n[2]\n")),
    ("common-items --output-format", Run("common-items t.csv t.csv", "--output-format csv", "row,item\n0,1\n")),
    ("count-range --columns", Run("count-range t.csv --min 3 --max 3 --output -", "--columns a", "0\n0\n")),
    ("count-range --delimiter", Run("count-range d.txt --output -", "--delimiter :", "2\n1\n")),
    ("count-range --header", Run("count-range h.csv --output -", "--header no", "found \"x\"")),
    ("count-range --input-format", Run("count-range t.csv", "--input-format jsonl", "no row of JSON")),
    ("count-range --json", Run("count-range t.csv", "--json", "{\"rows\":2,")),
    ("count-range --max", Run("count-range t.csv --min 1 --output -", "--max 2", "1\n2\n")),
    ("count-range --min", Run("count-range t.csv --max 3 --output -", "--min 2", "1\n2\n")),
    ("count-range --mode", Run("count-range n.csv --output -", "--mode async", "0\t1\n")),
    ("count-range --on-bad-row", Run("count-range bad.csv", "--on-bad-row null", "2 bad rows were")),
    ("count-range --output", Run("count-range t.csv", "--output new.csv", "new.csv: row,count\n")),
    ("count-range --output-format", Run("count-range t.csv --output new", "--output-format jsonl", "new: {\"row\":0,")),
    (
        "count-range --per-file",
        Run("count-range t.csv n.csv --output counts --output-format csv", "--per-file", "counts/t.csv"),
    ),
    ("frame --by", Run("frame t.csv --task normalize", "--by columns", "a,b\n0.0,1.0\n1.0,0.0\n")),
    ("frame --columns", Run("frame t.csv --task describe", "--columns b", "statistic,b\n")),
    ("frame --delimiter", Run("frame d.txt --task describe", "--delimiter :", "count,2.0,2.0\n")),
    ("frame --header", Run("frame h.csv --task describe", "--header no", "statistic,column_1\n")),
    ("frame --input-format", Run("frame t.csv --task describe", "--input-format parquet", "t.csv: ")),
    ("frame --on-bad-row", Run("frame bad.csv --task describe", "--on-bad-row skip", "1 bad row was left out")),
    ("frame --output", Run("frame t.csv --task describe", "--output new.csv", "new.csv: statistic,a,b\n")),
    ("frame --output-format", Test("frame/together", "of_each_file_by_itself_comes_a_file")),
    ("frame --per-file", Test("frame/together", "of_each_file_by_itself_comes_a_file")),
    ("frame --task", Run("frame t.csv", "--task describe", "statistic,a,b\n")),
    ("gen --cols", Run("gen new --rows 2", "--cols 3", "(2, 3)")),
    ("gen --high", Run("gen new --rows 2 --cols 2", "--high 3", "0 to 2")),
    ("gen --low", Run("gen new --rows 2 --cols 2", "--low -3", "-3 to 9")),
    ("gen --rows", Run("gen new --cols 2", "--rows 3", "(3, 2)")),
    ("gen --seed", Run("gen new --rows 2 --cols 2", "--seed 8", "seed 8\n")),
    ("map --columns", Test("map", "columns_of_csv_are_arguments_by_title_or_by_place")),
    ("map --delimiter", Test("map", "columns_of_csv_are_arguments_by_title_or_by_place")),
    ("map --fail-fast", Test("map", "fail_fast_ends_an_endless_input_at_the_first_failure")),
    ("map --header", Test("map", "columns_of_csv_are_arguments_by_title_or_by_place")),
    ("map --input-format", Test("map", "lines_of_json_are_calls_by_place_by_name_or_alone")),
    ("map --max-tasks-per-worker", Test("map", "limits_are_held_and_told")),
    ("map --memory", Test("map", "limits_are_held_and_told")),
    ("map --mode", Test("map", "results_come_in_order_or_as_they_are_ready")),
    ("map --on-bad-row", Test("map", "columns_of_csv_are_arguments_by_title_or_by_place")),
    ("map --output", Test("map", "a_file_is_complete_or_absent")),
    ("map --per-file", Test("map", "the_results_of_each_input_are_a_file_numbered_from_0_on")),
    ("map --retries", Test("map", "a_crash_is_one_failure_unless_a_retry_comes_through")),
    ("map --timeout", Test("map", "limits_are_held_and_told")),
    ("map --with", Test("map", "rows_of_an_array_give_the_numbers_that_count_range_gives")),
    ("normalize --columns", Run("normalize t.csv", "--columns b,a", "b,a\n1.0,0.0\n0.0,0.0\n")),
    ("normalize --delimiter", Run("normalize d.txt", "--delimiter :", "0.0,1.0\n1.0,0.0\n")),
    ("normalize --header", Run("normalize h.csv", "--header no", "found \"x\"")),
    ("normalize --input-format", Run("normalize t.csv", "--input-format jsonl", "no row of JSON")),
    ("normalize --on-bad-row", Run("normalize bad.csv", "--on-bad-row skip", "2 bad rows were left out")),
    ("normalize --output", Run("normalize t.csv", "--output new.csv", "new.csv: a,b\n0.0,1.0\n0.0,0.0\n")),
    ("normalize --output-format", Run("normalize t.csv", "--output-format jsonl", "{\"a\":0.0,\"b\":1.0}\n")),
    ("normalize --per-file", Test("frame/together", "of_each_file_by_itself_comes_a_file")),
    ("run --arg-file", Run("run echo", "--arg-file d.txt", "4:5\n")),
    ("run --dry-run", Run("run true ::: y", "--dry-run", "true y\n")),
    ("run --halt", Test("run", "failures_end_the_work_as_they_are_told_to")),
    ("run --joblog", Run("run echo ::: y", "--joblog new.log", "Seq\tHost")),
    ("run --keep-order", Test("run", "outputs_are_whole_tagged_and_in_order_if_that_is_wanted")),
    ("run --max-tasks-per-worker", Test("run", "limits_of_memory_and_niceness_hold_for_commands")),
    ("run --memory", Test("run", "limits_of_memory_and_niceness_hold_for_commands")),
    ("run --nice", Test("run", "limits_of_memory_and_niceness_hold_for_commands")),
    ("run --null", Test("run", "arguments_come_from_the_line_from_a_file_or_from_standard_input")),
    ("run --results", Test("run", "outputs_go_to_files_of_their_own")),
    ("run --retries", Test("run", "a_failed_command_is_tried_again")),
    ("run --tag", Run("run echo z{} ::: y", "--tag", "y\tzy\n")),
    ("run --timeout", Run("run sleep ::: 4", "--timeout 10ms", "took longer than its time limit")),
    ("runs clean --force", Test("runs/resumed", "runs_are_listed_shown_and_removed")),
    ("runs resume --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("runs show --check", Test("runs/resumed", "runs_are_listed_shown_and_removed")),
    ("tasks --json", Test("map", "tasks_are_listed_with_parameters_types_and_documentation")),
    ("common-items --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("common-items --range-size", Run("common-items t.csv t.csv --run-dir kept", "--range-size 1", "\"--range-size\"")),
    ("common-items --run-dir", Run("common-items t.csv t.csv", "--run-dir kept", "kept/plan.json: ")),
    ("count-range --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("count-range --range-size", Run("count-range t.csv --run-dir kept", "--range-size 1", "\"--range-size\"")),
    ("count-range --run-dir", Run("count-range t.csv", "--run-dir kept", "kept/plan.json: ")),
    ("normalize --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("normalize --range-size", Run("normalize t.csv --run-dir kept", "--range-size 1", "\"--range-size\"")),
    ("normalize --run-dir", Run("normalize t.csv", "--run-dir kept", "kept/plan.json: ")),
    ("frame --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("frame --range-size", Test("runs/resumed", "frames_survive_by_rows_by_columns_and_described")),
    ("frame --run-dir", Test("runs/resumed", "frames_survive_by_rows_by_columns_and_described")),
    ("map --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("map --range-size", Test("runs/resumed", "calls_survive_and_failed_ones_stay_what_they_were")),
    ("map --run-dir", Test("runs/resumed", "calls_survive_and_failed_ones_stay_what_they_were")),
    ("run --force-plan", Test("runs/faults", "changes_are_said_and_refused_and_force_plan_starts_over")),
    ("run --run-dir", Run("run echo ::: y", "--run-dir kept", "kept/plan.json: ")),
];

/// The words of a command; those that options stand before (`:::` and what is behind it) come last.
fn words(command: &str, option: &str) -> Vec<String> {
    let (before, behind) = command.split_once(":::").unwrap_or((command, ""));
    let mut words: Vec<_> = before.split(' ').filter(|word| !word.is_empty()).map(String::from).collect();
    // The options of the program stand before what it is to run.
    let at = usize::from(!words.is_empty());
    words.splice(at..at, option.split(' ').filter(|word| !word.is_empty()).map(String::from));
    if !behind.is_empty() {
        words.push(":::".to_owned());
        words.extend(behind.split(' ').filter(|word| !word.is_empty()).map(String::from));
    }
    words
}

/// What a run prints, and the files that it leaves.
fn told(command: &str, option: &str) -> String {
    let folder = folder();
    file(&folder, "t.csv", b"a,b\n1,3\n2,2\n");
    file(&folder, "n.csv", b"4\n9\n");
    file(&folder, "d.txt", b"4:5\n6:1\n");
    file(&folder, "h.csv", b"4,x\n5,6\n");
    file(&folder, "bad.csv", b"1,5\n2,x\n3,4\n5\n");
    let there = names_in(&folder);
    let done = mpexec(words(command, option)).in_folder(folder.path()).run();
    let mut told = format!("{}{}", String::from_utf8_lossy(&done.stdout), done.stderr);
    let mut look = |path: &Path, name: &str| {
        let text = fs::read(path).unwrap_or_default();
        told += &format!("{name}: {}", String::from_utf8_lossy(&text));
    };
    for name in names_in(&folder).into_iter().filter(|name| !there.contains(name)) {
        let path = folder.path().join(&name);
        match fs::read_dir(&path) {
            Ok(inside) => inside.for_each(|entry| {
                let entry = entry.expect("an entry");
                look(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()));
            }),
            Err(_) => look(&path, &name),
        }
    }
    told
}

#[test]
fn each_option_changes_what_it_says_it_does() {
    let mut wrong = Vec::new();
    for (option, by) in &OPTIONS {
        let Run(command, words, wanted) = by else { continue };
        let long = option.rsplit(' ').next().unwrap_or(option);
        assert!(words.split(' ').next() == Some(long), "{option} is exercised with {words}");
        let (with, without) = (told(command, words), told(command, ""));
        if !with.contains(wanted) || without.contains(wanted) {
            wrong.push(format!("{command} {words}\n--- with\n{:.600}\n--- without\n{:.300}\n", with, without));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tests_that_are_named_are_there_and_name_the_option() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    for (option, by) in &OPTIONS {
        let Test(file, name) = by else { continue };
        let text = fs::read_to_string(folder.join(file).with_extension("rs")).expect("the file of tests");
        assert!(text.contains(&format!("\nfn {name}()")), "{option}: {file} has no test {name}");
        let (long, short) = match option.rsplit(' ').next().unwrap_or(option) {
            "--verbose" => ("--verbose", "\"-v\""),
            "--quiet" => ("--quiet", "\"-q\""),
            "--null" => ("--null", "\"-0\""),
            long => (long, "\0"),
        };
        assert!(text.contains(long) || text.contains(short), "{option}: {file} does not use it");
    }
}

#[test]
fn each_option_of_each_command_stands_in_the_table() {
    let listed: BTreeSet<_> = include_str!("../../../../crates/mpexec/OPTIONS.txt").lines().collect();
    let exercised: BTreeSet<_> = OPTIONS.iter().map(|(option, _)| *option).collect();
    assert_eq!(exercised, listed, "each option is to be exercised");
}
