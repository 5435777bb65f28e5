//! Rows of numbers over a socket pair: blocks out, a byte for each row back. Two children, a thread for each.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, anyhow};

use crate::table::{COLUMNS, count_rows};

pub(crate) const ROLE: &str = "rows";

/// A block's length in bytes comes first; none of them is longer.
const LONGEST: usize = 16 << 20;

/// The near end.
pub(crate) struct Sockets {
    children: Vec<(Child, UnixStream)>,
}

impl Sockets {
    pub(crate) fn start(children: usize) -> Result<Sockets> {
        let mut all = Vec::new();
        for _ in 0..children {
            let (ours, theirs) = UnixStream::pair()?;
            all.push((super::child(ROLE)?.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?, ours));
        }
        Ok(Sockets { children: all })
    }

    /// Every block through some child; the counts in order.
    pub(crate) fn count(&mut self, blocks: &[&[i64]]) -> Result<Vec<Vec<u8>>> {
        let share = blocks.len().div_ceil(self.children.len()).max(1);
        std::thread::scope(|scope| {
            let parts: Vec<_> = self.children.iter_mut().map(|(_, socket)| socket).zip(blocks.chunks(share)).collect();
            let threads: Vec<_> =
                parts.into_iter().map(|(socket, part)| scope.spawn(move || through(socket, part))).collect();
            let mut all = Vec::with_capacity(blocks.len());
            for thread in threads {
                all.extend(thread.join().map_err(|_| anyhow!("a thread of the socket pair panicked"))??);
            }
            Ok(all)
        })
    }
}

/// One block there while the one before comes back would be faster still; this is what one writes first.
fn through(socket: &mut UnixStream, blocks: &[&[i64]]) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::with_capacity(blocks.len());
    for block in blocks {
        let bytes = as_bytes(block);
        socket.write_all(&(bytes.len() as u64).to_ne_bytes())?;
        socket.write_all(bytes)?;
        let mut counts = vec![0; block.len() / COLUMNS];
        socket.read_exact(&mut counts)?;
        all.push(counts);
    }
    Ok(all)
}

fn as_bytes(numbers: &[i64]) -> &[u8] {
    bytemuck::cast_slice(numbers)
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for (child, _) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The far end.
pub(crate) fn serve() -> Result<()> {
    let stdin = rustix::stdio::stdin().try_clone_to_owned()?;
    let mut socket = UnixStream::from(stdin);
    let mut block: Vec<i64> = Vec::new();
    let mut counts = Vec::new();
    loop {
        let mut length = [0; 8];
        if socket.read_exact(&mut length).is_err() {
            return Ok(());
        }
        let length = usize::try_from(u64::from_ne_bytes(length))?;
        anyhow::ensure!(length <= LONGEST, "a block of {length} bytes");
        block.resize(length / 8, 0);
        socket.read_exact(bytemuck::cast_slice_mut(&mut block)).context("reading a block")?;
        counts.clear();
        count_rows(&block, &mut counts);
        socket.write_all(&counts)?;
    }
}
