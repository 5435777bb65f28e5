//! Messages, codec and frames of mpexec: bytes only, no input or output, no unsafe code.
//!
//! Everything that goes between a coordinator and a worker is defined here, one file per layer, from the bottom:
//!
//! 1. **Values** ([`encode`], [`decode`]): a serde value to bytes and back, straight into a [`Sink`]. Numbers in a row and text have
//!    fast ways ([`encode_owned`], [`encode_slice`], [`encode_str`]).
//! 2. **Records** ([`BatchHeader`] and [`Entries`], [`GroupHeader`] and [`Results`]): many tasks or results in one piece of memory, the
//!    same in a shared-memory ring and on a socket.
//! 3. **Messages** ([`FromWorker`], [`ToWorker`]): the handshake and what else the two sides say to each other.
//! 4. **Frames** ([`FrameHeader`], [`FrameDecoder`]): how messages and records follow each other on a byte stream.
//! 5. **Packets** ([`PacketHeader`]): the messages of a channel between tasks, which the socket keeps apart.
//!
//! # A task there and back
//! ```
//! use mpexec_wire::*;
//!
//! // The coordinator: a header, and one entry whose payload is the encoded arguments.
//! let mut batch = vec![0; BATCH_HEADER + ENTRY_HEADER];
//! let len = encode_owned(&vec![1_i64, 2, 3], &mut batch)?;
//! batch.resize(pad8(batch.len()), 0);
//! BatchHeader {
//!     batch: 1, base_ordinal: 0, first_index: 0, function: 0, function_kind: FunctionKind::Named,
//!     count: 1, flags: 0, attempt: 0, parcels: 0,
//! }
//! .write_to(batch.first_chunk_mut().unwrap());
//! EntryHeader { len: len as u32, flags: 0 }.write_to(batch[BATCH_HEADER..].first_chunk_mut().unwrap());
//!
//! // The worker: nothing that the bytes say is believed unchecked.
//! let header = BatchHeader::read(&batch)?;
//! for entry in Entries::new(&batch[BATCH_HEADER..], header.count) {
//!     let (row, _) = decode_owned::<Vec<i64>>(entry?.payload)?;
//!     assert_eq!(row.iter().sum::<i64>(), 6);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds everywhere
//! - Every truncation, every changed byte and arbitrary bytes give a typed error or a valid value: never a panic, never memory or
//!   time out of proportion to the bytes that are there.
//! - Integers are little endian and of fixed width; reserved fields and padding are zero and are checked to be.
//! - The layouts are pinned by golden bytes in the tests. Whoever changes one raises [`PROTOCOL`].

#![forbid(unsafe_code)]

mod batch;
mod codec;
mod copying;
mod decoder;
mod frame;
mod function;
mod group;
mod guard;
mod le;
mod message;
mod owning;
mod packet;
mod plain;
mod record;
mod sink;
mod watch;

pub use batch::{
    BATCH_CALLS, BATCH_HEADER, BATCH_ONCE, BATCH_TIMED, BatchHeader, ENTRY_LENT, ENTRY_PARCEL, Entries, Entry,
    EntryHeader, FunctionKind,
};
pub use codec::{DecodeError, EncodeError, MAX_DEPTH, MAX_EMPTY, decode, decode_prefix, encode, encode_to_vec};
pub use copying::{append, copied, copy};
pub use decoder::{Frame, FrameDecoder};
pub use frame::{
    FRAME_HEADER, FRAME_MAGIC, Forgotten, FrameError, FrameHeader, FrameKind, MAX_ATTACHED, MAX_CONTROL, MAX_DATA,
    MAX_FORGOTTEN, MAX_PIECE, PIECE_HEADER, PROGRESS, ParcelPiece, Progress,
};
pub use function::{FunctionInfo, Signature};
pub use group::{GROUP_HEADER, GroupHeader, RESULT_PARCEL, ResultEntry, ResultHeader, Results, Status};
pub use message::{
    Captured, FileId, FromWorker, Greeting, Hello, PROTOCOL, PanicReport, Settings, ToWorker, Transport, Welcome,
    peek_hello,
};
pub use packet::{PACKET_HEADER, PACKET_MAGIC, PacketError, PacketHeader, PacketKind};
pub use plain::{decode_owned, decode_owned_into, decode_slice, decode_str, encode_owned, encode_slice, encode_str};
pub use record::{ENTRY_HEADER, LENT_REF, LentRef, PARCEL_REF, ParcelRef, RecordError, pad8};
pub use sink::{Sink, SinkFull, SliceSink};
