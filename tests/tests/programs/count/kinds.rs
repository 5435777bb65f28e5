//! What a column, a key and a number are: the same for every command and format.

use std::fs::File;
use std::sync::Arc;

use crate::common::files::{array, file, folder};
use crate::common::program::{Done, mpexec};
use arrow_array::types::Int8Type;
use arrow_array::{ArrayRef, DictionaryArray, Float32Array, Int8Array, Int64Array, RecordBatch};
use mpexec_data::{DType, Shape};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

fn run(folder: &TempDir, words: &[&str]) -> Done {
    mpexec(words).in_folder(folder.path()).run()
}

/// What pandas says of the columns, of which these are its index.
fn parquet(folder: &TempDir, name: &str, batch: &RecordBatch, index: &str) {
    let mut schema = batch.schema().as_ref().clone();
    schema.metadata.insert("pandas".to_owned(), format!("{{\"index_columns\": {index}, \"columns\": []}}"));
    let batch = batch.clone().with_schema(schema.into()).expect("the same columns");
    let file = File::create(folder.path().join(name)).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("its rows");
    writer.close().expect("a whole file");
}

#[test]
fn a_key_that_the_first_row_has_not_makes_a_bad_row_for_every_command() {
    let folder = folder();
    file(&folder, "k.jsonl", b"{\"a\":1,\"b\":5}\n{\"a\":2,\"b\":5,\"c\":3}\n{\"a\":5}\n");
    let commands = [
        &["count-range", "k.jsonl", "-o", "-"][..],
        &["normalize", "k.jsonl"],
        &["common-items", "k.jsonl", "k.jsonl"],
        &["frame", "k.jsonl", "--task", "normalize"],
        &["frame", "k.jsonl", "--task", "describe"],
    ];
    for words in commands {
        let told =
            "k.jsonl: line 2, column 3: the key \"c\" is not in the first row; choose columns with --columns, or";
        assert!(run(&folder, words).fault(3).starts_with(told), "{words:?}");
        let skipped = run(&folder, &[words, &["--on-bad-row", "skip"]].concat());
        let told = skipped.stderr.lines().next().unwrap_or_default();
        assert!(told.ends_with("line 2, column 3: the key \"c\" is not in the first row"), "{words:?}: {told}");
        // Who has chosen columns does not want the others.
        let chosen = run(&folder, &[words, &["--columns", "a"]].concat());
        assert_eq!((chosen.code(), chosen.stderr.as_str()), (0, ""), "{words:?}");
    }
    let words = ["frame", "k.jsonl", "--task", "describe", "--on-bad-row", "null"];
    assert!(run(&folder, &words).text().contains("count,3.0,2.0\nmean,2.6666666666666665,5.0\n"));
}

#[test]
fn the_index_of_a_frame_of_pandas_is_none_of_its_columns_unless_it_is_chosen() {
    let folder = folder();
    let numbers = |numbers: [i64; 2]| Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef;
    let columns = [("day", numbers([7, 8])), ("a", numbers([1, 2])), ("__index_level_0__", numbers([5, 6]))];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    parquet(&folder, "i.parquet", &batch, "[\"day\", \"__index_level_0__\"]");
    parquet(&folder, "range.parquet", &batch, "[{\"kind\": \"range\", \"start\": 0, \"stop\": 2, \"step\": 1}]");
    let index = batch.project(&[0]).expect("a column");
    parquet(&folder, "alone.parquet", &index, "[\"day\"]");
    let counted =
        |words: &[&str]| run(&folder, &[&["count-range", "--min", "5", "-o", "-"], words].concat()).good().to_owned();
    assert_eq!(counted(&["i.parquet"]), "0\n0\n");
    assert_eq!(counted(&["i.parquet", "--columns", "day,a"]), "1\n1\n");
    assert_eq!(counted(&["i.parquet", "--columns", "3"]), "1\n1\n");
    assert_eq!(counted(&["range.parquet"]), "2\n2\n");
    assert_eq!(counted(&["alone.parquet"]), "1\n1\n");
    assert_eq!(run(&folder, &["normalize", "i.parquet"]).good(), "a\n0.0\n0.0\n");
    assert_eq!(run(&folder, &["common-items", "i.parquet", "i.parquet"]).good(), "[1]\n[2]\n");
    let described = run(&folder, &["frame", "i.parquet", "--task", "describe"]);
    assert!(described.good().starts_with("statistic,a\ncount,2.0\n"), "{}", described.text());
    for (columns, titles) in [("", "a"), ("day,a", "day,a")] {
        let chosen: &[&str] = if columns.is_empty() { &[] } else { &["--columns", columns] };
        let scaled =
            run(&folder, &[&["frame", "i.parquet", "--task", "normalize", "--by", "columns"], chosen].concat());
        assert!(scaled.good().starts_with(&format!("{titles}\n0.0")), "{}", scaled.text());
    }
    let map = ["map", "mean", "i.parquet", "--with", "unit=\"m\"", "--worker-program", WORKER];
    assert_eq!(run(&folder, &map).good(), "{\"index\":0,\"ok\":\"1 m\"}\n{\"index\":1,\"ok\":\"2 m\"}\n");
}

