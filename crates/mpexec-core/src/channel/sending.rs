//! Sending: the value is encoded, then one packet goes, whole or not at all.

use std::cell::Cell;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use serde::Serialize;

use mpexec_wire::{PACKET_HEADER, PacketHeader, PacketKind, encode_owned};

use super::{MOST_INLINE, SendError, Sender};
use crate::carry::Attachment;
use crate::carry::outgoing::{Naming, collect};
use crate::carry::packets::{self, Blocked, MOST_ATTACHED, Patience};
use crate::engine::lending::Places;
use crate::task::staging::{EntrySink, refusal};

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What takes the place of a value that lies in a parcel.
static ZEROS: [u8; MOST_INLINE] = [0; MOST_INLINE];

impl<T: Serialize + 'static> Sender<T> {
    /// Sends a message, and waits for room as long as the channel is full.
    ///
    /// # Errors
    /// [`SendError::NoReceivers`], [`SendError::Unencodable`], [`SendError::System`].
    pub fn send(&self, message: &T) -> Result<(), SendError> {
        self.send_within(message, Patience::Forever, SendError::Full)
    }

    /// Sends a message if there is room now.
    ///
    /// # Errors
    /// [`SendError::Full`], and as [`Sender::send`].
    pub fn try_send(&self, message: &T) -> Result<(), SendError> {
        self.send_within(message, Patience::None, SendError::Full)
    }

    /// Sends a message, and waits for room no longer than `limit`.
    ///
    /// # Errors
    /// [`SendError::TimedOut`], and as [`Sender::send`].
    pub fn send_timeout(&self, message: &T, limit: Duration) -> Result<(), SendError> {
        self.send_within(message, Patience::of(limit), SendError::TimedOut(limit))
    }

    fn send_within(&self, message: &T, patience: Patience, late: SendError) -> Result<(), SendError> {
        let mut bytes = SPARE.take();
        bytes.clear();
        let sent = self.send_over(&mut bytes, message, patience, late);
        if bytes.capacity() <= 2 * MOST_INLINE {
            SPARE.set(bytes);
        }
        sent
    }

    fn send_over(
        &self,
        bytes: &mut Vec<u8>,
        message: &T,
        patience: Patience,
        late: SendError,
    ) -> Result<(), SendError> {
        bytes.resize(PACKET_HEADER, 0);
        let mut sink = EntrySink::behind(bytes, Places { largest: self.inline, lendings: None });
        let (encoded, attachments) = collect(Naming::Place, || encode_owned(message, &mut sink));
        let attachments = attachments.unwrap_or_default();
        let (parcel, refused) = sink.into_file();
        let length = encoded.map_err(|error| SendError::Unencodable { message: refusal(error, refused) })?;
        let kind = if parcel.is_some() { PacketKind::Parcel } else { PacketKind::Inline };
        let system = |error: std::io::Error| SendError::System { message: error.to_string() };
        let parcel = parcel.map(|writer| writer.finish()).transpose().map_err(system)?;
        let attached: Vec<BorrowedFd<'_>> = parcel.iter().map(AsFd::as_fd).chain(attachments.iter().map(fd)).collect();
        let count = u16::try_from(attached.len()).ok().filter(|count| usize::from(*count) <= MOST_ATTACHED);
        let count = count.ok_or_else(|| SendError::Unencodable {
            message: format!(
                "it names {} channels and shared buffers, and a message takes no more than {}",
                attachments.len(),
                MOST_ATTACHED - 1
            ),
        })?;
        let header = PacketHeader { kind, attached: count, len: length as u64 }.write();
        bytes[..PACKET_HEADER].copy_from_slice(&header);
        let parts = match kind {
            PacketKind::Inline => [IoSlice::new(bytes), IoSlice::new(&[])],
            PacketKind::Parcel => [IoSlice::new(&header), IoSlice::new(&ZEROS[..self.inline])],
        };
        packets::send(self.fd.as_fd(), &parts, &attached, patience).map_err(|blocked| match blocked {
            Blocked::NotNow => late,
            Blocked::Closed => SendError::NoReceivers,
            Blocked::Os(error) => system(error),
        })
    }
}

fn fd(attachment: &Attachment) -> BorrowedFd<'_> {
    match attachment {
        Attachment::Once { fd, .. } => fd.as_fd(),
        Attachment::Kept(buffer) => buffer.fd(),
    }
}
