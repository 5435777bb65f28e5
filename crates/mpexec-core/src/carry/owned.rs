//! Values that their receiver owns, out of the bytes that came: arguments, results and messages alike.

use mpexec_wire::{DecodeError, decode_owned_into};
use serde::de::DeserializeOwned;

use crate::os::huge;

/// Decodes a value from the beginning of `bytes`, and says how many it took. A vector of many numbers gets huge pages.
///
/// # Errors
/// When the bytes are not such a value.
#[inline]
pub(crate) fn decode_owned<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    decode_owned_into(bytes, huge::advise)
}
