//! What can go wrong: segments that are not what they should be, and a peer that writes nonsense.

use std::io;

use thiserror::Error;

/// The other side wrote what no honest peer writes: it has gone mad, or its memory was overwritten.
/// Nothing can be read any more; end the worker and start another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the shared ring is corrupt: {what} (found {value:#x}); end this worker, its ring cannot be trusted")]
pub struct Corrupt {
    what: &'static str,
    value: u64,
}

impl Corrupt {
    pub(crate) fn new(what: &'static str, value: u64) -> Corrupt {
        Corrupt { what, value }
    }

    /// What was wrong, in words.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The number that was found.
    pub fn value(&self) -> u64 {
        self.value
    }
}

/// Shared memory that was handed over cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file could be cut, grown or written by others, so mapping it would not be safe.
    #[error(
        "{what} lacks the seals that make it safe to map (it has {has:#x}, needed are {needs:#x}); was another file passed?"
    )]
    NotSealed {
        /// Which file.
        what: &'static str,
        /// Its seals, as `F_GET_SEALS` tells them.
        has: u32,
        /// The seals it must have.
        needs: u32,
    },
    /// The file has a size that no honest sender gives it.
    #[error("{what} has {size} bytes, which is not the size it should have; was another file passed?")]
    WrongSize {
        /// Which file.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
    },
    /// The file is longer than what was written into it: reading it would cost the reader memory that its writer has not
    /// spent.
    #[error("{what} says that it has {size} bytes and holds {held}; it was not written by an honest sender")]
    Hollow {
        /// Which file.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The memory behind it, in bytes.
        held: u64,
    },
    /// The system refused to look at it or to map it.
    #[error("{what} could not be mapped: {source}")]
    Os {
        /// Which file.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What went wrong with a file of our own is the system's doing.
pub(crate) fn os(error: OpenError) -> io::Error {
    match error {
        OpenError::Os { source, .. } => source,
        other => io::Error::other(other),
    }
}
