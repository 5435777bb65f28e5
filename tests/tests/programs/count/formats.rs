//! The formats of outputs, several arrays, folders, and files counted apart: what is written is what the plain loop counts, in
//! every format.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::common::files::{array, counts_in, file, folder, names_in, small, small_counts, table};
use crate::common::program::{Done, mpexec, program, programs};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt64Type};
use mpexec_data::{DType, NpyFile, Shape};
use serde_json::json;
use tempfile::TempDir;

fn count_in(folder: &TempDir, words: &[&str]) -> Done {
    mpexec(["count-range"]).args(words).in_folder(folder.path()).run()
}

/// The columns `row` and `count` of a file.
fn read_back(batches: impl Iterator<Item = RecordBatch>) -> (Vec<u64>, Vec<u64>) {
    let (mut rows, mut counts) = (Vec::new(), Vec::new());
    for batch in batches {
        rows.extend(batch["row"].as_primitive::<UInt64Type>().values());
        counts.extend(batch["count"].as_primitive::<UInt8Type>().values().iter().map(|&count| u64::from(count)));
    }
    (rows, counts)
}

fn parquet(path: &Path) -> (Vec<u64>, Vec<u64>) {
    let file = fs::File::open(path).expect("the output is there");
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    read_back(builder.build().expect("a reader").map(|batch| batch.expect("a batch")))
}

fn arrow(path: &Path) -> (Vec<u64>, Vec<u64>) {
    let file = fs::File::open(path).expect("the output is there");
    let reader = arrow_ipc::reader::FileReader::try_new(file, None).expect("an Arrow file");
    assert_eq!(reader.schema().fields().len(), 2);
    read_back(reader.map(|batch| batch.expect("a batch")))
}

#[test]
fn counts_are_written_as_parquet_and_arrow() {
    let folder = folder();
    let expected = ((0..small_counts().len() as u64).collect::<Vec<_>>(), small_counts().to_vec());
    for workers in ["1", "3"] {
        for name in ["c.parquet", "c.arrow", "c.feather"] {
            let path = folder.path().join(name);
            let done = mpexec(["count-range", "--workers", workers, "-o"]).arg(&path).arg(small()).run();
            assert!(done.good().contains("counts written to "));
            assert!(if name == "c.parquet" { parquet(&path) } else { arrow(&path) } == expected, "{name}");
        }
    }
    for (format, path) in [("parquet", "p"), ("arrow", "a")] {
        let path = folder.path().join(path);
        let out = fs::File::create(&path).expect("a file");
        let printed = mpexec(["count-range", "-o", "-", "--output-format", format]).arg(small()).stdout(out).run();
        assert_eq!((printed.code(), printed.stderr.as_str()), (0, ""));
        assert!(if format == "parquet" { parquet(&path) } else { arrow(&path) } == expected, "{format}");
    }
    let streamed = mpexec(["count-range", "-o", "-", "--output-format", "arrow", "--mode", "async"]).arg(small()).run();
    assert!(streamed.fault(2).starts_with("a file of columns cannot be streamed"));
}

#[test]
fn texts_are_written_compressed_and_read_again() {
    let folder = folder();
    let tsv: String = (0..).zip(small_counts()).map(|(row, count): (u64, _)| format!("{row}\t{count}\n")).collect();
    let tsv = format!("row\tcount\n{tsv}");
    for (name, more) in [("c.tsv.gz", &[][..]), ("c.tsv.zst", &[]), ("c.gz", &["--output-format", "tsv"])] {
        let path = folder.path().join(name);
        mpexec(["count-range", "-o"]).arg(&path).arg(small()).args(more).run().good();
        let packed = fs::File::open(&path).expect("the output is there");
        let mut text = String::new();
        if name.ends_with("gz") {
            flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("gzip");
        } else {
            zstd::Decoder::new(packed).expect("zstd").read_to_string(&mut text).expect("zstd");
        }
        assert!(text == tsv, "{name}");
        let again = mpexec(["count-range", "--columns", "count", "--min", "0", "--json"]).arg(&path).run().json();
        assert_eq!(again["rows"], json!(small_counts().len()));
    }
    assert!(count_in(&folder, &["x", "-o", "c.npy.gz"]).fault(2).starts_with("c.npy.gz: only texts are compressed"));
}

