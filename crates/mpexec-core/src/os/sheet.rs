//! A sheet: a file in memory that takes what a process prints, read by its offsets. It is written at its end only, so that
//! several processes can share it, and can be cleared under the writers' hands.
#![expect(unsafe_code, reason = "C's own buffers are flushed through C")]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, MemfdFlags, OFlags};

/// So much is read at a time.
const PIECE: usize = 64 << 10;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Sheet(File);

impl Sheet {
    pub(crate) fn new() -> io::Result<Sheet> {
        let file = rustix::fs::memfd_create("mpexec-output", MemfdFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? | OFlags::APPEND)?;
        Ok(Sheet(file.into()))
    }

    /// For a child to print to.
    pub(crate) fn to_print_to(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    /// This process's own standard output and error, which are sheets.
    pub(crate) fn own() -> io::Result<[Sheet; 2]> {
        let keep = |stream| Ok::<_, io::Error>(Sheet(rustix::io::fcntl_dupfd_cloexec(stream, 3)?.into()));
        Ok([keep(rustix::stdio::stdout())?, keep(rustix::stdio::stderr())?])
    }

    /// This process's standard output and error lead to these two, whatever somebody has made of them since.
    pub(crate) fn put_in_place(stdout: &Sheet, stderr: &Sheet) {
        if !stdout.is_at(rustix::stdio::stdout()) {
            // Refused only where the sheet itself was closed, and then there is nothing to print to.
            let _ = rustix::stdio::dup2_stdout(&stdout.0);
        }
        if !stderr.is_at(rustix::stdio::stderr()) {
            let _ = rustix::stdio::dup2_stderr(&stderr.0);
        }
    }

    fn is_at(&self, stream: BorrowedFd<'_>) -> bool {
        match (rustix::fs::fstat(&self.0), rustix::fs::fstat(stream)) {
            (Ok(own), Ok(there)) => (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino),
            _ => false,
        }
    }

    /// How much was printed since it was cleared; 0 when that cannot be had.
    pub(crate) fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |meta| meta.len())
    }

    /// At most `most` bytes from `from` on, as far as they can be read. Whoever prints may change the length at any time.
    pub(crate) fn read(&self, from: u64, most: u64) -> Vec<u8> {
        let there = self.len().saturating_sub(from).min(most);
        let (mut bytes, mut read) = (Vec::new(), 0);
        // The length is the writer's word: memory is taken as there is something to be put in.
        while read < there && bytes.try_reserve(PIECE).is_ok() {
            let before = bytes.len();
            bytes.resize(before + PIECE.min(usize::try_from(there - read).unwrap_or(PIECE)), 0);
            let count = match self.0.read_at(&mut bytes[before..], from + read) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    bytes.truncate(before);
                    continue;
                }
                Err(_) => 0,
            };
            bytes.truncate(before + count);
            read += count as u64;
            if count == 0 {
                break;
            }
        }
        bytes
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        // Refused only where there is no file any more, and so nothing to forget.
        let _ = self.0.set_len(0);
    }

    /// Gives back the memory of what lies behind the first `head` bytes and before the last `tail`. Offsets stay.
    pub(crate) fn thin_out(&self, head: u64, tail: u64) {
        let middle = self.len().saturating_sub(tail).saturating_sub(head);
        if middle > 0 {
            let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(self.0.as_fd(), punch, head, middle);
        }
    }
}

/// Has what Rust and C have buffered for standard output written.
pub(crate) fn flush_standard_output() {
    let _ = io::stdout().flush();
    // SAFETY: NULL stands for all of C's streams; each is locked while it is flushed.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_by_offsets_and_cleared_under_the_writer() {
        let sheet = Sheet::new().unwrap();
        let mut printer = File::from(sheet.to_print_to().unwrap());
        printer.write_all(b"0123456789").unwrap();
        assert_eq!((sheet.len(), sheet.read(0, 4)), (10, b"0123".to_vec()));
        assert_eq!((sheet.read(8, 100), sheet.read(10, 1), sheet.read(u64::MAX, 1)), (b"89".to_vec(), vec![], vec![]));
        sheet.clear();
        printer.write_all(b"again").unwrap();
        assert_eq!(sheet.read(0, 100), b"again");
    }

    #[test]
    fn a_long_sheet_gives_back_its_middle_and_keeps_its_ends() {
        let sheet = Sheet::new().unwrap();
        let mut printer = File::from(sheet.to_print_to().unwrap());
        let text: Vec<u8> = (0..4u32 << 20).map(|n| n as u8 | 1).collect();
        printer.write_all(&text).unwrap();
        let blocks = || std::os::unix::fs::MetadataExt::blocks(&sheet.0.metadata().unwrap());
        let before = blocks();
        sheet.thin_out(1 << 16, 1 << 16);
        assert!(blocks() < before / 8, "{before} and {}", blocks());
        assert_eq!(sheet.len(), 4 << 20);
        assert_eq!(sheet.read(0, 1 << 16), text[..1 << 16]);
        assert_eq!(sheet.read((4 << 20) - 5, 5), text[text.len() - 5..]);
    }
}
