//! One published result: a line that says what it is, and the bytes.
//!
//! It is written under a name of its own, synced, and then *linked* to its final name. Linking fails where the name is taken, so of two processes,
//! or two machines, that have computed the same range, the first publishes and the other drops its copy, once it has seen that what stands there is a whole result of the same
//! plan, range and arguments; nobody ever sees half a result. The folder is synced last: what was reported as published is there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Fault, RunError};
use crate::file::open;

/// What a result's first line begins with.
pub(crate) const MAGIC: &str = "mpexec-result 1";

/// No header is longer.
const LONGEST_HEADER: u64 = 1024;

/// What files that are being written are called; the host and the process follow.
pub(crate) const TEMPORARY: &str = ".new-";

/// What a result says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) plan: String,
    pub(crate) key: String,
    /// The hash of the arguments, where these are no part of the plan.
    pub(crate) input: String,
    pub(crate) length: u64,
    pub(crate) hash: String,
}

/// Which copy of a result one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The first, which counts.
    First,
    /// A later one, which was dropped.
    Later,
}

impl Header {
    fn to_line(&self) -> String {
        let Header { plan, key, input, length, hash } = self;
        format!("{MAGIC} plan={plan} key={key} input={input} length={length} blake3={hash}\n")
    }

    fn of_line(line: &str) -> Option<Header> {
        let mut words = line.strip_prefix(MAGIC)?.split(' ').skip(1);
        let mut value = |name: &str| Some(words.next()?.strip_prefix(name)?.strip_prefix('=')?.to_owned());
        let header = Header {
            plan: value("plan")?,
            key: value("key")?,
            input: value("input")?,
            length: value("length")?.parse().ok()?,
            hash: value("blake3")?,
        };
        words.next().is_none().then_some(header)
    }
}

/// What is to be published.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    pub(crate) plan: &'a str,
    pub(crate) key: &'a str,
    pub(crate) input: &'a str,
    /// Its bytes, in pieces.
    pub(crate) pieces: &'a [&'a [u8]],
}

/// Publishes results in the folder `out`, whose names are their keys: what became of each, and the first error. All are written before the first is synced, and the
/// folder is synced once: a file system that keeps a journal brings all of it to the disk with about two commits, however many they are.
pub(crate) fn publish_all(
    out: &Path,
    who: &str,
    results: &[Copy<'_>],
) -> (Vec<Option<Published>>, Result<(), RunError>) {
    let mut first = Ok(());
    let mut told = |error: RunError| {
        if first.is_ok() {
            first = Err(error);
        }
    };
    let written: Vec<_> = results.iter().map(|result| write(out, who, result).map_err(&mut told).ok()).collect();
    let linked = written.into_iter().zip(results).map(|(written, result)| {
        let (temporary, file) = written?;
        let path = out.join(result.key);
        let synced = file.sync_all().map_err(RunError::io(&path, "publish it"));
        synced.and_then(|()| link(&temporary.0, &path, result)).map_err(&mut told).ok()
    });
    let mut linked: Vec<_> = linked.collect();
    if linked.iter().any(Option::is_some)
        && let Err(error) = sync_folder(out)
    {
        // Nobody knows which of the names will be there after a power cut.
        linked.fill(None);
        told(error);
    }
    (linked, first)
}

/// Writes a result under a name of its own.
fn write(out: &Path, who: &str, result: &Copy<'_>) -> Result<(Temporary, File), RunError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = Temporary(out.join(format!("{TEMPORARY}{who}-{number}")));
    let mut hash = blake3::Hasher::new();
    for piece in result.pieces {
        hash.update(piece);
    }
    let header = Header {
        plan: result.plan.to_owned(),
        key: result.key.to_owned(),
        input: result.input.to_owned(),
        length: hash.count(),
        hash: hash.finalize().to_hex().to_string(),
    };
    let opened = OpenOptions::new().write(true).create_new(true).open(&temporary.0);
    let written = opened.and_then(|mut file| {
        let line = header.to_line();
        let all = std::iter::once(line.as_bytes()).chain(result.pieces.iter().copied());
        write_all(&mut file, &mut all.map(IoSlice::new).collect::<Vec<_>>())?;
        Ok(file)
    });
    let file = written.map_err(RunError::io(&out.join(result.key), "publish it"))?;
    Ok((temporary, file))
}

/// Writes all of these, one after another.
fn write_all(to: &mut impl Write, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Those without bytes before the first that has some are none.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        match to.write_vectored(pieces) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut pieces, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives a file that is written its name, unless that is taken by another result of the same. What is none is refused: whoever finds it in the way decides about it.
fn link(written: &Path, path: &Path, result: &Copy<'_>) -> Result<Published, RunError> {
    let failed = |cause| RunError::io(path, "publish it")(cause);
    match fs::hard_link(written, path) {
        Ok(()) => Ok(Published::First),
        // Of a server that was asked twice, because its first answer was lost, this is our own.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(written, path) => Ok(Published::First),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path, result.plan, Some(result.input), &mut Vec::new()).map(|()| Published::Later)
        }
        // What systems say whose files have one name only.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::TooManyLinks) => {
            Err(failed(io::Error::new(io::ErrorKind::Unsupported, error)))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whether both are names of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::symlink_metadata(one), fs::symlink_metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// A file that is there until it is dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // If it stays, the next who opens the folder removes it.
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), RunError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RunError::io(folder, "sync it"))
}

