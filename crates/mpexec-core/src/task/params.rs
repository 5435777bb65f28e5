//! One parameter: how its argument is written by the caller and read in the worker.

use std::any::type_name;

use bytemuck::Pod;
use serde::Serialize;
use serde::de::DeserializeOwned;

use mpexec_wire::{
    DecodeError, EncodeError, Sink, decode_slice, decode_str, encode, encode_owned, encode_slice, encode_str,
};

use super::structure::structure_of;
use crate::carry::{decode_owned, incoming};

/// Marks parameters that the worker owns: any value serde can carry.
#[derive(Debug)]
pub enum Owned {}
/// Marks parameters that are slices of plain data, borrowed in the worker from the bytes that came.
#[derive(Debug)]
pub enum Slice {}
/// Marks parameters that are text, borrowed in the worker.
#[derive(Debug)]
pub enum TextParam {}

/// The encoded arguments of one task, read from front to back.
#[derive(Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, position: 0 }
    }

    /// All arguments are read; what is left over does not belong to this function.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        // What the function itself decodes is its own.
        incoming::set_open(false);
        match self.rest().len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { type_name: "the arguments", left }),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }
}

/// A type that a task function may declare as a parameter. `K` is its kind, inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a task",
    label = "cannot be sent to another process",
    note = "a parameter is owned and has serde's `Deserialize` and nothing borrowed in it, or is a `&str`, or a `&[T]` of plain data (`bytemuck::Pod`)"
)]
pub trait Param<K>: Sized {
    /// The parameter as the function gets it, borrowing from the bytes that came where its kind allows.
    type In<'a>;

    /// Reads it.
    ///
    /// # Errors
    /// When the bytes are not a value of this type.
    fn decode<'a>(input: &mut Input<'a>) -> Result<Self::In<'a>, DecodeError>;

    /// Its structure as text, which two programs compare.
    #[doc(hidden)]
    fn structure() -> String;
}

impl<T: DeserializeOwned + 'static> Param<Owned> for T {
    type In<'a> = T;

    fn decode<'a>(input: &mut Input<'a>) -> Result<T, DecodeError> {
        let (value, used) = decode_owned::<T>(input.rest())?;
        input.position += used;
        Ok(value)
    }

    fn structure() -> String {
        structure_of::<T>()
    }
}

impl<T: Pod> Param<Slice> for &[T] {
    type In<'a> = &'a [T];

    fn decode<'a>(input: &mut Input<'a>) -> Result<&'a [T], DecodeError> {
        decode_slice(input.bytes, &mut input.position)
    }

    fn structure() -> String {
        // Plain data does not say of what it is made; its name, without where it stands, and its size must do.
        let name = type_name::<T>();
        let name = if name.contains('<') { name } else { name.rsplit("::").next().unwrap_or(name) };
        format!("slice<{name}: {} bytes, align {}>", size_of::<T>(), align_of::<T>())
    }
}

impl Param<TextParam> for &str {
    type In<'a> = &'a str;

    fn decode<'a>(input: &mut Input<'a>) -> Result<&'a str, DecodeError> {
        decode_str(input.bytes, &mut input.position)
    }

    fn structure() -> String {
        "text".to_owned()
    }
}

/// A value that a caller may give for parameter `P` of kind `K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given as an argument for a parameter `{P}`",
    label = "cannot be an argument for a parameter `{P}`",
    note = "for an owned parameter give a value of its type or a reference to it (any type with serde's `Serialize`)",
    note = "for a parameter `&[T]` of plain data (`bytemuck::Pod`) give a `Vec<T>`, `&Vec<T>`, `&[T; N]` or `&[T]`; a `&[u8]` as `Plain(bytes)`",
    note = "for a parameter `&str` give a `String`, `&String` or `Text(text)`"
)]
pub trait Arg<P, K> {
    /// Writes it so that `P` can be read from it.
    ///
    /// # Errors
    /// When its `Serialize` refuses, or the sink is full.
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError>;
}

impl<T: Serialize + 'static> Arg<T, Owned> for T {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_owned(self, out).map(drop)
    }
}

impl<T: Serialize + 'static> Arg<T, Owned> for &T {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_owned(*self, out).map(drop)
    }
}

impl<T: Serialize> Arg<Vec<T>, Owned> for &[T] {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode(*self, out).map(drop)
    }
}

impl Arg<String, Owned> for &str {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode(*self, out).map(drop)
    }
}

impl<T: Pod> Arg<&[T], Slice> for &[T] {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_slice(self, out).map(drop)
    }
}

impl<T: Pod> Arg<&[T], Slice> for &Vec<T> {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_slice(self, out).map(drop)
    }
}

impl<T: Pod> Arg<&[T], Slice> for Vec<T> {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_slice(self, out).map(drop)
    }
}

impl<T: Pod, const N: usize> Arg<&[T], Slice> for &[T; N] {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_slice(self.as_slice(), out).map(drop)
    }
}

/// Borrowed text as an argument for a `&str` parameter.
///
/// `String` and `&String` are taken as they are. A bare `&str` is not: serde could carry it as an owned value too, and
/// the compiler may not choose, so it is wrapped: `pool.apply(|name: &str| name.len(), (Text("abc"),))`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Text, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// assert_eq!(pool.apply(|name: &str| name.len(), (Text("abc"),))?, 3);
/// assert_eq!(pool.apply(|name: &str| name.len(), (String::from("abc"),))?, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'t>(
    /// The text.
    pub &'t str,
);

impl Arg<&str, TextParam> for Text<'_> {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_str(self.0, out).map(drop)
    }
}

impl Arg<&str, TextParam> for String {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_str(self, out).map(drop)
    }
}

impl Arg<&str, TextParam> for &String {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_str(self, out).map(drop)
    }
}

/// Borrowed plain data as an argument for a `&[T]` parameter.
///
/// Vectors and arrays by reference are taken as they are, and so is a `&[T]` of most types. A bare `&[u8]` is not: serde
/// could carry it as an owned value too, and the compiler may not choose, so it is wrapped.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Plain, Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let checksum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
/// let bytes = vec![1u8, 2, 3, 4];
/// assert_eq!(pool.apply(checksum, (&bytes,))?, 10);
/// assert_eq!(pool.apply(checksum, (Plain(&bytes[1..]),))?, 9);
/// assert_eq!(pool.map(checksum, bytes.chunks(2).map(Plain))?, [3, 7]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain<'t, T>(
    /// The data.
    pub &'t [T],
);

impl<T: Pod> Arg<&[T], Slice> for Plain<'_, T> {
    fn encode<S: Sink>(&self, out: &mut S) -> Result<(), EncodeError> {
        encode_slice(self.0, out).map(drop)
    }
}

/// A value that a task may return: anything owned that serde can carry both ways.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a task",
    label = "cannot be sent back from another process",
    note = "a result is owned and has serde's `Serialize` and `Deserialize`",
    note = "an error without them comes back as its text and causes: return `anyhow::Error` or `Box<dyn Error>`, write `impl ListedError` for your own, or call with a `try_` form (`try_apply`, `try_map`, ...), which takes any error"
)]
pub trait TaskResult: Serialize + DeserializeOwned + 'static {}
// So that the compiler says the above, and not which traits of serde are missing.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> TaskResult for T {}
