//! The codec: serde values to bytes and back. The only file of the project that names bincode.
//!
//! # The form on the wire
//! bincode 2, little endian, integers at their full width (three to eight times cheaper here than variable ones), lengths
//! and `usize` as `u64`, enum variants as `u32`. The same form is spoken by bincode's legacy configuration and by its
//! successors, so replacing the crate is a change of this file.
//!
//! # What decoding bytes from a stranger may cost
//! Nothing that the bytes say is believed before it is checked: no memory is taken for a text or a byte string that is
//! longer than what follows it; a sequence is never reserved beyond the message's own length; nesting stops at
//! [`MAX_DEPTH`]; elements that take no bytes at all stop at [`MAX_EMPTY`]. `guard.rs` sees to this *around* bincode, whose
//! own limit covers only the first of the four and is a constant of the type.
//!
//! What remains is the type's own factor: a `Vec<Option<[u64; 100]>>` of ten `None`s is 18 bytes here and 8 KB in memory.
//! So memory is bounded by the message's length times the largest element of the type, and time by its length.

use std::any::type_name;

use bincode::{
    config::{Configuration, Fixint, LittleEndian, NoLimit, standard},
    enc::write::Writer,
    error::{DecodeError as BincodeDecode, EncodeError as BincodeEncode},
    serde::{encode_into_writer, seed_decode_from_slice},
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

pub use crate::watch::{MAX_DEPTH, MAX_EMPTY};
use crate::{
    guard::Guarded,
    sink::{Sink, SinkFull},
    watch::{Fault, Watch},
};

/// No limit of bincode's own: `guard.rs` bounds every read by the message itself, which is exact.
const CONFIG: Configuration<LittleEndian, Fixint, NoLimit> = standard().with_fixed_int_encoding().with_no_limit();

/// Why a value could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The sink is full: encode again into a larger place. The sink holds a part of the value.
    #[error("the encoded value does not fit: give it a larger place")]
    Full,
    /// The value itself refused, for instance a sequence that does not know its length. The sink holds a part of it.
    #[error("a value of type {type_name} cannot be encoded: {message}")]
    Refused {
        /// The Rust type that was to be encoded.
        type_name: &'static str,
        /// What its `Serialize` said.
        message: String,
    },
}

impl From<SinkFull> for EncodeError {
    #[inline]
    fn from(_: SinkFull) -> Self {
        Self::Full
    }
}

/// Why bytes are not a value of the type that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("the bytes end in the middle of a value of type {type_name}")]
    Cut {
        /// The Rust type that was to be decoded.
        type_name: &'static str,
    },
    /// The value ends before the bytes do.
    #[error("{left} bytes are left over after a value of type {type_name}")]
    Trailing {
        /// The Rust type that was decoded.
        type_name: &'static str,
        /// How many bytes were not used.
        left: usize,
    },
    /// The value is nested deeper than [`MAX_DEPTH`]: send it in a flatter form, such as nodes that name each other by index.
    #[error("a value of type {type_name} is nested deeper than {MAX_DEPTH} levels: send it in a flatter form")]
    TooDeep {
        /// The Rust type that was to be decoded.
        type_name: &'static str,
    },
    /// The value holds more than [`MAX_EMPTY`] worth of elements that take no bytes: send their number instead.
    #[error(
        "a value of type {type_name} holds more than {MAX_EMPTY} elements that take no bytes: send their number instead"
    )]
    Limit {
        /// The Rust type that was to be decoded.
        type_name: &'static str,
    },
    /// The bytes say something that the type does not allow: a variant that does not exist, text that is not UTF-8.
    #[error("the bytes are not a value of type {type_name}: {message}")]
    Invalid {
        /// The Rust type that was to be decoded.
        type_name: &'static str,
        /// What is wrong with them.
        message: String,
    },
}

/// The bridge from our sinks to bincode's writer; a full sink comes back as its `UnexpectedEnd` and as nothing else.
struct Through<'a, S: ?Sized>(&'a mut S);

impl<S: Sink + ?Sized> Writer for Through<'_, S> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), BincodeEncode> {
        self.0.write(bytes).map_err(|_| BincodeEncode::UnexpectedEnd)
    }
}

