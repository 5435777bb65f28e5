//! Where counts go: a place of the caller's, or a buffer used again and again whose content is handed on.
//!
//! The walkers ask for room, count into it and say that it is full; so counts are written once, where they belong.

use crate::{CountWidth, Summary};

/// The most bytes handed on at once: small enough for the second cache.
const PIECE: usize = 256 << 10;

pub(super) trait Dest<E> {
    /// Room for the next `count` counts, and no others.
    fn room(&mut self, count: usize) -> &mut [u8];

    /// The room given last is full.
    fn filled(&mut self) -> Result<(), E>;

    /// How many counts are best asked for at once.
    fn piece(&self) -> usize;

    /// The next `count` counts are all zero.
    fn zeros(&mut self, mut count: u64) -> Result<(), E> {
        while count > 0 {
            let piece = count.min(self.piece() as u64);
            self.room(piece as usize).fill(0);
            self.filled()?;
            count -= piece;
        }
        Ok(())
    }
}

/// Counts go straight to their place.
pub(super) struct IntoSlice<'a> {
    counts: &'a mut [u8],
    width: CountWidth,
    summary: &'a mut Summary,
    begin: usize,
    end: usize,
}

impl<'a> IntoSlice<'a> {
    pub(super) fn new(counts: &'a mut [u8], width: CountWidth, summary: &'a mut Summary) -> Self {
        IntoSlice { counts, width, summary, begin: 0, end: 0 }
    }
}

impl<E> Dest<E> for IntoSlice<'_> {
    fn room(&mut self, count: usize) -> &mut [u8] {
        self.begin = self.end;
        self.end += count * self.width.bytes();
        &mut self.counts[self.begin..self.end]
    }

    fn filled(&mut self) -> Result<(), E> {
        self.summary.add(&self.counts[self.begin..self.end], self.width);
        Ok(())
    }

    fn piece(&self) -> usize {
        PIECE / self.width.bytes()
    }
}

/// Counts go through a buffer to a function.
pub(super) struct Through<'a, F> {
    sink: F,
    buffer: Vec<u8>,
    width: CountWidth,
    summary: &'a mut Summary,
    used: usize,
}

impl<'a, F> Through<'a, F> {
    pub(super) fn new(sink: F, width: CountWidth, summary: &'a mut Summary) -> Self {
        Through { sink, buffer: Vec::new(), width, summary, used: 0 }
    }
}

impl<E, F: FnMut(&[u8]) -> Result<(), E>> Dest<E> for Through<'_, F> {
    fn room(&mut self, count: usize) -> &mut [u8] {
        self.used = count * self.width.bytes();
        if self.buffer.len() < self.used {
            self.buffer.resize(self.used, 0);
        }
        &mut self.buffer[..self.used]
    }

    fn filled(&mut self) -> Result<(), E> {
        self.summary.add(&self.buffer[..self.used], self.width);
        (self.sink)(&self.buffer[..self.used])
    }

    fn piece(&self) -> usize {
        PIECE / self.width.bytes()
    }
}
