//! What the kill of a worker takes along: its process group, or all that it has ever started.

use super::{Pool, PoolBuilder};
use crate::config::Containment;

impl PoolBuilder {
    /// What the kill of a worker takes along, at a limit as at an abort, and its end by itself too; what the worker has started in
    /// its process group if not set. A process that a task has started can leave that group (`setsid`, as daemons do) and lives on
    /// then. With [`Containment::Cgroup`] it is killed as well, a few milliseconds after its worker, and so it is when this program
    /// is killed by SIGKILL.
    ///
    /// For that each worker has a cgroup of its own below that of this process, which takes Linux 5.14, cgroups of version 2, mounted
    /// anywhere, and the right to make some there: root has it, unless its container refuses, and whoever a part of the tree is
    /// delegated to (`systemd-run --user --scope -p Delegate=yes` runs a program so). Where none can be made,
    /// kills take the process group: [`Pool::containment`] says which it is, and a [note](PoolBuilder::notes) why. A task that may
    /// make cgroups can leave its own.
    ///
    /// A worker starts some 10 to 20 ms later by it: so long the kernel takes to move a process. What has [limits](crate::CallBuilder::time_limit)
    /// has a spare, which has come as far before it is needed. The cgroups are removed with their workers and with the pool,
    /// [`Pool::join`] waits for it; those of a program that was killed by SIGKILL, or that ends without joining its pool, are removed
    /// by the next pool that has some in the same place.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// use mpexec_core::{Containment, Pool, Workers};
    /// let pool = Pool::builder().workers(Workers::Exact(1)).containment(Containment::Cgroup).build()?;
    /// println!("a kill takes the {} of a worker", pool.containment());
    /// assert_eq!(pool.apply(|n: u32| n + 1, (1,))?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn containment(mut self, containment: Containment) -> PoolBuilder {
        self.config.containment = containment;
        self
    }
}

impl Pool {
    /// What the kill of a worker takes along: what was asked for, as far as it can be had; see [`PoolBuilder::containment`].
    #[must_use]
    pub fn containment(&self) -> Containment {
        self.engine.containment()
    }
}
