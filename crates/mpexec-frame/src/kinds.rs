//! What the columns of a CSV file hold, seen in their cells. Plain numbers are known at a look; what the Arrow project's reader
//! makes of anything else (truth values, dates, times, texts), it is asked itself.

use std::io::Cursor;
use std::str::FromStr;

use arrow_array::timezone::Tz;
use arrow_cast::parse::string_to_datetime;
use arrow_csv::reader::Format;
use arrow_schema::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// What a column holds. Of times, those that are finer come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    Truth,
    Whole,
    Float,
    Date,
    Seconds,
    Millis,
    Micros,
    Nanos,
    Text,
}

impl Kind {
    /// As a type of a column; one without any value holds numbers, as in pandas.
    pub(crate) fn of_column(kind: Option<Kind>) -> DataType {
        match kind {
            Some(Kind::Truth) => DataType::Boolean,
            Some(Kind::Whole) => DataType::Int64,
            Some(Kind::Float) | None => DataType::Float64,
            Some(Kind::Date) => DataType::Date32,
            Some(Kind::Seconds) => DataType::Timestamp(TimeUnit::Second, None),
            Some(Kind::Millis) => DataType::Timestamp(TimeUnit::Millisecond, None),
            Some(Kind::Micros) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Some(Kind::Nanos) => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Some(Kind::Text) => DataType::Utf8,
        }
    }

    /// Whether values of this kind are values of a column that holds these.
    pub(crate) fn fits(self, holds: &DataType) -> bool {
        match (self, holds) {
            (kind, DataType::Dictionary(_, values)) => kind.fits(values),
            (Kind::Truth, holds) => *holds == DataType::Boolean,
            (Kind::Whole, holds) => holds.is_numeric(),
            (Kind::Float, holds) => holds.is_floating(),
            (Kind::Text, holds) => matches!(holds, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
            (_, holds) => matches!(holds, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)),
        }
    }

    pub(crate) fn of_type(holds: &DataType) -> Option<Kind> {
        Some(match holds {
            DataType::Null => return None,
            DataType::Boolean => Kind::Truth,
            DataType::Int64 => Kind::Whole,
            DataType::Float64 => Kind::Float,
            DataType::Date32 => Kind::Date,
            DataType::Timestamp(TimeUnit::Second, _) => Kind::Seconds,
            DataType::Timestamp(TimeUnit::Millisecond, _) => Kind::Millis,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Kind::Micros,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Kind::Nanos,
            _ => Kind::Text,
        })
    }

    /// Whether functions of numbers take it.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Kind::Truth | Kind::Whole | Kind::Float)
    }

    fn is_time(self) -> bool {
        (Kind::Date..=Kind::Nanos).contains(&self)
    }
}

/// What holds values of both kinds.
pub(crate) fn both(one: Option<Kind>, other: Option<Kind>) -> Option<Kind> {
    match (one, other) {
        (Some(one), Some(other)) if one == other => Some(one),
        (Some(Kind::Whole | Kind::Float), Some(Kind::Whole | Kind::Float)) => Some(Kind::Float),
        (Some(one), Some(other)) if one.is_time() && other.is_time() => Some(one.max(other)),
        (Some(_), Some(_)) => Some(Kind::Text),
        (one, other) => one.or(other),
    }
}

/// What one column holds, as far as its cells were shown.
#[derive(Debug, Default)]
pub(crate) struct Column {
    kind: Option<Kind>,
    /// Cells that are no plain numbers, a line each, until the reader is asked about them.
    odd: String,
    /// How many.
    count: usize,
    /// Whether they are known to be texts: then they may be times, and nothing else.
    texts: bool,
}

/// So many are asked about at once.
const AT_ONCE: usize = 64;

impl Column {
    /// Looks at a cell that has a value, and says whether it is a number with spaces around it.
    pub(crate) fn take(&mut self, cell: &str) -> bool {
        if self.kind == Some(Kind::Text) {
            return false;
        }
        let trimmed = cell.trim_ascii();
        let number = plain(trimmed);
        if let Some(kind) = number {
            if self.kind != Some(kind) {
                self.kind = both(self.kind, Some(kind));
            }
        } else if cell.contains(['"', ',', '\n', '\r']) {
            self.kind = Some(Kind::Text);
        } else {
            self.ask_about(cell);
        }
        number.is_some() && trimmed.len() < cell.len()
    }

