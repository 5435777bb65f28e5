//! Bytes through memory that two processes can share, and nothing else: by system calls alone, in one thread that waits for nobody.

use std::fs::File;
use std::io::{Read, Seek, Write};

use anyhow::Result;
use rustix::fs::{MemfdFlags, memfd_create};

/// What is read at a time where nothing is kept: it stays in the caches.
const PIECE: usize = 64 << 10;

fn written(block: &[u8]) -> Result<File> {
    let mut memory = File::from(memfd_create("bench-carried", MemfdFlags::CLOEXEC)?);
    memory.write_all(block)?;
    memory.rewind()?;
    Ok(memory)
}

/// As an argument travels that the function only looks at: written into fresh memory, and read through. Returns its length.
pub(crate) fn argument(block: &[u8]) -> Result<u64> {
    let (mut memory, mut piece, mut length) = (written(block)?, [0; PIECE], 0);
    loop {
        match memory.read(&mut piece)? {
            0 => return Ok(length),
            read => length += read as u64,
        }
    }
}

/// As a result travels: a vector is made and filled, written into fresh memory, and read into a fresh vector.
pub(crate) fn result(size: usize) -> Result<Vec<u8>> {
    let mut memory = written(&vec![1u8; size])?;
    let mut answer = Vec::with_capacity(size);
    memory.read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_comes_whole() {
        for size in [0, 1, PIECE, 3 * PIECE + 7] {
            assert_eq!(argument(&vec![7; size]).unwrap(), size as u64);
            assert_eq!(result(size).unwrap(), vec![1; size]);
        }
    }
}
