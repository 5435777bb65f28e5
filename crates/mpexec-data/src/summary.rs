//! What is known about many counts without keeping them: how many, their sum, how often each occurs.

use serde::{Deserialize, Serialize};

use crate::CountWidth;

/// How many of the first counts a [`Summary`] keeps.
pub const FIRST_COUNTS: usize = 10;

/// The most entries a histogram has. Files with more columns share an entry between neighbouring counts.
const MAX_BINS: u64 = 65_536;

/// The sum, the distribution and the beginning of the counts of consecutive rows.
///
/// ```
/// use mpexec_data::Summary;
/// let mut all = Summary::new(5);
/// let mut part = Summary::new(5);
/// part.rows = 3;
/// part.total = 7;
/// part.histogram = vec![0, 1, 0, 2, 0, 0];
/// part.first = vec![3, 1, 3];
/// all.merge(&part)?;
/// assert_eq!((all.rows, all.total, all.histogram[3]), (3, 7, 2));
/// # Ok::<(), mpexec_data::OtherColumns>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The rows counted.
    pub rows: u64,
    /// The sum of all counts.
    pub total: u64,
    /// Entry `i` is the number of rows with a count of `i * bin_width` up to, not including, `(i + 1) * bin_width`.
    pub histogram: Vec<u64>,
    /// The counts that share one entry of the histogram: 1 for files of up to 65,535 columns.
    pub bin_width: u64,
    /// The counts of the first rows, at most [`FIRST_COUNTS`].
    pub first: Vec<u64>,
}

/// Two summaries belong to files of different width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the two summaries are of files with different numbers of columns and cannot be added")]
pub struct OtherColumns;

impl Summary {
    /// The summary of no rows of a file with `cols` columns.
    pub fn new(cols: u64) -> Summary {
        let mut bin_width = 1;
        while cols / bin_width >= MAX_BINS {
            bin_width *= 2;
        }
        let bins = (cols / bin_width + 1) as usize;
        Summary { rows: 0, total: 0, histogram: vec![0; bins], bin_width, first: Vec::new() }
    }

    /// The summary of rows without columns, of which a file may claim any number in a hundred bytes: nobody should wait
    /// for them to be counted.
    pub(crate) fn of_zeros(rows: u64) -> Summary {
        let mut summary = Summary::new(0);
        summary.rows = rows;
        summary.histogram[0] = rows;
        summary.first = vec![0; rows.min(FIRST_COUNTS as u64) as usize];
        summary
    }

    /// Adds the summary of the rows that follow.
    ///
    /// # Errors
    /// [`OtherColumns`] if the two cannot be of the same file; then nothing is changed.
    pub fn merge(&mut self, next: &Summary) -> Result<(), OtherColumns> {
        if self.bin_width != next.bin_width || self.histogram.len() != next.histogram.len() {
            return Err(OtherColumns);
        }
        self.rows += next.rows;
        self.total += next.total;
        for (mine, theirs) in self.histogram.iter_mut().zip(&next.histogram) {
            *mine += theirs;
        }
        let missing = FIRST_COUNTS.saturating_sub(self.first.len());
        self.first.extend(next.first.iter().take(missing));
        Ok(())
    }

    /// Adds the counts of the rows that follow, as the kernels wrote them.
    pub(crate) fn add(&mut self, counts: &[u8], width: CountWidth) {
        self.rows += (counts.len() / width.bytes()) as u64;
        let missing = FIRST_COUNTS - self.first.len();
        self.first.extend(width.read(counts).take(missing));
        if width == CountWidth::U8 {
            // A count of one byte has a bin of its own, so the sum follows from the histogram.
            let bins = self.histogram.len();
            let mut found = [0u64; 256];
            crate::kernel::histogram(counts, bins, &mut found);
            for (count, (bin, found)) in self.histogram.iter_mut().zip(found).enumerate() {
                *bin += found;
                self.total += count as u64 * found;
            }
            return;
        }
        let shift = self.bin_width.trailing_zeros();
        for count in width.read(counts) {
            self.total += count;
            self.histogram[(count >> shift) as usize] += 1;
        }
    }
}
