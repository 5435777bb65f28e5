//! Files for the programs to read, and a look into those they write.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use mpexec_data::{DType, NpyFile, NpyWriter, Shape, npy_header};
use tempfile::TempDir;

use super::program::mpexec;

/// What the tutorial's table of 200,000 rows must give.
pub(crate) const FIRST: &str = "4 2 1 2 3 2 2 2 2 2";
pub(crate) const TOTAL: u64 = 500_557;
pub(crate) const HISTOGRAM: [u64; 6] = [6169, 31116, 62390, 62868, 31228, 6229];
pub(crate) const ROWS: u64 = 200_000;
pub(crate) const SMALL_ROWS: u64 = 20_000;

/// The tutorial's table, made once for each test program.
pub(crate) fn tutorial() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| random("tutorial.bin", ROWS))
}

/// Its beginning: rows enough for several tasks, and a tenth of the time.
pub(crate) fn small() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| random("small.bin", SMALL_ROWS))
}

/// The same seed gives the same rows, however many are asked for.
fn random(name: &str, rows: u64) -> PathBuf {
    // Test programs may run side by side; each has its own.
    let own = std::env::current_exe().expect("a test program knows itself");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(own.file_name().expect("it has a name"));
    fs::create_dir_all(&folder).expect("a folder beside the built programs");
    let path = folder.join(name);
    let done = mpexec(["gen", "--cols", "5", "--seed", "100", "--rows", &rows.to_string()]).arg(&path).run();
    assert_eq!(done.code(), 0, "{done:?}");
    path
}

/// The counts of the small table from 4 to 8, computed here in the plainest way.
pub(crate) fn small_counts() -> &'static [u64] {
    static COUNTS: OnceLock<Vec<u64>> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let numbers =
            NpyFile::open(small()).and_then(|file| file.read_rows::<i64>(0..SMALL_ROWS)).expect("it was just made");
        numbers.chunks(5).map(|row| row.iter().filter(|&&number| (4..=8).contains(&number)).count() as u64).collect()
    })
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A file with these bytes.
pub(crate) fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file in a temporary folder");
    path
}

/// A table of numbers.
pub(crate) fn table(folder: &TempDir, name: &str, rows: u64, cols: u64, numbers: &[i64]) -> PathBuf {
    array(
        folder,
        name,
        DType::I64,
        Shape::Matrix(rows, cols),
        &numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>(),
    )
}

/// An array of any kind.
pub(crate) fn array(folder: &TempDir, name: &str, dtype: DType, shape: Shape, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    let file = File::create(&path).expect("a file in a temporary folder");
    let mut writer = NpyWriter::new(file, dtype, shape).expect("a header can be written");
    writer.write(bytes).expect("as many numbers as the shape says");
    writer.finish().expect("all numbers were written");
    path
}

/// A table of zeros that takes no space on the disk, however long it is.
pub(crate) fn zeros(folder: &TempDir, rows: u64, cols: u64) -> PathBuf {
    let path = folder.path().join("zeros.bin");
    let mut file = File::create(&path).expect("a file in a temporary folder");
    let header = npy_header(DType::I64, Shape::Matrix(rows, cols));
    file.write_all(&header).expect("a header can be written");
    file.set_len(header.len() as u64 + rows * cols * 8).expect("a file may have holes");
    path
}

/// A table that takes many seconds to count, for programs that are ended before they are done with it: 64 GiB of holes.
pub(crate) fn endless(folder: &TempDir) -> PathBuf {
    zeros(folder, ENDLESS_ROWS, 50)
}

/// Few enough that the space for all counts may be reserved in a temporary folder.
pub(crate) const ENDLESS_ROWS: u64 = (64 << 30) / 400;

/// The names in a folder, hidden ones too.
pub(crate) fn names_in(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("the folder is there");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The counts in a `.npy` file of small ones.
pub(crate) fn counts_in(path: &Path) -> Vec<u64> {
    let file = NpyFile::open(path).expect("an array of counts");
    assert_eq!((file.layout().dtype, file.layout().dims), (DType::U8, 1));
    let counts = file.read_rows::<u8>(0..file.layout().rows).expect("its rows");
    counts.into_iter().map(u64::from).collect()
}

/// A copy of a program, to be started. Another process writes it: a file that this one had open for writing could still be open in
/// what a neighbour has just forked, and the system starts none that anybody may write.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.expect("there is a cp").success(), "{} can be copied", from.display());
}

/// A shell script, to be started; written as [`copy_program`] does, in place of one that may be there.
pub(crate) fn write_script(path: &Path, text: &str) {
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn().expect("there is a shell");
    let mut input = writer.stdin.take().expect("it was asked for");
    write!(input, "#!/bin/sh\n{text}\n").expect("it reads");
    drop(input);
    assert!(writer.wait().expect("it ends").success(), "{} can be written", path.display());
}
