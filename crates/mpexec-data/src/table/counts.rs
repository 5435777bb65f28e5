//! The counts of one part of a table, row after row.

use serde::{Deserialize, Serialize};

use super::BadRow;
use crate::{CountWidth, Summary};

/// What counting one part of a table gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCounts {
    /// What is known about the counts of this part alone.
    pub summary: Summary,
    /// The counts, little-endian, in the smallest type that holds the number of columns; empty if nobody wants them.
    #[serde(with = "serde_bytes")]
    pub counts: Vec<u8>,
    /// The line ends in this part, if it is one of a text.
    pub lines: u64,
    /// The rows that could not be counted.
    pub bad: u64,
    /// The first of these.
    pub first_bad: Option<BadRow>,
}

/// Collects the counts of consecutive rows.
///
/// ```
/// use mpexec_data::RowCounts;
/// let mut counts = RowCounts::new(5, true);
/// counts.push(4);
/// counts.push(2);
/// let part = counts.finish();
/// assert_eq!((part.counts, part.summary.total), (vec![4, 2], 6));
/// ```
#[derive(Clone, Debug)]
pub struct RowCounts {
    width: CountWidth,
    kept: bool,
    block: Vec<u8>,
    /// The beginning of `block` that the summary has.
    summed: usize,
    part: PartCounts,
}

/// So many bytes of counts are summed up at once.
const BLOCK: usize = 64 << 10;

impl RowCounts {
    /// For rows of `cols` numbers; the counts are `kept`, or only summed up.
    pub fn new(cols: u64, kept: bool) -> RowCounts {
        let part = PartCounts { summary: Summary::new(cols), counts: Vec::new(), lines: 0, bad: 0, first_bad: None };
        RowCounts { width: CountWidth::for_columns(cols), kept, block: Vec::new(), summed: 0, part }
    }

    /// The count of the next row.
    #[inline]
    pub fn push(&mut self, count: u64) {
        match self.width {
            CountWidth::U8 => self.block.push(count as u8),
            width => self.block.extend_from_slice(&count.to_le_bytes()[..width.bytes()]),
        }
        if self.block.len() - self.summed >= BLOCK {
            self.sum_up();
        }
    }

    /// A row that could not be counted.
    pub fn bad(&mut self, row: impl FnOnce() -> BadRow) {
        self.part.bad += 1;
        self.part.first_bad.get_or_insert_with(row);
    }

    /// The counts of all rows.
    pub fn finish(mut self) -> PartCounts {
        self.sum_up();
        if self.kept {
            self.part.counts = self.block;
        }
        self.part
    }

    fn sum_up(&mut self) {
        self.part.summary.add(&self.block[self.summed..], self.width);
        if self.kept { self.summed = self.block.len() } else { self.block.clear() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_or_not_the_summary_is_the_same_for_every_width() {
        for cols in [5, 300, 70_000] {
            let rows = 200_000;
            let [kept, summed] = [true, false].map(|kept| {
                let mut counts = RowCounts::new(cols, kept);
                (0..rows).for_each(|row| counts.push(row % (cols + 1)));
                counts.finish()
            });
            assert_eq!(kept.summary, summed.summary);
            assert_eq!((summed.counts.len(), kept.summary.rows), (0, rows));
            let width = CountWidth::for_columns(cols);
            assert!(width.read(&kept.counts).eq((0..rows).map(|row| row % (cols + 1))));
        }
    }
}
