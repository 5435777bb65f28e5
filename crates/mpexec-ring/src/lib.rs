//! The shared-memory byte rings between a coordinator and one worker process, and the parcels for
//! what is too long for a ring.
//!
//! Each worker has two rings, each with one writer and one reader: [`TaskSender`] to
//! [`TaskReceiver`] in the *task segment*, which only the coordinator can write, and
//! [`ResultSender`] to [`ResultReceiver`] in the *result segment*, which only the worker can write.
//! The worker trusts the coordinator and borrows payloads where they lie. The coordinator trusts no
//! worker: it checks every position and header and copies payloads out before anybody looks at
//! them.
//!
//! 1. The coordinator makes a [`PoolPage`] once, and [`create`]s the rings of each worker.
//! 2. It passes [`Segments`] and [`PoolPage::fd`] to the worker (how is not this crate's concern),
//!    which [`open`]s them.
//! 3. Records go to and fro: `grant` space, write into it, `commit`, `publish`.
//! 4. Who has nothing to do says that it sleeps and does so; who publishes rings only then
//!    ([`worker_wait`], [`PoolPage::set_sleeping`]).
//! 5. What is longer than `max_record()` goes in a [`Parcel`]. One that is to be filled in place begins as a [`Blank`].
//!
//! ```
//! use mpexec_ring::{DEFAULT_CAPACITY, PoolPage, Upto, in_process};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let page = PoolPage::create()?;
//! let (mut tasks, mut results, mut worker_tasks, mut worker_results) = in_process(DEFAULT_CAPACITY, &page)?;
//!
//! tasks.grant(3, 3).expect("an empty ring has room").copy_from_slice(b"abc");
//! let span = tasks.commit(3, 1, 0);
//! tasks.publish();
//!
//! let record = worker_tasks.next()?.expect("a task was published");
//! worker_results.grant(3, 3).expect("an empty ring has room").copy_from_slice(&record.payload.to_ascii_uppercase());
//! worker_results.commit(3, 1, record.tag);
//! worker_results.publish();
//!
//! let mut out = Vec::new();
//! let taken = results.take(Upto::Published, &mut out)?.expect("a result was published");
//! assert_eq!((taken.tag, &out[..]), (0, &b"ABC"[..]));
//! results.release(&tasks);
//! tasks.free_to(span); // its outcome is known
//! # Ok(())
//! # }
//! ```
//!
//! It needs Linux 5.1 (memfds sealed against future writing). Elsewhere the crate is empty.
#![doc = include_str!("PROTOCOL.md")]
// The model checker compiles the protocol's own files by itself, with its own atomics.
#![cfg(all(target_os = "linux", not(loom)))]

mod blank;
mod cells;
mod error;
mod futex;
mod group;
mod lending;
mod longest;
mod map;
mod memory;
mod page;
mod parcel;
mod reader;
mod record;
mod result_receiver;
mod result_sender;
mod segments;
mod sync;
mod task_receiver;
mod task_sender;
mod wait;
mod writer;

pub use blank::Blank;
pub use error::{Corrupt, OpenError};
pub use lending::{Lending, Lent};
pub use longest::may_be_as_long_as;
pub use page::PoolPage;
pub use parcel::{Parcel, ParcelWriter};
pub use result_receiver::{Progress, ResultReceiver, Taken, Upto};
pub use result_sender::ResultSender;
pub use segments::{DEFAULT_CAPACITY, Segments, create, in_process, open};
pub use task_receiver::{Record, TaskReceiver, TaskSignals};
pub use task_sender::{Span, TaskSender};
pub use wait::{Reason, Woken, current_cpu, space_wait, spin, spin_budget, worker_wait};
pub use writer::SHORT_RECORD;
