//! Fast ways for plain data: numbers in a row travel as one copy of their bytes, text as it stands.
//!
//! Serde visits a `Vec<f64>` element by element; the compiler does not see that this is a copy (55 ms against 8 for 8 MiB).
//! [`encode_owned`] and [`decode_owned`] look at the *type* and take such vectors as bytes. The wire form is the codec's own,
//! so it does not matter which side took which way; a test holds the two together.
//!
//! [`encode_slice`] and [`decode_slice`] are for arguments that the worker *borrows* from the message, without any copy. They
//! have a form of their own, since a borrowed slice must be aligned: zeros up to a multiple of 8, the length, the elements.
//! Alignment is counted from the start of the message, which therefore lies at a multiple of 8 in memory.
//! The elements are in the byte order of the machine: both sides run on one.

use std::{
    any::{Any, TypeId, type_name},
    ops::Range,
};

use bytemuck::Pod;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{DecodeError, EncodeError, decode_prefix, encode},
    copying::append,
    record::pad8,
    sink::Sink,
};

/// Runs `$body` with `$P` as the element type for which `$T` is `Vec<$P>`, if there is one. `TypeId`s are constants: in an
/// optimised build nothing is left of the chain but the one branch that fits.
macro_rules! if_plain_vec {
    ($T:ty, $P:ident => $body:expr) => {
        if_plain_vec!($T, $P => $body, u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);
        #[cfg(target_pointer_width = "64")]
        if_plain_vec!($T, $P => $body, usize isize);
    };
    ($T:ty, $P:ident => $body:expr, $($plain:ty)*) => {$(
        if cfg!(target_endian = "little") && TypeId::of::<$T>() == TypeId::of::<Vec<$plain>>() {
            type $P = $plain;
            return $body;
        }
    )*};
}

/// As [`encode`], in one copy when `T` is a vector of numbers.
///
/// ```
/// let mut fast = Vec::new();
/// mpexec_wire::encode_owned(&vec![1.5_f64; 3], &mut fast)?;
/// assert_eq!(fast, mpexec_wire::encode_to_vec(&[1.5_f64; 3].as_slice())?);
/// # Ok::<(), mpexec_wire::EncodeError>(())
/// ```
///
/// # Errors
/// As [`encode`].
#[inline]
pub fn encode_owned<T: Serialize + 'static, S: Sink + ?Sized>(value: &T, sink: &mut S) -> Result<usize, EncodeError> {
    if_plain_vec!(T, P => {
        let vector = (value as &dyn Any).downcast_ref::<Vec<P>>().expect("the types were compared");
        counted(vector.len(), bytemuck::cast_slice(vector), sink)
    });
    encode(value, sink)
}

/// As [`decode_prefix`], in one copy when `T` is a vector of numbers.
///
/// ```
/// let bytes = mpexec_wire::encode_to_vec(&(vec![1_i64, 2], 3_u8))?;
/// let (vector, used) = mpexec_wire::decode_owned::<Vec<i64>>(&bytes)?;
/// assert_eq!((vector, used), (vec![1, 2], 24));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`decode_prefix`].
#[inline]
pub fn decode_owned<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    decode_owned_into(bytes, |_| {})
}

/// As [`decode_owned`]; `prepare` is shown the memory of a vector of numbers before anything is written into it.
///
/// ```
/// let bytes = mpexec_wire::encode_to_vec(&vec![1_i64, 2])?;
/// let mut shown = 0;
/// let (vector, _) = mpexec_wire::decode_owned_into::<Vec<i64>>(&bytes, |memory| {
///     shown = memory.end.addr() - memory.start.addr();
/// })?;
/// assert_eq!((vector, shown), (vec![1, 2], 16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`decode_prefix`].
#[inline]
pub fn decode_owned_into<T: DeserializeOwned + 'static>(
    bytes: &[u8],
    prepare: impl FnOnce(Range<*const u8>),
) -> Result<(T, usize), DecodeError> {
    if_plain_vec!(T, P => {
        let mut pos = 0;
        let raw = take_counted(bytes, &mut pos, size_of::<P>(), type_name::<T>())?;
        let mut vector: Option<Vec<P>> = Some(to_vec(raw, prepare));
        let value = (&mut vector as &mut dyn Any).downcast_mut::<Option<T>>();
        let value = value.and_then(Option::take).expect("the types were compared");
        Ok((value, pos))
    });
    decode_prefix(bytes)
}

/// Encodes a slice so that the other side can borrow it; [`decode_slice`] is the mirror.
///
/// ```
/// let mut bytes = vec![9];
/// mpexec_wire::encode_slice(&[1_u16, 2], &mut bytes)?;
/// assert_eq!(bytes, [9, 0, 0, 0, 0, 0, 0, 0, /* length */ 2, 0, 0, 0, 0, 0, 0, 0, /* elements */ 1, 0, 2, 0]);
/// # Ok::<(), mpexec_wire::EncodeError>(())
/// ```
///
/// An element type that is zero-sized or aligned to more than 8 does not compile:
///
/// ```compile_fail
/// mpexec_wire::encode_slice(&[()], &mut Vec::new()).unwrap();
/// ```
///
/// # Errors
/// [`EncodeError::Full`] when the sink is full.
#[inline]
pub fn encode_slice<T: Pod, S: Sink + ?Sized>(slice: &[T], sink: &mut S) -> Result<usize, EncodeError> {
    const { borrowable::<T>() };
    let at = sink.written();
    let pad = pad8(at) - at;
    sink.write(&[0; 8][..pad])?;
    Ok(pad + counted(slice.len(), bytemuck::cast_slice(slice), sink)?)
}

