//! The account kept while one message is decoded: how deep it is, and what its empty elements have cost.
//!
//! `guard.rs` asks here before each step that data alone can repeat; the limits and what they count stand here.

use std::cell::Cell;

use serde::de::Error;

/// How many options, enums, sequences and maps may be nested in each other.
pub const MAX_DEPTH: u32 = 128;

/// How many elements that take no bytes on the wire a message may hold in all; each counts for its size in memory, at least 1.
pub const MAX_EMPTY: usize = 1 << 20;

/// What the guard itself refused; the inner deserialiser's error type has no word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TooDeep,
    TooManyEmpty,
}

/// The state shared by all the guards of one message. Cells and a shared reference, so that each step can hand it on.
#[derive(Debug)]
pub(crate) struct Watch {
    length: usize,
    depth: Cell<u32>,
    empty: Cell<usize>,
    moved: Cell<bool>,
    fault: Cell<Option<Fault>>,
}

impl Watch {
    /// For a message of `length` bytes.
    #[inline]
    pub(crate) fn new(length: usize) -> Self {
        Self { length, depth: Cell::new(0), empty: Cell::new(0), moved: Cell::new(false), fault: Cell::new(None) }
    }

    #[inline]
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// Some bytes were consumed.
    #[inline]
    pub(crate) fn moved(&self) {
        self.moved.set(true);
    }

    /// A reserve that the message's length can justify.
    #[inline]
    pub(crate) fn bounded(&self, hint: Option<usize>) -> Option<usize> {
        hint.map(|hint| hint.min(self.length))
    }

    /// An element of a sequence or map begins: forget what was consumed before it.
    #[inline]
    pub(crate) fn begin(&self) {
        self.moved.set(false);
    }

    /// The element ended; it is charged when it consumed nothing. `size` is what it takes in memory.
    #[inline]
    pub(crate) fn end<E: Error>(&self, size: usize) -> Result<(), E> {
        if self.moved.get() {
            return Ok(());
        }
        self.empty.set(self.empty.get().saturating_add(size.max(1)));
        if self.empty.get() > MAX_EMPTY {
            return Err(self.refuse(Fault::TooManyEmpty));
        }
        Ok(())
    }

    /// Runs one level deeper. Depth is not restored on an error, since an error ends the message.
    #[inline]
    pub(crate) fn deeper<T, E: Error>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let depth = self.depth.get();
        if depth == MAX_DEPTH {
            return Err(self.refuse(Fault::TooDeep));
        }
        self.depth.set(depth + 1);
        let value = run()?;
        self.depth.set(depth);
        // Whatever its parts were, it consumed its own tag or length; they have overwritten that mark.
        self.moved();
        Ok(value)
    }

    #[cold]
    fn refuse<E: Error>(&self, fault: Fault) -> E {
        self.fault.set(Some(fault));
        E::custom("refused by the guard")
    }
}
