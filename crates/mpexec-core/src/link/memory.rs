//! The in-process link: the same rings, with a thread as the worker. For tests of the machinery; nothing is isolated.

use std::io;

use mpexec_ring::PoolPage;

use super::parcels::Parcels;
use super::shm::worker::{Outgoing, ShmInbox, ShmOutbox, ends};
use super::shm::{Post, ShmLink};
use crate::os::events::Bell;

/// Both ends of a link within this process.
pub(crate) fn pair(capacity: usize, most_bytes: u64, page: &PoolPage) -> io::Result<(ShmLink, ShmInbox, ShmOutbox)> {
    let (tasks, results, inbox, outbox) = mpexec_ring::in_process(capacity, page)?;
    let bell = Bell::new()?;
    let rings = bell.try_clone()?;
    let (there, back) = (Parcels::default(), Parcels::default());
    let post = Post::Shelves { out: there.clone(), back: back.clone() };
    let link = ShmLink::new(tasks, results, bell, post, most_bytes);
    let (inbox, outbox) = ends(inbox, outbox, rings, Outgoing::Shelf(back), there);
    Ok((link, inbox, outbox))
}
