//! Parcels on their way: descriptors of large messages, received ahead of what names them.
//!
//! In a worker the guard thread receives them and the task thread waits for them ([`Parcels`]). In the coordinator they
//! lie in [`Arrivals`] until their results come; there nothing is believed: neither that a result will name them, nor
//! how long they are.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use mpexec_ring::Parcel;
use mpexec_wire::ParcelRef;

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

/// So many parcels of a worker may lie here that no result has named.
///
/// An honest worker sends a parcel and then at once the result that names it. So of all that it has sent, one parcel at
/// most is not named yet; the others wait only for us to read the results. Both links read these before they read more
/// parcels than this.
pub(crate) const MOST_UNNAMED: usize = 64;

/// What a worker has sent ahead of its results.
#[derive(Debug)]
pub(crate) struct Arrivals {
    parcels: HashMap<u64, OwnedFd>,
    most_bytes: u64,
}

impl Arrivals {
    /// `most_bytes`: no result may be longer.
    pub(crate) fn new(most_bytes: u64) -> Arrivals {
        Arrivals { parcels: HashMap::new(), most_bytes }
    }

    pub(crate) fn len(&self) -> usize {
        self.parcels.len()
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.parcels.contains_key(&id)
    }

    /// Whether a result may have so many bytes.
    pub(crate) fn admit(&self, bytes: u64) -> Result<(), LinkError> {
        let most = self.most_bytes;
        if bytes > most { Err(LinkError::TooLarge { bytes, most }) } else { Ok(()) }
    }

    /// Takes a parcel frame in, of a worker that may have `awaited` parcels here.
    pub(crate) fn put(&mut self, payload: &[u8], mut attached: Vec<OwnedFd>, awaited: usize) -> Result<(), LinkError> {
        let parcel = ParcelRef::read(payload).map_err(LinkError::broken)?;
        let (Some(fd), true) = (attached.pop(), attached.is_empty()) else {
            return Err(LinkError::broken("a parcel came without its one descriptor"));
        };
        self.admit(parcel.len)?;
        if self.parcels.len() >= awaited {
            return Err(LinkError::broken("it sends parcels that no result names"));
        }
        match self.parcels.insert(parcel.parcel, fd) {
            None => Ok(()),
            Some(_) => Err(LinkError::broken("it sent two parcels of one number")),
        }
    }

    /// The parcel that a result names.
    pub(crate) fn take(&mut self, id: u64, length: u64) -> Result<Parcel, LinkError> {
        self.admit(length)?;
        let fd = self.parcels.remove(&id).ok_or_else(|| LinkError::broken("it names a parcel that it never sent"))?;
        Parcel::open(fd, length).map_err(LinkError::broken)
    }
}