#[test]
fn several_arrays_are_one_table_also_with_texts() {
    let folder = folder();
    table(&folder, "a.npy", 2, 2, &[4, 5, 1, 2]);
    array(&folder, "b.npy", DType::U8, Shape::Matrix(1, 2), &[8, 8]);
    file(&folder, "c.csv", b"x,y\n0,7\n");
    let done = count_in(&folder, &["a.npy", "b.npy", "c.csv", "-o", "-", "--output-format", "csv"]);
    assert_eq!(done.good(), "row,count\n0,2\n1,0\n2,2\n3,1\n");
    let json = count_in(&folder, &["a.npy", "b.npy", "--json"]).json();
    assert_eq!((&json["rows"], &json["dtype"], &json["first"]), (&json!(3), &json!("mixed"), &json!([2, 0, 2])));
    count_in(&folder, &["a.npy", "b.npy", "-o", "counts.npy"]).good();
    assert_eq!(counts_in(&folder.path().join("counts.npy")), [2, 0, 2]);
    array(&folder, "d.npy", DType::U8, Shape::Matrix(1, 3), &[1, 2, 3]);
    assert!(count_in(&folder, &["a.npy", "d.npy"]).fault(2).starts_with("d.npy: has 3 columns, but a.npy has 2"));
}

#[test]
fn columns_of_an_array_are_chosen_by_number() {
    let folder = folder();
    let small_file = NpyFile::open(small()).expect("the small table");
    let numbers = small_file.read_rows::<i64>(0..small_file.layout().rows).expect("its rows");
    let expected: Vec<u64> = numbers
        .chunks(5)
        .map(|row| [4, 1].iter().filter(|&&place: &&usize| (4..=8).contains(&row[place])).count() as u64)
        .collect();
    let path = folder.path().join("c.npy");
    mpexec(["count-range", "--columns", "5,2", "-o"]).arg(&path).arg(small()).run().good();
    assert!(counts_in(&path) == expected);
    let told = mpexec(["count-range", "--columns", "6"]).arg(small()).run();
    assert!(told.fault(2).ends_with("has no column \"6\"; it has 5 without names, to be chosen by numbers from 1 on"));
}

