//! What cannot be bytes: descriptors that travel with the values that name them.
//!
//! An end of a channel and a shared buffer are descriptors. Their `Serialize` hands the descriptor to whoever encodes
//! ([`outgoing`]) and writes a number; their `Deserialize` asks whoever decodes for what has that number ([`incoming`]). Both
//! are per thread, and there only while a task's arguments, a context or a message is encoded or decoded: serde knows of
//! no other way to tell a value where it is going.
//!
//! | kind | for | in the worker |
//! |---|---|---|
//! | [`Attachment::Once`] | ends of channels | one descriptor for each time that a value names it |
//! | [`Attachment::Kept`] | shared buffers | comes once, is found again by its number, and forgotten when told |

pub(crate) mod buffer;
pub(crate) mod incoming;
mod kept;
pub(crate) mod outgoing;
mod owned;
pub(crate) mod packets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use buffer::Buffer;
pub(crate) use kept::{Mailbox, Number};
pub(crate) use owned::decode_owned;
use packets::ChannelEnd;

/// A descriptor that travels with a value.
#[derive(Clone, Debug)]
pub(crate) enum Attachment {
    /// For the one value that names it.
    Once { number: u64, fd: Arc<ChannelEnd> },
    /// Kept by each process that gets it.
    Kept(Arc<Buffer>),
}

impl Attachment {
    /// For the one value that names it.
    pub(crate) fn once(fd: Arc<ChannelEnd>) -> Attachment {
        Attachment::Once { number: new_number(), fd }
    }

    /// What it is called in the bytes of a task.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Attachment::Once { number, .. } => *number,
            Attachment::Kept(buffer) => buffer.number(),
        }
    }
}

/// A number that nothing else in this process has.
pub(crate) fn new_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
