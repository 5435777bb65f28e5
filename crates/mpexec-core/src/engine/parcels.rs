//! Parcels on their way to workers: large arguments in memory files, kept until their tasks are settled.
//!
//! Or in memory that is lent ([`super::lending`]).
//!
//! A parcel is named by its task's entry. It is freed with the batch that held the entry; whenever entries vanish otherwise
//! (a worker died, a job was given up), all parcels that no entry names any more are swept.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mpexec_ring::ParcelWriter;

use super::lending::Loan;
use super::scheduler::JobId;

use crate::carry::{Number, new_number};
use crate::os::descriptors;

/// A large argument that was just encoded.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub id: u64,
    /// Whose task names it, as soon as that is queued.
    job: JobId,
    place: Place,
}

/// Where its bytes are.
#[derive(Debug)]
enum Place {
    /// In a file of its own, so many.
    File(OwnedFd, u64),
    /// In memory that is lent.
    Lent(Loan),
}

/// How a worker gets the bytes.
#[derive(Debug)]
pub(super) enum Passed<'a> {
    /// By this descriptor of so many bytes, each time.
    Once(BorrowedFd<'a>, u64),
    /// By this one of so many bytes, once for all that lie in it.
    Kept(&'a Number, BorrowedFd<'a>, u64),
}

impl Parcel {
    /// Gives it a number of its own.
    pub(crate) fn new(fd: OwnedFd, length: u64) -> Parcel {
        // Each waits in a descriptor of its own: thousands may, before the first is sent.
        descriptors::make_room(fd.as_fd());
        Parcel { id: new_number(), job: 0, place: Place::File(fd, length) }
    }

    /// One in lent memory.
    pub(crate) fn lent(loan: Loan) -> Parcel {
        Parcel { id: new_number(), job: 0, place: Place::Lent(loan) }
    }

    pub(super) fn of_job(self, job: JobId) -> Parcel {
        Parcel { job, ..self }
    }

    pub(super) fn job(&self) -> JobId {
        self.job
    }

    /// Its memory, if that is lent.
    pub(super) fn into_loan(self) -> Option<Loan> {
        match self.place {
            Place::File(..) => None,
            Place::Lent(loan) => Some(loan),
        }
    }

    pub(super) fn passed(&self) -> Passed<'_> {
        match &self.place {
            Place::File(fd, length) => Passed::Once(fd.as_fd(), *length),
            Place::Lent(loan) => Passed::Kept(loan.number(), loan.lending().fd(), loan.lending().len() as u64),
        }
    }
}

/// A new memory file for a large argument.
///
/// # Errors
/// What the system says when the process may have no more descriptors, or there is no memory.
pub(crate) fn new_file() -> io::Result<ParcelWriter> {
    descriptors::with_room(ParcelWriter::create)
}
