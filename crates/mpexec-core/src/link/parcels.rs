//! Parcels on their way into a worker: descriptors of large messages, received by the guard thread, waited for by the
//! task thread.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use mpexec_ring::Parcel;

use super::LinkError;

/// The number of the parcel that holds a shared context too large for the welcome.
pub(crate) const CONTEXT_PARCEL: u64 = u64::MAX;
/// The welcome then holds only its length, in so many bytes; an encoded context is always longer.
pub(crate) const CONTEXT_LENGTH: usize = 8;

/// Shared by the thread that receives and the one that waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parcels(Arc<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    arrived: Mutex<HashMap<u64, OwnedFd>>,
    news: Condvar,
}

impl Parcels {
    pub(crate) fn put(&self, id: u64, parcel: OwnedFd) {
        self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(id, parcel);
        self.0.news.notify_all();
    }

    /// Waits for the parcel. It was sent before the task that names it, so it is here or about to be; if the
    /// coordinator dies meanwhile, the guard ends this process.
    pub(crate) fn take(&self, id: u64, length: u64) -> Result<Parcel, LinkError> {
        let mut arrived = self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(parcel) = arrived.remove(&id) {
                return Parcel::open(parcel, length).map_err(LinkError::broken);
            }
            arrived = self.0.news.wait(arrived).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