/// Reads the header and says whether it is this plan's, of the range whose name the file has.
pub(crate) fn header(path: &Path, plan: &str) -> Result<(Header, File), RunError> {
    let bad = |fault| Err(RunError::bad_result(path, fault));
    let mut file = match open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return bad(Fault::NoFile),
        opened => opened.map_err(RunError::io(path, "open it"))?,
    };
    let length = file.metadata().map_err(RunError::io(path, "ask about it"))?.len();
    let mut line = Vec::new();
    let reading = (&mut file).take(LONGEST_HEADER).read_to_end(&mut line);
    reading.map_err(RunError::io(path, "read it"))?;
    line.truncate(line.iter().position(|&byte| byte == b'\n').unwrap_or(line.len()));
    file.seek(SeekFrom::Start(line.len() as u64 + 1)).map_err(RunError::io(path, "read it"))?;
    let Some(header) = std::str::from_utf8(&line).ok().and_then(Header::of_line) else {
        return bad(Fault::NoHeader);
    };
    if header.plan != plan {
        return bad(Fault::OtherPlan);
    }
    if path.file_name().is_none_or(|name| name.to_str() != Some(&header.key[..])) {
        return bad(Fault::OtherRange(header.key));
    }
    let found = length.saturating_sub(line.len() as u64 + 1);
    if header.length != found {
        return bad(Fault::Length { said: header.length, found });
    }
    Ok((header, file))
}

