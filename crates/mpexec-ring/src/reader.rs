//! Where the next record is: the reading side's position, and what it refuses to believe.
//!
//! The positions and headers that come in here may be anything at all: the writer of a result ring
//! is a process that may have gone mad. What goes out lies within the ring and within what was
//! handed over, or it is a [`Corrupt`]. Every step moves the position or ends, so a reader cannot
//! be kept busy.

use crate::error::Corrupt;
use crate::record::{ALIGN, CONTINUED, Capacity, HEADER, Header, padded};

/// The state of the reading side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    capacity: Capacity,
    position: u64,
    freed: u64,
    published: u64,
    partly: Option<Partly>,
}

/// What was taken of the record at `position`, which may still grow.
#[derive(Clone, Copy, Debug)]
struct Partly {
    taken: u32,
    kind: u32,
    tag: u64,
}

/// How far a reader may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Whole records end before this, and none ends elsewhere.
    pub(crate) published: u64,
    /// Bytes before this are written; may lie within a record.
    pub(crate) complete: u64,
}

impl Limit {
    /// Whole records only.
    pub(crate) fn published(head: u64) -> Limit {
        Limit { published: head, complete: head }
    }
}

/// A piece of payload to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Position of its first byte.
    pub(crate) at: u64,
    /// Bytes, all in one lap.
    pub(crate) len: u32,
    /// The record's kind, never 0.
    pub(crate) kind: u32,
    /// The record's tag.
    pub(crate) tag: u64,
    /// More of what the piece before this one began.
    pub(crate) continued: bool,
}

impl Reader {
    /// At the start of an empty ring.
    pub(crate) fn new(capacity: Capacity) -> Reader {
        Reader { capacity, position: 0, freed: 0, published: 0, partly: None }
    }

    /// Records before this have been taken out.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Up to where the space was handed back.
    pub(crate) fn freed(&self) -> u64 {
        self.freed
    }

    /// The space before the position goes back to the writer. False: there is nothing new to hand
    /// back.
    pub(crate) fn free(&mut self) -> bool {
        let news = self.freed != self.position;
        self.freed = self.position;
        news
    }

    /// The next piece, or `None` if there is nothing new before the limit. `header` copies the two
    /// words at an offset out of the ring.
    ///
    /// On an error the reader stays where it was.
    pub(crate) fn next(
        &mut self,
        limit: Limit,
        mut header: impl FnMut(u64) -> [u64; 2],
    ) -> Result<Option<Piece>, Corrupt> {
        self.check(limit)?;
        let end = limit.complete.max(limit.published);
        let (mut position, mut partly) = (self.position, self.partly);
        let mut piece = None;
        while position < end && piece.is_none() {
            let header = Header::from_words(header(self.capacity.offset(position)));
            if header.kind & !CONTINUED == 0 {
                position = self.behind_pad(position, header, partly, end)?;
                continue;
            }
            let over;
            (piece, over) = self.judge(position, header, partly, limit)?;
            if over {
                position += HEADER + padded(u64::from(header.len));
                partly = None;
            } else if let Some(Piece { len, .. }) = piece {
                let taken = partly.map_or(0, |partly| partly.taken) + len;
                partly = Some(Partly { taken, kind: header.kind, tag: header.tag });
            } else {
                break;
            }
        }
        self.published = limit.published;
        self.position = position;
        self.partly = partly;
        Ok(piece)
    }

    /// Positions only grow, whole records are aligned, and nobody can have written more than the
    /// ring holds.
    fn check(&self, limit: Limit) -> Result<(), Corrupt> {
        let wall = self.freed + self.capacity.bytes();
        if !limit.published.is_multiple_of(ALIGN) {
            return Err(Corrupt::new("the published position is not aligned", limit.published));
        }
        if limit.published < self.published {
            return Err(Corrupt::new("the published position went backwards", limit.published));
        }
        if limit.published > wall {
            return Err(Corrupt::new("the published position is past the ring", limit.published));
        }
        if limit.complete > wall {
            return Err(Corrupt::new("the complete position is past the ring", limit.complete));
        }
        Ok(())
    }

    /// Where to go on behind the pad at `position`.
    fn behind_pad(&self, position: u64, header: Header, partly: Option<Partly>, end: u64) -> Result<u64, Corrupt> {
        let next_lap = self.capacity.lap_end(position);
        if partly.is_some() || header != Header::PAD {
            return Err(Corrupt::new("a record turned into a pad", header.words()[0]));
        }
        if next_lap > end {
            return Err(Corrupt::new("a pad leads past what is written", next_lap));
        }
        Ok(next_lap)
    }

    /// What is to be taken of the record at `start`, if anything, and whether it is over.
    #[inline]
    fn judge(
        &self,
        start: u64,
        header: Header,
        partly: Option<Partly>,
        limit: Limit,
    ) -> Result<(Option<Piece>, bool), Corrupt> {
        let end = limit.complete.max(limit.published);
        let payload = start + HEADER;
        let record_end = payload + padded(u64::from(header.len));
        let lap_end = self.capacity.lap_end(start);
        if payload > end || record_end > lap_end.min(self.freed + self.capacity.bytes()) {
            return Err(Corrupt::new("a record is longer than its place", header.words()[0]));
        }
        let published = record_end <= limit.published;
        if !published && start < limit.published {
            return Err(Corrupt::new("a record is longer than what is published", header.words()[0]));
        }
        // Behind what is published, a record is known to be over only by one that follows; else it may
        // still grow.
        let over = published || record_end < end;
        let written = if over { u64::from(header.len) } else { (end - payload).min(u64::from(header.len)) };
        let len = written as u32;

        let before = partly.map_or(0, |partly| partly.taken);
        if let Some(partly) = partly
            && ((partly.kind, partly.tag) != (header.kind, header.tag) || len < before)
        {
            return Err(Corrupt::new("a record changed after it was begun", header.words()[0]));
        }
        let piece = (partly.is_none() || len > before).then_some(Piece {
            at: payload + u64::from(before),
            len: len.saturating_sub(before),
            kind: header.kind & !CONTINUED,
            tag: header.tag,
            continued: partly.is_some() || header.kind & CONTINUED != 0,
        });
        Ok((piece, over))
    }
}

#[cfg(test)]
#[path = "reader/tests.rs"]
mod tests;
