//! How many bytes of arguments are under way: brought, and without an outcome yet.
//!
//! Tasks are brought in pieces; a piece's bytes are over when each of its tasks has its outcome, because until then some of
//! them may have to be sent again.

use std::collections::VecDeque;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// In the order of their indices.
    pieces: VecDeque<Piece>,
    tasks: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Piece {
    first: u64,
    left: u32,
    bytes: u64,
}

impl UnderWay {
    pub(super) fn tasks(&self) -> u64 {
        self.tasks
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `count` tasks from index `first` on, behind all brought before.
    pub(super) fn brought(&mut self, first: u64, count: u32, bytes: u64) {
        if count > 0 {
            self.pieces.push_back(Piece { first, left: count, bytes });
            self.tasks += u64::from(count);
            self.bytes += bytes;
        }
    }

    /// Outcomes of `count` tasks from index `first` on. They were sent together, so they are of one piece.
    pub(super) fn settled(&mut self, first: u64, count: u32) {
        let behind = self.pieces.partition_point(|piece| piece.first <= first);
        let Some(piece) = behind.checked_sub(1).and_then(|at| self.pieces.get_mut(at)) else {
            return;
        };
        let count = count.min(piece.left);
        piece.left -= count;
        self.tasks -= u64::from(count);
        if piece.left == 0 {
            self.bytes -= std::mem::take(&mut piece.bytes);
        }
        while self.pieces.front().is_some_and(|piece| piece.left == 0) {
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_until_the_last_of_its_tasks_has_an_outcome() {
        let mut under_way = UnderWay::default();
        under_way.brought(0, 10, 1_000);
        under_way.brought(12, 5, 500);
        assert_eq!((under_way.tasks(), under_way.bytes()), (15, 1_500));
        under_way.settled(12, 5);
        assert_eq!((under_way.tasks(), under_way.bytes()), (10, 1_000));
        under_way.settled(4, 4);
        under_way.settled(8, 2);
        under_way.settled(1, 3);
        assert_eq!((under_way.tasks(), under_way.bytes()), (1, 1_000));
        under_way.settled(0, 1);
        assert_eq!((under_way.tasks(), under_way.bytes()), (0, 0));
        assert!(under_way.pieces.is_empty());
    }
}
