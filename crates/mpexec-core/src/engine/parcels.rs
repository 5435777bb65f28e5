//! Parcels on their way to workers: large arguments in memory files, kept until their tasks are settled.
//!
//! A parcel is named by its task's entry. It is freed with the batch that held the entry; whenever entries vanish otherwise
//! (a worker died, a job was given up), all parcels that no entry names any more are swept.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use mpexec_ring::ParcelWriter;

use crate::carry::new_number;
use crate::os::descriptors;

/// A large argument that was just encoded.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub id: u64,
    pub fd: OwnedFd,
    pub length: u64,
}

impl Parcel {
    /// Gives it a number of its own.
    pub(crate) fn new(fd: OwnedFd, length: u64) -> Parcel {
        // Each waits in a descriptor of its own: thousands may, before the first is sent.
        descriptors::make_room(fd.as_fd());
        Parcel { id: new_number(), fd, length }
    }
}

/// A new memory file for a large argument.
///
/// # Errors
/// What the system says when the process may have no more descriptors, or there is no memory.
pub(crate) fn new_file() -> io::Result<ParcelWriter> {
    descriptors::with_room(ParcelWriter::create)
}
