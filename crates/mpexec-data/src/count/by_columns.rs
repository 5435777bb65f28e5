//! Counting where each column lies together: a block of rows is counted column after column, adding up.

use std::ops::Range;

use super::Counter;
use super::dest::Dest;
use crate::kernel::{BIT_BYTES, BLOCK};
use crate::{CountWidth, DataError};

/// The rows of a block: enough that a mapping for each column costs little, and few enough that their counts stay in
/// the second cache.
const BLOCK_ROWS: usize = 256 << 10;

impl Counter<'_> {
    pub(super) fn by_columns<E: From<DataError>>(&self, rows: Range<u64>, dest: &mut impl Dest<E>) -> Result<(), E> {
        let size = self.file.layout().dtype.size();
        let block = BLOCK_ROWS.min(self.window_bytes / size) as u64;
        let mut sums = Sums { bytes: Vec::new(), columns: 0, width: self.width };
        let mut first = rows.start;
        while first < rows.end {
            let end = rows.end.min(first + block);
            let room = dest.room((end - first) as usize);
            room.fill(0);
            self.block(first..end, room, &mut sums)?;
            dest.filled()?;
            first = end;
        }
        Ok(())
    }

    fn block(&self, rows: Range<u64>, room: &mut [u8], sums: &mut Sums) -> Result<(), DataError> {
        let size = self.file.layout().dtype.size();
        let mut bits = [0; BIT_BYTES];
        self.file.each_column(rows, self.window_bytes, |_, numbers| {
            let sum = sums.next_column(room);
            for (now, sum) in numbers.chunks(BLOCK * size).zip(sum.chunks_mut(BLOCK)) {
                self.kernel.mask(now, &mut bits);
                self.kernel.add_bits(&bits, sum);
            }
        })?;
        sums.flush(room);
        Ok(())
    }
}

/// Sums of one byte per row, which the vector code likes best, emptied into the wider counts before they overflow.
struct Sums {
    bytes: Vec<u8>,
    columns: u8,
    width: CountWidth,
}

impl Sums {
    /// The place to which one more column may be added.
    fn next_column<'a>(&'a mut self, room: &'a mut [u8]) -> &'a mut [u8] {
        if self.width == CountWidth::U8 {
            return room;
        }
        if self.columns == u8::MAX {
            self.flush(room);
        }
        self.columns += 1;
        self.bytes.resize(room.len() / self.width.bytes(), 0);
        &mut self.bytes
    }

    fn flush(&mut self, room: &mut [u8]) {
        for (count, byte) in room.chunks_exact_mut(self.width.bytes()).zip(self.bytes.drain(..)) {
            let sum = crate::width::read_one(count) + u64::from(byte);
            self.width.write(sum, count);
        }
        self.columns = 0;
    }
}
