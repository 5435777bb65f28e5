//! Maps a piece of a file into memory. This is the only file of the crate that maps, and one of its two with `unsafe`.
//!
//! A whole file mapped at once costs page tables and resident memory in proportion to its size; pieces of a few
//! megabytes, one after another, cost the same time and a constant amount of memory.
#![expect(unsafe_code, reason = "a mapping of a file is unsafe by nature; this file is its only place")]

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Mmap, MmapOptions};

/// A read-only piece of a file in memory. It dereferences to its bytes and is unmapped when it is dropped.
///
/// The bytes are the file's, not a copy: if another program changes the file, they change, and if it cuts the file
/// before their end, touching what is gone kills the process with `SIGBUS`. That is accepted: such a process holds
/// nothing but rows of that file.
pub struct Window {
    map: Option<Mmap>,
    skip: usize,
}

impl Window {
    /// Maps `length` bytes from `offset` on. The caller has made sure that the file has them. With `populate`, all
    /// pages are mapped by one call instead of by a fault each, which is right if all of them will be read.
    pub(crate) fn map(file: &File, offset: u64, length: usize, populate: bool) -> io::Result<Window> {
        if length == 0 {
            return Ok(Window { map: None, skip: 0 });
        }
        // The page size of every supported machine divides 64 KiB, so no system call is needed to learn it.
        let skip = offset % ALIGNMENT;
        let mut options = MmapOptions::new();
        options.offset(offset - skip).len(length + skip as usize);
        // SAFETY: the bytes of a mapped file may be changed by others at any time. All of this crate's readers copy
        // numbers out of the slice and decide nothing about memory by their values, so such a change can only change
        // the numbers; that it may cut the file is documented above and checked by the caller as far as can be.
        let map = unsafe { options.map(file)? };
        #[cfg(target_os = "linux")]
        if populate {
            populated(map.advise(memmap2::Advice::PopulateRead))?;
        }
        Ok(Window { map: Some(map), skip: skip as usize })
    }
}

const ALIGNMENT: u64 = 64 * 1024;

/// Populating also finds what would kill the process when it is touched: a disk that cannot be read, a file cut in this
/// very moment. What kernels before 5.14 say, which do not know it, costs only speed.
#[cfg(target_os = "linux")]
fn populated(advised: io::Result<()>) -> io::Result<()> {
    let fault = rustix::io::Errno::FAULT.raw_os_error();
    advised.or_else(|error| if error.raw_os_error() == Some(fault) { Err(error) } else { Ok(()) })
}

impl Deref for Window {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[self.skip..])
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window({} bytes)", self.len())
    }
}
