//! The bytes of a range: one record for each task, in order. A task without a result that may be published is a hole; what has holes is not published.

use std::ops::Range;

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

/// Puts results together.
pub(crate) fn put(results: &[Option<Vec<u8>>]) -> Vec<u8> {
    let length = results.iter().map(|result| 8 + result.as_ref().map_or(0, Vec::len)).sum();
    let mut bytes = Vec::with_capacity(length);
    for result in results {
        let length = result.as_ref().map_or(HOLE, |result| result.len() as u64);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(result.as_deref().unwrap_or_default());
    }
    bytes
}

/// Where in the bytes each result is; `None` is a hole.
pub(crate) fn places(bytes: &[u8]) -> Result<Vec<Option<Range<usize>>>, Fault> {
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
        places.push(Some(at..end));
        at = end;
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_where_they_were_put_and_nothing_else_is() {
        let results = [Some(b"one".to_vec()), None, Some(Vec::new()), Some(vec![7; 300])];
        let bytes = put(&results);
        let found = places(&bytes).unwrap();
        assert_eq!(found.len(), 4);
        for (place, result) in found.into_iter().zip(&results) {
            assert_eq!(place.map(|place| bytes[place].to_vec()), *result);
        }
        let whole = [0, 11, 19, 27, bytes.len()];
        for length in 0..bytes.len() {
            assert_eq!(places(&bytes[..length]).is_ok(), whole.contains(&length), "{length}");
        }
        assert!(places(&(u64::MAX - 1).to_le_bytes()).is_err());
    }
}