#[test]
fn a_float32_reaches_a_task_as_the_number_that_it_is() {
    let folder = folder();
    array(&folder, "f.npy", DType::F32, Shape::Matrix(1, 1), &0.1f32.to_le_bytes());
    let column = Arc::new(Float32Array::from(vec![0.1f32])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("x", column)]).expect("a column");
    parquet(&folder, "f.parquet", &batch, "[]");
    for name in ["f.npy", "f.parquet"] {
        let map = ["map", "mean", name, "--with", "unit=\"m\"", "--worker-program", WORKER];
        assert_eq!(run(&folder, &map).good(), "{\"index\":0,\"ok\":\"0.10000000149011612 m\"}\n", "{name}");
    }
}

#[test]
fn numbers_in_a_dictionary_are_described() {
    let folder = folder();
    let keys = Int8Array::from(vec![Some(1), None, Some(0), Some(1)]);
    let values = Arc::new(Int64Array::from(vec![10, 40]));
    let column = Arc::new(DictionaryArray::<Int8Type>::try_new(keys, values).expect("a dictionary")) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("d", column)]).expect("a column");
    let file = File::create(folder.path().join("d.arrow")).expect("a file");
    let mut writer = arrow_ipc::writer::FileWriter::try_new(file, &batch.schema()).expect("a writer");
    writer.write(&batch).and_then(|()| writer.finish()).expect("its rows");
    let described = run(&folder, &["frame", "d.arrow", "--task", "describe"]);
    assert!(described.good().starts_with("statistic,d\ncount,3.0\nmean,30.0\n"), "{}", described.text());
}

#[test]
fn a_stream_that_is_cut_short_is_told_with_its_name() {
    let folder = folder();
    let column = Arc::new(Int64Array::from_iter_values(0..1_000)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("n", column)]).expect("a column");
    let mut bytes = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).expect("a writer");
    (0..3).for_each(|_| writer.write(&batch).expect("its rows"));
    writer.finish().expect("its end");
    drop(writer);
    file(&folder, "cut.stream", &bytes[..bytes.len() / 2]);
    for words in [&["frame", "cut.stream", "--task", "describe"][..], &["count-range", "cut.stream", "--json"]] {
        assert!(run(&folder, words).fault(3).starts_with("cut.stream: is broken Arrow"), "{words:?}");
    }
}

#[test]
fn truth_values_are_scaled_as_numbers_by_rows_and_columns() {
    let folder = folder();
    array(&folder, "t.npy", DType::U8, Shape::Matrix(2, 2), &[0, 1, 1, 1]);
    file(&folder, "t.csv", b"a,b\nfalse,true\ntrue,true\n");
    assert_eq!(run(&folder, &["normalize", "t.csv"]).good(), "a,b\n0.0,1.0\n0.0,0.0\n");
    let rows = run(&folder, &["frame", "t.csv", "--task", "normalize", "--by", "rows"]);
    assert_eq!(rows.good(), "a,b\n0.0,1.0\n0.0,0.0\n");
    let columns = run(&folder, &["frame", "t.csv", "--task", "normalize", "--by", "columns"]);
    assert_eq!(columns.good(), "a,b\n0.0,0.0\n1.0,0.0\n");
}

#[test]
fn times_in_json_lines_are_described_as_those_of_csv_and_other_texts_stay_texts() {
    let folder = folder();
    file(&folder, "t.csv", b"day,at,n\n2024-01-01,2024-01-01 10:00:00,1\n2024-01-02,,2\n,2024-01-01 10:00:06,3\n");
    let lines = "{\"day\":\"2024-01-01\",\"at\":\"2024-01-01T10:00:00\",\"n\":1,\"t\":\"7\",\"u\":\"2024-02-30\"}\n\
                 {\"day\":\"2024-01-02\",\"at\":null,\"n\":2,\"t\":\"true\",\"u\":\"2024-02-29\"}\n\
                 {\"at\":\"2024-01-01 10:00:06\",\"n\":3,\"t\":\"\",\"u\":\"2024-02-29 10:00:00 and so on\"}\n";
    file(&folder, "t.jsonl", lines.as_bytes());
    let described = run(&folder, &["frame", "t.jsonl", "--task", "describe"]);
    assert_eq!(described.good(), run(&folder, &["frame", "t.csv", "--task", "describe"]).good());
}

#[test]
fn what_has_no_good_row_is_not_said_to_have_titles_alone() {
    let folder = folder();
    file(&folder, "names.csv", b"name,place\nx,y\nz,w\n");
    for command in [&["count-range", "-o", "-"][..], &["normalize"]] {
        let done = run(&folder, &[command, &["names.csv", "--on-bad-row", "skip"]].concat());
        assert_eq!(done.code(), 0);
        assert!(done.stderr.starts_with("2 bad rows were left out; the first: names.csv: line 2"), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
    file(&folder, "titles.csv", b"a,b\n");
    let told = "titles.csv: has no rows, for its only one is taken for titles; --header no makes it a row\n";
    for words in [&["normalize", "titles.csv"][..], &["frame", "titles.csv", "--task", "describe"]] {
        let done = run(&folder, words);
        assert_eq!((done.code(), done.stderr.as_str()), (0, told), "{words:?}");
    }
    let said = run(&folder, &["frame", "titles.csv", "--task", "describe", "--header", "yes"]);
    assert_eq!(said.stderr, "");
}

#[test]
fn lines_that_end_with_carriage_returns_are_numbered() {
    let folder = folder();
    file(&folder, "c.csv", b"a,b\r1,2\r3\r");
    for words in
        [&["count-range", "c.csv", "--json"][..], &["normalize", "c.csv"], &["frame", "c.csv", "--task", "describe"]]
    {
        let done = run(&folder, words);
        assert!(done.fault(3).starts_with("c.csv: line 3, column 2"), "{words:?}: {}", done.stderr);
    }
}