#[test]
fn the_files_of_a_folder_are_one_table_in_the_order_of_their_names() {
    let folder = folder();
    for (name, text) in [("t/b.csv", "6,7\n"), ("t/a.csv", "1,5\n"), ("t/_SUCCESS", "x\n"), ("t/z/c.csv", "0,0\n4,4\n")]
    {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    assert_eq!(count_in(&folder, &["t", "-o", "-"]).good(), "1\n2\n0\n2\n");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mpexec-data/tests/data/columnar");
    fs::create_dir(folder.path().join("p")).expect("a folder");
    for name in ["0.parquet", "1.parquet"] {
        fs::copy(data.join("zstd.parquet"), folder.path().join("p").join(name)).expect("a copy");
    }
    let rows = |name| count_in(&folder, &[name, "--columns", "i8,f64", "--json"]).json();
    let one = rows("p/0.parquet");
    let total = one["total"].as_u64().map(|total| 2 * total);
    assert_eq!((rows("p")["rows"].clone(), rows("p")["total"].as_u64()), (json!(1000), total));
    fs::create_dir(folder.path().join("none")).expect("a folder");
    assert_eq!(count_in(&folder, &["none"]).fault(3), "none: is a folder without files of data");
}

#[test]
fn files_are_counted_apart_and_all_outputs_appear_at_the_end() {
    let folder = folder();
    table(&folder, "a.npy", 2, 2, &[4, 5, 1, 2]);
    file(&folder, "b.csv", b"x,y,z\n6,0,4\nNA,1,x\n");
    fs::create_dir(folder.path().join("out")).expect("a folder");
    let words = ["a.npy", "b.csv", "--per-file", "--on-bad-row", "null", "-q"];
    let done = count_in(&folder, &[&words[..], &["-o", "out", "--output-format", "csv"]].concat());
    assert!(done.good().contains("a.npy: int64 (2, 2)\n") && done.good().contains("\n\nb.csv: text (2, 3)\n"));
    let read = |name| fs::read_to_string(folder.path().join("out").join(name)).expect("an output");
    assert_eq!(
        (read("a.npy.csv"), read("b.csv.csv")),
        ("row,count\n0,2\n1,0\n".into(), "row,count\n0,2\n1,0\n".into())
    );
    let lines = count_in(&folder, &[&words[..], &["--json"]].concat());
    let lines: Vec<serde_json::Value> =
        lines.good().lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    let told: Vec<_> = lines.iter().map(|line| (&line["file"], &line["total"], &line["bad_rows"])).collect();
    assert_eq!(told, [(&json!("a.npy"), &json!(2), &json!(0)), (&json!("b.csv"), &json!(2), &json!(1))]);
    // A file that cannot be counted keeps back the others too.
    fs::remove_dir_all(folder.path().join("out")).expect("the folder");
    fs::create_dir(folder.path().join("out")).expect("a folder");
    let failed = count_in(&folder, &["a.npy", "b.csv", "--per-file", "-o", "out"]);
    assert!(failed.fault(3).starts_with("b.csv: line 3, column 3 (z): found \"x\""));
    assert_eq!(fs::read_dir(folder.path().join("out")).expect("the folder").count(), 0);
    fs::create_dir(folder.path().join("d")).expect("a folder");
    table(&folder, "d/a.npy", 1, 1, &[4]);
    let twice = count_in(&folder, &["a.npy", "d/a.npy", "--per-file", "-o", "out"]);
    assert!(twice.fault(2).starts_with("out/a.npy.npy: would hold what comes of two files"));
    assert_eq!(names_in(&folder), ["a.npy", "b.csv", "d", "out"]);
}

#[test]
fn of_many_outputs_few_are_open_and_they_appear_together() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).expect("a folder");
    for at in 0..300 {
        file(&folder, &format!("in/{at}.csv"), format!("x\n{}\n4\n", at % 10).as_bytes());
    }
    let count = |format: &str| {
        let line = format!(
            "mkdir {format} && ulimit -n 128 && \"$0\" count-range in --per-file -q -o {format} --output-format {format}"
        );
        program("sh").args(["-c", &line]).arg(programs().join("mpexec")).in_folder(folder.path()).run()
    };
    for format in ["npy", "csv", "parquet"] {
        count(format).good();
        let names = fs::read_dir(folder.path().join(format)).expect("the folder").count();
        assert_eq!(names, 300, "{format}");
        for at in [0, 31, 32, 33, 299] {
            let path = folder.path().join(format).join(format!("{at}.csv.{format}"));
            let words = ["count-range", "--min", "1", "--max", "1", "--columns", "1", "--json"];
            let found =
                if format == "npy" { mpexec(&words[..]) } else { mpexec([&words[..6], &["2", "--json"]].concat()) };
            let inside = u64::from((4..=8).contains(&(at % 10)));
            assert_eq!(found.arg(path).run().json()["total"], json!(1 + inside), "{at} as {format}");
        }
    }
    // The last of them keeps back all others.
    file(&folder, "in/99.csv", b"x\n1\ny\n");
    assert!(count("jsonl").fault(3).starts_with("in/99.csv: line 3, column 1 (x): found \"y\""));
    assert_eq!(fs::read_dir(folder.path().join("jsonl")).expect("the folder").count(), 0);
}

#[test]
fn a_format_that_is_named_is_taken_for_what_it_is_not_and_told() {
    let folder = folder();
    file(&folder, "t.csv", b"1,2\n");
    for (format, name) in [("parquet", "Parquet"), ("arrow", "Arrow")] {
        let told = count_in(&folder, &["t.csv", "--input-format", format]);
        assert!(told.fault(3).starts_with(&format!("t.csv: is broken {name}: ")), "{}", told.stderr);
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mpexec-data/tests/data/columnar");
        let right = data.join(if format == "parquet" { "none.parquet" } else { "stream.arrows" });
        let words = ["count-range", "--input-format", format, "--columns", "i8", "--json"];
        assert_eq!(mpexec(words).arg(right).run().json()["rows"], json!(500));
    }
}
