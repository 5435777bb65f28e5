//! The cells of CSV: what they are, and reading them by the Arrow project's reader.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_csv::reader::Format as CsvFormat;
use arrow_schema::ArrowError;
use mpexec_data::{BadRow, CsvRecords, MISSING, OnBadRow, RowFault, is_missing};
use regex::Regex;

use super::{Columns, Found};
use crate::kinds::{Column, Kind};

/// Looks at the cells of whole rows.
pub(super) fn find(bytes: &[u8], delimiter: u8, fields: usize, on_bad_row: OnBadRow) -> Found {
    let mut columns: Vec<_> = (0..fields).map(|_| Column::default()).collect();
    let (mut words, mut spaced) = (false, false);
    let (mut bad, mut first_bad) = (0, None);
    each_row(bytes, delimiter, fields, on_bad_row, |row, cells| {
        if let Some(row) = row {
            bad += 1;
            first_bad.get_or_insert(row);
        }
        for (column, &cell) in columns.iter_mut().zip(cells) {
            if is_missing(cell) {
                words |= !cell.is_empty();
            } else if let Ok(cell) = std::str::from_utf8(cell) {
                spaced |= column.take(cell);
            }
        }
        // A row that ends the work is the last that matters.
        bad == 0 || on_bad_row != OnBadRow::Fail
    });
    let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    Found { kinds: columns.into_iter().map(Column::kind).collect(), words, spaced, lines, bad, first_bad }
}

/// Shows the rows, and what is wrong with them, as long as `visit` wants more; those to be left out are shown without cells.
fn each_row(
    bytes: &[u8],
    delimiter: u8,
    fields: usize,
    on_bad_row: OnBadRow,
    mut visit: impl FnMut(Option<BadRow>, &[&[u8]]) -> bool,
) {
    let mut records = CsvRecords::new(delimiter);
    records.feed(bytes.to_vec());
    let text = std::str::from_utf8(bytes).is_ok();
    while records.advance() {
        let mut cells: Vec<&[u8]> = records.cells().collect();
        let broken = || cells.iter().position(|cell| std::str::from_utf8(cell).is_err());
        let wrong = match records.ragged(fields) {
            None if !text => {
                broken().map(|place| (place as u64 + 1, RowFault::Broken { fault: "the cell is not UTF-8".to_owned() }))
            }
            ragged => ragged,
        };
        let bad = wrong.map(|(column, fault)| BadRow { line: records.line(), column, name: None, fault });
        if bad.is_some() {
            let kept = if on_bad_row == OnBadRow::Skip { 0 } else { fields };
            cells.resize(kept, b"");
            cells.iter_mut().filter(|cell| std::str::from_utf8(cell).is_err()).for_each(|cell| *cell = b"");
        }
        if !visit(bad, &cells) {
            return;
        }
    }
}

/// Reads rows that are none of them bad.
pub(super) fn read(
    columns: &Columns,
    bytes: Vec<u8>,
    delimiter: u8,
    places: Option<&[usize]>,
) -> Result<RecordBatch, ArrowError> {
    // A row is a line or more, however lines end.
    let lines = memchr::memchr2_iter(b'\n', b'\r', &bytes).count() + 1;
    let builder = arrow_csv::ReaderBuilder::new(columns.schema(None)).with_format(format(delimiter, columns.words)?);
    let builder = builder.with_batch_size(lines);
    let builder = match places {
        Some(places) => builder.with_projection(places.to_vec()),
        None => builder,
    };
    let mut reader = builder.build_buffered(Cursor::new(bytes))?;
    let rows = reader.next().transpose()?.unwrap_or_else(|| RecordBatch::new_empty(columns.schema(places)));
    match reader.next().transpose()? {
        None => Ok(rows),
        Some(more) => Err(ArrowError::CsvError(format!("it has {} rows more than lines", more.num_rows()))),
    }
}

/// The same rows without those that are bad, or with what is missing in them, and without spaces around numbers.
pub(super) fn mended(columns: &Columns, bytes: &[u8], delimiter: u8, fields: usize, on_bad_row: OnBadRow) -> Vec<u8> {
    let mut text = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    each_row(bytes, delimiter, fields, on_bad_row, |_, cells| {
        let trimmed = |(cell, &kind): (&&[u8], &Option<Kind>)| match kind {
            Some(Kind::Whole | Kind::Float) => cell.trim_ascii().to_vec(),
            _ => cell.to_vec(),
        };
        if !cells.is_empty() {
            // To memory, and all rows are of one length.
            let _ = text.write_record(cells.iter().zip(&columns.kinds).map(trimmed));
        }
        true
    });
    text.into_inner().unwrap_or_default()
}

fn format(delimiter: u8, words: bool) -> Result<CsvFormat, ArrowError> {
    let format = CsvFormat::default().with_delimiter(delimiter).with_header(false);
    if !words {
        return Ok(format);
    }
    let missing = Regex::new(&format!(r"^\s*({})\s*$", MISSING.map(regex::escape).join("|")));
    missing.map(|missing| format.with_null_regex(missing)).map_err(|error| ArrowError::CsvError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_all_read_however_lines_end() {
        for text in
            ["1,2\n3,4\n5,6\n", "1,2\r3,4\r5,6\r", "1,2\r\n3,4\r\n5,6", "1,2\r3,4\n5,6", "\r\r1,2\n\r3,4\r\n\n5,6\r"]
        {
            let found = find(text.as_bytes(), b',', 2, OnBadRow::Fail);
            let columns =
                Columns { names: vec!["a".to_owned(), "b".to_owned()], kinds: found.kinds, words: found.words };
            let rows = read(&columns, text.as_bytes().to_vec(), b',', None).unwrap();
            assert_eq!((rows.num_rows(), rows.num_columns()), (3, 2), "{text:?}");
        }
    }
}
