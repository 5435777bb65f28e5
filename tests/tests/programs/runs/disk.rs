//! What is on the disk, and when: a run is done when its output is there after a power cut too. Nobody pulls a plug here; `strace` says in which order the system is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::files::{file, folder, table};
use crate::common::program::{program, programs};
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_task-worker");

/// What the thread that says that the run in the folder `run` is done has asked for before and with that, line by line; `None` where nothing can be traced.
fn traced(folder: &TempDir, words: &[&str]) -> Option<Vec<String>> {
    let traces = folder.path().join("traces");
    let _ = fs::remove_dir_all(&traces);
    fs::create_dir(&traces).expect("a folder");
    let strace = |words: &[&str]| {
        let calls = "trace=fsync,linkat,/rename.*";
        let strace = ["strace", "-ff", "-y", "-s", "4096", "-e", calls, "-e", "signal=none", "-o", "traces/t"];
        program("env").args(strace).args(words).in_folder(folder.path()).run()
    };
    if strace(&["true"]).code() != 0 {
        mpexec_testkit::skipped("strace is not there, or may not trace");
        return None;
    }
    let mpexec = programs().join("mpexec");
    let printed = ["sh", "-c", "exec \"$0\" \"$@\" >printed", mpexec.to_str().expect("a text")];
    let done = strace(&[&printed[..], words].concat());
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let texts = fs::read_dir(&traces).expect("traces").map(|trace| trace.expect("an entry").path());
    let texts = texts.map(|trace| fs::read_to_string(trace).expect("a text"));
    let threads = texts.map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let of_done = |line: &String| line.starts_with("rename") && line.contains("run/done\"");
    let mut whole: Vec<_> = threads.filter(|lines| lines.iter().any(of_done)).collect();
    assert_eq!(whole.len(), 1, "one thread says it, and once: {whole:?}");
    let mut lines = whole.remove(0);
    lines.truncate(lines.iter().position(of_done).expect("it is there") + 1);
    Some(lines)
}

/// Whether a file was synced that has the name of nobody yet.
fn is_of_unnamed(line: &str, folder: &Path) -> bool {
    let place = format!("<{}/", folder.display());
    line.starts_with("fsync(")
        && [format!("{place}#"), format!("{place}.mpexec-")].iter().any(|start| line.contains(start))
}

/// The bytes come to the disk, then the name is given, then the folder comes to the disk, then the run is done.
fn comes_to_the_disk_before_it_is_done(lines: &[String], folder: &Path, output: &str) {
    let name = format!("{output}\"");
    let named = lines.iter().rposition(|line| {
        (line.starts_with("linkat(") || line.starts_with("rename"))
            && line.contains(&format!("/{name}")) | line.contains(&format!("\"{name}"))
    });
    let named = named.unwrap_or_else(|| panic!("{output} gets its name before the run is done: {lines:#?}"));
    let bytes = lines[..named].iter().rposition(|line| is_of_unnamed(line, folder));
    assert!(bytes.is_some(), "the bytes of {output} come to the disk before it has its name: {lines:#?}");
    let of_folder = format!("<{}>", folder.display());
    let synced = lines[named..].iter().any(|line| line.starts_with("fsync(") && line.contains(&of_folder));
    assert!(synced, "the name of {output} comes to the disk before the run is done: {lines:#?}");
}

#[test]
fn an_output_is_on_the_disk_before_its_run_is_done() {
    let folder = folder();
    let place = folder.path().canonicalize().expect("a folder");
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    file(&folder, "a.csv", b"a,b\n1,2\n3,4\n");
    file(&folder, "b.csv", b"a,b\n1,2\n3,5\n");
    file(&folder, "rows.jsonl", b"[1, 2]\n[3, 4]\n");
    for (words, outputs) in [
        (&["count-range", "data.npy", "--output", "c.npy"][..], &["c.npy"][..]),
        (&["count-range", "data.npy", "--output", "c.csv"], &["c.csv"]),
        (&["count-range", "a.csv", "b.csv", "--per-file", "--output", "counts"], &["a.csv.npy", "b.csv.npy"]),
        (&["normalize", "a.csv", "--output", "n.parquet"], &["n.parquet"]),
        (&["common-items", "a.csv", "b.csv", "--output", "i.jsonl"], &["i.jsonl"]),
        (&["frame", "a.csv", "--task", "normalize", "--output", "f.arrow"], &["f.arrow"]),
        (&["map", "add", "rows.jsonl", "--worker-program", WORKER, "--output", "sums"], &["sums"]),
    ] {
        let Some(lines) = traced(&folder, &[words, &["--run-dir", "run"]].concat()) else { return };
        for output in outputs {
            let into = if outputs.len() > 1 { place.join("counts") } else { place.clone() };
            comes_to_the_disk_before_it_is_done(&lines, &into, output);
        }
        fs::remove_dir_all(folder.path().join("run")).expect("the run");
    }
}

#[test]
fn what_is_printed_into_a_file_is_on_the_disk_before_its_run_is_done() {
    let folder = folder();
    for words in [
        &["run", "--run-dir", "run", "echo", ":::", "1", "2"][..],
        &["map", "add", "rows.jsonl", "--worker-program", WORKER, "--run-dir", "run"],
    ] {
        file(&folder, "rows.jsonl", b"[1, 2]\n[3, 4]\n");
        let Some(lines) = traced(&folder, words) else { return };
        assert!(lines.iter().any(|line| line.starts_with("fsync(") && line.contains("/printed>")), "{lines:#?}");
        fs::remove_dir_all(folder.path().join("run")).expect("the run");
    }
}

#[test]
fn a_run_folder_may_be_made_in_one_that_may_be_entered_and_written_but_not_read() {
    let folder = folder();
    table(&folder, "data.npy", 3, 2, &[4, 5, 6, 7, 1, 2]);
    let blind = folder.path().join("blind");
    fs::create_dir(&blind).expect("a folder");
    fs::set_permissions(&blind, fs::Permissions::from_mode(0o300)).expect("its rights");
    // Root may read everything, as long as nobody takes that away.
    let mut words = vec!["ls", "blind"];
    let rights = "-dac_override,-dac_read_search";
    if rustix::process::geteuid().is_root() {
        words.splice(..0, ["setpriv", "--bounding-set", rights, "--inh-caps", rights]);
    }
    let (call, first) = (words.split_off(words.len() - 2), words.clone());
    let as_nobody = |words: &[&str]| program("env").args(&first).args(words).in_folder(folder.path()).run();
    let blind_for_it = as_nobody(&call);
    if !blind_for_it.stderr.contains("Permission denied") {
        return mpexec_testkit::skipped(format!("its rights cannot be taken away here: {}", blind_for_it.stderr));
    }
    let mpexec = programs().join("mpexec");
    let count = [mpexec.to_str().expect("a text"), "count-range", "data.npy", "--output", "blind/c.npy"];
    let counted = as_nobody(&[&count[..], &["--run-dir", "blind/new/run"]].concat());
    fs::set_permissions(&blind, fs::Permissions::from_mode(0o700)).expect("its rights");
    assert_eq!(counted.code(), 0, "{}", counted.stderr);
    assert!(blind.join("new/run/done").exists() && blind.join("c.npy").exists());
}
