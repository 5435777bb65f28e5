//! The cells of CSV: what they are, and reading them by the Arrow project's reader.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_csv::reader::Format as CsvFormat;
use arrow_schema::ArrowError;
use mpexec_data::{BadRow, CsvRecords, MISSING, OnBadRow, RowFault, Want, is_missing};
use regex::Regex;

use super::{Columns, Found, Writing};
use crate::kinds::{Column, Kind, is_number};

/// Looks at the cells of whole rows.
pub(super) fn find(bytes: &[u8], delimiter: u8, fields: usize, writing: &Writing) -> Found {
    let found = find_as(Want::Anything, bytes, delimiter, fields, writing);
    let fits = |place: &usize| found.kinds[*place].is_none_or(Kind::is_number);
    match writing.want {
        Want::Numbers if !writing.places(fields).iter().all(fits) => {
            // Which cells are none.
            find_as(Want::Numbers, bytes, delimiter, fields, writing)
        }
        _ => found,
    }
}

fn find_as(want: Want, bytes: &[u8], delimiter: u8, fields: usize, writing: &Writing) -> Found {
    let mut columns: Vec<_> = (0..fields).map(|_| Column::default()).collect();
    let (mut words, mut spaced) = (false, false);
    let (mut bad, mut first_bad) = (0, None);
    each_row(want, bytes, delimiter, fields, writing, |row, cells| {
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
        bad == 0 || writing.on_bad_row != OnBadRow::Fail
    });
    let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    Found { kinds: columns.into_iter().map(Column::kind).collect(), words, spaced, lines, bad, first_bad }
}

/// Shows the rows, and what is wrong with them, as long as `visit` wants more; those to be left out are shown without cells.
fn each_row(
    want: Want,
    bytes: &[u8],
    delimiter: u8,
    fields: usize,
    writing: &Writing,
    mut visit: impl FnMut(Option<BadRow>, &[&[u8]]) -> bool,
) {
    let mut records = CsvRecords::new(delimiter);
    records.feed(bytes.to_vec());
    let text = std::str::from_utf8(bytes).is_ok();
    let of_numbers = if want == Want::Numbers { writing.places(fields) } else { Vec::new() };
    let is_odd = |cell: &[u8]| !is_missing(cell) && !is_number(cell);
    while records.advance() {
        let mut cells: Vec<&[u8]> = records.cells().collect();
        let broken = || cells.iter().position(|cell| std::str::from_utf8(cell).is_err());
        let wrong = match records.ragged(fields) {
            None if !text => {
                broken().map(|place| (place as u64 + 1, RowFault::Broken { fault: "the cell is not UTF-8".to_owned() }))
            }
            ragged => ragged,
        };
        let odd = || of_numbers.iter().find(|place| is_odd(cells[**place]));
        let wrong = wrong.or_else(|| odd().map(|&place| (place as u64 + 1, RowFault::not_a_number(cells[place]))));
        let bad = wrong.map(|(column, fault)| BadRow { line: records.line(), column, name: None, fault });
        if bad.is_some() {
            let kept = if writing.on_bad_row == OnBadRow::Skip { 0 } else { fields };
            cells.resize(kept, b"");
            for (place, cell) in cells.iter_mut().enumerate() {
                if std::str::from_utf8(cell).is_err() || of_numbers.contains(&place) && is_odd(cell) {
                    *cell = b"";
                }
            }
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
pub(super) fn mended(columns: &Columns, bytes: &[u8], delimiter: u8, fields: usize, writing: &Writing) -> Vec<u8> {
    let mut text = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    each_row(writing.want, bytes, delimiter, fields, writing, |_, cells| {
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
    use super::super::How;
    use super::*;

    #[test]
    fn rows_are_all_read_however_lines_end() {
        for text in
            ["1,2\n3,4\n5,6\n", "1,2\r3,4\r5,6\r", "1,2\r\n3,4\r\n5,6", "1,2\r3,4\n5,6", "\r\r1,2\n\r3,4\r\n\n5,6\r"]
        {
            let how = How::Csv { delimiter: b',', fields: 2 };
            let writing = Writing { how, on_bad_row: OnBadRow::Fail, want: Want::Anything, columns: None };
            let found = find(text.as_bytes(), b',', 2, &writing);
            let columns =
                Columns { names: vec!["a".to_owned(), "b".to_owned()], kinds: found.kinds, words: found.words };
            let rows = read(&columns, text.as_bytes().to_vec(), b',', None).unwrap();
            assert_eq!((rows.num_rows(), rows.num_columns()), (3, 2), "{text:?}");
        }
    }
}
