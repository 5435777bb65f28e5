//! A group of results: one record that grows, or several that go on with each other.

use crate::record::{CONTINUED, Header};
use crate::writer::OpenRecord;

/// A group that was begun and not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// What its records say they are, but for the mark of those that go on.
    pub(crate) kind: u32,
    /// What they are tagged with.
    pub(crate) tag: u64,
    /// The record that grows; none before the first result.
    pub(crate) open: Option<OpenRecord>,
    /// So far the record that is open may grow without a look at window and tail, which both only move on.
    pub(crate) limit: u64,
    /// The open record is not the group's first.
    pub(crate) continued: bool,
}

impl Group {
    /// The header of a record of it.
    #[inline]
    pub(crate) fn header(&self, len: u64) -> Header {
        Header { len: len as u32, kind: self.kind | if self.continued { CONTINUED } else { 0 }, tag: self.tag }
    }

    /// Its open record, longer by `len` bytes.
    #[inline]
    pub(crate) fn grow(&mut self, len: usize) -> Option<(OpenRecord, Header)> {
        let record = self.open.as_mut()?;
        record.len += len as u64;
        let record = *record;
        Some((record, self.header(record.len)))
    }
}
