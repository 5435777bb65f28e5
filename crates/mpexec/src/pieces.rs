//! How a file is cut into tasks: ranges of rows.
//!
//! Enough of them that no worker sits idle at the end while another has a long piece; none so small that the message
//! costs more than the counting, nor so large that a worker must hold more than one window of the file.

use std::ops::Range;

/// Pieces for each worker, where the file is long enough.
const PER_WORKER: u64 = 8;
/// A piece is at least this many bytes of the file, if the file has them: about 30 us of counting.
const LEAST_BYTES: u64 = 256 << 10;
/// A piece is at most this many bytes of the file: the window that a worker maps at once.
const MOST_BYTES: u64 = 16 << 20;
/// A piece has at most this many rows: their counts may have to travel and to be printed.
const MOST_ROWS: u64 = 1 << 20;

/// The rows of a file, cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    rows: u64,
    each: u64,
}

impl Pieces {
    /// Cuts `rows` rows of `row_bytes` bytes for `workers` workers.
    pub(crate) fn cut(rows: u64, row_bytes: u64, workers: usize) -> Pieces {
        // A row without columns has no bytes but still a count.
        let row_bytes = row_bytes.max(1);
        let fair = rows.div_ceil((workers as u64).saturating_mul(PER_WORKER).max(1));
        let least = LEAST_BYTES / row_bytes;
        let most = (MOST_BYTES / row_bytes).clamp(1, MOST_ROWS);
        Pieces { rows, each: fair.max(least).clamp(1, most) }
    }

    /// All rows in one piece, for work that does not depend on their number.
    pub(crate) fn whole(rows: u64) -> Pieces {
        Pieces { rows, each: rows.max(1) }
    }

    /// So many pieces, of whatever they are.
    pub(crate) fn single(pieces: u64) -> Pieces {
        Pieces { rows: pieces, each: 1 }
    }

    /// The number of pieces.
    pub(crate) fn len(self) -> u64 {
        self.rows.div_ceil(self.each)
    }

    /// The piece with this index; empty behind the last one.
    pub(crate) fn at(self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(self.each).min(self.rows);
        start..start.saturating_add(self.each).min(self.rows)
    }

    /// All pieces in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Range<u64>> {
        (0..self.len()).map(move |index| self.at(index))
    }
}

/// Into how many parts a table will be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Parts(u64),
    /// Rows of so many bytes.
    Rows(u64, u64),
    Unknown,
}

impl Cut {
    /// How many that are for so many workers, if that is known.
    pub(crate) fn pieces(self, workers: usize) -> Option<u64> {
        match self {
            Cut::Parts(parts) => Some(parts),
            Cut::Rows(rows, bytes) => Some(Pieces::cut(rows, bytes, workers).len()),
            Cut::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_rows_each_once_and_in_order() {
        for (rows, row_bytes, workers) in [
            (0, 40, 2),
            (1, 40, 64),
            (200_000, 40, 1),
            (200_000, 40, 64),
            (20_000_001, 40, 2),
            (7, 1 << 30, 3),
            (9_999_999, 0, 5),
        ] {
            let pieces = Pieces::cut(rows, row_bytes, workers);
            let mut next = 0;
            for (index, piece) in pieces.iter().enumerate() {
                assert_eq!((piece.start, &piece), (next, &pieces.at(index as u64)));
                assert!(!piece.is_empty());
                next = piece.end;
            }
            assert_eq!(next, rows);
            assert!(pieces.at(pieces.len()).is_empty());
        }
    }

    #[test]
    fn no_piece_is_larger_than_one_window() {
        for workers in [1, 2, 128] {
            let piece = Pieces::cut(1 << 40, 40, workers).at(0);
            assert!((piece.end - piece.start) * 40 <= MOST_BYTES);
        }
        assert_eq!(Pieces::cut(10, 1 << 40, 2).len(), 10);
    }

    #[test]
    fn every_worker_has_several_pieces_of_a_file_that_is_long_enough() {
        let pieces = Pieces::cut(200_000, 40, 2);
        assert_eq!(pieces.len(), 16);
        assert!(Pieces::cut(20_000_000, 40, 64).len() >= 512);
    }

    #[test]
    fn a_short_file_is_not_cut_into_crumbs() {
        assert_eq!(Pieces::cut(1000, 40, 64).len(), 1);
    }

    #[test]
    fn absurd_numbers_of_rows_are_cut_too() {
        let pieces = Pieces::cut(u64::MAX, 1, 2);
        assert_eq!(pieces.at(pieces.len() - 1).end, u64::MAX);
        assert_eq!(Pieces::whole(u64::MAX).len(), 1);
    }
}
