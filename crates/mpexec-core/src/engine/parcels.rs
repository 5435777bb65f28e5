//! Parcels on their way to workers: large arguments in memory files, kept until their tasks are settled.
//!
//! A parcel is named by its task's entry. It is freed with the batch that held the entry; whenever entries vanish otherwise
//! (a worker died, a job was given up), all parcels that no entry names any more are swept.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use mpexec_wire::Entries;

use super::state::State;

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
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Parcel { id: NEXT.fetch_add(1, Ordering::Relaxed), fd, length }
    }
}

impl State {
    /// Keeps parcels whose entries are queued under the same lock.
    pub(super) fn keep_parcels(&mut self, parcels: Vec<Parcel>) {
        self.parcels.extend(parcels.into_iter().map(|parcel| (parcel.id, parcel)));
    }

    /// Frees the parcels that no queued or held task names.
    pub(super) fn sweep_parcels(&mut self) {
        if self.parcels.is_empty() {
            return;
        }
        let mut named = HashSet::new();
        let mut look = |entries: &[u8], count: u32| {
            named.extend(
                Entries::new(entries, count).flatten().filter_map(|entry| entry.parcel()).map(|parcel| parcel.parcel),
            );
        };
        for run in self.sched.queued_runs() {
            look(run.entries(), run.count);
        }
        for (worker, slot) in self.sched.workers.iter().zip(&self.slots) {
            for (nth, held) in worker.held.iter().enumerate() {
                if let Some(link) = &slot.link {
                    look(link.held(nth), held.count);
                }
            }
        }
        self.parcels.retain(|id, _| named.contains(id));
    }
}
