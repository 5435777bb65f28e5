//! Counting in a part of an array as in a part of any other table: in some of its columns, with the counts put together.

use std::ops::Range;

use super::{Counter, DEFAULT_WINDOW_BYTES};
use crate::bounds::Interval;
use crate::kernel::{BIT_BYTES, BLOCK, Kernel};
use crate::table::{PartCounts, RowCounts};
use crate::{Bounds, CountWidth, DataError, NpyFile};

impl NpyFile {
    /// Counts `rows` in the columns with these places. The counts are `kept`, or only summed up.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data.bin");
    /// # use mpexec_data::{DType, NpyWriter, Shape};
    /// # let mut writer = NpyWriter::new(std::fs::File::create(&path)?, DType::I64, Shape::Matrix(2, 5))?;
    /// # for number in [8i64, 8, 3, 7, 7, 0, 4, 2, 5, 2] { writer.write(&number.to_le_bytes())?; }
    /// # writer.finish()?;
    /// use mpexec_data::{Bounds, NpyFile};
    ///
    /// let file = NpyFile::open(&path)?;
    /// let bounds = Bounds::parse("4", "8", file.layout().dtype)?;
    /// assert_eq!(file.count_columns(0..2, &[0, 3], &bounds, true)?.counts, [2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Counter::count_with`].
    pub fn count_columns(
        &self,
        rows: Range<u64>,
        columns: &[usize],
        bounds: &Bounds,
        kept: bool,
    ) -> Result<PartCounts, DataError> {
        let counter = Counter::new(self, bounds)?;
        self.check_rows(&rows)?;
        let cols = columns.len() as u64;
        let mut counts = RowCounts::new(cols, kept);
        if columns.iter().copied().eq(0..self.layout().cols as usize) {
            let width = CountWidth::for_columns(cols);
            counter.count_with::<DataError>(rows, |block| {
                width.read(block).for_each(|count| counts.push(count));
                Ok(())
            })?;
            return Ok(counts.finish());
        }
        let mut chosen = Chosen { file: self, kernel: self.kernel(bounds.interval()), gathered: Vec::new() };
        let mut sums = Vec::new();
        // Of long rows no more than a window is mapped at once.
        let window_rows = DEFAULT_WINDOW_BYTES as u64 / self.layout().row_bytes().max(1);
        let block = (BLOCK as u64).min(window_rows.max(1));
        let mut first = rows.start;
        while first < rows.end {
            let end = rows.end.min(first + block);
            sums.clear();
            sums.resize((end - first) as usize, 0);
            chosen.count(first..end, columns, &mut sums)?;
            sums.iter().for_each(|&count| counts.push(count));
            first = end;
        }
        Ok(counts.finish())
    }

    fn kernel(&self, interval: Interval) -> Kernel {
        Kernel::new(self.layout(), interval)
    }
}

/// Some columns of an array.
struct Chosen<'a> {
    file: &'a NpyFile,
    kernel: Kernel,
    /// The numbers of one column, together.
    gathered: Vec<u8>,
}

impl Chosen<'_> {
    /// Adds, for each of at most a block of rows, the numbers in range.
    fn count(&mut self, rows: Range<u64>, columns: &[usize], sums: &mut [u64]) -> Result<(), DataError> {
        let layout = self.file.layout();
        let (size, count) = (layout.dtype.size(), rows.end - rows.start);
        if layout.fortran {
            for &column in columns {
                let begin = (column as u64 * layout.rows + rows.start) * size as u64;
                let numbers = self.file.window(begin, count * size as u64, true)?;
                add(&self.kernel, &numbers, sums);
            }
            return Ok(());
        }
        let row_bytes = layout.row_bytes();
        let window =
            self.file.window(rows.start * row_bytes, count * row_bytes, columns.len() * 8 > layout.cols as usize)?;
        for &column in columns {
            self.gathered.clear();
            for row in window.chunks_exact(row_bytes as usize) {
                self.gathered.extend_from_slice(&row[column * size..][..size]);
            }
            add(&self.kernel, &self.gathered, sums);
        }
        Ok(())
    }
}

fn add(kernel: &Kernel, numbers: &[u8], sums: &mut [u64]) {
    let mut bits = [0; BIT_BYTES];
    kernel.mask(numbers, &mut bits);
    for (at, sum) in sums.iter_mut().enumerate() {
        *sum += u64::from(bits[at / 8] >> (at % 8) & 1);
    }
}
