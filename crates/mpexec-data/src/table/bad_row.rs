//! A row that cannot be counted: where it stands, what was found there, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::one_line::one_line;

/// What becomes of a row that cannot be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnBadRow {
    /// The count ends with it.
    #[default]
    Fail,
    /// It is left out, as if it were not there.
    Skip,
    /// What is wrong in it is taken for missing, and missing values are in no range.
    Null,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are described, the names of their fields say the rest")]
pub enum RowFault {
    /// A cell is no number.
    NotANumber { found: String },
    /// It has fewer fields than the table.
    TooFew { has: u64, wants: u64 },
    /// It has more fields than the table.
    TooMany { has: u64, wants: u64 },
    /// It names a column that the table has not.
    UnknownKey { name: String },
    /// It is not what the format says a row is.
    Broken { fault: String },
}

/// The first row of a part that cannot be counted.
///
/// ```
/// use mpexec_data::{BadRow, RowFault};
/// let bad = BadRow { line: 7, column: 3, name: Some("price".into()), fault: RowFault::NotANumber { found: "n.a".into() } };
/// assert_eq!(bad.to_string(), r#"line 7, column 3 (price): found "n.a", which is no number"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// The line it begins in, from 1 on: of the part when a part is counted, of the file when it is told.
    pub line: u64,
    /// The field, from 1 on; of a broken line the place of the fault in bytes.
    pub column: u64,
    /// The title of the column, if it has one.
    pub name: Option<String>,
    /// What is wrong.
    pub fault: RowFault,
}

/// Longer cells are cut when they are told.
const TOLD: usize = 40;

impl RowFault {
    /// A key that the table has not.
    pub(crate) fn unknown_key(name: &str) -> RowFault {
        RowFault::UnknownKey { name: name.chars().take(TOLD).collect() }
    }

    /// A cell that is no number. Of a long one the beginning is told.
    pub fn not_a_number(cell: &[u8]) -> RowFault {
        let text = String::from_utf8_lossy(&cell[..cell.len().min(4 * TOLD)]);
        let mut found: String = text.chars().take(TOLD).collect();
        if found.len() < cell.len() {
            found.push('…');
        }
        RowFault::NotANumber { found: one_line(&found) }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            RowFault::NotANumber { .. } => {
                "choose the columns of numbers with --columns, or go on with --on-bad-row skip or null"
            }
            RowFault::TooFew { .. } | RowFault::TooMany { .. } => {
                "give another --delimiter if the fields are cut wrongly, or go on with --on-bad-row skip or null"
            }
            RowFault::UnknownKey { .. } => "choose columns with --columns, or go on with --on-bad-row skip or null",
            RowFault::Broken { .. } => "give another --input-format, or go on with --on-bad-row skip or null",
        }
    }
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowFault::NotANumber { found } => write!(f, "found \"{found}\", which is no number"),
            RowFault::TooFew { has, wants } | RowFault::TooMany { has, wants } => {
                let fields = if *has == 1 { "field" } else { "fields" };
                write!(f, "the row has {has} {fields} where the table has {wants}")
            }
            RowFault::UnknownKey { name } => write!(f, "the key {name:?} is not in the first row"),
            RowFault::Broken { fault } => f.write_str(fault),
        }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if let Some(name) = &self.name {
            write!(f, " ({})", one_line(name))?;
        }
        write!(f, ": {}", self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_on_one_line_and_cut() {
        let told = |cell: &[u8]| RowFault::not_a_number(cell).to_string();
        assert_eq!(told(b"fo\nur"), "found \"fo\\nur\", which is no number");
        assert_eq!(told("é".repeat(100).as_bytes()), format!("found \"{}…\", which is no number", "é".repeat(40)));
        assert!(told(b"\xff\xfe").contains('\u{fffd}'));
    }
}
