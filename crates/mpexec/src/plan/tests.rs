//! What command lines mean, without running them.

use clap::Parser;
use mpexec_data::{ColumnarFormat, Packing, TextFormat};

use super::*;

fn arguments(line: &str) -> Arguments {
    Arguments::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn plan(line: &str) -> Result<Plan, Failure> {
    Plan::new(arguments(line), Surroundings::default())
}

fn count(line: &str) -> CountPlan {
    match plan(line) {
        Ok(Plan::Count(plan)) => plan,
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal(line: &str) -> String {
    match plan(line) {
        Err(Failure::Error { exit: crate::exit::Exit::Usage, line }) => line,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn options_of_every_command_are_accepted_before_and_after_it() {
    let before = count("mpexec --workers 3 --transport socket --progress never count-range f");
    let after = count("mpexec count-range f --workers 3 --transport socket --progress never");
    assert_eq!(before, after);
    assert_eq!((before.pool.workers, before.pool.transport), (Workers::Exact(3), Transport::Socket));
    let common = arguments("mpexec -v workers -v --color always").common;
    assert_eq!((common.verbose > 0, common.color), (true, When::Always));
}

#[test]
fn bounds_are_kept_as_they_were_typed() {
    let plan = count("mpexec count-range f --min -7 --max 2.5");
    assert_eq!((plan.minimum.as_str(), plan.maximum.as_str()), ("-7", "2.5"));
    let plan = count("mpexec count-range f --min=-inf");
    assert_eq!((plan.minimum.as_str(), plan.maximum.as_str()), ("-inf", "8"));
}

#[test]
fn how_tables_are_read_is_kept_with_their_names() {
    let plan = count("mpexec count-range a.csv b.csv --columns x,2 --delimiter ; --header no --on-bad-row skip");
    assert_eq!(plan.files, [PathBuf::from("a.csv"), PathBuf::from("b.csv")]);
    let expected = Reading {
        format: None,
        columns: Columns::named(["x", "2"]),
        delimiter: Some(b';'),
        header: Some(false),
        on_bad_row: OnBadRow::Skip,
    };
    assert_eq!(plan.reading, expected);
    assert_eq!(count("mpexec count-range f").reading, Reading::default());
    let tabs = count("mpexec count-range f --input-format tsv").reading;
    assert_eq!((tabs.format, tabs.delimiter), (Some(Format::Csv), Some(b'\t')));
}

#[test]
fn the_ending_of_a_name_says_how_counts_are_written() {
    let counts = |line: &str| count(line).counts;
    assert_eq!(counts("mpexec count-range f"), Counts::Nowhere);
    assert_eq!(counts("mpexec count-range f --output a.npy"), Counts::Array("a.npy".into()));
    assert_eq!(counts("mpexec count-range f --output a.CSV"), Counts::Text("a.CSV".into(), TextFormat::Csv, None));
    assert_eq!(counts("mpexec count-range f -o a.jsonl"), Counts::Text("a.jsonl".into(), TextFormat::JsonLines, None));
    assert_eq!(
        counts("mpexec count-range f -o a.npy --output-format csv"),
        Counts::Text("a.npy".into(), TextFormat::Csv, None)
    );
    assert_eq!(
        counts("mpexec count-range f -o a.Parquet"),
        Counts::Columns("a.Parquet".into(), ColumnarFormat::Parquet)
    );
    assert_eq!(counts("mpexec count-range f -o a.feather"), Counts::Columns("a.feather".into(), ColumnarFormat::Arrow));
    let packed = counts("mpexec count-range f -o a.tsv.gz");
    assert_eq!(packed, Counts::Text("a.tsv.gz".into(), TextFormat::Tsv, Some(Packing::Gzip)));
    let packed = counts("mpexec count-range f -o a.zst --output-format text");
    assert_eq!(packed, Counts::Text("a.zst".into(), TextFormat::Plain, Some(Packing::Zstd)));
    assert!(refusal("mpexec count-range f --output a.txt").starts_with("a.txt: "));
    assert!(refusal("mpexec count-range f --output a.npy.gz").starts_with("a.npy.gz: only texts are compressed"));
}

#[test]
fn counted_apart_each_input_has_a_file_named_after_it() {
    let plan = count("mpexec count-range a/x.csv --per-file -o out --output-format tsv");
    let of_input = plan.counts.of_input(Path::new("a/x.csv"));
    assert_eq!(of_input, Counts::Text("out/x.csv.tsv".into(), TextFormat::Tsv, None));
    let arrays = count("mpexec count-range x --per-file -o out").counts;
    assert_eq!((arrays.of_input(Path::new("x")), arrays.makes_files()), (Counts::Array("out/x.npy".into()), true));
    assert_eq!(count("mpexec count-range x --per-file").counts.of_input(Path::new("x")), Counts::Nowhere);
    assert!(refusal("mpexec count-range x --per-file -o -").contains("name a folder"));
}

#[test]
fn a_dash_is_standard_output_in_the_order_that_the_mode_says() {
    let sync = count("mpexec count-range f --output -").counts;
    assert_eq!(sync, Counts::Printed { format: TextFormat::Plain, ordered: true });
    let stream = count("mpexec count-range f --output - --mode async").counts;
    assert_eq!(stream, Counts::Printed { format: TextFormat::Plain, ordered: false });
    assert_eq!(
        count("mpexec count-range f --output ./-  --output-format npy".replace("  ", " ").as_str()).counts,
        Counts::Array("./-".into())
    );
}

#[test]
fn the_mode_changes_nothing_about_a_file() {
    for file in ["a.npy", "a.csv", "a.jsonl"] {
        let line = format!("mpexec count-range f --output {file}");
        assert_eq!(count(&line), count(&format!("{line} --mode async")));
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert!(refusal("mpexec count-range f --json --output -").contains("--json"));
    assert!(refusal("mpexec count-range f --output - --output-format npy --mode async").contains("async"));
    assert!(refusal("mpexec gen f --rows 1 --cols 1 --low 5 --high 5").contains("--low 5"));
    for line in [
        "mpexec",
        "mpexec count-range",
        "mpexec count-range f --workers 0",
        "mpexec count-range f --workers many",
        "mpexec count-range f --transport memory",
        "mpexec count-range f --min four",
        "mpexec count-range f --output-format csv",
        "mpexec count-range f -v -q",
        "mpexec gen f --rows 1",
        "mpexec gen f --rows -1 --cols 1",
        "mpexec gen f --rows 1 --cols 1 --seed 4294967296",
    ] {
        assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn the_numbers_of_gen_may_be_negative_and_lose_their_fraction() {
    let Ok(Plan::Gen(plan)) = plan("mpexec gen f --rows 2 --cols 3 --low -5 --high 7.5 --seed 100") else {
        panic!("not understood");
    };
    assert_eq!((plan.low, plan.high, plan.seed, plan.bytes), (-5, 7, 100, 128 + 48));
}

#[test]
fn a_shape_that_no_file_can_hold_is_refused_with_the_name_of_the_file() {
    let most = u64::MAX;
    for (rows, cols) in [(most, most), (1u64 << 60, 1), (1, 1 << 60), (1 << 60, 0), (most, 0), (3 << 58, 8)] {
        let told = refusal(&format!("mpexec gen f --rows {rows} --cols {cols}"));
        assert_eq!(told, format!("f: no file can hold the shape ({rows}, {cols}) of int64"));
    }
    for (rows, cols) in [(0, 0), (1u64 << 59, 0), (0, 1u64 << 59), (1 << 59, 1)] {
        assert!(plan(&format!("mpexec gen f --rows {rows} --cols {cols}")).is_ok(), "({rows}, {cols})");
    }
}

#[test]
fn the_worker_program_is_the_option_then_for_arrays_the_one_beside_and_the_variable_is_for_tasks_of_the_users() {
    let find = |option: Option<&str>, variable: Option<&str>, beside: Option<&str>| {
        let around = Surroundings {
            variable: variable.map(OsString::from),
            beside: beside.map(PathBuf::from),
            ..Surroundings::default()
        };
        worker_programs(option.map(PathBuf::from), around)
    };
    let both = |path: &str| [Some(PathBuf::from(path)), Some(PathBuf::from(path))];
    assert_eq!(find(Some("/a"), Some("/b"), Some("/c")), both("/a"));
    assert_eq!(find(None, Some("/b"), Some("/c")), [Some("/c".into()), None]);
    assert_eq!(find(None, None, None), [None, None]);
    assert!(find(Some("worker"), None, None).into_iter().flatten().all(|path| path.is_absolute()));
    let of_user = |variable: Option<&str>| {
        let around = Surroundings { variable: variable.map(OsString::from), ..Surroundings::default() };
        match Plan::new(arguments("mpexec map f rows.jsonl"), around) {
            Ok(Plan::Map(plan)) => plan.pool.table_worker,
            _ => None,
        }
    };
    assert_eq!([of_user(Some("/b")), of_user(Some("")), of_user(None)], [Some("/b".into()), None, None]);
}

#[test]
fn an_engine_is_known_by_its_name_alone() {
    let plan = count("mpexec --on fake --shards 3 --engine-args words count-range f --run-dir r");
    assert_eq!(plan.pool.workers, Workers::Exact(1), "others compute");
    let who = plan.keeping.map(|keeping| keeping.who);
    assert_eq!(who.as_ref().and_then(crate::keeping::Who::engine), Some("fake"));
    assert_eq!(
        refusal("mpexec --on fake gen f --rows 1 --cols 1"),
        "this command has no run folder: there is nothing to be done with --on fake"
    );
    assert_eq!(
        refusal("mpexec count-range f --shards 3"),
        "--shards and --engine-args are about jobs of a cluster: they go with --on slurm or fake"
    );
}