/// Reads a result in place of what is in `bytes`; all of it is checked. `input`: what it was computed from, if that is known.
pub(crate) fn read(path: &Path, plan: &str, input: Option<&str>, bytes: &mut Vec<u8>) -> Result<(), RunError> {
    let (header, mut file) = header(path, plan)?;
    bytes.clear();
    bytes.reserve_exact(usize::try_from(header.length).unwrap_or_default());
    file.read_to_end(bytes).map_err(RunError::io(path, "read it"))?;
    if bytes.len() as u64 != header.length {
        let found = bytes.len() as u64;
        return Err(RunError::bad_result(path, Fault::Length { said: header.length, found }));
    }
    if blake3::hash(bytes).to_hex().as_str() != header.hash {
        return Err(RunError::bad_result(path, Fault::Checksum));
    }
    if input.is_some_and(|input| input != header.input) {
        return Err(RunError::bad_result(path, Fault::OtherInput));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path, plan: &str, input: Option<&str>) -> Result<Vec<u8>, RunError> {
        // What was in the place before is nothing of it.
        let mut bytes = b"of another".to_vec();
        super::read(path, plan, input, &mut bytes).map(|()| bytes)
    }

    fn published(out: &Path, bytes: &[u8]) -> Published {
        let (done, error) = publish_all(out, "me", &[Copy { plan: "aa", key: "rows-1", input: "-", pieces: &[bytes] }]);
        error.unwrap();
        done[0].unwrap()
    }

    #[test]
    fn the_first_copy_counts_and_a_second_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(published(folder.path(), b"one"), Published::First);
        assert_eq!(published(folder.path(), b"two"), Published::Later);
        assert_eq!(read(&folder.path().join("rows-1"), "aa", Some("-")).unwrap(), b"one");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn what_stands_where_a_result_belongs_is_no_first_copy_unless_it_is_a_whole_result_of_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows-1");
        let again = |plan: &str, input: &str| {
            let (done, told) =
                publish_all(folder.path(), "me", &[Copy { plan, key: "rows-1", input, pieces: &[b"two"] }]);
            assert_eq!(folder.path().read_dir().unwrap().count(), 1);
            match told {
                Ok(()) => Ok(done[0].unwrap()),
                Err(RunError::BadResult { fault, .. }) if done == [None] => Err(fault),
                Err(other) => panic!("{other}"),
            }
        };
        published(folder.path(), b"one");
        assert_eq!(again("aa", "-"), Ok(Published::Later));
        assert_eq!(again("bb", "-"), Err(Fault::OtherPlan));
        assert_eq!(again("aa", "cc"), Err(Fault::OtherInput));
        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert_eq!(again("aa", "-"), Err(Fault::Length { said: 3, found: 2 }));
        fs::write(&path, String::from_utf8(good).unwrap().replace("\none", "\nonE")).unwrap();
        assert_eq!(again("aa", "-"), Err(Fault::Checksum));
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(again("aa", "-"), Err(Fault::NoFile));
    }

    #[test]
    fn a_link_that_was_made_and_is_asked_for_again_is_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let [written, path] = ["new", "rows-1"].map(|name| folder.path().join(name));
        fs::write(&written, "whatever").unwrap();
        fs::hard_link(&written, &path).unwrap();
        let copy = Copy { plan: "aa", key: "rows-1", input: "-", pieces: &[] };
        assert_eq!(link(&written, &path, &copy).unwrap(), Published::First);
    }

    #[test]
    fn a_result_in_pieces_is_the_same_as_in_one_however_little_is_taken_at_once() {
        /// Takes three bytes at most, and now and then none.
        struct Slow(Vec<u8>, usize);
        impl Write for Slow {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                if self.1.is_multiple_of(3) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                self.0.write(&bytes[..bytes.len().min(3)])
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let pieces: [&[u8]; 6] = [b"", b"some", b"", b"", b"bytes of a result", b""];
        let mut slow = Slow(Vec::new(), 0);
        write_all(&mut slow, &mut pieces.map(IoSlice::new)).unwrap();
        assert_eq!(slow.0, pieces.concat());
        let full = write_all(&mut &mut [0; 7][..], &mut pieces.map(IoSlice::new)).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WriteZero);

        // More than the system takes at once.
        let many: Vec<Vec<u8>> = (0..3000_usize).map(|at| vec![at as u8; at % 7]).collect();
        let pieces: Vec<&[u8]> = many.iter().map(|piece| &piece[..]).collect();
        let folder = tempfile::tempdir().unwrap();
        let copy = Copy { plan: "aa", key: "rows-2", input: "-", pieces: &pieces };
        publish_all(folder.path(), "me", &[copy]).1.unwrap();
        publish_all(
            folder.path(),
            "me",
            &[Copy { plan: "aa", key: "rows-3", input: "-", pieces: &[&pieces.concat()] }],
        )
        .1
        .unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(read(&path("rows-2"), "aa", Some("-")).unwrap(), pieces.concat());
        let text = |name: &str| String::from_utf8_lossy(&fs::read(path(name)).unwrap()).replace(name, "");
        assert_eq!(text("rows-2"), text("rows-3"));
    }

    #[test]
    fn of_many_that_publish_at_once_one_is_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8_u8)
                .map(|n| {
                    scope.spawn({
                        let out = folder.path();
                        move || published(out, &[n; 1000])
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.iter().filter(|one| **one == Published::First).count(), 1);
        let bytes = read(&folder.path().join("rows-1"), "aa", None).unwrap();
        assert!(bytes.len() == 1000 && bytes.iter().all(|&byte| byte == bytes[0]));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn whatever_was_done_to_a_result_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        published(folder.path(), b"some bytes");
        let path = folder.path().join("rows-1");
        let good = fs::read(&path).unwrap();
        let told = |bytes: &[u8], plan: &str, input: Option<&str>| {
            fs::write(&path, bytes).unwrap();
            let error = read(&path, plan, input).unwrap_err();
            let line = error.to_string();
            assert!(line.contains("rows-1: ") && line.ends_with("remove it, and resume computes it again"), "{line}");
            match error {
                RunError::BadResult { fault, .. } => fault,
                other => panic!("{other}"),
            }
        };
        for length in 0..good.len() {
            let fault = told(&good[..length], "aa", None);
            assert!(matches!(fault, Fault::NoHeader | Fault::Length { said: 10, .. }), "{length}: {fault}");
        }
        let mut changed = good.clone();
        changed[good.len() - 1] ^= 1;
        assert_eq!(told(&changed, "aa", None), Fault::Checksum);
        assert_eq!(told(&[&good[..], b"x"].concat(), "aa", None), Fault::Length { said: 10, found: 11 });
        assert_eq!(told(&good, "bb", None), Fault::OtherPlan);
        assert_eq!(told(&good, "aa", Some("cc")), Fault::OtherInput);
        let other = String::from_utf8(good.clone()).unwrap().replace("rows-1", "rows-2");
        assert_eq!(told(other.as_bytes(), "aa", None), Fault::OtherRange("rows-2".into()));
        // No single byte of it can be changed unseen, but for the hash of arguments that nobody knows.
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            assert!(read(&path, "aa", Some("-")).is_err(), "byte {at}");
        }
    }
}
