//! Receiving: one packet is taken, checked and decoded. Who sent it may be a worker gone mad, so nothing it says is believed.

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::iter::FusedIterator;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use mpexec_wire::{PACKET_HEADER, PacketHeader, PacketKind};

use super::{MOST_INLINE, Receiver, RecvError};
use crate::carry::incoming::{Source, with_source};
use crate::carry::packets::{self, Blocked, Packet, Patience, Sent};
use crate::carry::{Buffer, decode_owned};

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<T: DeserializeOwned + 'static> Receiver<T> {
    /// Waits for the next message.
    ///
    /// # Errors
    /// [`RecvError::NoSenders`] at the end, [`RecvError::Undecodable`], [`RecvError::System`].
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_within(Patience::Forever, RecvError::Empty)
    }

    /// The next message, if one is there now.
    ///
    /// # Errors
    /// [`RecvError::Empty`], and as [`Receiver::recv`].
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.recv_within(Patience::None, RecvError::Empty)
    }

    /// Waits for the next message, but no longer than `limit`.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`], and as [`Receiver::recv`].
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvError> {
        self.recv_within(Patience::of(limit), RecvError::TimedOut(limit))
    }

    /// This handle takes no message longer than so many bytes; 16 GiB if not set. A longer one is
    /// [`RecvError::Undecodable`]. Set it to what you can afford where the senders are workers that you do not trust.
    ///
    /// ```
    /// use mpexec_core::{RecvError, channel};
    /// let (sender, receiver) = channel::<Vec<u8>>()?;
    /// let receiver = receiver.max_message(100);
    /// sender.send(&vec![0; 101])?;
    /// assert!(matches!(receiver.recv(), Err(RecvError::Undecodable { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_message(mut self, bytes: u64) -> Receiver<T> {
        self.most_bytes = bytes;
        self
    }

    /// All messages until the end. One that cannot be decoded is an `Err` among them; what the system refuses is the last.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages { receiver: Some(self) }
    }

    fn recv_within(&self, patience: Patience, late: RecvError) -> Result<T, RecvError> {
        let mut buffer = SPARE.take();
        buffer.resize(PACKET_HEADER + MOST_INLINE, 0);
        let taken = packets::receive(self.fd.as_fd(), &mut buffer, patience);
        let decoded = match taken {
            Ok(packet) => open(&buffer, packet, self.most_bytes).map_err(|message| RecvError::Undecodable { message }),
            Err(Blocked::NotNow) => Err(late),
            Err(Blocked::Closed) => Err(RecvError::NoSenders),
            Err(Blocked::Os(error)) => Err(RecvError::System { message: error.to_string() }),
        };
        SPARE.set(buffer);
        decoded
    }
}

impl<'r, T: DeserializeOwned + 'static> IntoIterator for &'r Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = Messages<'r, T>;

    fn into_iter(self) -> Messages<'r, T> {
        self.iter()
    }
}

/// All messages until the end; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Messages<'r, T> {
    receiver: Option<&'r Receiver<T>>,
}

impl<T: DeserializeOwned + 'static> Iterator for Messages<'_, T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Result<T, RecvError>> {
        let received = self.receiver?.recv();
        if matches!(received, Err(RecvError::NoSenders | RecvError::System { .. })) {
            self.receiver = None;
        }
        if matches!(received, Err(RecvError::NoSenders)) { None } else { Some(received) }
    }
}

impl<T: DeserializeOwned + 'static> FusedIterator for Messages<'_, T> {}

/// A packet as a value, or why it is none.
fn open<T: DeserializeOwned + 'static>(buffer: &[u8], packet: Packet, most: u64) -> Result<T, String> {
    let Packet { length, attached, cut } = packet;
    let (header, inline) = PacketHeader::read(&buffer[..length]).map_err(|error| error.to_string())?;
    if cut || attached.len() != usize::from(header.attached) {
        let (came, sent) = (attached.len(), header.attached);
        return Err(format!(
            "of {sent} descriptors {came} came along, or the message is too long: this process may have no more (ulimit -n), \
             or the sender is no channel"
        ));
    }
    if header.len > most {
        return Err(format!("it has {} bytes, more than max_message ({most} bytes)", header.len));
    }
    let mut attached = attached.into_iter();
    let parcel = match header.kind {
        PacketKind::Inline => None,
        // The header was refused if it says that none came.
        PacketKind::Parcel => attached.next().map(|sent| sent.into_parcel(header.len)),
    };
    let parcel = parcel.transpose().map_err(|error| error.to_string())?;
    decode(parcel.as_deref().unwrap_or(inline), attached)
}

fn decode<T: DeserializeOwned + 'static>(bytes: &[u8], attached: impl Iterator<Item = Sent>) -> Result<T, String> {
    let source = Along(RefCell::new(attached.map(Place::Sent).collect()));
    match with_source(Rc::new(source), || decode_owned::<T>(bytes)) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(format!("{} bytes are left over after a {}", bytes.len() - used, type_name::<T>())),
        Err(error) => Err(error.to_string()),
    }
}

/// What came along with one message, by place. What no value takes is closed with it.
struct Along(RefCell<Vec<Place>>);

enum Place {
    Sent(Sent),
    Buffer(Arc<Buffer>),
    Taken,
}

impl Along {
    /// Puts something in a place; what lay there, if there is such a place.
    fn put(&self, place: u64, what: Place) -> Option<Place> {
        let mut places = self.0.borrow_mut();
        let place = usize::try_from(place).ok().and_then(|place| places.get_mut(place))?;
        Some(std::mem::replace(place, what))
    }

    fn take(&self, place: u64) -> Place {
        self.put(place, Place::Taken).unwrap_or(Place::Taken)
    }
}

impl Source for Along {
    fn once(&self, place: u64) -> Option<OwnedFd> {
        match self.take(place) {
            Place::Sent(sent) => Some(sent.into_fd()),
            Place::Buffer(_) | Place::Taken => None,
        }
    }

    fn kept(&self, place: u64, length: u64) -> Option<Result<Arc<Buffer>, String>> {
        let buffer = match self.take(place) {
            Place::Sent(sent) => match Buffer::open(sent.into_fd(), length) {
                Ok(buffer) => buffer,
                Err(error) => return Some(Err(error)),
            },
            Place::Buffer(buffer) => buffer,
            Place::Taken => return None,
        };
        // One buffer may be named twice.
        self.put(place, Place::Buffer(buffer.clone()));
        Some(Ok(buffer))
    }
}
