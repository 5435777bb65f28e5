//! The operating system, fenced: every raw call of the crate, one list of functions per file.
//!
//! | file | what |
//! |---|---|
//! | [`child`] | a child process by its pidfd: wait, kill, kill its group |
//! | [`cgroup`] | a cgroup for each worker, where one may be made |
//! | [`oom`] | whether the kernel has killed processes because memory had run out |
//! | [`pidfd`] | what its descriptor can do beside: its group, and its exit when others have reaped it |
//! | [`closing`] | closing what came from another process, elsewhere |
//! | `parting` | closing a socket with a thread that ends, which waits for none |
//! | [`clocks`] | the time that all processes share, and the processor time of another one |
//! | [`spawn`] | the one thread that starts all children |
//! | [`status_signal`] | the signal that asks how far a program is does a worker no harm |
//! | [`exe`] | this program's own executable, held open |
//! | [`fork`] | telling a worker from a fork of it |
//! | [`family`] | the children that this process has now |
//! | [`place`] | niceness, processors, directories |
//! | [`sheet`] | memory that a process prints to |
//! | [`descriptors`] | what a worker does with the descriptors it was born with |
//! | [`death`] | dying with the coordinator |
//! | [`early`] | running before `main`, in test binaries |
//! | [`blackbox`] | what a worker leaves in writing when a fault of its program ends it |
//! | [`modules`] | code addresses of another process, as places in this one |
//! | [`text`] | where the program's code lies |
//! | [`events`] | eventfd and epoll |
//! | [`huge`] | huge pages for memory that is about to be filled |
//! | [`warm`] | pages for what the allocator gives out next |
//! | [`left`] | how much memory there is for this process |
//! | [`memory`] | how much memory a process has of its own, and may have |
//! | [`rlimits`] | the limits that this process was given |
//! | [`processors`] | how many processors this process may use |

pub(crate) mod blackbox;
pub(crate) mod cgroup;
pub(crate) mod child;
pub(crate) mod clocks;
pub(crate) mod closing;
pub(crate) mod death;
pub(crate) mod descriptors;
pub(crate) mod early;
pub(crate) mod events;
pub(crate) mod exe;
pub(crate) mod family;
pub(crate) mod fork;
mod hastening;
pub(crate) mod huge;
pub(crate) mod left;
pub(crate) mod memory;
pub(crate) mod modules;
pub(crate) mod oom;
mod parting;
pub(crate) mod pidfd;
pub(crate) mod place;
pub(crate) mod processors;
pub(crate) mod rlimits;
pub(crate) mod sheet;
pub(crate) mod spawn;
pub(crate) mod status_signal;
pub(crate) mod text;
pub(crate) mod warm;

/// The process that this one is a child of, as it is now.
pub(crate) fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}
