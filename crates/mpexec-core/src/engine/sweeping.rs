//! Parcels of tasks that are not settled: kept with their entries, and freed with these.

use std::collections::HashSet;

use mpexec_wire::Entries;

use super::parcels::Parcel;
use super::scheduler::JobId;
use super::state::State;

impl State {
    /// Keeps parcels whose entries are queued under the same lock.
    pub(super) fn keep_parcels(&mut self, job: JobId, parcels: Vec<Parcel>) {
        self.parcels.extend(parcels.into_iter().map(|parcel| (parcel.id, parcel.of_job(job))));
    }

    /// The task that named it is over, and nobody is at it any more.
    pub(super) fn parcel_is_over(&mut self, id: u64) {
        let Some(loan) = self.parcels.remove(&id).and_then(Parcel::into_loan) else { return };
        match &self.lendings {
            Some(lendings) => lendings.give_back(loan),
            None => self.worn.push(loan),
        }
    }

    /// Nothing of a job is queued any more: its parcels that no worker has are freed.
    pub(super) fn sweep_parcels_of(&mut self, job: JobId) {
        if self.parcels.values().any(|parcel| parcel.job() == job) {
            self.sweep_parcels();
        }
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
        // Much memory is not unmapped in a moment.
        self.worn.extend(self.parcels.extract_if(|id, _| !named.contains(id)).filter_map(|(_, gone)| gone.into_loan()));
    }
}
