//! The page of the pool: what the coordinator says to all its workers at once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::error::{OpenError, os};
use crate::map::{Access, Map, ONE_WRITER, seal, sealed_size, sized_memfd};
use crate::memory::{HEADER_PAGE, OwnPage, TrustedMemory};

const WHAT: &str = "the page of the pool";

/// The coordinator's page, one per pool: whether it sleeps and where it runs. Workers map it
/// read-only.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let page = mpexec_ring::PoolPage::create()?;
/// let (_, _, _, results) = mpexec_ring::in_process(1 << 16, &page)?;
/// assert_eq!(results.coordinator_cpu(), u32::MAX);
/// page.set_cpu(1);
/// assert_eq!(results.coordinator_cpu(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PoolPage {
    memory: OwnPage,
    /// `None`: nobody else is to see it.
    fd: Option<OwnedFd>,
}

impl PoolPage {
    /// A page of its own memfd, which nobody else can write or resize.
    ///
    /// # Errors
    ///
    /// If the system gives no memfd or no mapping (descriptors or memory are used up).
    pub fn create() -> io::Result<PoolPage> {
        let fd = sized_memfd("mpexec-page", HEADER_PAGE as u64)?;
        let map = Map::new(fd.as_fd(), HEADER_PAGE, Access::ReadWrite, WHAT).map_err(os)?;
        seal(fd.as_fd(), ONE_WRITER)?;
        Ok(PoolPage { memory: OwnPage::new(map), fd: Some(fd) })
    }

    /// A page that no worker will see, for a coordinator whose workers have no rings. It needs no memfd.
    ///
    /// # Errors
    ///
    /// If the system gives no mapping (memory is used up).
    pub fn private() -> io::Result<PoolPage> {
        Ok(PoolPage { memory: OwnPage::new(Map::private(HEADER_PAGE)?), fd: None })
    }

    /// The descriptor to pass to a worker, for [`crate::open`]; `None`: it is [private](PoolPage::private).
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// Says whether the coordinator sleeps, so that workers ring. After `true`, look once more at
    /// every ring before sleeping: a worker that published before it could see this did not
    /// ring.
    pub fn set_sleeping(&self, sleeping: bool) {
        self.memory.cells().set_sleeping(sleeping);
    }

    /// As [`PoolPage::set_sleeping`]`(true)`, by a coordinator that need not hear of every result: a worker may leave the bell
    /// alone until it wants more tasks (see [`ResultSender::coordinator_sleeps_deep`](crate::ResultSender::coordinator_sleeps_deep)).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let page = mpexec_ring::PoolPage::create()?;
    /// let (_, _, _, mut results) = mpexec_ring::in_process(1 << 16, &page)?;
    /// page.sleep_deep();
    /// results.grant(8, 8).ok_or("no room")?.fill(1);
    /// results.commit(8, 1, 0);
    /// assert!(results.publish() && results.coordinator_sleeps_deep());
    /// page.set_sleeping(false);
    /// assert!(!results.coordinator_sleeps_deep());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sleep_deep(&self) {
        self.memory.cells().sleep_deep();
    }

    /// Says on which CPU the coordinator runs.
    pub fn set_cpu(&self, cpu: u32) {
        self.memory.cells().set_cpu(cpu);
    }
}

/// Maps the page in a worker.
pub(crate) fn open_page(fd: BorrowedFd<'_>) -> Result<TrustedMemory<crate::cells::PageCells>, OpenError> {
    let size = sealed_size(fd, ONE_WRITER, WHAT)?;
    if size != HEADER_PAGE as u64 {
        return Err(OpenError::WrongSize { what: WHAT, size });
    }
    Ok(TrustedMemory::page(Map::new(fd, HEADER_PAGE, Access::Read, WHAT)?))
}
