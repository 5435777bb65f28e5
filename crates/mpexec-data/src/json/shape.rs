//! What the rows of a JSON text are, as its first line shows it.

use std::fmt;

use super::lines::is_blank;
use memchr::{memchr, memchr_iter};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::DialectError;

/// A JSON text as its beginning shows it.
///
/// ```
/// let table = mpexec_data::JsonTable::guess(b"{\"year\":2024,\"price\":7}\n", true)?;
/// assert_eq!(table.names, ["year", "price"]);
/// assert_eq!(mpexec_data::JsonTable::guess(b"[1,2,3]\n", true)?.fields, 3);
/// # Ok::<(), mpexec_data::DialectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonTable {
    /// The names in the first row, if that is an object; none otherwise.
    pub names: Vec<String>,
    /// The values of the first row.
    pub fields: usize,
    /// Where the first row begins.
    pub data_offset: u64,
    /// The line of the first row, from 1 on.
    pub first_line: u64,
}

impl JsonTable {
    /// Looks at `start`, the beginning of a text, or all of it if it is `whole`.
    ///
    /// # Errors
    /// A [`DialectError`].
    pub fn guess(start: &[u8], whole: bool) -> Result<JsonTable, DialectError> {
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let blank = start[mark..].iter().take_while(|byte| is_blank(byte)).count();
        let begin = mark + blank;
        let line = match memchr(b'\n', &start[begin..]) {
            Some(end) => &start[begin..begin + end],
            None if whole && begin == start.len() => return Err(DialectError::NoRows),
            None if whole => &start[begin..],
            None => return Err(DialectError::Unfinished),
        };
        let mut reader = serde_json::Deserializer::from_slice(line);
        // A line that is no JSON is a bad row like any other; until then it is one of one value.
        let (names, fields) = reader.deserialize_any(Shape).unwrap_or((Vec::new(), 1));
        let first_line = 1 + memchr_iter(b'\n', &start[..begin]).count() as u64;
        Ok(JsonTable { names, fields, data_offset: begin as u64, first_line })
    }
}

/// Reads the names of an object, or counts the values of an array.
struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = (Vec<String>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, an array or a number")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let fields = names.len();
        Ok((names, fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut fields = 0;
        while values.next_element::<IgnoredAny>()?.is_some() {
            fields += 1;
        }
        Ok((Vec::new(), fields))
    }
}
