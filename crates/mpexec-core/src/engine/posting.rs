//! Descriptors on their way to the workers, ahead of the batches that name them: parcels, memory that is lent, ends of
//! channels, buffers.
//!
//! Each is sent with every batch that names it, a buffer and lent memory only to a worker that does not have it yet. What a worker does
//! not take for itself, because the task was taken back or settled otherwise, it is told to forget: everything goes over
//! one socket in its order, so this never comes before the descriptor does.

use std::os::fd::{AsFd, BorrowedFd};

use mpexec_wire::Entries;

use super::Engine;
use super::parcels::{Parcel, Passed};
use super::scheduler::{JobId, Run, WorkerId};
use super::state::State;
use crate::carry::{Attachment, Number};
use crate::link::LinkError;

impl State {
    /// Sends what the tasks of a run name.
    pub(super) fn post(&mut self, id: WorkerId, job: JobId, run: &Run) -> Result<(), LinkError> {
        let (Some(job), slot) = (self.jobs.get(&job), &mut self.slots[id]) else {
            return Ok(());
        };
        if slot.link.is_none() {
            return Err(LinkError::Closed);
        }
        if job.parcels {
            for named in Entries::new(run.entries(), run.count).flatten().filter_map(|entry| entry.parcel()) {
                match self.parcels.get(&named.parcel).map(Parcel::passed) {
                    Some(Passed::Once(fd, length)) => match slot.link.as_mut() {
                        Some(link) => link.send_parcel(named.parcel, fd, length)?,
                        None => return Err(LinkError::Closed),
                    },
                    Some(Passed::Kept(number, fd, length)) => slot.post_once(number, fd, length)?,
                    None => {}
                }
            }
        }
        if !job.attachments.is_empty() {
            for attachment in job.attachments.of(run.first, run.count.into()) {
                slot.post(attachment)?;
            }
        }
        if job.parcels || !job.attachments.is_empty() {
            self.mind_post(id);
        }
        Ok(())
    }

    /// The worker will not run these tasks: what was sent for them alone is not needed there.
    pub(super) fn unpost(&mut self, id: WorkerId, job: JobId, first: u64, count: u32, entries: &[u8]) {
        let Some(job) = self.jobs.get(&job) else {
            return;
        };
        let mut numbers = Vec::new();
        if job.parcels {
            // What is lent stays with it for the next.
            let alone = Entries::new(entries, count).flatten().filter(|entry| entry.lent().is_none());
            numbers.extend(alone.filter_map(|entry| entry.parcel()).map(|named| named.parcel));
        }
        numbers.extend(job.attachments.of(first, count.into()).filter_map(of_one_task));
        self.tell_to_forget(id, &numbers);
    }

    /// These tasks have their outcomes: what they alone had along is let go, here and in the worker that had them.
    pub(super) fn let_go(&mut self, id: Option<WorkerId>, job: JobId, first: u64, count: u64) {
        let Some(job) = self.jobs.get_mut(&job).filter(|job| !job.attachments.is_empty()) else {
            return;
        };
        let over = job.attachments.settled(first, count);
        let numbers: Vec<u64> = over.iter().filter_map(of_one_task).collect();
        for attachment in over {
            match attachment {
                // At once: who sees the outcome may ask the channel whether it has ended.
                Attachment::Once { fd, .. } => drop(fd),
                // It may be large, and to unmap it takes a while.
                Attachment::Kept(buffer) => self.unused.push(buffer),
            }
        }
        if let Some(id) = id {
            self.tell_to_forget(id, &numbers);
        }
    }

    /// What the context names, to a worker that is new.
    pub(super) fn post_context(&mut self, id: WorkerId) {
        let slot = &mut self.slots[id];
        slot.mailbox.clone_from(&self.mailbox);
        let posted = self.context_attachments.iter().try_for_each(|attachment| slot.post(attachment));
        match posted {
            Ok(()) => self.mind_post(id),
            Err(error) => self.give_up(id, &error),
        }
    }

    fn tell_to_forget(&mut self, id: WorkerId, numbers: &[u64]) {
        if let Some(link) = self.slots[id].link.as_mut().filter(|_| !numbers.is_empty()) {
            // Who cannot be told is gone, and forgets that way.
            let _ = link.forget_parcels(numbers);
            self.mind_post(id);
        }
    }
}

fn of_one_task(attachment: &Attachment) -> Option<u64> {
    match attachment {
        Attachment::Once { number, .. } => Some(*number),
        Attachment::Kept(_) => None,
    }
}

impl super::slot::Slot {
    fn post(&mut self, attachment: &Attachment) -> Result<(), LinkError> {
        let Some(link) = self.link.as_mut() else {
            return Err(LinkError::Closed);
        };
        match attachment {
            Attachment::Once { number, fd } => link.send_parcel(*number, fd.as_fd(), 0),
            Attachment::Kept(buffer) => self.post_once(buffer.known_as(), buffer.fd(), buffer.len() as u64),
        }
    }

    /// What it keeps, unless it has that.
    fn post_once(&mut self, number: &Number, fd: BorrowedFd<'_>, length: u64) -> Result<(), LinkError> {
        let Some(link) = self.link.as_mut().filter(|_| !self.buffers.contains(&number.get())) else {
            return Ok(());
        };
        if let Some(mailbox) = &self.mailbox {
            number.tell_at_the_end(mailbox);
        }
        self.buffers.insert(number.get());
        link.send_parcel(number.get(), fd, length)
    }
}

impl Engine {
    /// Buffers that nobody here holds any more are forgotten by the workers too.
    pub(super) fn forget_unused(&self) {
        let numbers = self.mailbox.take();
        if numbers.is_empty() {
            return;
        }
        let mut state = self.lock();
        for id in 0..state.slots.len() {
            let buffers = &mut state.slots[id].buffers;
            let had: Vec<u64> = numbers.iter().copied().filter(|number| buffers.remove(number)).collect();
            state.tell_to_forget(id, &had);
        }
    }
}
