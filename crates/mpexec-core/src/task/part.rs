//! Outcomes as they came, decoded one at a time when their turn comes: until then they are bytes, which are smaller than
//! values and cost nothing if nobody reads on.

use mpexec_ring::Parcel;
use mpexec_wire::{ENTRY_HEADER, Results, Status, copied, pad8};

use super::outcome::decode_result;
use super::params::TaskResult;
use super::result_bytes::ResultBytes;
use crate::engine::jobs::{Chunk, News};
use crate::error::TaskError;

/// Outcomes of consecutive tasks.
#[derive(Debug)]
pub(crate) struct Part {
    next: u64,
    left: u32,
    weight: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Results(Chunk),
    Large(Status, Parcel),
    Failed(TaskError),
    Nothing,
}

impl Part {
    pub(crate) fn of(news: News) -> Part {
        let (next, left, weight) = (news.first(), news.count(), news.weight());
        let content = match news {
            News::Results(chunk) => Content::Results(chunk),
            News::Large(_, status, parcel) => Content::Large(status, parcel),
            News::Failed(_, error) => Content::Failed(error),
        };
        Part { next, left, weight, content }
    }

    /// The index of the next outcome, or at the end of the one behind it.
    pub(crate) fn first(&self) -> u64 {
        self.next
    }

    /// Takes the next outcome out, not decoded yet; the bytes that go with it from memory are told. `None` at the end.
    ///
    /// It counts as taken before anything of the user's runs: a `Deserialize` that panics loses its own value only.
    pub(crate) fn take(&mut self) -> Option<(Taken<'_>, u64)> {
        self.left = self.left.checked_sub(1)?;
        let index = self.next;
        self.next += 1;
        let freed = if self.left == 0 { self.weight } else { 0 };
        let from = match &mut self.content {
            Content::Results(chunk) => {
                let entry = Results::new(chunk.bytes.get(chunk.from..chunk.to)?, 0, 0).next()?.ok()?;
                let from = chunk.from;
                chunk.from += ENTRY_HEADER + pad8(entry.payload.len());
                from
            }
            _ => 0,
        };
        Some((Taken { part: self, index, from }, freed))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The bytes of the result whose entry lies there, which was taken.
    fn bytes_from(&mut self, from: usize) -> ResultBytes {
        match std::mem::replace(&mut self.content, Content::Nothing) {
            Content::Large(_, parcel) => ResultBytes::of(parcel),
            Content::Results(chunk) => {
                let entry = Results::new(chunk.bytes.get(from..chunk.to).unwrap_or_default(), 0, 0).next();
                let bytes = entry.and_then(Result::ok).map(|entry| copied(entry.payload));
                self.content = Content::Results(chunk);
                ResultBytes::from(bytes.unwrap_or_default())
            }
            other => {
                self.content = other;
                ResultBytes::from(Vec::new())
            }
        }
    }
}

/// One outcome on its way out.
pub(crate) struct Taken<'a> {
    part: &'a mut Part,
    index: u64,
    /// Where its entry lies.
    from: usize,
}

impl Taken<'_> {
    /// Runs the user's `Deserialize`: never under a lock.
    pub(crate) fn decode<R: TaskResult>(mut self) -> (u64, Result<R, TaskError>) {
        (self.index, self.decoded())
    }

    /// The same; with a result that there is, its bytes.
    pub(crate) fn decode_with_bytes<R: TaskResult>(mut self) -> (u64, Result<(R, ResultBytes), TaskError>) {
        let decoded = self.decoded();
        (self.index, decoded.map(|result| (result, self.part.bytes_from(self.from))))
    }

    fn decoded<R: TaskResult>(&mut self) -> Result<R, TaskError> {
        let outcome = match &mut self.part.content {
            Content::Results(chunk) => {
                let bytes = chunk.bytes.get(self.from..chunk.to).unwrap_or_default();
                // The engine has walked these bytes: none is an error.
                Results::new(bytes, 0, 0)
                    .next()
                    .and_then(Result::ok)
                    .map(|entry| decode_result(entry.status, entry.payload))
            }
            Content::Large(status, parcel) => Some(decode_result(*status, parcel)),
            failed => match std::mem::replace(failed, Content::Nothing) {
                Content::Failed(error) => Some(Err(error)),
                _ => None,
            },
        };
        let missing =
            || TaskError::ResultUndecodable { message: "no bytes came for it (a fault of mpexec)".to_owned() };
        outcome.unwrap_or_else(|| Err(missing()))
    }
}
