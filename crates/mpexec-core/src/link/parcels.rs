//! Parcels on their way: descriptors of large messages, received ahead of what names them.
//!
//! In a worker the guard thread receives them and the task thread waits for them ([`Parcels`]). In the coordinator they
//! lie in [`Arrivals`] until their results come; there nothing is believed: neither that a result will name them, nor
//! how long they are.

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use mpexec_ring::{Lent, OpenError, Parcel};
use mpexec_wire::{Entry, ParcelRef};
use rustix::io::{pread, retry_on_intr};

use super::LinkError;
use crate::carry::Buffer;
use crate::carry::incoming::Source;
use crate::os::closing::Foreign;

/// The number of the parcel that holds a shared context too large for the welcome.
pub(crate) const CONTEXT_PARCEL: u64 = u64::MAX;
/// The welcome then holds only its length, in so many bytes; an encoded context is always longer.
pub(crate) const CONTEXT_LENGTH: usize = 8;

/// A worker's shelf, shared by the thread that receives and the one that waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parcels(Arc<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    lying: Mutex<Lying>,
    news: Condvar,
    /// So many must have come before one that is not there is given up.
    expected: AtomicU64,
}

#[derive(Debug, Default)]
struct Lying {
    arrived: HashMap<u64, OwnedFd>,
    /// How many have ever come.
    came: u64,
    /// Buffers that were taken into use, until they are forgotten.
    kept: HashMap<u64, Arc<Buffer>>,
    /// As well: memory that is lent.
    lent: HashMap<u64, Lies>,
}

/// How lent memory is looked at.
#[derive(Clone, Debug)]
enum Lies {
    Here(Arc<Lent>),
    /// It cannot be mapped, as this process may have no more addresses or mappings: it is read each time.
    There(Arc<OwnedFd>),
}

impl Lies {
    fn new(fd: OwnedFd) -> Result<Lies, LinkError> {
        match Lent::open(fd.as_fd()) {
            Ok(lent) => Ok(Lies::Here(Arc::new(lent))),
            Err(OpenError::Os { .. }) => Ok(Lies::There(Arc::new(fd))),
            Err(error) => Err(LinkError::broken(error)),
        }
    }

    /// Its first so many bytes.
    fn first(self, length: usize) -> Result<Beside, LinkError> {
        match self {
            Lies::Here(lent) if length <= lent.len() => Ok(Beside::Lent(lent, length)),
            Lies::Here(_) => Err(LinkError::broken("what was lent is shorter than what lies in it")),
            Lies::There(fd) => Ok(read(&fd, length).unwrap_or_else(|error| {
                Beside::Missing(format!("its {length} bytes can neither be mapped nor read in this worker: {error}"))
            })),
        }
    }
}

fn read(fd: &OwnedFd, length: usize) -> io::Result<Beside> {
    // Arguments are borrowed at multiples of eight.
    let mut words: Vec<u64> = Vec::new();
    words.try_reserve_exact(length.div_ceil(8)).map_err(|_| io::ErrorKind::OutOfMemory)?;
    words.resize(length.div_ceil(8), 0);
    let bytes = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..length];
    let mut done = 0;
    while done < length {
        match retry_on_intr(|| pread(fd, &mut bytes[done..], done as u64))? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(Beside::Copied(words, length))
}

/// Where the arguments of a task lie that are beside its batch.
#[derive(Debug)]
pub(crate) enum Beside {
    Parcel(Parcel),
    /// In the first so many bytes.
    Lent(Arc<Lent>, usize),
    /// The same of a copy.
    Copied(Vec<u64>, usize),
    /// This worker cannot get at them, and why.
    Missing(String),
}

impl Deref for Beside {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Beside::Parcel(parcel) => parcel,
            Beside::Lent(lent, length) => &lent[..*length],
            Beside::Copied(words, length) => &bytemuck::cast_slice(words)[..*length],
            Beside::Missing(_) => &[],
        }
    }
}