/// Encodes `value` into `sink` and says how many bytes it took.
///
/// ```
/// use mpexec_wire::{SliceSink, encode};
///
/// let mut slot = [0_u8; 64];
/// let taken = encode(&(7_u8, -1_i16), &mut SliceSink::new(&mut slot))?;
/// assert_eq!(&slot[..taken], &[7, 0xff, 0xff]);
/// # Ok::<(), mpexec_wire::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError::Full`] when the sink is full, [`EncodeError::Refused`] when the value's own `Serialize` fails. In both
/// cases the sink holds a part of the value, which the caller must drop.
#[inline]
pub fn encode<T: Serialize + ?Sized, S: Sink + ?Sized>(value: &T, sink: &mut S) -> Result<usize, EncodeError> {
    let before = sink.written();
    match encode_into_writer(value, Through(&mut *sink), CONFIG) {
        Ok(()) => Ok(sink.written() - before),
        Err(error) => Err(encode_error(error, type_name::<T>())),
    }
}

/// Encodes `value` into a vector of its own; for control messages and tests, where a vector per value does not matter.
///
/// ```
/// assert_eq!(mpexec_wire::encode_to_vec("ab")?, [2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
/// # Ok::<(), mpexec_wire::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError::Refused`] when the value's own `Serialize` fails.
pub fn encode_to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes)?;
    Ok(bytes)
}

/// Decodes a value that takes up all of `bytes`.
///
/// ```
/// use mpexec_wire::{DecodeError, decode};
///
/// assert_eq!(decode::<(u8, i16)>(&[7, 0xff, 0xff])?, (7, -1));
/// assert!(matches!(decode::<u8>(&[7, 0]), Err(DecodeError::Trailing { left: 1, .. })));
/// # Ok::<(), DecodeError>(())
/// ```
///
/// # Errors
/// As [`decode_prefix`], and [`DecodeError::Trailing`] when the value ends before the bytes do.
#[inline]
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) = decode_prefix(bytes)?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(DecodeError::Trailing { type_name: type_name::<T>(), left: bytes.len() - used })
    }
}

/// Decodes a value from the start of `bytes` and says how many bytes it took; for arguments that follow each other.
///
/// ```
/// let (first, used) = mpexec_wire::decode_prefix::<u16>(&[1, 0, 2, 0])?;
/// let (second, _) = mpexec_wire::decode_prefix::<u16>(&[1, 0, 2, 0][used..])?;
/// assert_eq!((first, second), (1, 2));
/// # Ok::<(), mpexec_wire::DecodeError>(())
/// ```
///
/// # Errors
/// [`DecodeError::Cut`], [`DecodeError::Invalid`], [`DecodeError::TooDeep`] or [`DecodeError::Limit`]; see there.
#[inline]
pub fn decode_prefix<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let watch = Watch::new(bytes.len());
    match seed_decode_from_slice(Guarded::<T>::new(&watch), bytes, CONFIG) {
        Ok(done) => Ok(done),
        Err(error) => Err(decode_error(error, watch.fault(), type_name::<T>())),
    }
}

#[cold]
fn encode_error(error: BincodeEncode, type_name: &'static str) -> EncodeError {
    let message = match error {
        BincodeEncode::UnexpectedEnd => return EncodeError::Full,
        BincodeEncode::Serde(bincode::serde::EncodeError::SequenceMustHaveLength) => {
            "a sequence or map in it does not say its length beforehand; collect it first".to_owned()
        }
        BincodeEncode::OtherString(text) => text,
        other => other.to_string(),
    };
    EncodeError::Refused { type_name, message }
}

#[cold]
fn decode_error(error: BincodeDecode, fault: Option<Fault>, type_name: &'static str) -> DecodeError {
    match fault {
        Some(Fault::TooDeep) => return DecodeError::TooDeep { type_name },
        Some(Fault::TooManyEmpty) => return DecodeError::Limit { type_name },
        None => {}
    }
    let message = match error {
        BincodeDecode::UnexpectedEnd { .. } => return DecodeError::Cut { type_name },
        BincodeDecode::Utf8 { inner } => format!("a text in it is not UTF-8: {inner}"),
        BincodeDecode::InvalidBooleanValue(found) => {
            format!("a bool in it is {found}, neither 0 nor 1")
        }
        BincodeDecode::InvalidCharEncoding(found) => {
            format!("a char in it is {found:02x?}, which is not UTF-8")
        }
        BincodeDecode::UnexpectedVariant { found, .. } => {
            format!("an option in it is {found}, neither 0 nor 1")
        }
        BincodeDecode::Serde(_) => "its Deserialize asks the bytes for their own type, which they do not carry \
             (deserialize_any, flatten, untagged, tag)"
            .to_owned(),
        BincodeDecode::OtherString(text) => text,
        other => other.to_string(),
    };
    DecodeError::Invalid { type_name, message }
}
