//! Counting where each row lies together: one walk from the first number to the last.

use std::ops::Range;

use super::Counter;
use super::dest::Dest;
use crate::DataError;
use crate::kernel::{BIT_BYTES, BLOCK};

impl Counter<'_> {
    pub(super) fn by_rows<E: From<DataError>>(&self, rows: Range<u64>, dest: &mut impl Dest<E>) -> Result<(), E> {
        let layout = self.file.layout();
        if layout.cols <= BLOCK as u64 && layout.row_bytes() <= self.window_bytes as u64 {
            self.short_rows(rows, dest)
        } else {
            self.long_rows(rows, dest)
        }
    }

    /// Rows of which at least one fits into a block: each block begins with a row.
    fn short_rows<E: From<DataError>>(&self, rows: Range<u64>, dest: &mut impl Dest<E>) -> Result<(), E> {
        let layout = self.file.layout();
        let (cols, row_bytes) = (layout.cols as usize, layout.row_bytes() as usize);
        let window_rows = (self.window_bytes / row_bytes) as u64;
        // Whole bytes of bits for all blocks but the last.
        let block_rows = if cols <= BLOCK / 8 { BLOCK / cols / 8 * 8 } else { BLOCK / cols };
        let piece_rows = (dest.piece() / block_rows * block_rows).max(block_rows);
        let mut bits = [0; BIT_BYTES];
        let mut row = rows.start;
        while row < rows.end {
            let count = window_rows.min(rows.end - row);
            let window = self.file.window(row * row_bytes as u64, count * row_bytes as u64, true)?;
            for piece in window.chunks(piece_rows * row_bytes) {
                let room = dest.room(piece.len() / row_bytes);
                let places = room.chunks_mut(block_rows * self.width.bytes());
                for (block, place) in piece.chunks(block_rows * row_bytes).zip(places) {
                    self.kernel.count_rows(block, cols, &mut bits, place);
                }
                dest.filled()?;
            }
            row += count;
        }
        Ok(())
    }

    /// Rows longer than a block, perhaps longer than a window: blocks end where a row ends or a window ends.
    fn long_rows<E: From<DataError>>(&self, rows: Range<u64>, dest: &mut impl Dest<E>) -> Result<(), E> {
        let layout = self.file.layout();
        let (cols, size) = (layout.cols, layout.dtype.size() as u64);
        let window_numbers = self.window_bytes as u64 / size;
        let mut bits = [0; BIT_BYTES];
        let (mut number, end) = (rows.start * cols, rows.end * cols);
        let (mut missing, mut ones) = (cols, 0);
        while number < end {
            let count = window_numbers.min(end - number);
            let window = self.file.window(number * size, count * size, true)?;
            let mut rest = &window[..];
            while !rest.is_empty() {
                let block = (BLOCK as u64).min(missing).min(rest.len() as u64 / size);
                let (now, later) = rest.split_at((block * size) as usize);
                self.kernel.mask(now, &mut bits);
                ones += self.kernel.ones(&bits, block as usize);
                (rest, missing) = (later, missing - block);
                if missing == 0 {
                    self.width.write(ones, dest.room(1));
                    dest.filled()?;
                    (missing, ones) = (cols, 0);
                }
            }
            number += count;
        }
        Ok(())
    }
}
