//! The bytes of a range: one record for each task, in order. A task without a result that may be published is a hole; what has holes is not published.

use std::ops::Range;

use mpexec_core::__kept::ResultBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Fault;

/// In place of a length: there is nothing.
const HOLE: u64 = u64::MAX;

/// A result as bytes, for [`Ledger::add`](crate::Ledger::add); `None` if it cannot be encoded.
///
/// ```
/// let bytes = mpexec_runs::encode(&("some", 4)).expect("it can");
/// assert_eq!(mpexec_runs::decode::<(String, i32)>(&bytes), Some(("some".to_owned(), 4)));
/// assert_eq!(mpexec_runs::decode::<(String, i32)>(&bytes[1..]), None);
/// ```
pub fn encode<T: Serialize>(result: &T) -> Option<Vec<u8>> {
    mpexec_wire::encode_to_vec(result).ok()
}

/// What [`encode`] gave; `None` if the bytes are none of it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    mpexec_wire::decode(bytes).ok()
}

/// A name for the result of what these words say, for [`Ledger::task_named`](crate::Ledger::task_named): equal words have equal names. `copy`
/// tells apart those that are to be done several times.
///
/// ```
/// use mpexec_runs::key_of;
/// assert_eq!(key_of(["gzip", "a b"], 0), key_of(["gzip", "a b"], 0));
/// assert_ne!(key_of(["gzip", "a b"], 0), key_of(["gzip", "a", "b"], 0));
/// assert_ne!(key_of(["gzip", "a"], 0), key_of(["gzip", "a"], 1));
/// ```
pub fn key_of<T: AsRef<[u8]>>(words: impl IntoIterator<Item = T>, copy: u64) -> String {
    let mut hash = blake3::Hasher::new();
    for word in words {
        let word = word.as_ref();
        hash.update(&(word.len() as u64).to_le_bytes()).update(word);
    }
    format!("{}-{copy}", &hash.finalize().to_hex()[..32])
}

/// A result that is as long stays where it is: to copy it would cost more than to write it by itself.
const APART: usize = 64 << 10;

/// The results of a range, in pieces: those of many short results, and long results by themselves. One after another they are the bytes of the range.
#[derive(Debug)]
pub(crate) struct Records {
    pieces: Vec<ResultBytes>,
    /// For each task: in which piece its result is, and where in that; `None` is a hole.
    places: Vec<Option<(usize, Range<usize>)>>,
    length: usize,
}

impl Records {
    /// Of the results of tasks.
    pub(crate) fn of(results: Vec<Option<ResultBytes>>) -> Records {
        let mut records = Records { pieces: Vec::new(), places: Vec::with_capacity(results.len()), length: 0 };
        let mut short = Vec::new();
        for result in results {
            let length = result.as_ref().map_or(HOLE, |result| result.len() as u64);
            short.extend_from_slice(&length.to_le_bytes());
            let place = result.map(|result| {
                if result.len() < APART {
                    let from = short.len();
                    short.extend_from_slice(&result);
                    return (records.pieces.len(), from..short.len());
                }
                records.add(std::mem::take(&mut short).into());
                let whole = 0..result.len();
                records.add(result);
                (records.pieces.len() - 1, whole)
            });
            records.places.push(place);
        }
        if !short.is_empty() {
            records.add(short.into());
        }
        records
    }

    fn add(&mut self, piece: ResultBytes) {
        self.length += piece.len();
        self.pieces.push(piece);
    }

    /// Of the bytes of a range.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Records, Fault> {
        let (mut at, mut places) = (0, Vec::new());
        while at < bytes.len() {
            let length = bytes[at..].first_chunk().map(|length| u64::from_le_bytes(*length)).ok_or(Fault::Contents)?;
            at += 8;
            if length == HOLE {
                places.push(None);
                continue;
            }
            let length = usize::try_from(length).map_err(|_| Fault::Contents)?;
            let end = at.checked_add(length).filter(|end| *end <= bytes.len()).ok_or(Fault::Contents)?;
            places.push(Some((0, at..end)));
            at = end;
        }
        Ok(Records { length: bytes.len(), pieces: vec![bytes.into()], places })
    }

    /// Bytes of which nobody asks what is in them.
    #[cfg(test)]
    pub(crate) fn of_piece(bytes: Vec<u8>) -> Records {
        Records { length: bytes.len(), pieces: vec![bytes.into()], places: Vec::new() }
    }

    /// All bytes, piece by piece.
    pub(crate) fn pieces(&self) -> Vec<&[u8]> {
        self.pieces.iter().map(|piece| &piece[..]).collect()
    }

    /// The vector in which it lies, if it is of the bytes of a range.
    pub(crate) fn into_bytes(mut self) -> Option<Vec<u8>> {
        self.pieces.pop().filter(|_| self.pieces.is_empty())?.into_vec()
    }

    /// How many bytes it is.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// How many tasks it is of.
    pub(crate) fn tasks(&self) -> usize {
        self.places.len()
    }

    /// The results, task by task; `None` is a hole.
    pub(crate) fn results(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.places.iter().map(|place| place.as_ref().map(|(piece, at)| &self.pieces[*piece][at.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_where_they_were_put_and_nothing_else_is() {
        let results = [Some(b"one".to_vec()), None, Some(Vec::new()), Some(vec![7; 300])];
        let records = Records::of(results.iter().cloned().map(|result| result.map(ResultBytes::from)).collect());
        let bytes = records.pieces().concat();
        assert_eq!((records.length(), records.pieces().len()), (bytes.len(), 1));
        for records in [records, Records::read(bytes.clone()).unwrap()] {
            assert_eq!(records.results().map(|result| result.map(<[u8]>::to_vec)).collect::<Vec<_>>(), results);
        }
        let whole = [0, 11, 19, 27, bytes.len()];
        for length in 0..bytes.len() {
            assert_eq!(Records::read(bytes[..length].to_vec()).is_ok(), whole.contains(&length), "{length}");
        }
        assert!(Records::read((u64::MAX - 1).to_le_bytes().to_vec()).is_err());
    }

    #[test]
    fn long_results_stay_where_they_are_and_the_bytes_are_those_of_one_piece() {
        let of_length = |length: usize| Some((0..length).map(|at| at as u8).collect::<Vec<_>>());
        let results = [of_length(APART), of_length(APART - 1), None, of_length(3 * APART), of_length(2)];
        let given: Vec<_> = results.iter().cloned().map(|result| result.map(ResultBytes::from)).collect();
        let lay: Vec<_> = [0, 3].iter().map(|&at: &usize| given[at].as_ref().unwrap().as_ptr()).collect();
        let records = Records::of(given);
        let pieces = records.pieces();
        assert_eq!([pieces[1].as_ptr(), pieces[3].as_ptr()], lay[..]);
        assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [8, APART, APART + 23, 3 * APART, 10]);
        let bytes = pieces.concat();
        assert_eq!(bytes.len(), records.length());
        let expected: Vec<_> = results.iter().map(|result| result.as_deref()).collect();
        assert_eq!(records.results().collect::<Vec<_>>(), expected);
        let read = Records::read(bytes).unwrap();
        assert_eq!((read.tasks(), read.results().collect::<Vec<_>>()), (results.len(), expected));
    }
}
