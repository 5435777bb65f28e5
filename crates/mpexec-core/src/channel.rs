//! Typed channels between processes: many senders, many receivers, no lock that a dead process could hold.

mod errors;
mod receiving;
mod sending;

use std::any::type_name;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

pub use errors::{RecvError, SendError};
pub use receiving::Messages;

use crate::carry::outgoing::{NOT_HERE, attach};
use crate::carry::packets::ChannelEnd;
use crate::carry::{Attachment, incoming, packets};

/// A value up to so many bytes travels within its packet,
const MOST_INLINE: usize = 32 << 10;
/// if so many packets of this size fit between the ends; else in a memory file.
const AT_LEAST: usize = 8;
/// The longest value that is received if nothing else is said.
const MOST_BYTES: u64 = 16 << 30;

/// A channel for values of type `T`: what is sent by any [`Sender`] is received by one [`Receiver`].
///
/// Both ends can be cloned, used from several threads, and given to tasks and processes: as arguments, within other values,
/// in the [context](crate::PoolBuilder::context), and in messages of other channels. Each message is taken by one
/// receiver, whole, in the order in which one sender sent; messages of several senders may be mixed in any order.
///
/// # The end
/// When the last sender is gone, in all processes, what waits is still received, and then each receiver gets
/// [`RecvError::NoSenders`]; when the last receiver is gone, senders get [`SendError::NoReceivers`]. It does not matter how
/// they went: a process killed in the middle of a send leaves no half message and holds nobody up.
///
/// An end that is an argument of a task exists here until the task has its outcome, even if your own was dropped or moved:
/// if a worker dies under the task and it is tried again, it needs it once more. So a receiver hears the end when all the
/// tasks that had senders have ended, and your own senders are dropped. An end in a context lasts as long as its pool.
///
/// # What waits between them
/// About 200 KB, or the [capacity](channel_with_capacity) that you give; who sends more waits until something is received.
/// Values above some tens of KiB lie in memory of their own meanwhile, of which no more than about ten wait at a time.
///
/// **A trap**: if nobody receives, senders wait for ever. With two workers and two tasks that send to a third, the third
/// never begins. Receive in a [`Process`](crate::Process), in a thread or here while the senders run, or use
/// [`Sender::try_send`] or [`Sender::send_timeout`]. And as long as you keep a sender of your own, your receiver never
/// hears the end.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Sender, Workers, channel};
///
/// let (sender, receiver) = channel::<(u32, String)>()?;
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let task = |n: u32, progress: Sender<(u32, String)>| progress.send(&(n, "halfway".into())).is_ok();
/// let sent = pool.starmap_async(task, (0..3).map(|n| (n, &sender)));
/// drop(sender);
/// let mut told = receiver.iter().collect::<Result<Vec<_>, _>>()?; // ends when all three tasks have ended
/// told.sort();
/// assert_eq!(told[2], (2, "halfway".into()));
/// assert_eq!(sent.get()?, [true, true, true]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What the system says when this process may have no more descriptors.
pub fn channel<T: Serialize + DeserializeOwned + 'static>() -> io::Result<(Sender<T>, Receiver<T>)> {
    make(None)
}

/// As [`channel`](channel()), with about `bytes` bytes between the ends: how far senders may be ahead of receivers.
///
/// Each message is counted with some 400 bytes of the kernel's own beside its content, so that small ones count as
/// these. One always fits. The system has a limit of its own, under which more is not given (`net.core.wmem_max`).
///
/// ```
/// use mpexec_core::{SendError, channel_with_capacity};
/// let (sender, receiver) = channel_with_capacity::<u64>(1)?;
/// let ahead = (0..).take_while(|n| !matches!(sender.try_send(n), Err(SendError::Full))).count();
/// assert!((1..100).contains(&ahead));
/// assert_eq!(receiver.recv()?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`channel`](channel()).
pub fn channel_with_capacity<T>(bytes: usize) -> io::Result<(Sender<T>, Receiver<T>)>
where
    T: Serialize + DeserializeOwned + 'static,
{
    make(Some(bytes))
}

fn make<T>(capacity: Option<usize>) -> io::Result<(Sender<T>, Receiver<T>)> {
    let (senders, receivers) = packets::pair(capacity)?;
    Ok((Sender::of(senders), Receiver::of(receivers)))
}

/// The sending end of a [`channel`](channel()).
pub struct Sender<T> {
    fd: Arc<ChannelEnd>,
    /// What is longer does not travel within its packet.
    inline: usize,
    messages: PhantomData<fn(T)>,
}

/// The receiving end of a [`channel`](channel()).
pub struct Receiver<T> {
    fd: Arc<ChannelEnd>,
    most_bytes: u64,
    messages: PhantomData<fn() -> T>,
}

impl<T> Sender<T> {
    fn of(fd: OwnedFd) -> Sender<T> {
        let inline = (packets::capacity(fd.as_fd()) / AT_LEAST).min(MOST_INLINE);
        Sender { fd: ChannelEnd::of_senders(fd), inline, messages: PhantomData }
    }
}

impl<T> Receiver<T> {
    fn of(fd: OwnedFd) -> Receiver<T> {
        Receiver { fd: ChannelEnd::of_receivers(fd), most_bytes: MOST_BYTES, messages: PhantomData }
    }
}

/// The two ends have the same to say of how they travel.
macro_rules! end {
    ($End:ident, $name:literal) => {
        /// Another handle on the same end; costs no descriptor.
        impl<T> Clone for $End<T> {
            fn clone(&self) -> $End<T> {
                $End { fd: self.fd.clone(), ..*self }
            }
        }

        impl<T> fmt::Debug for $End<T> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($name, "<{}>"), type_name::<T>())
            }
        }

        /// Only where its descriptor can go along; see [`channel`](channel()).
        impl<T: Serialize> Serialize for $End<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let number = attach(|| Attachment::once(self.fd.clone()));
                let number = number.ok_or_else(|| S::Error::custom(format!(concat!("a ", $name, " {}"), NOT_HERE)))?;
                serializer.serialize_newtype_struct($name, &(number, None::<T>))
            }
        }

        /// Only where its descriptor came along; see [`channel`](channel()).
        impl<'de, T: DeserializeOwned> Deserialize<'de> for $End<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$End<T>, D::Error> {
                struct Found<T>(PhantomData<fn() -> T>);
                impl<'de, T: DeserializeOwned> Visitor<'de> for Found<T> {
                    type Value = $End<T>;

                    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                        out.write_str(concat!("the ", $name, " of a channel"))
                    }

                    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<$End<T>, D::Error> {
                        // There never is a message here: it shows what the messages are to two programs that compare.
                        let (number, _) = <(u64, Option<T>)>::deserialize(inner)?;
                        let fd = incoming::once(number, concat!("a ", $name)).map_err(D::Error::custom)?;
                        match packets::if_one(fd) {
                            Some(fd) => Ok($End::of(fd)),
                            None => Err(D::Error::custom(concat!("what came as a ", $name, " is no end of a channel"))),
                        }
                    }
                }
                deserializer.deserialize_newtype_struct($name, Found(PhantomData))
            }
        }
    };
}

end!(Sender, "Sender");
end!(Receiver, "Receiver");