impl Parcels {
    fn lock(&self) -> MutexGuard<'_, Lying> {
        self.0.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, id: u64, parcel: OwnedFd) {
        let mut lying = self.lock();
        lying.came += u64::from(id != CONTEXT_PARCEL);
        let former = lying.arrived.insert(id, parcel);
        drop(lying);
        drop(former);
        self.0.news.notify_all();
    }

    /// These are not needed any more.
    pub(crate) fn forget(&self, ids: impl Iterator<Item = u64>) {
        for id in ids {
            let mut lying = self.lock();
            let former = (lying.arrived.remove(&id), lying.kept.remove(&id), lying.lent.remove(&id));
            drop(lying);
            // To unmap much memory takes a while.
            drop(former);
        }
    }

    /// So many had been sent before the batch that is begun now.
    pub(crate) fn expect(&self, sent: u64) {
        self.0.expected.store(sent, Ordering::Relaxed);
    }

    /// Waits for the parcel. It was sent before the task that names it, so it is here or about to be; if the
    /// coordinator dies meanwhile, the guard ends this process.
    pub(crate) fn take(&self, id: u64, length: u64) -> Result<Parcel, LinkError> {
        let mut lying = self.lock();
        loop {
            if let Some(parcel) = lying.arrived.remove(&id) {
                return Parcel::open(parcel, length).map_err(LinkError::broken);
            }
            lying = self.0.news.wait(lying).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The arguments of a task that has them beside its batch. (Most have not: so this is out of their way, and its answer a word.)
    #[cold]
    pub(crate) fn of_task(&self, entry: Entry<'_>) -> Result<Box<Beside>, LinkError> {
        let beside = match (entry.parcel(), entry.lent()) {
            (_, Some(in_it)) => {
                let length = usize::try_from(in_it.parcel.len).map_err(LinkError::broken)?;
                self.lent(in_it.memory)?.first(length)?
            }
            (Some(named), None) => Beside::Parcel(self.take(named.parcel, named.len)?),
            (None, None) => return Err(LinkError::broken("a task has its arguments beside its batch, and not where")),
        };
        Ok(Box::new(beside))
    }

    /// Lent memory: here from an earlier task, or here or about to be as a parcel is. What has come and is not here was forgotten: nobody wants
    /// the task that names it any more.
    fn lent(&self, memory: u64) -> Result<Lies, LinkError> {
        let expected = self.0.expected.load(Ordering::Relaxed);
        let mut lying = self.lock();
        loop {
            if let Some(lent) = lying.lent.get(&memory) {
                return Ok(lent.clone());
            }
            if let Some(fd) = lying.arrived.remove(&memory) {
                // Opened under the lock, as below.
                let lent = Lies::new(fd)?;
                lying.lent.insert(memory, lent.clone());
                return Ok(lent);
            }
            if lying.came >= expected {
                return Err(LinkError::broken("it names memory that is not lent"));
            }
            lying = self.0.news.wait(lying).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`Parcels::take`], of something whose number stands in bytes of the user's: it may be wrong, so nothing is
    /// waited for that was not sent.
    fn find(&self, id: u64) -> (MutexGuard<'_, Lying>, Option<OwnedFd>) {
        let expected = self.0.expected.load(Ordering::Relaxed);
        let mut lying = self.lock();
        loop {
            let found = lying.arrived.remove(&id);
            if found.is_some() || lying.came >= expected || lying.kept.contains_key(&id) {
                return (lying, found);
            }
            lying = self.0.news.wait(lying).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What lies here: parcels, and buffers in use.
    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        let lying = self.lock();
        (lying.arrived.len(), lying.kept.len())
    }
}

impl Source for Parcels {
    fn once(&self, number: u64) -> Option<OwnedFd> {
        self.find(number).1
    }

    fn kept(&self, number: u64, length: u64) -> Option<Result<Arc<Buffer>, String>> {
        // Opened under the lock, which takes a moment: else it could be forgotten before it is kept.
        let (mut lying, found) = self.find(number);
        if let Some(fd) = found {
            match Buffer::open(fd, length) {
                Ok(buffer) => lying.kept.insert(number, buffer),
                Err(error) => return Some(Err(error)),
            };
        }
        lying.kept.get(&number).map(|buffer| Ok(buffer.clone()))
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
    parcels: HashMap<u64, Foreign>,
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
    pub(crate) fn put(&mut self, payload: &[u8], mut attached: Vec<Foreign>, awaited: usize) -> Result<(), LinkError> {
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
        let sent = self.parcels.remove(&id).ok_or_else(|| LinkError::broken("it names a parcel that it never sent"))?;
        sent.into_parcel(length).map_err(LinkError::broken)
    }
}
