//! Buffers of plain data in shared memory: written once, read by every worker without a copy.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use bytemuck::Pod;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::carry::outgoing::{NOT_HERE, attach};
use crate::carry::{Attachment, Buffer, incoming};

/// A `[T]` in shared memory that nobody can change any more.
///
/// It is filled once, here or in a task, and sealed. After that it is an argument like any other, alone or within other
/// values, of a task, a [`Process`](crate::Process) or a message of a [`channel`](crate::channel()), or a part of the
/// [context](crate::PoolBuilder::context): what travels is a descriptor, once to each worker, however many tasks name it.
/// Every process reads the same memory, which is mapped read-only: to write there is a crash of the worker that tries.
/// A task cannot return one; it can send one through a channel.
///
/// `T` is plain data ([`bytemuck::Pod`]): numbers, arrays of them, structs of them without padding.
///
/// The memory is given back when the last handle is dropped, here and in the workers: a worker's own lasts as long as a task
/// there has it, and until no handle here and no task that is still to end names it. There is no name and no file, so
/// the kernel gives it back too when the processes end, whatever ended them.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Shared, Workers};
///
/// let table = Shared::from_slice(&[1.5, 2.5, 4.0])?;
/// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
/// let at = |table: Shared<f64>, place: usize| table[place] * 2.0;
/// assert_eq!(pool.starmap(at, (0..3).map(|place| (&table, place)))?, [3.0, 5.0, 8.0]);
/// # Ok(())
/// # }
/// ```
pub struct Shared<T> {
    buffer: Arc<Buffer>,
    elements: PhantomData<fn() -> T>,
}

/// Why there is no shared buffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SharedError {
    /// No machine has so much memory.
    #[error("a shared buffer of {len} elements of {size} bytes is longer than any memory can be: share it in parts")]
    TooLong {
        /// How many elements were asked for.
        len: usize,
        /// The bytes of one.
        size: usize,
    },
    /// The system gave no memory, or no descriptor.
    #[error("a shared buffer of {bytes} bytes could not be had: {message} (memory: `free`; descriptors: `ulimit -n`)")]
    System {
        /// How long it was to be.
        bytes: usize,
        /// What the system said.
        message: String,
    },
}

impl<T: Pod> Shared<T> {
    /// A copy of `data`.
    ///
    /// # Errors
    /// [`SharedError::System`] when there is no memory or no descriptor for it.
    pub fn from_slice(data: &[T]) -> Result<Shared<T>, SharedError> {
        const { sharable::<T>() };
        let bytes: &[u8] = bytemuck::cast_slice(data);
        Shared::of(Buffer::copy_of(bytes), bytes.len())
    }

    /// A buffer of `len` elements, all zero bytes, that `fill` writes in place: for what is read from a file or computed,
    /// without a copy.
    ///
    /// ```
    /// use mpexec_core::Shared;
    /// let squares = Shared::build(1000, |squares: &mut [u64]| {
    ///     for (n, square) in (0..).zip(squares) {
    ///         *square = n * n;
    ///     }
    /// })?;
    /// assert_eq!((squares.len(), squares[31]), (1000, 961));
    /// # Ok::<(), mpexec_core::SharedError>(())
    /// ```
    ///
    /// # Errors
    /// [`SharedError::TooLong`]; [`SharedError::System`] when there is no memory or no descriptor for it, which is known
    /// before `fill` is called.
    pub fn build(len: usize, fill: impl FnOnce(&mut [T])) -> Result<Shared<T>, SharedError> {
        const { sharable::<T>() };
        let size = size_of::<T>();
        let bytes = len.checked_mul(size).filter(|bytes| isize::try_from(*bytes).is_ok());
        let bytes = bytes.ok_or(SharedError::TooLong { len, size })?;
        Shared::of(Buffer::build(bytes, |bytes| fill(elements_mut(bytes))), bytes)
    }

    fn of(buffer: std::io::Result<Arc<Buffer>>, bytes: usize) -> Result<Shared<T>, SharedError> {
        let buffer = buffer.map_err(|error| SharedError::System { bytes, message: error.to_string() })?;
        Ok(Shared { buffer, elements: PhantomData })
    }
}

/// A mapping begins with a page, so that all but the oddest types are aligned there.
const fn sharable<T>() {
    assert!(size_of::<T>() > 0, "a buffer of elements without bytes cannot be shared: send its length");
    assert!(align_of::<T>() <= 4096, "elements aligned to more than a page cannot be shared");
}

fn elements_mut<T: Pod>(bytes: &mut [u8]) -> &mut [T] {
    // No bytes are not mapped, and lie anywhere.
    if bytes.is_empty() { &mut [] } else { bytemuck::cast_slice_mut(bytes) }
}

impl<T: Pod> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let bytes: &[u8] = &self.buffer;
        if bytes.is_empty() { &[] } else { bytemuck::cast_slice(bytes) }
    }
}

/// Another handle on the same memory; costs next to nothing.
impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared { buffer: self.buffer.clone(), elements: PhantomData }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Shared<{}>({} bytes)", type_name::<T>(), self.buffer.len())
    }
}

/// Only where its descriptor can go along; see [`Shared`].
impl<T> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = attach(|| Attachment::Kept(self.buffer.clone()));
        let number = number.ok_or_else(|| S::Error::custom(format!("a Shared {NOT_HERE}")))?;
        serializer.serialize_newtype_struct("Shared", &(number, self.buffer.len() as u64))
    }
}

/// Only where its descriptor came along; see [`Shared`].
impl<'de, T: Pod> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shared<T>, D::Error> {
        struct Found<T>(PhantomData<fn() -> T>);
        impl<'de, T: Pod> Visitor<'de> for Found<T> {
            type Value = Shared<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a shared buffer")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Shared<T>, D::Error> {
                const { sharable::<T>() };
                let (number, length) = <(u64, u64)>::deserialize(inner)?;
                let buffer = incoming::kept(number, length, "a Shared").map_err(D::Error::custom)?;
                if buffer.len() % size_of::<T>() != 0 {
                    let (length, name) = (buffer.len(), type_name::<T>());
                    return Err(D::Error::custom(format!("a Shared of {length} bytes does not consist of {name}")));
                }
                Ok(Shared { buffer, elements: PhantomData })
            }
        }
        // Two programs compare it: the elements say nothing of themselves but their name.
        deserializer.deserialize_newtype_struct(type_name::<Shared<T>>(), Found(PhantomData))
    }
}
