//! `mpexec count-range` on what comes through a pipe or is compressed, and on JSON lines: the same counts as of a plain file.

use std::io::Write;
use std::process::Stdio;

use crate::common::files::{counts_in, file, folder, names_in, small, small_counts};
use crate::common::program::{mpexec, program, programs};
use flate2::Compression;
use flate2::write::GzEncoder;
use mpexec_data::NpyFile;
use serde_json::json;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("a Vec takes everything")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).expect("a Vec takes everything")
}

/// The small table as CSV and as JSON lines in two forms, so often that it is several batches.
fn texts() -> [(&'static str, Vec<u8>); 3] {
    let file = NpyFile::open(small()).expect("the small table");
    let numbers = file.read_rows::<i64>(0..file.layout().rows).expect("its rows");
    let mut texts = [("csv", "a,b,c,d,e\n".to_owned()), ("objects", String::new()), ("arrays", String::new())];
    for _ in 0..TIMES {
        for row in numbers.chunks(5) {
            let joined = row.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            texts[0].1 += &format!("{joined}\n");
            let [a, b, c, d, e] = row else { panic!("five columns") };
            texts[1].1 += &format!("{{\"a\":{a},\"b\":{b},\"c\":{c},\"d\":{d},\"e\":{e}}}\n");
            texts[2].1 += &format!("[{joined}]\n");
        }
    }
    texts.map(|(name, text)| (name, text.into_bytes()))
}

const TIMES: usize = 6;

fn expected() -> Vec<u64> {
    small_counts().repeat(TIMES)
}

#[test]
fn a_named_pipe_is_read_as_what_comes_through_any_other() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a named pipe");
    let commands = [
        (&["count-range", "pipe", "-o", "-", "--min", "2"][..], "1\n2\n"),
        (&["normalize", "pipe"], "0.0,1.0\n0.0,1.0\n"),
        (&["common-items", "pipe", "one.csv"], "[2]\n[]\n"),
        (&["frame", "pipe", "--task", "normalize", "--header", "no"], "column_1,column_2\n0.0,1.0\n0.0,1.0\n"),
    ];
    file(&folder, "one.csv", b"2\n9\n");
    for (words, expected) in commands {
        let writer = program("sh").args(["-c", "printf '1,2\\n3,4\\n' >pipe"]).in_folder(folder.path()).start();
        assert_eq!(mpexec(words).in_folder(folder.path()).run().good(), expected, "{words:?}");
        drop(writer);
    }
}

#[test]
fn compressed_texts_and_json_have_the_counts_of_the_array() {
    let folder = folder();
    for (name, text) in texts() {
        for (ending, bytes) in [("txt", text.clone()), ("gz", gzip(&text)), ("zst", zstd(&text))] {
            let name = format!("{name}.{ending}");
            file(&folder, &name, &bytes);
            let done = mpexec(["count-range", &name, "-o", "counts.npy"]).in_folder(folder.path()).run();
            assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{name}");
            assert!(counts_in(&folder.path().join("counts.npy")) == expected(), "{name}");
        }
    }
}

#[test]
fn a_pipe_a_file_as_standard_input_and_a_name_of_the_shell_are_read() {
    let folder = folder();
    let [(_, csv), ..] = texts();
    let path = file(&folder, "t.csv", &csv);
    file(&folder, "t.csv.gz", &gzip(&csv));
    let total: u64 = expected().iter().sum();
    let ours = programs().join("mpexec");
    let shell =
        |line: &str| program("sh").args(["-c", line]).env("MPEXEC", &ours).in_folder(folder.path()).run().json();
    for line in [
        "cat t.csv | \"$MPEXEC\" count-range - --json",
        "cat t.csv.gz | \"$MPEXEC\" count-range - --json",
        "cat t.csv | \"$MPEXEC\" count-range /dev/stdin --json",
        "\"$MPEXEC\" count-range /dev/fd/7 --json 7<t.csv",
        "(head -c 3 >/dev/null; \"$MPEXEC\" count-range - --columns 1,2,3,4,5 --json) <t.csv.gz 2>&1 | grep -q 'holds no' && echo 0",
    ] {
        let told = shell(line);
        assert!(told == json!(0) || told["total"] == json!(total), "{line}: {told}");
    }
    let opened = std::fs::File::open(&path).expect("it was just written");
    let mapped = mpexec(["count-range", "-", "--json"]).stdin(opened).run().json();
    assert_eq!(mapped["total"], json!(total));
    let array = std::fs::File::open(small()).expect("the small table");
    let array = mpexec(["count-range", "-", "--json"]).stdin(array).run();
    assert_eq!(array.json()["rows"], json!(small_counts().len()));
}

#[test]
fn what_is_wrong_with_a_stream_is_told_and_nothing_is_left() {
    let folder = folder();
    let [(_, csv), ..] = texts();
    let packed = gzip(&csv);
    file(&folder, "cut.gz", &packed[..packed.len() / 2]);
    file(&folder, "bad.gz", &gzip(b"a,b\n1,2\n3,x\n"));
    let run = |name: &str| {
        mpexec(["count-range", name, "-o", "out.npy"])
            .in_folder(folder.path())
            .stdin(Stdio::null())
            .run()
            .fault(3)
            .to_owned()
    };
    assert_eq!(run("cut.gz"), "cut.gz: cannot be unpacked from gzip: it is cut short");
    assert!(run("bad.gz").starts_with("bad.gz: line 3, column 2 (b): found \"x\", which is no number"));
    assert_eq!(run("-"), "standard input: is empty");
    assert_eq!(names_in(&folder), ["bad.gz", "cut.gz"]);
}

#[test]
fn the_order_of_names_in_json_does_not_matter_and_a_broken_line_is_told() {
    let folder = folder();
    file(&folder, "t.jsonl", b"{\"x\":4,\"y\":5}\n{\"y\":1,\"x\":8}\n{\"y\":6}\n{\"x\":4,\n");
    let run =
        |more: &[&str]| mpexec(["count-range", "t.jsonl", "-q", "-o", "-"]).args(more).in_folder(folder.path()).run();
    let told = run(&[]).stderr;
    assert!(told.starts_with("error: t.jsonl: line 4, column 7: no row of JSON: EOF"), "{told}");
    assert_eq!(run(&["--on-bad-row", "skip"]).good(), "2\n1\n1\n");
    assert_eq!(run(&["--on-bad-row", "null", "--columns", "y"]).good(), "1\n0\n1\n0\n");
    let missing = run(&["--columns", "z"]);
    assert_eq!((missing.code(), missing.stderr.as_str()), (2, "error: t.jsonl: has no column \"z\"; it has x, y\n"));
}