    /// Looks at a text of a format in which numbers are no texts.
    pub(crate) fn take_text(&mut self, text: &str) {
        if self.kind == Some(Kind::Text) {
            return;
        }
        if is_time(text) {
            self.texts = true;
            self.ask_about(text);
        } else {
            self.kind = Some(Kind::Text);
        }
    }

    /// Looks at a value of which is known what it is.
    pub(crate) fn take_kind(&mut self, kind: Option<Kind>) {
        self.kind = both(self.kind, kind);
    }

    fn ask_about(&mut self, cell: &str) {
        self.odd.push_str(cell);
        self.odd.push('\n');
        self.count += 1;
        if self.count == AT_ONCE {
            self.ask();
        }
    }

    fn ask(&mut self) {
        if self.count > 0 {
            let asked = Format::default().infer_schema(Cursor::new(self.odd.as_bytes()), None);
            let kind = asked.map_or(Some(Kind::Text), |(schema, _)| Kind::of_type(schema.field(0).data_type()));
            let kind = if self.texts { kind.filter(|kind| kind.is_time()).or(Some(Kind::Text)) } else { kind };
            self.kind = both(self.kind, kind);
            (self.odd, self.count) = (String::new(), 0);
        }
    }

    /// What it holds; `None` if no cell had a value.
    pub(crate) fn kind(mut self) -> Option<Kind> {
        self.ask();
        self.kind
    }
}

/// Whether a cell that has a value is one of a column of numbers.
pub(crate) fn is_number(cell: &[u8]) -> bool {
    let mut column = Column::default();
    let looked = std::str::from_utf8(cell).map(|cell| column.take(cell));
    looked.is_ok() && column.kind().is_some_and(Kind::is_number)
}

/// Whether a text is a date or a time that can be read as one.
fn is_time(text: &str) -> bool {
    const LEAST: usize = "2024-02-29".len();
    let begins = text.len() >= LEAST && text.as_bytes()[0].is_ascii_digit() && !text.contains(['"', ',', '\n', '\r']);
    begins && Tz::from_str("+00:00").is_ok_and(|zone| string_to_datetime(&zone, text).is_ok())
}

/// As many digits fit into 63 bits, whatever they are.
const SAFE_DIGITS: usize = 18;

/// The kind of a plain number.
fn plain(cell: &str) -> Option<Kind> {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() {
        let fits = digits.len() <= SAFE_DIGITS || cell.parse::<i64>().is_ok();
        // What has more than 64 bits is a number all the same.
        return Some(if fits { Kind::Whole } else { Kind::Float });
    }
    let begins = digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    let infinite = ["inf", "infinity"].iter().any(|name| name.eq_ignore_ascii_case(digits));
    ((begins || infinite) && cell.parse::<f64>().is_ok()).then_some(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(cells: &[&str]) -> Option<Kind> {
        let mut column = Column::default();
        for cell in cells {
            column.take(cell);
        }
        column.kind()
    }

    #[test]
    fn a_column_holds_what_all_its_cells_are() {
        let kinds = [
            (&["1", "-2", "+3"][..], Some(Kind::Whole)),
            (&["1", "2.5", "1e3"], Some(Kind::Float)),
            (&["18446744073709551615"], Some(Kind::Float)),
            (&["-inf", "Infinity", ".5", "5."], Some(Kind::Float)),
            (&["true", "False"], Some(Kind::Truth)),
            (&["true", "1"], Some(Kind::Text)),
            (&["2024-02-29"], Some(Kind::Date)),
            (&["2024-02-29", "2024-02-29 10:11:12"], Some(Kind::Seconds)),
            (&["2024-02-29T10:11:12.5", "2024-02-29"], Some(Kind::Millis)),
            (&["2024-02-29", "7"], Some(Kind::Text)),
            (&["1", "x"], Some(Kind::Text)),
            (&["a,b"], Some(Kind::Text)),
            (&["-"], Some(Kind::Text)),
            (&[], None),
        ];
        for (cells, wanted) in kinds {
            assert_eq!(kind(cells), wanted, "{cells:?}");
        }
    }

    #[test]
    fn what_two_parts_hold_is_what_one_column_of_their_cells_holds() {
        let cells = ["1", "2.5", "true", "2024-02-29", "2024-02-29 10:11:12", "2024-02-29 10:11:12.123456", "x"];
        for one in cells {
            for other in cells {
                assert_eq!(both(kind(&[one]), kind(&[other])), kind(&[one, other]), "{one} {other}");
            }
        }
        assert_eq!(both(None, Some(Kind::Date)), Some(Kind::Date));
    }
}
