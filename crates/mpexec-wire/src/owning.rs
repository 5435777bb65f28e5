//! A visitor that is given borrowed text or bytes and hands them on owned.
//!
//! Asked for an owned string, the codec takes memory for as many bytes as the message claims, before it looks whether they
//! are there. Asked for a borrowed one it can only point into the message. So the guard asks for borrowed ones, and the
//! copy is made here, of bytes that exist.

use std::fmt;

use serde::de::{Error, Visitor};

/// Wraps the visitor of an owned text or byte string.
pub(crate) struct Owning<V>(pub(crate) V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Owning<V> {
    type Value = V::Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(out)
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_string(text.to_owned())
    }

    #[inline]
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        self.0.visit_byte_buf(bytes.to_vec())
    }
}