/// Borrows a slice that [`encode_slice`] wrote, from `bytes` at `pos`, and moves `pos` behind it.
///
/// `bytes` is the message from its start, which lies at a multiple of 8 in memory.
///
/// ```
/// let mut message = Vec::new();
/// mpexec_wire::encode_slice(&[0.5_f32, 2.0], &mut message)?;
/// let aligned: &[u64] = &[2, u64::from_le_bytes(message[8..16].try_into()?)];
/// let mut pos = 0;
/// assert_eq!(mpexec_wire::decode_slice::<f32>(bytemuck::cast_slice(aligned), &mut pos)?, &[0.5, 2.0]);
/// assert_eq!(pos, 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DecodeError::Cut`] when it is longer than the bytes, [`DecodeError::Invalid`] when the padding is not zero or the bytes
/// do not lie at a multiple of the alignment of `T`. `pos` is then where it was.
#[inline]
pub fn decode_slice<'a, T: Pod>(bytes: &'a [u8], pos: &mut usize) -> Result<&'a [T], DecodeError> {
    const { borrowable::<T>() };
    let type_name = type_name::<&[T]>();
    let invalid = |message: &str| DecodeError::Invalid { type_name, message: message.to_owned() };
    let padding = (|| bytes.get(*pos..pos.checked_next_multiple_of(8)?))();
    let padding = padding.ok_or(DecodeError::Cut { type_name })?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(invalid("the padding before it is not zero"));
    }
    let mut at = *pos + padding.len();
    let raw = take_counted(bytes, &mut at, size_of::<T>(), type_name)?;
    let slice =
        bytemuck::try_cast_slice(raw).map_err(|_| invalid("the message does not lie at a multiple of 8 in memory"))?;
    *pos = at;
    Ok(slice)
}

/// Encodes text so that the other side can borrow it. The form is the codec's own for `String`.
///
/// ```
/// let mut message = Vec::new();
/// mpexec_wire::encode_str("ab", &mut message)?;
/// assert_eq!(mpexec_wire::decode::<String>(&message)?, "ab");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EncodeError::Full`] when the sink is full.
#[inline]
pub fn encode_str<S: Sink + ?Sized>(text: &str, sink: &mut S) -> Result<usize, EncodeError> {
    counted(text.len(), text.as_bytes(), sink)
}

/// Borrows text that [`encode_str`] wrote, from `bytes` at `pos`, and moves `pos` behind it.
///
/// ```
/// let mut message = Vec::new();
/// mpexec_wire::encode_str("größer", &mut message)?;
/// let mut pos = 0;
/// assert_eq!(mpexec_wire::decode_str(&message, &mut pos)?, "größer");
/// assert_eq!(pos, message.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DecodeError::Cut`] when it is longer than the bytes, [`DecodeError::Invalid`] when it is not UTF-8. `pos` is then where
/// it was.
#[inline]
pub fn decode_str<'a>(bytes: &'a [u8], pos: &mut usize) -> Result<&'a str, DecodeError> {
    let type_name = type_name::<&str>();
    let mut at = *pos;
    let raw = take_counted(bytes, &mut at, 1, type_name)?;
    let text = std::str::from_utf8(raw)
        .map_err(|error| DecodeError::Invalid { type_name, message: format!("it is not UTF-8: {error}") })?;
    *pos = at;
    Ok(text)
}

const fn borrowable<T>() {
    assert!(size_of::<T>() > 0, "a slice of zero-sized elements cannot be sent by reference: send its length");
    assert!(
        align_of::<T>() <= 8,
        "elements aligned to more than 8 bytes cannot be sent by reference: send a Vec of them"
    );
}

/// Copies whole elements out of bytes. Not `pod_collect_to_vec`, which fills the vector with zeros first.
#[inline]
fn to_vec<P: Pod>(raw: &[u8], prepare: impl FnOnce(Range<*const u8>)) -> Vec<P> {
    let count = raw.len() / size_of::<P>();
    let mut vector = Vec::with_capacity(count);
    let memory = vector.spare_capacity_mut()[..count].as_ptr_range();
    prepare(memory.start.cast()..memory.end.cast());
    match bytemuck::try_cast_slice(raw) {
        Ok(elements) => append(&mut vector, elements),
        Err(_) => vector.extend(raw.chunks_exact(size_of::<P>()).map(bytemuck::pod_read_unaligned::<P>)),
    }
    vector
}

/// Writes a length and the bytes that follow it.
#[inline]
fn counted<S: Sink + ?Sized>(len: usize, raw: &[u8], sink: &mut S) -> Result<usize, EncodeError> {
    let len = (len as u64).to_le_bytes();
    sink.write(&len)?;
    sink.write(raw)?;
    Ok(len.len() + raw.len())
}

/// Takes a length and as many elements of `size` bytes; `pos` moves only when they are all there.
#[inline]
fn take_counted<'a>(
    bytes: &'a [u8],
    pos: &mut usize,
    size: usize,
    type_name: &'static str,
) -> Result<&'a [u8], DecodeError> {
    let take = || {
        let (len, rest) = bytes.get(*pos..)?.split_first_chunk::<8>()?;
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        rest.get(..len.checked_mul(size)?)
    };
    let raw = take().ok_or(DecodeError::Cut { type_name })?;
    *pos += 8 + raw.len();
    Ok(raw)
}
