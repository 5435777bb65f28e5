//! Counts, for a range of rows of a file, how many numbers of each row lie within bounds.
//!
//! The file is mapped window after window, so memory stays the same whatever the file's size. Here are the doors; how a
//! range is walked depends on how the file lies: `by_rows.rs` and `by_columns.rs`.

mod by_columns;
mod by_rows;
mod chosen;
mod dest;

use std::ops::Range;

use crate::kernel::Kernel;
use crate::{Bounds, CountWidth, DataError, NpyFile, Summary};
use dest::{Dest, IntoSlice, Through};

/// The bytes of file mapped at once unless another number is asked for: 16 MiB.
pub const DEFAULT_WINDOW_BYTES: usize = 16 << 20;

/// Counts rows of one file within one pair of bounds.
///
/// ```no_run
/// use mpexec_data::{Bounds, Counter, NpyFile};
/// let file = NpyFile::open("data.bin")?;
/// let bounds = Bounds::parse("4", "8", file.layout().dtype)?;
/// let summary = Counter::new(&file, &bounds)?.summarise(0..file.layout().rows)?;
/// println!("{} of {} numbers", summary.total, summary.rows * file.layout().cols);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counter<'a> {
    file: &'a NpyFile,
    kernel: Kernel,
    width: CountWidth,
    window_bytes: usize,
}

/// Counts `rows` into `counts`, little-endian, [`CountWidth::bytes`] each, which must be exactly as long as that needs.
///
/// # Errors
/// [`DataError::OtherType`] if the bounds are for another kind of number, [`DataError::Rows`] if the file has not these
/// rows, [`DataError::BufferLength`] if `counts` has another length, [`DataError::Shrunk`] if the file was cut
/// meanwhile, [`DataError::Io`] if it cannot be mapped.
pub fn count_range_into(
    file: &NpyFile,
    rows: Range<u64>,
    bounds: &Bounds,
    counts: &mut [u8],
) -> Result<Summary, DataError> {
    Counter::new(file, bounds)?.count_into(rows, counts)
}

impl<'a> Counter<'a> {
    /// Prepares to count in `file`.
    ///
    /// # Errors
    /// [`DataError::OtherType`] if the bounds are for another kind of number.
    pub fn new(file: &'a NpyFile, bounds: &Bounds) -> Result<Counter<'a>, DataError> {
        let layout = file.layout();
        if bounds.dtype() != layout.dtype {
            let path = file.path().to_path_buf();
            return Err(DataError::OtherType { path, holds: layout.dtype, wanted: bounds.dtype() });
        }
        let kernel = Kernel::new(layout, bounds.interval());
        Ok(Counter { file, kernel, width: layout.count_width(), window_bytes: DEFAULT_WINDOW_BYTES })
    }

    /// Maps about this many bytes of the file at once, at least 64 KiB.
    pub fn window_bytes(mut self, bytes: usize) -> Self {
        self.window_bytes = bytes.max(64 << 10);
        self
    }

    /// The type of the counts.
    pub fn width(&self) -> CountWidth {
        self.width
    }

    /// Counts `rows` into `counts`; see [`count_range_into`].
    ///
    /// # Errors
    /// Those of [`count_range_into`].
    pub fn count_into(&self, rows: Range<u64>, counts: &mut [u8]) -> Result<Summary, DataError> {
        self.file.check_rows(&rows)?;
        let expected = (rows.end - rows.start).saturating_mul(self.width.bytes() as u64);
        if counts.len() as u64 != expected {
            let path = self.file.path().to_path_buf();
            return Err(DataError::BufferLength { path, expected, found: counts.len() as u64 });
        }
        let mut summary = self.empty_summary();
        self.walk::<DataError>(rows, &mut IntoSlice::new(counts, self.width, &mut summary))?;
        Ok(summary)
    }

    /// Counts `rows` and hands the counts to `sink` in order, in blocks of whole counts of at most 2 MiB.
    ///
    /// # Errors
    /// Those of [`count_range_into`], as `E`, and the first error of `sink`, after which nothing more is counted.
    pub fn count_with<E: From<DataError>>(
        &self,
        rows: Range<u64>,
        sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Summary, E> {
        self.file.check_rows(&rows)?;
        let mut summary = self.empty_summary();
        self.walk(rows, &mut Through::new(sink, self.width, &mut summary))?;
        Ok(summary)
    }

    /// Counts `rows` and keeps no count beyond the first few.
    ///
    /// # Errors
    /// Those of [`count_range_into`].
    pub fn summarise(&self, rows: Range<u64>) -> Result<Summary, DataError> {
        if self.file.layout().cols == 0 {
            self.file.check_rows(&rows)?;
            return Ok(Summary::of_zeros(rows.end - rows.start));
        }
        self.count_with::<DataError>(rows, |_| Ok(()))
    }

    fn empty_summary(&self) -> Summary {
        Summary::new(self.file.layout().cols)
    }

    fn walk<E: From<DataError>>(&self, rows: Range<u64>, dest: &mut impl Dest<E>) -> Result<(), E> {
        let layout = self.file.layout();
        if layout.cols == 0 {
            return dest.zeros(rows.end - rows.start);
        }
        if layout.fortran { self.by_columns(rows, dest) } else { self.by_rows(rows, dest) }
    }
}
