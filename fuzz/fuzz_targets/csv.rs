//! A CSV text from a stranger: where its rows begin, what their cells are and which of them can be counted is what the crate csv says, however the
//! text is cut; what cannot be counted is told in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpexec_data::{CellBounds, CsvCounter, CsvRecords, CsvTable, OnBadRow, row_starts, survey_csv};

const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The rows that the crate csv reads.
fn rows(text: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text);
    let row = |row: csv::Result<csv::ByteRecord>| row.expect("bytes are no fault").iter().map(<[u8]>::to_vec).collect();
    reader.into_byte_records().map(row).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, text @ ..] = bytes else { return };
    let delimiter = (choice & 4 != 0).then_some(DELIMITERS[usize::from(choice & 3)]);
    let table =
        match CsvTable::guess(text, true, delimiter, [None, Some(true), Some(false)][usize::from(choice >> 3) % 3]) {
            Ok(table) => table,
            Err(fault) => return assert!(!fault.to_string().contains('\n')),
        };
    let (dialect, data) = (table.dialect, &text[table.data_offset as usize..]);
    // A mark, also at the beginning of a part, is the crate's own business.
    if data.windows(3).any(|three| three == b"\xef\xbb\xbf") {
        return;
    }
    let wanted = rows(data, dialect.delimiter);

    let mut records = CsvRecords::new(dialect.delimiter);
    records.feed(data.to_vec());
    for row in &wanted {
        assert!(records.advance(), "a row is missing");
        assert!(records.cells().eq(row.iter().map(Vec::as_slice)), "a row has other cells");
    }
    assert!(!records.advance(), "there is a row too many");

    // Cut in the middle: the survey finds where rows begin all the same.
    let half = data.len() / 2;
    let cut = data[half..].iter().position(|&byte| byte == b'\n').map_or(data.len(), |at| half + at + 1);
    let parts = [(0, cut), (cut, data.len())].into_iter().filter(|(from, to)| from < to);
    let stretches = parts.map(|(from, to)| Some(survey_csv(&data[from..to], from as u64, dialect.delimiter)));
    let mut starts: Vec<usize> = row_starts(0, stretches).into_iter().map(|at| at as usize).collect();
    starts.push(data.len());
    let parts = starts.windows(2).map(|pair| &data[pair[0]..pair[1]]);
    assert_eq!(parts.flat_map(|part| rows(part, dialect.delimiter)).collect::<Vec<_>>(), wanted);

    // So a count is a byte.
    if dialect.fields > 255 {
        return;
    }
    let bounds = CellBounds::parse("4", "8").expect("numbers");
    let counted = wanted.iter().map(|row| {
        let cells = (row.len() == dialect.fields).then_some(row)?;
        cells.iter().map(|cell| bounds.holds(cell).map(u8::from)).sum::<Option<u8>>()
    });
    let (good, bad): (Vec<Option<u8>>, Vec<_>) = counted.partition(Option::is_some);
    let mut counter = CsvCounter::new(&dialect, (0..dialect.fields).collect(), bounds);
    match counter.count(data, OnBadRow::Fail, true) {
        Ok(part) => assert!(bad.is_empty() && part.counts.iter().copied().eq(good.iter().copied().flatten())),
        Err(told) => assert!(!bad.is_empty() && !told.to_string().contains('\n'), "{told}"),
    }
    let part = counter.count(data, OnBadRow::Skip, true).expect("bad rows are skipped");
    assert_eq!(part.bad, bad.len() as u64);
    assert!(part.counts.into_iter().eq(good.into_iter().flatten()), "other counts");
});
